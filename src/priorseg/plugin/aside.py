"""Files read and written beside the window, so that it never stands still."""

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal

from . import strings


class Aside(QObject):
    """Do one thing at a time in a thread, and tell the end in the window's own.

    A program that ends waits for what is being written.
    """

    _ended = Signal(object, object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._then: Callable[[Any, Exception | None], None] | None = None
        self._ended.connect(self._tell)

    @property
    def busy(self) -> bool:
        """Say whether something is being done."""
        return self._then is not None

    def start(self, work: Callable[[], Any], then: Callable[[Any, Exception | None], None]) -> bool:
        """Begin, unless something is being done; say whether that was so.

        Parameters
        ----------
        work : done in the thread
        then : called with what it gave and None, or None and the error
        """
        if self.busy:
            return False
        self._then = then
        threading.Thread(target=self._do, args=(work,), name="priorseg-files").start()
        return True

    def _do(self, work: Callable[[], Any]) -> None:
        found, trouble = None, None
        try:
            found = work()
        except Exception as error:  # nothing may leave the thread; the window says it
            trouble = error
        try:
            self._ended.emit(found, trouble)
        except RuntimeError:  # the window is gone
            return

    def _tell(self, found: Any, trouble: Exception | None) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(found, trouble)


def reason(error: Exception, name: str) -> str:
    """Say an error in one sentence, for a person."""
    if isinstance(error, OSError) and error.strerror:
        return strings.NO_ACCESS.format(name=name, reason=error.strerror)
    return " ".join(str(error).split()) or type(error).__name__
