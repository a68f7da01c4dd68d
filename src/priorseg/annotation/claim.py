"""A lock that ends with its process, however that ends: it tells living sessions from dead ones."""

import errno
import os
import sys
import time
import weakref
from io import FileIO
from pathlib import Path

NAME = "lock"
_TRIES, _WAIT_S = 20, 0.01  # whoever only looks holds the lock for a moment
_BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)

if sys.platform == "win32":
    import msvcrt

    def _take(stream: FileIO, shared: bool) -> None:
        stream.seek(2**30)  # beyond the text, which others may read
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(stream: FileIO, shared: bool) -> None:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(stream, kind | fcntl.LOCK_NB)


class InUse(RuntimeError):
    """Say that another program, or another window of this one, works in a session."""


class Lock:
    """Hold a folder until `release` or the end of the process.

    The system gives the lock back when the process dies, so that a killed program leaves none.
    Where a folder knows no locks (some network drives), the number of the process must do.

    Raises
    ------
    InUse    if a living program holds it.
    OSError  if the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        stream = (folder / NAME).open("a+b", buffering=0)
        self._give_back = weakref.finalize(self, stream.close)  # also if nobody releases it
        try:
            if not _wait_for(stream, folder):
                raise InUse(
                    f"The session {folder.name} is open in another window (process "
                    f"{_pid(folder)}). Close it there first."
                )
            stream.truncate(0)
            stream.write(str(os.getpid()).encode())
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the folder back."""
        self._give_back()


def _wait_for(stream: FileIO, folder: Path) -> bool:
    """Take a lock, or say that another program holds it."""
    for _ in range(_TRIES):
        try:
            _take(stream, shared=False)
        except OSError as error:
            if error.errno not in _BUSY:
                return not _lives(_pid(folder))
            time.sleep(_WAIT_S)
        else:
            return True
    return False


def is_held(folder: Path) -> bool:
    """Say whether a living program holds a folder."""
    try:
        with (folder / NAME).open("rb", buffering=0) as stream:
            _take(stream, shared=True)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno in _BUSY or _lives(_pid(folder))
    return False


def _pid(folder: Path) -> str:
    try:
        return (folder / NAME).read_text(errors="replace")[:20]
    except OSError:
        return "unknown"


def _lives(pid: str) -> bool:
    """Say whether there is a process of this number; on Windows, where asking kills, never."""
    if sys.platform == "win32" or not pid.isdecimal() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # somebody else's
    return True
