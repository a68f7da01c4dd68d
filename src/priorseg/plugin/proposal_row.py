"""The row under the centres: which proposed ones are left, and what is done with each."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSizePolicy, QWidget

from . import strings
from .keyed import Keyed
from .widgets import Wrapped, button, column, row


class ProposalRow(QWidget):
    """Walk through proposed centres, accept or reject them; hidden while there are none.

    Signals: ``step(by)``; ``accept()`` or ``reject()`` what is looked at; ``accept_all()``.
    """

    step = Signal(int)
    accept = Signal()
    reject = Signal()
    accept_all = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.left = Wrapped()
        self.all_button = button("", "")
        Keyed(
            self.all_button, "accept_all", strings.ACCEPT_ALL, strings.TIP_ACCEPT_ALL, on_face=False
        )
        self.all_button.setText(strings.ACCEPT_ALL)
        self.all_button.clicked.connect(self.accept_all)
        self._make_steps()
        layout = column(self)
        layout.addLayout(row(self.left, self.all_button, stretch=0))
        layout.addWidget(self._steps)
        self.show_left(0, 0)

    def _make_steps(self) -> None:
        self.back, self.forth = button("‹", ""), button("›", "")
        Keyed(
            self.back, "previous_proposal", strings.PREVIOUS_PROPOSAL,
            strings.TIP_PREVIOUS_PROPOSAL, on_face=False,
        )  # fmt: skip
        Keyed(
            self.forth, "next_proposal", strings.NEXT_PROPOSAL, strings.TIP_NEXT_PROPOSAL,
            on_face=False,
        )  # fmt: skip
        for made, by in ((self.back, -1), (self.forth, 1)):
            made.setFixedWidth(26)
            made.clicked.connect(lambda _=False, by=by: self.step.emit(by))
        self.accept_button, self.reject_button = button("", ""), button("", "")
        Keyed(self.accept_button, "accept", strings.ACCEPT, strings.TIP_ACCEPT)
        Keyed(self.reject_button, "reject", strings.REJECT, strings.TIP_REJECT)
        for made in (self.accept_button, self.reject_button):  # long keys must not widen the panel
            made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.accept_button.clicked.connect(self.accept)
        self.reject_button.clicked.connect(self.reject)
        self._steps = QWidget()
        buttons = (self.accept_button, self.reject_button)
        self._steps.setLayout(row(self.back, self.forth, *buttons))

    def controls(self) -> list[QWidget]:
        """Give the buttons, from top to bottom."""
        return [
            self.all_button, self.back, self.forth, self.accept_button, self.reject_button,
        ]  # fmt: skip

    def show_left(self, left: int, count: int) -> None:
        """Say how many of all proposed centres are left to decide on."""
        text = strings.PROPOSALS_LEFT if left else strings.PROPOSALS_DONE
        self.left.setText(text.format(left=left, count=count))
        self.all_button.setVisible(left > 0)
        self._steps.setVisible(left > 0)
        self.setVisible(count > 0)
