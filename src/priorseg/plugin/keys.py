"""Keys of the panel: letters that no napari layer uses; of several panels one gets them."""

from collections.abc import Callable
from typing import NamedTuple

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QApplication, QShortcut, QWidget


class _Binding(NamedTuple):
    owner: QWidget
    shortcut: QShortcut
    act: Callable[[], object]


_bindings: list[_Binding] = []
_owners: list[QWidget] = []  # the one used last comes last


def bind(owner: QWidget, key: str, act: Callable[[], object]) -> QShortcut:
    """Call a function when a key is pressed anywhere in the owner's window but in a text field.

    Of several owners in a window the one that had the keyboard last is called. The key may be
    changed later by ``setKey``; an empty one is none.
    """
    shortcut = QShortcut(QKeySequence(key), owner)
    shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
    shortcut.setAutoRepeat(False)
    for pressed in (shortcut.activated, shortcut.activatedAmbiguously):
        pressed.connect(lambda: _press(shortcut.key()))
    binding = _Binding(owner, shortcut, act)
    _bindings.append(binding)
    owner.destroyed.connect(lambda *_: _bindings.remove(binding))
    if owner not in _owners:
        _own(owner)
    return shortcut


def _own(owner: QWidget) -> None:
    """Remember an owner until it is destroyed; the first starts the watch on the keyboard."""
    if not _owners:
        QApplication.instance().focusChanged.connect(_on_focus)
    _owners.append(owner)
    owner.destroyed.connect(lambda *_: _disown(owner))


def _disown(owner: QWidget) -> None:
    _owners.remove(owner)
    if not _owners:
        QApplication.instance().focusChanged.disconnect(_on_focus)


def _on_focus(_before: QWidget | None, now: QWidget | None) -> None:
    for owner in list(_owners):
        if now is not None and (owner is now or owner.isAncestorOf(now)):
            _owners.remove(owner)
            _owners.append(owner)


def _home(widget: QWidget) -> QWidget:
    """Give the main window of a widget, also if its dock floats."""
    window = widget.window()
    while window.parentWidget() is not None:
        window = window.parentWidget().window()
    return window


def _press(key: QKeySequence) -> None:
    active = QApplication.activeWindow()
    heard = [
        binding
        for binding in _bindings
        if binding.shortcut.key() == key
        and binding.shortcut.isEnabled()
        and (active is None or _home(binding.owner) is _home(active))
    ]
    if heard:
        max(heard, key=lambda binding: _owners.index(binding.owner)).act()


class HeldKey(QObject):
    """Call a function with True when a key goes down and with False when it comes up.

    Attributes
    ----------
    shortcut : QShortcut   its key may be changed by ``setKey``
    """

    def __init__(self, parent: QWidget, key: str, act: Callable[[bool], object]) -> None:
        super().__init__(parent)
        self._act = act
        self._down = 0  # the key that is held
        self.shortcut = bind(parent, key, self._press)

    def _press(self) -> None:
        if not self._down:
            self._down = self.shortcut.key()[0].key()
            QApplication.instance().installEventFilter(self)
            self._act(True)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Wait for the key to come up, or for the window to lose the keyboard."""
        up = event.type() == QEvent.Type.KeyRelease and (
            event.key() == self._down and not event.isAutoRepeat()
        )
        if self._down and (up or event.type() == QEvent.Type.ApplicationDeactivate):
            self._down = 0
            QApplication.instance().removeEventFilter(self)
            self._act(False)
        return bool(super().eventFilter(watched, event))
