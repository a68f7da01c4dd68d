"""Pages of the panel, one of which is seen; each scrolls by itself."""

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QFrame,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QWidget,
)

from .widgets import button, column, row


class Tabs(QWidget):
    """Show one of several pages; a button for each.

    Signals: ``turned(name)`` once a page is seen.
    """

    turned = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._stack = QStackedWidget()
        self._buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._row = row()
        self._row.setContentsMargins(8, 0, 8, 0)
        self._row.setSpacing(4)
        layout = column(self)
        layout.addLayout(self._row)
        layout.addWidget(self._stack)
        grow = QSizePolicy.Policy.Expanding  # napari would put empty space below otherwise
        self.setSizePolicy(grow, grow)

    @property
    def page(self) -> str:
        """Give the name of the page that is seen."""
        return next((name for name, made in self._buttons.items() if made.isChecked()), "")

    def add(self, name: str, title: str, tip: str, parts: Sequence[QWidget]) -> None:
        """Add a page of widgets below one another; the first page is seen."""
        made = button(title, tip, checkable=True)
        made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        made.clicked.connect(lambda _=False: self.turn(name))
        self._group.addButton(made)
        made.setStyleSheet("padding: 3px 2px;")
        self._row.insertWidget(len(self._buttons), made, 1)
        self._buttons[name] = made
        self._stack.addWidget(_scrolled(parts))
        made.setChecked(len(self._buttons) == 1)

    def add_tail(self, *widgets: QWidget) -> None:
        """Put small widgets behind the buttons."""
        for widget in widgets:
            self._row.addWidget(widget)

    def tab(self, name: str) -> QPushButton:
        """Give the button of a page."""
        return self._buttons[name]

    def turn(self, name: str) -> None:
        """Show a page."""
        self._buttons[name].setChecked(True)
        self._stack.setCurrentIndex([*self._buttons].index(name))
        self.turned.emit(name)


def _scrolled(parts: Sequence[QWidget]) -> QScrollArea:
    body = QWidget()
    layout = column(body)
    layout.setContentsMargins(8, 4, 8, 4)
    for part in parts:
        layout.addWidget(part)
    layout.addStretch(1)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(body)
    return area
