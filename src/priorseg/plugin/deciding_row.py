"""The row under the list of objects: how many imported ones wait, and what is done with all."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSizePolicy, QWidget

from . import strings
from .widgets import Wrapped, button, column, row


class DecidingRow(QWidget):
    """Say how many imported objects wait for a decision; hidden while none do.

    Signals: ``keep_all()``; ``discard_all()``.
    """

    keep_all = Signal()
    discard_all = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.left = Wrapped()
        self.keep_button = button(strings.KEEP_ALL, strings.TIP_KEEP_ALL)
        self.keep_button.clicked.connect(self.keep_all)
        self.discard_button = button(strings.DISCARD_ALL, strings.TIP_DISCARD_ALL)
        self.discard_button.clicked.connect(self.discard_all)
        for made in (self.keep_button, self.discard_button):
            made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        layout = column(self)
        layout.addWidget(self.left)
        layout.addLayout(row(self.keep_button, self.discard_button))
        self.show_left(0)

    def show_left(self, count: int) -> None:
        """Say how many are left."""
        objects = strings.counted(count, "imported object")
        self.left.setText(strings.UNDECIDED.format(count=objects))
        self.setVisible(count > 0)
