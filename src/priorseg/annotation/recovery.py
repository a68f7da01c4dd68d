"""What session folders hold: the newest whole state of each, and which sessions were cut off."""

import contextlib
import os
import shutil
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .claim import is_held
from .state import State, pixel_digest
from .statefile import LARGEST_FILE, StateFile, read_file, read_state, wanted_tiles
from .store import CLOSED, LARGEST_PICTURE, PICTURE, state_files

DAY_S = 86400.0
_GONE = ".gone"  # ends the name of a folder that is being deleted


@dataclass(frozen=True)
class Loaded:
    """Hold what was found in a session folder.

    Parameters
    ----------
    state : State or None    the newest that is whole; None if none is
    time : float             when it was saved; seconds since 1970, 0 if there is none
    file : path or None      of the state
    problems : tuple of str  files that were passed over, newest first, with the reason
    """

    state: State | None
    time: float
    file: Path | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class SessionFolder:
    """Describe a session folder; its state is loaded when first asked for.

    Parameters
    ----------
    folder : path
    name : str         of the image; if no file is whole, of the folder
    digest : str       of the image's pixels, see `Picture`; '' if no file is whole
    time : float       when the newest whole file was saved; seconds since 1970
    closed : bool      it was ended properly
    alive : bool       a living program works in it
    """

    folder: Path
    name: str
    digest: str
    time: float
    closed: bool
    alive: bool

    @cached_property
    def loaded(self) -> Loaded:
        """Give what `load` finds."""
        return load(self.folder)

    @property
    def objects(self) -> int:
        """Count the kept objects."""
        things = self.loaded.state.things if self.loaded.state is not None else ()
        return sum(not one.undecided for one in things)

    @property
    def clicks(self) -> int:
        """Count the centres that a person placed, moved or accepted."""
        return self.loaded.state.clicks if self.loaded.state is not None else 0


class _Reader:
    """Read the files of a folder once each, and find tiles in them."""

    def __init__(self, folder: Path) -> None:
        self.files = dict(reversed(state_files(folder)))  # newest first
        self.problems: list[str] = []
        self._read: dict[int, StateFile | None] = {}

    def file(self, number: int) -> StateFile | None:
        """Give a file, or None if it is damaged; that is noted once."""
        if number not in self._read:
            self._read[number] = None
            path = self.files[number]
            try:
                if path.stat().st_size > LARGEST_FILE:
                    raise ValueError("it is larger than 2 GB")
                self._read[number] = read_file(path.read_bytes())
            except (OSError, ValueError) as error:
                self.passed_over(path, error)
        return self._read[number]

    def passed_over(self, path: Path, error: Exception) -> None:
        self.problems.append(f"{path.name} was passed over: {error}")

    def find(self, digests: set[bytes], newest: int) -> dict[bytes, bytes]:
        """Look for tiles in a file and those before it."""
        found: dict[bytes, bytes] = {}
        for number in self.files:
            if number <= newest and len(found) < len(digests):
                file = self.file(number)
                for digest in digests & (file.bodies.keys() if file else set()) - found.keys():
                    found[digest] = file.bodies[digest] if file else b""
        return found


def load(folder: str | os.PathLike[str]) -> Loaded:
    """Load the newest state of a session that is whole and whose tiles are all there.

    Nothing is changed in the folder. The state is as it was given; whether its image is still the
    same is for the caller to see by `Picture.digest`.
    """
    reader = _Reader(Path(folder))
    for number, path in reader.files.items():
        file = reader.file(number)
        if file is None:
            continue
        try:
            bodies = reader.find(wanted_tiles(file), number)
            state = read_state(file, bodies.get)
        except ValueError as error:
            reader.passed_over(path, error)
            continue
        return Loaded(state, file.time, path, tuple(reader.problems))
    return Loaded(None, 0.0, None, tuple(reader.problems))


def load_picture(folder: str | os.PathLike[str]) -> NDArray[Any] | None:
    """Load the pixels of an image that had no file; None if they were not stored.

    Raises
    ------
    ValueError  if the file is damaged, or not the pixels of the session's state.
    """
    path = Path(folder) / PICTURE
    if not path.exists():
        return None
    state = load(folder).state
    try:
        if path.stat().st_size > LARGEST_PICTURE + 4096:
            raise ValueError("it is larger than 512 MB")
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)  # fails if the file is short
        pixels = np.array(mapped)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"The stored image {path} cannot be read: {error}") from error
    if state is not None and pixel_digest(pixels) != state.picture.digest:
        raise ValueError(f"The stored image {path} is damaged: its pixels are other ones.")
    return pixels


def sessions(root: str | os.PathLike[str]) -> tuple[SessionFolder, ...]:
    """List every session below a folder, the newest first; a missing folder has none.

    Only one file of each is read, but those that could be recovered are loaded.
    """
    folder = Path(root)
    found = [
        _described(one)
        for one in (sorted(folder.iterdir()) if folder.is_dir() else [])
        if one.is_dir() and not one.name.startswith(".") and state_files(one)
    ]
    for one in found:
        if not one.closed and not one.alive:
            _ = one.loaded
    return tuple(sorted(found, key=lambda one: one.time, reverse=True))


def _described(folder: Path) -> SessionFolder:
    reader = _Reader(folder)
    files = (reader.file(number) for number in reader.files)
    newest = next((file for file in files if file is not None), None)
    name, digest = newest.picture if newest is not None else ("", "")
    return SessionFolder(
        folder=folder,
        name=name or folder.name,
        digest=digest,
        time=newest.time if newest is not None else 0.0,
        closed=(folder / CLOSED).exists(),
        alive=is_held(folder),
    )


def sessions_to_recover(root: str | os.PathLike[str]) -> tuple[SessionFolder, ...]:
    """Give the sessions that a program left without closing them, the newest first.

    Those of living programs are left out. One in which no file is whole is listed too, with no
    state and the reasons.
    """
    return tuple(one for one in sessions(root) if not one.closed and not one.alive)


def forget(folder: str | os.PathLike[str]) -> None:
    """Delete a session, as when a person discards what could be recovered.

    Raises
    ------
    RuntimeError  if a living program works in it.
    OSError       if it cannot be deleted.
    """
    path = Path(folder)
    if is_held(path):
        raise RuntimeError(f"The session {path.name} is in use and cannot be deleted.")
    gone = path.with_name(f".{path.name}{_GONE}")
    path.rename(gone)  # what is half deleted must never look like a session that was cut off
    shutil.rmtree(gone)


def tidy(root: str | os.PathLike[str], days: float = 30.0) -> int:
    """Delete closed sessions without work of a hand, untouched for so many days; give how many.

    Kept objects, paint and placed centres are never deleted, nor is what cannot be read.
    Folders of programs that died before they saved anything go too, and what is left of sessions
    whose deletion was cut off. What cannot be deleted stays.
    """
    oldest, gone = time.time() - days * DAY_S, 0
    folder = Path(root)
    for left in folder.glob(f".*{_GONE}"):
        shutil.rmtree(left, ignore_errors=True)
    for one in sorted(folder.iterdir()) if folder.is_dir() else []:
        with contextlib.suppress(OSError, RuntimeError):  # another program may tidy, or begin there
            old = one.is_dir() and one.stat().st_mtime < oldest
            if old and (_is_empty(one) or ((one / CLOSED).exists() and not _holds_work(one))):
                forget(one)
                gone += 1
    return gone


def _holds_work(folder: Path) -> bool:
    """Say whether a person's work is in a session, or might be because it cannot be read."""
    state = load(folder).state
    return state is None or bool(state.things or state.painted.any() or state.settings.centres)


def _is_empty(folder: Path) -> bool:
    return {path.name for path in folder.iterdir()} <= {"lock"}


def default_root() -> Path:
    """Give the folder of this user's sessions; the variable PRIORSEG_SESSIONS names another."""
    chosen = os.environ.get("PRIORSEG_SESSIONS")
    if chosen:
        return Path(chosen)
    home = Path.home()
    if sys.platform == "win32":
        data = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        data = home / "Library" / "Application Support"
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return data / "priorseg" / "sessions"
