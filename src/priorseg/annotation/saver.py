"""A thread that writes the newest state in the background and never makes anybody wait."""

import atexit
import errno
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

from numpy.typing import NDArray

from .claim import InUse
from .state import State
from .store import Store

PAUSE_S = 1.0
LONGEST_WAIT_S = 30.0
log = logging.getLogger(__name__)


class Saver:
    """Save states in a thread of its own, the newest one, at most once a second.

    A state given to an idle saver is written at once; one that comes soon after another is written
    when `pause` is over. If writing fails, the state stays in memory and is tried again after 1, 2,
    4 … 30 s. Call `close` at the end; a program that ends without it flushes at exit.

    Parameters
    ----------
    store : Store
    on_saved : call      gets a state once it is durable
    on_trouble : call    gets one sentence when saving begins to fail, or fails in another way;
                         the next `on_saved` says that it works again. Both are called in the
                         saver's thread.
    pause : float        seconds between the starts of two saves
    picture : array      pixels of an image that has no file; stored once, between saves
    """

    def __init__(
        self,
        store: Store,
        on_saved: Callable[[State], object] | None = None,
        on_trouble: Callable[[str], object] | None = None,
        pause: float = PAUSE_S,
        picture: NDArray[Any] | None = None,
    ) -> None:
        self.store = store
        self._on_saved, self._on_trouble = on_saved, on_trouble
        self._pause = pause
        self._picture: Iterator[None] | None = None
        if picture is not None:
            self._picture = store.write_picture(picture)
        self._turn = threading.Condition()
        self._newest: State | None = None  # given, not yet durable
        self._due = self._last_start = float("-inf")
        self._failures, self._trouble = 0, ""
        self._busy = self._closing = False
        self._attempts = self._forced = 0  # tries so far, and how many must be made without waiting
        self._thread = threading.Thread(target=self._work, name="priorseg-saver", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def trouble(self) -> str:
        """Say why saving fails now; empty if it works."""
        return self._trouble

    @property
    def unsaved(self) -> bool:
        """Say whether a state is only in memory."""
        with self._turn:
            return self._newest is not None

    def give(self, state: State) -> None:
        """Take a state to save; an older one that waits is dropped. Returns at once.

        Raises
        ------
        RuntimeError  after `close`.
        """
        with self._turn:
            if self._closing:
                raise RuntimeError("The saver is closed.")
            if self._newest is None:
                self._due = self._last_start + self._pause
            self._newest = state
            self._turn.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Try now, and wait until what was given is durable or the try has failed.

        Returns
        -------
        whether everything given so far is durable
        """
        end = None if timeout is None else monotonic() + timeout
        with self._turn:
            tries = self._attempts + 1 + self._busy  # of one under way, the next counts
            self._forced = max(self._forced, tries)
            self._turn.notify_all()
            while self._newest is not None and self._attempts < tries and self._thread.is_alive():
                left = None if end is None else end - monotonic()
                if left is not None and left <= 0:
                    break
                self._turn.wait(left)
            return self._newest is None

    def close(self, timeout: float | None = 10.0) -> bool:
        """Flush, end the thread and give the session back; marked as closed if all is saved.

        Returns
        -------
        whether everything given is durable
        """
        atexit.unregister(self.close)
        with self._turn:
            if self._closing:
                return self._newest is None
        self.flush(timeout)
        with self._turn:
            self._closing = True
            self._turn.notify_all()
        self._thread.join(timeout)
        saved = not self.unsaved
        if self._thread.is_alive():
            return saved  # it hangs in a write; the lock ends with the process
        try:
            if saved:
                self.store.close()
            else:
                self.store.abandon()
        except OSError as error:
            self._fail(error)
        return saved

    def _work(self) -> None:
        while True:
            with self._turn:
                while not self._closing and not self._has_work():
                    self._turn.wait(self._seconds_to_wait())
                if self._closing and (self._picture is None or self._failures):
                    return
                state = self._newest if self._is_due() else None
                self._busy = state is not None
            if state is not None:
                self._save(state)
            else:
                self._store_picture()

    def _is_due(self) -> bool:
        hurry = self._attempts < self._forced
        return self._newest is not None and (hurry or monotonic() >= self._due)

    def _has_work(self) -> bool:
        return self._is_due() or (self._picture is not None and not self._failures)

    def _seconds_to_wait(self) -> float | None:
        return None if self._newest is None else max(0.0, self._due - monotonic())

    def _save(self, state: State) -> None:
        self._last_start = monotonic()
        error: Exception | None = None
        try:
            self.store.save(state)
        except Exception as caught:  # whatever it is, the work must stay and be tried again
            error = caught
        with self._turn:
            if error is None:
                self._failures, self._trouble = 0, ""
                if self._newest is state:
                    self._newest = None
                self._due = self._last_start + self._pause
            else:
                wait = min(self._pause * 2**self._failures, LONGEST_WAIT_S)
                self._failures = min(self._failures + 1, 30)
                self._due = monotonic() + wait
            self._busy = False
            self._attempts += 1
            self._turn.notify_all()
        if error is None:
            self._call(self._on_saved, state)
        else:
            self._fail(error)

    def _store_picture(self) -> None:
        """Write the next piece of the picture."""
        if self._picture is None:
            return
        try:
            next(self._picture)
        except StopIteration:
            self._picture = None
        except Exception as error:  # the annotation goes on without it
            self._picture = None
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        sentence = explain(error, self.store.folder)
        if sentence != self._trouble:
            self._trouble = sentence
            log.warning("%s", sentence, exc_info=error)
            self._call(self._on_trouble, sentence)

    def _call(self, listener: Callable[[Any], object] | None, value: Any) -> None:
        if listener is not None:
            try:
                listener(value)
            except Exception:  # a listener's failure must not end the saving
                log.exception("A listener of the saver failed.")


def explain(error: Exception, folder: Path) -> str:
    """Say in one sentence why saving failed and what to do."""
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, InUse | ValueError):
        return str(error)
    if number in (errno.ENOSPC, errno.EDQUOT):
        what = f"The disk of {folder} is full. Make room"
    elif number == errno.EFBIG:
        what = f"Files in {folder} may not grow any larger. Raise the limit"
    elif number in (errno.EACCES, errno.EPERM, errno.EROFS):
        what = f"The folder {folder} cannot be written. Allow it"
    else:
        reason = getattr(error, "strerror", None) or error or type(error).__name__
        what = f"Saving to {folder} failed: {reason}. Mend it"
    return f"{what}; until then your work is only in memory."
