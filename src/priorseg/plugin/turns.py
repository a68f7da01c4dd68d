"""Let the window and the solver's thread work side by side in one interpreter."""

import sys

from qtpy.QtCore import QCoreApplication, QEvent, QObject
from qtpy.QtGui import QExposeEvent, QRegion
from qtpy.QtWidgets import QWidget

SWITCH_S = 0.001  # until a thread that waits for the interpreter gets it, while both work


class Turns(QObject):
    """While the solver works, keep the window from holding the interpreter.

    napari's main window answers events in Python. So whenever anything in it was repainted, the
    whole window would be composed with the interpreter lock held, and the solver would stand
    still for that time. Here the request to repaint is passed to the window's handle instead,
    which does the same work outside the interpreter. Both are undone as soon as the solver rests.

    Parameters
    ----------
    panel : QWidget   in the window or in a dock beside it
    """

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._panel = panel
        self._window: QWidget | None = None
        self._interval = 0.0

    def take(self, on: bool) -> None:
        """Start or stop; called again it does nothing."""
        if on == (self._window is not None):
            return
        if on:
            self._window = main_window(self._panel)
            self._window.installEventFilter(self)
            self._interval = sys.getswitchinterval()
            sys.setswitchinterval(min(SWITCH_S, self._interval))
            return
        window, self._window = self._window, None
        sys.setswitchinterval(self._interval)
        if window is not None:
            window.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Compose the window outside the interpreter."""
        if event.type() != QEvent.Type.UpdateRequest or watched is not self._window:
            return False
        handle = self._window.windowHandle()
        if handle is None or not handle.isExposed():
            return False
        QCoreApplication.sendEvent(handle, QExposeEvent(QRegion(0, 0, 1, 1)))
        return True


def main_window(widget: QWidget) -> QWidget:
    """Give the window that a widget belongs to; of a floating dock the one it floats above."""
    window = widget.window()
    parent = window.parentWidget()
    return window if parent is None else parent.window()
