"""Let the window and the solver's thread work side by side in one interpreter."""

import sys
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QTimer
from qtpy.QtGui import QExposeEvent, QRegion
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from .worker import LiveWorker

SWITCH_S = 0.001  # until a thread that waits for the interpreter gets it, while both work
APART_S = 0.1  # between two compositions of the window without a new frame, at least


_quick = [0, 0.0]  # how many ask for quick turns, and the interval before the first


def _quicken(change: int) -> None:
    """Shorten the interpreter's switch interval for the first that asks, until the last rests."""
    if _quick[0] == 0:
        _quick[1] = sys.getswitchinterval()
    _quick[0] += change
    sys.setswitchinterval(min(SWITCH_S, _quick[1]) if _quick[0] else _quick[1])


class Turns(QObject):
    """While the solver works, keep the window from holding the interpreter, or all cores.

    napari's main window answers events in Python. So whenever anything in it was repainted, the
    whole window would be composed with the interpreter lock held, and the solver would stand
    still for that time. Here the request to repaint is passed to the window's handle instead,
    which does the same work outside the interpreter. And a slider that moves waits for the next
    sketch, so that the window is composed once for both. All is undone once the solver rests and
    no control is held.

    Parameters
    ----------
    panel : QWidget   in the window or in a dock beside it
    worker : LiveWorker   is told when a frame is on screen, to begin the next one
    """

    def __init__(self, panel: QWidget, worker: "LiveWorker") -> None:
        super().__init__(panel)
        self._panel, self._worker = panel, worker
        self._window: QWidget | None = None
        self._composed_at = float("-inf")
        self._fresh = False
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.timeout.connect(self._compose)
        self._told = QTimer(self)  # after what the mouse did meanwhile: the next sketch is of that
        self._told.setSingleShot(True)
        self._told.timeout.connect(self._tell)
        self._frame: Any = None  # the newest, on screen or about to be

    def take(self, on: bool) -> None:
        """Start or stop; called again it does nothing."""
        if on == (self._window is not None):
            return
        self._worker.pace(on)
        if on:
            self._window = main_window(self._panel)
            self._window.installEventFilter(self)
            _quicken(1)
            return
        _quicken(-1)
        self._frame = None
        window, self._window = self._window, None
        if window is not None:
            window.removeEventFilter(self)
            if self._late.isActive():  # Qt believes that the request is still on its way
                self._late.stop()
                QCoreApplication.postEvent(window, QEvent(QEvent.Type.UpdateRequest))

    def close(self) -> None:
        """Stop, though Qt may have deleted the window already."""
        with suppress(RuntimeError):
            self.take(False)

    def _tell(self) -> None:
        self._worker.seen(self._frame)

    def shown(self, frame: Any, *, changed: bool) -> None:
        """Compose the window with the next turn of the event loop if a frame changed the picture.

        If it did not, it is on screen already and the next one may begin.
        """
        self._frame = frame
        if not changed:
            self._told.start(0)
            return
        self._fresh = True
        if self._late.isActive():
            self._late.start(0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take a request to compose the window, now or a little later."""
        if event.type() != QEvent.Type.UpdateRequest or watched is not self._window:
            return False
        wait = self._composed_at + APART_S - monotonic()
        if self._fresh or wait <= 0:
            return self._compose()
        if not self._late.isActive():
            self._late.start(round(1000 * wait))
        return True

    def _compose(self) -> bool:
        """Bring what has changed on screen, outside the interpreter; say whether it could."""
        self._late.stop()
        handle = self._window.windowHandle() if self._window is not None else None
        if handle is None or not handle.isExposed():
            return False
        fresh, self._fresh = self._fresh, False
        QCoreApplication.sendEvent(handle, QExposeEvent(QRegion(0, 0, 1, 1)))
        self._composed_at = monotonic()
        if fresh:
            self._told.start(0)
        return True


def main_window(widget: QWidget) -> QWidget:
    """Give the window that a widget belongs to; of a floating dock the one it floats above."""
    window = widget.window()
    parent = window.parentWidget()
    return window if parent is None else parent.window()
