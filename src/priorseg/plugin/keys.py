"""Keys of the panel: letters that no napari layer uses, active in the whole application."""

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QApplication, QShortcut, QWidget


def bind(parent: QWidget, key: str, act: Callable[[], object]) -> QShortcut:
    """Call a function when a key is pressed anywhere but in a text field."""
    shortcut = QShortcut(QKeySequence(key), parent)
    shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
    shortcut.setAutoRepeat(False)
    shortcut.activated.connect(act)
    return shortcut


class HeldKey(QObject):
    """Call a function with True when a key goes down and with False when it comes up."""

    def __init__(self, parent: QWidget, key: Qt.Key, act: Callable[[bool], object]) -> None:
        super().__init__(parent)
        self._key, self._act, self._down = key, act, False
        bind(parent, QKeySequence(key).toString(), self._press)

    def _press(self) -> None:
        if not self._down:
            self._down = True
            QApplication.instance().installEventFilter(self)
            self._act(True)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Wait for the key to come up, or for the window to lose the keyboard."""
        up = event.type() == QEvent.Type.KeyRelease and (
            event.key() == self._key and not event.isAutoRepeat()
        )
        if self._down and (up or event.type() == QEvent.Type.ApplicationDeactivate):
            self._down = False
            QApplication.instance().removeEventFilter(self)
            self._act(False)
        return bool(super().eventFilter(watched, event))
