"""The top of the panel: what is going on, whether all is saved, the keys; undo and redo."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QWidget

from . import strings
from .keyed import with_key
from .keymap import KEYMAP
from .widgets import (
    IDLE,
    SYMBOLS,
    TINTS,
    WARN,
    Notice,
    StatusStrip,
    Wrapped,
    button,
    column,
    describe,
    row,
)


class Saved(QLabel):
    """Say in a word and a symbol whether all is saved."""

    def __init__(self) -> None:
        super().__init__()
        self.level = IDLE
        self.setFixedHeight(24)
        describe(self, strings.SAVED_NAME, "")

    def say(self, level: str, text: str) -> None:
        """Show a state; a long text is its tooltip."""
        self.level = level
        word = text if len(text) < 12 else strings.NOT_SAVED
        self.setText(f"{SYMBOLS[level]} {word}")
        self.setStyleSheet(f"color: {TINTS[level]};")
        self.setToolTip(text)


class Strip(QWidget):
    """Hold the status and the help; makes the buttons of undo and redo.

    Parameters
    ----------
    status : StatusStrip
    saved : Saved
    """

    def __init__(self, status: StatusStrip, saved: Saved) -> None:
        super().__init__()
        self.help = Wrapped()
        self.help.hide()
        shown = button(strings.HELP_BUTTON, strings.TIP_HELP, checkable=True)
        shown.setFixedSize(24, 24)
        shown.toggled.connect(self.help.setVisible)
        self.undo = button("↶", strings.NO_UNDO)
        self.redo = button("↷", strings.NO_REDO)
        for made in (self.undo, self.redo):
            made.setFixedSize(26, 24)
        self._steps = "", ""
        self.notice = Notice()  # about keys
        layout = column(self)
        layout.setContentsMargins(8, 0, 8, 0)
        line = row(status, saved, shown, stretch=0)
        line.setAlignment(saved, Qt.AlignmentFlag.AlignTop)
        line.setAlignment(shown, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(line)
        layout.addWidget(self.help)
        layout.addWidget(self.notice)
        self.show_keys()
        KEYMAP.changed.connect(self.show_keys)

    def show_keys(self) -> None:
        """Show the keys in use, and say which wanted ones are not."""
        self.help.setText(strings.help_text(KEYMAP.names()))
        self.show_steps(*self._steps)
        self.notice.say(" ".join(KEYMAP.said), WARN)

    def show_steps(self, back: str, forth: str) -> None:
        """Say what undo takes back and redo does again; empty = nothing."""
        self._steps = back, forth
        tip = strings.TIP_UNDO.format(what=back) if back else strings.NO_UNDO
        describe(self.undo, strings.UNDO, with_key(tip, "undo", strings.KEY_IN_TIP))
        self.undo.setEnabled(bool(back))
        tip = strings.TIP_REDO.format(what=forth) if forth else strings.NO_REDO
        describe(self.redo, strings.REDO, with_key(tip, "redo", strings.KEY_IN_TIP))
        self.redo.setEnabled(bool(forth))
