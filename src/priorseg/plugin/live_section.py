"""Section 4 of the panel: live updates, what is seen, and what is certain about it."""

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QWidget

from . import edits, strings
from .keyed import Keyed
from .widgets import (
    BAD,
    IDLE,
    OK,
    SYMBOLS,
    TINTS,
    Notice,
    Wrapped,
    button,
    column,
    combo,
    describe,
    heading,
    row,
)

if TYPE_CHECKING:
    from ..session import Frame
    from .model import Classes


class LiveSection(QWidget):
    """Choose the view, compare with the network alone, read the certificates.

    Signals: ``live(on)``; ``held(down)`` while the network's own result is wanted;
    ``viewed(view, label)``; ``converge(on)``; ``hiding(on)`` of the result.
    """

    live = Signal(bool)
    held = Signal(bool)
    viewed = Signal(str, int)
    converge = Signal(bool)
    hiding = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.live_box = QCheckBox(strings.LIVE)
        Keyed(self.live_box, "live", strings.LIVE, strings.TIP_LIVE, on_face=False)
        self.live_box.setChecked(True)
        self.live_box.toggled.connect(self.live)
        self.converge_box = QCheckBox(strings.CONVERGE)
        describe(self.converge_box, strings.CONVERGE, strings.TIP_CONVERGE)
        self.converge_box.clicked.connect(self.converge)
        self.hide_box = QCheckBox()
        Keyed(self.hide_box, "hide", strings.HIDE, strings.TIP_HIDE)
        self.hide_box.toggled.connect(self.hiding)
        self.hold = button("", "")
        Keyed(self.hold, "network_only", strings.HOLD, strings.TIP_HOLD)
        self.hold.pressed.connect(lambda: self.held.emit(True))
        self.hold.released.connect(lambda: self.held.emit(False))
        self.view = combo(strings.VIEW, strings.TIP_VIEW)
        self.view.activated.connect(self._on_view)
        self.certificates = Wrapped()
        self.certificates.setTextFormat(Qt.TextFormat.RichText)
        self.legend = Wrapped()
        self.legend.hide()
        self.notice = Notice()
        layout = column(self)
        layout.addWidget(heading(strings.LIVE_TITLE))
        layout.addLayout(row(self.live_box, self.converge_box, self.hide_box))
        layout.addLayout(row(self.view, self.hold, stretch=0))
        layout.addWidget(self.legend)
        layout.addWidget(self.certificates)
        layout.addWidget(self.notice)
        self.set_classes(None)

    def set_classes(self, classes: "Classes | None") -> None:
        """Offer the views of a model's classes."""
        self._classes, before = classes, self.view.currentText()
        self.view.clear()
        for name in ("both", "filled", "outline"):
            self.view.addItem(strings.VIEWS[name], (name, 0))
        for label, name in (classes.objects if classes else {}).items():
            text = strings.VIEWS["probability"].format(name=name)
            self.view.addItem(text, ("probability", label))
        for name in ("uncertainty", "difference"):
            self.view.addItem(strings.VIEWS[name], (name, 0))
        place = self.view.findText(before)
        self.view.setCurrentIndex(max(place, 0))
        self.certificates.setText(strings.NO_RESULT)

    def set_converged(self, on: bool) -> None:
        """Show whether solves go on until converged, without announcing it."""
        self.converge_box.setChecked(on)

    def show_frame(self, frame: "Frame", *, solved: bool = True) -> None:
        """Show the certificates of a final frame; solved = the controls still say the same."""
        if not frame.final:
            self.certificates.setText(_grey(strings.NOT_CERTIFIED))
            return
        lines = [
            _line(self._classes, key, certificate)
            for key, certificate in frame.certificates.items()
            if key not in edits.SMOOTHERS  # they promise nothing exact
        ]
        lines += [f"<span>· {message}</span>" for message in frame.messages]
        lines = lines or [strings.NOTHING_EXACT]
        if not solved:
            lines = [_grey(strings.LAST_RESULT), *lines]
        self.certificates.setText("<br>".join(lines))

    def toggle_uncertainty(self) -> None:
        """Show the uncertainty, or the labels again."""
        wanted = "both" if self.view.currentData()[0] == "uncertainty" else "uncertainty"
        self.view.setCurrentIndex(self.view.findText(strings.VIEWS[wanted]))
        self._on_view(0)

    def explain(self, text: str) -> None:
        """Say what the colours of the view mean; empty = nothing to say."""
        self.legend.setText(text)
        self.legend.setVisible(bool(text))

    def clear(self) -> None:
        """Forget the result."""
        self.certificates.setText(strings.NO_RESULT)

    def _on_view(self, _index: int) -> None:
        self.viewed.emit(*self.view.currentData())


def _grey(text: str) -> str:
    return f"<span style='color:{TINTS[IDLE]}'>{SYMBOLS[IDLE]} {text}</span>"


def _line(classes: "Classes | None", key: str, certificate) -> str:
    level = OK if certificate.satisfied else BAD
    title = classes.title(key) if classes else key
    mark = f"<b style='color:{TINTS[level]}'>{SYMBOLS[level]}</b>"
    message = classes.named(certificate.message) if classes else certificate.message
    return f"{mark} <b>{title}</b>: {message}"
