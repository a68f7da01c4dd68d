"""The folder of one session: every save is one new file, and the newest whole one counts."""

import contextlib
import errno
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from ..io import replace_whole
from .claim import Lock
from .state import Picture, State
from .statefile import new_tiles, write_state

FULL_EVERY = 64  # saves
WASTE = 4 * 2**20  # bytes of deltas that are never too much
LARGEST_PICTURE = 512 * 2**20
PICTURE, CLOSED = "picture.npy", "closed"
_CHUNK = 16 * 2**20
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
_HALVES = (".*.state.*", f".{CLOSED}.*", f".{PICTURE}")  # names of files while they are written


@dataclass
class _Generation:
    """What the files since the last full one hold."""

    first: int
    size: int  # bytes of the full file
    grown: int = 0  # bytes of those after it
    files: dict[str, frozenset[bytes]] = field(default_factory=dict)  # name -> its tiles


class Store:
    """Save the states of one image, each as a new file that only holds what is new.

    Nothing is written before the first `save`. For one thread at a time.

    Parameters
    ----------
    root : path          folder of all sessions; made if needed
    picture : Picture    gives the session its name
    full_every : int     saves until the next file that needs no other

    Attributes
    ----------
    folder : Path        of the session
    """

    def __init__(
        self, root: str | os.PathLike[str], picture: Picture, full_every: int = FULL_EVERY
    ) -> None:
        name = re.sub(r"[^\w.-]+", "-", Path(picture.name).name).strip("-.")[:40] or "image"
        stamp = time.strftime("%Y%m%d-%H%M%S")
        self.folder = Path(root) / f"{stamp}-{name}-{uuid4().hex[:6]}"
        self._full_every = full_every
        self._lock: Lock | None = None
        self._next = 1
        self._generation: _Generation | None = None
        self._keep_from = 0  # files from this number on may be needed
        self._last: tuple[State, str] | None = None

    @classmethod
    def reopen(cls, folder: str | os.PathLike[str], full_every: int = FULL_EVERY) -> "Store":
        """Go on in a session that was closed or whose program died; it belongs to us from now.

        Raises
        ------
        InUse    if a living program works in it.
        OSError  if the folder cannot be written.
        """
        store = cls.__new__(cls)
        Store.__init__(store, Path(folder).parent, _NOBODY, full_every)
        store.folder = Path(folder)
        store._begin()
        return store

    def save(self, state: State) -> Path:
        """Write a state, durably, and give its file.

        Raises
        ------
        OSError  if it cannot be written; what was saved before is still whole.
        InUse    if another program took the session.
        """
        if self._lock is None or not self.folder.is_dir():
            self._begin()
        names = set(os.listdir(self.folder))
        if self._last is not None and self._last[1] in names and self._last[0] == state:
            return self.folder / self._last[1]
        generation = self._generation
        full = generation is None or self._is_due(generation, names)
        held: set[bytes] = set()
        if generation is not None and not full:
            held = held.union(*generation.files.values())
        bodies = new_tiles(state, held)
        data = write_state(state, bodies)
        number, name = self._next, f"{self._next:06d}.state"
        self._write(self.folder / name, data)
        self._next += 1
        self._last = state, name
        if full or generation is None:
            generation, before = _Generation(number, len(data)), generation
            self._generation = generation
            self._keep_from = before.first if before else self._keep_from
            self._drop_older(self._keep_from)
        else:
            generation.grown += len(data)
        generation.files[name] = frozenset(bodies)
        return self.folder / name

    def _is_due(self, generation: _Generation, names: set[str]) -> bool:
        """Say whether the next file has to be a full one."""
        return (
            len(generation.files) >= self._full_every
            or generation.grown > max(WASTE, 2 * generation.size)
            or not names.issuperset(generation.files)  # somebody has deleted some
        )

    def _write(self, target: Path, data: bytes) -> None:
        try:
            replace_whole(target, data)
        except OSError as error:
            spare = self._generation.first if self._generation else 0
            if error.errno not in _FULL_DISK or not self._drop_older(spare):
                raise
            replace_whole(target, data)  # in the room of copies that were kept for safety
        _sync_folder(self.folder)

    def _drop_older(self, number: int) -> int:
        """Delete the files before a number; give how many."""
        dropped = 0
        for old, path in state_files(self.folder):
            if old < number:
                path.unlink(missing_ok=True)
                dropped += 1
        return dropped

    def _begin(self) -> None:
        """Take the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.abandon()
        self._lock = Lock(self.folder)
        self._generation = self._last = None
        for pattern in _HALVES:  # of a program that died
            for left in self.folder.glob(pattern):
                left.unlink(missing_ok=True)
        (self.folder / CLOSED).unlink(missing_ok=True)
        self._next = max((number for number, _ in state_files(self.folder)), default=0) + 1

    def write_picture(self, pixels: NDArray[Any]) -> Iterator[None]:
        """Store the pixels of an image that has no file, a piece at each step.

        Raises
        ------
        ValueError  if they take more than 512 MB, or are no numbers.
        OSError     if they cannot be written.
        """
        if pixels.nbytes > LARGEST_PICTURE:
            raise ValueError(
                f"The image takes {pixels.nbytes / 2**20:.0f} MB and has no file. Save it as one: "
                "after a crash only the annotation could be recovered, not the image."
            )
        if pixels.dtype.kind not in "buif":
            raise ValueError(f"Pixels of type {pixels.dtype} cannot be stored.")
        if self._lock is None:
            self._begin()
        part, target = self.folder / f".{PICTURE}", self.folder / PICTURE
        data = np.ascontiguousarray(pixels)
        raw = data.reshape(-1).view(np.uint8)
        try:
            with part.open("wb") as stream:
                head = np.lib.format.header_data_from_array_1_0(data)
                np.lib.format.write_array_header_1_0(stream, head)
                for start in range(0, raw.size, _CHUNK):
                    stream.write(raw[start : start + _CHUNK].data)
                    stream.flush()
                    os.fsync(stream.fileno())  # each, or the last would keep states waiting
                    yield
            part.replace(target)
            _sync_folder(self.folder)
        finally:
            part.unlink(missing_ok=True)

    def close(self) -> None:
        """Mark the session as properly closed and give it back; do so after the last save.

        Raises
        ------
        OSError  if the mark cannot be written; the session is given back all the same.
        """
        lock, self._lock = self._lock, None
        if lock is not None:
            try:
                replace_whole(self.folder / CLOSED, b"")
            finally:
                lock.release()

    def abandon(self) -> None:
        """Give the session back without the mark: it will be offered for recovery."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()


_NOBODY = Picture("session", None, "", (1, 1))


def state_files(folder: Path) -> list[tuple[int, Path]]:
    """List the saved states of a session with their numbers, oldest first."""
    return sorted(
        (int(path.stem), path) for path in folder.glob("*.state") if path.stem.isdecimal()
    )


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder outlast a loss of power, where the system can."""
    if os.name == "posix":
        with contextlib.suppress(OSError):  # some network folders refuse; the file is there
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
