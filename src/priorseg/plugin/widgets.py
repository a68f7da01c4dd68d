"""Small widgets the panel is made of."""

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap, QResizeEvent
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from . import strings

OK, WARN, BAD, BUSY, IDLE = "ok", "warn", "bad", "busy", "idle"
SYMBOLS = {OK: "✓", WARN: "!", BAD: "✗", BUSY: "◐", IDLE: "○"}
# chosen to be read on the dark and on the light theme, and by colour-blind eyes
TINTS = {OK: "#009E73", WARN: "#D08A00", BAD: "#E0602B", BUSY: "#3F94CC", IDLE: "#888888"}


def describe(widget: QWidget, name: str, tip: str) -> None:
    """Give a control its name for screen readers and its tooltip."""
    if widget.accessibleName() != name:  # Qt tells everybody, changed or not
        widget.setAccessibleName(name)
    if widget.toolTip() != tip:
        widget.setToolTip(tip)


class _WheelGuard(QObject):
    """Leave the mouse wheel to the panel, unless the control has the keyboard."""

    def __init__(self, watched: QWidget) -> None:
        super().__init__(watched)
        watched.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # the wheel itself gives no focus
        watched.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Pass the wheel to the parents of a control that is not in use."""
        if event.type() == QEvent.Type.Wheel and not watched.hasFocus():
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))


def guard_wheel(*controls: QWidget) -> None:
    """Let the wheel change combos, sliders and numbers only where the keyboard would."""
    for control in controls:
        _WheelGuard(control)


def heading(text: str) -> QLabel:
    """Make the title of a section."""
    label = QLabel(f"<b>{text}</b>")
    label.setContentsMargins(0, 2, 0, 0)
    return label


class Wrapped(QLabel):
    """A text over several lines that is exactly as high as it must be at its width.

    Qt's own label guesses a width before it has one, so that a column of them asks for a
    scroll bar although all would fit.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Give the height for the present width."""
        return QSize(0, self.heightForWidth(max(self.width(), 1)))

    def minimumSizeHint(self) -> QSize:
        """See `sizeHint`."""
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for another height at another width."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.updateGeometry()


def combo(name: str, tip: str) -> QComboBox:
    """Make a box of choices that long names do not widen."""
    box = QComboBox()
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    describe(box, name, tip)
    guard_wheel(box)
    return box


def button(text: str, tip: str, *, checkable: bool = False) -> QPushButton:
    """Make a push button that the keyboard reaches."""
    made = QPushButton(text)
    made.setCheckable(checkable)
    made.setAutoDefault(False)
    describe(made, text, tip)
    return made


def chip(colour: str) -> QIcon:
    """Make a square of a colour, to stand before the name of a class."""
    pixmap = QPixmap(12, 12)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)


def row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    """Lay widgets side by side; the one numbered `stretch` takes the free width."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for place, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if place == stretch else 0)
    return layout


def column(parent: QWidget) -> QVBoxLayout:
    """Lay the children of a widget below one another, without margins."""
    layout = QVBoxLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    return layout


class Notice(QFrame):
    """Say what is wrong or what to do, next to its cause, with at most one action."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("notice")
        self._text = Wrapped()
        self._button = button("", "")
        self._act: Callable[[], object] | None = None
        self._button.clicked.connect(self._on_clicked)
        layout = column(self)
        layout.setContentsMargins(8, 2, 0, 2)
        layout.addWidget(self._text)
        layout.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        self.hide()

    @property
    def text(self) -> str:
        """Give what is said; empty if nothing."""
        return "" if self.isHidden() else self._text.text()

    @property
    def action(self) -> QPushButton:
        """Give the button of the action."""
        return self._button

    def say(
        self,
        text: str,
        level: str = WARN,
        action: str = "",
        act: Callable[[], object] | None = None,
    ) -> None:
        """Show a sentence and an action; empty text hides the notice."""
        self.setVisible(bool(text))
        if not text:
            return
        self._text.setText(f"{SYMBOLS[level]} {text}")
        self._button.setText(action)
        describe(self._button, action, strings.TIP_ACTION)
        self._button.setVisible(bool(action))
        self._act = act
        self.setStyleSheet(f"QFrame#notice {{ border-left: 3px solid {TINTS[level]}; }}")

    def clear(self) -> None:
        """Hide the notice."""
        self.hide()

    def _on_clicked(self) -> None:
        act = self._act
        self.clear()
        if act is not None:
            act()


class StatusStrip(QWidget):
    """Say in a word, a symbol and a colour what is going on; holds progress and Cancel."""

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.level = IDLE
        self._symbol, self._text = QLabel(), QLabel()
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._bar = QProgressBar()
        self._bar.setFixedHeight(6)
        self._bar.setTextVisible(False)
        describe(self._bar, strings.PROGRESS, strings.TIP_PROGRESS)
        self.cancel = button(strings.CANCEL, strings.TIP_CANCEL)
        self.cancel.clicked.connect(self.cancelled)
        layout = column(self)
        layout.addLayout(row(self._symbol, self._text, self.cancel, stretch=1))
        layout.addWidget(self._bar)
        keep = self._bar.sizePolicy()
        keep.setRetainSizeWhenHidden(True)  # the panel must not jump when a run starts
        self._bar.setSizePolicy(keep)
        self.cancel.setFixedHeight(24)
        self._text.setMinimumHeight(24)  # nor when Cancel comes and goes
        self.say(IDLE, strings.STATE_IDLE)

    @property
    def text(self) -> str:
        """Give what is shown."""
        return self._text.text()

    def say(self, level: str, text: str) -> None:
        """Show a state; Cancel and the bar are there while something runs."""
        if level != self.level or not self._symbol.text():
            self._symbol.setText(SYMBOLS[level])
            self._symbol.setStyleSheet(f"color: {TINTS[level]}; font-weight: bold;")
            self.cancel.setVisible(level == BUSY)
        self.level = level
        self._text.setText(text)
        self._text.setToolTip(text)
        if level != BUSY:
            self._bar.hide()

    def progress(self, done: int, total: int) -> None:
        """Show how much is done; total 0 = unknown."""
        self._bar.setRange(0, max(total, 0))
        self._bar.setValue(done)
        self._bar.show()
