"""A file to write or to read: its path, a button that chooses it, and one that does it."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFileDialog, QLineEdit, QSizePolicy, QWidget

from . import strings
from .widgets import button, column, describe, row


class PathRow(QWidget):
    """Name a file. A file that is there turns Save into Replace.

    Signals: ``done(path)`` if the button was pressed, and would do what it says;
    ``appeared(path)`` if the file was not there when the button last said Save; ``typed(path)``.

    Parameters
    ----------
    name, tip : str   of the field
    verb : str        on the button: ''  = Save or Replace, else always this one
    verb_tip : str    of that one
    """

    done = Signal(str)
    appeared = Signal(str)
    typed = Signal(str)

    def __init__(self, name: str, tip: str, verb: str = "", verb_tip: str = "") -> None:
        super().__init__()
        self.reads, self._verb_tip, self.edited = bool(verb), verb_tip, False
        self.field = QLineEdit()
        self.field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        describe(self.field, name, tip)
        self._tip = tip
        self.field.setPlaceholderText(name)
        self.field.textChanged.connect(lambda _text: self.look())
        self.field.textEdited.connect(self._on_edited)
        self.browse = button(strings.BROWSE, strings.TIP_BROWSE)
        self.browse.setFixedWidth(28)
        describe(self.browse, f"{name}: {strings.TIP_BROWSE}", strings.TIP_BROWSE)
        self.browse.clicked.connect(self._choose)
        self.act = button(verb or strings.SAVE, verb_tip)
        self.act.clicked.connect(self._press)
        self.line = row(self.act)
        layout = column(self)
        layout.addLayout(row(self.field, self.browse, stretch=0))
        layout.addLayout(self.line)
        self.look()

    def showEvent(self, event: QShowEvent) -> None:
        """Look for the file anew whenever the page comes into view."""
        super().showEvent(event)
        self.look()

    @property
    def path(self) -> Path | None:
        """Give the file that is named; None if none is."""
        text = self.field.text().strip()
        try:
            return Path(text).expanduser() if text else None
        except RuntimeError:  # the home of an unknown user
            return Path(text)

    @property
    def replaces(self) -> bool:
        """Say whether the button says that a file will be replaced."""
        return not self.reads and self.act.text() == strings.REPLACE

    def suggest(self, path: Path) -> None:
        """Fill in a path, as if nobody had edited it."""
        self.edited = False
        self.field.setText(str(path))
        self.field.setCursorPosition(len(str(path)))

    def look(self) -> None:
        """Say on the button what it would do."""
        path = self.path
        self.field.setToolTip(f"{self._tip}\n{path}" if path else self._tip)
        name = path.name if path else ""
        if self.reads:
            describe(self.act, self.act.text(), self._verb_tip)
            return
        there = path is not None and _is_there(path)
        self.act.setText(strings.REPLACE if there else strings.SAVE)
        tip = strings.TIP_REPLACE if there else strings.TIP_SAVE
        describe(self.act, f"{self.act.text()} {name}".strip(), tip.format(name=name))

    def _on_edited(self, text: str) -> None:
        self.edited = True
        self.typed.emit(text)

    def _press(self) -> None:
        path = self.path
        if path is None or self.reads or self.replaces or not _is_there(path):
            self.done.emit(str(path) if path else "")
            return
        self.look()
        self.appeared.emit(str(path))

    def _choose(self) -> None:
        start = str(self.path or Path.home())
        title = self.field.accessibleName()
        if self.reads:
            chosen, _ = QFileDialog.getOpenFileName(self, title, start)
        else:  # the button asks before it replaces
            options = QFileDialog.Option.DontConfirmOverwrite
            chosen, _ = QFileDialog.getSaveFileName(self, title, start, options=options)
        if chosen:
            self.field.setText(chosen)
            self._on_edited(chosen)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a zero byte
        return False
