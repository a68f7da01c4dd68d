"""Save every state in the background, one session folder per image; find what was saved before."""

import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from ..annotation import recovery
from ..annotation.claim import InUse
from ..annotation.saver import Saver
from ..annotation.state import Picture, State
from ..annotation.store import Store
from . import strings
from .widgets import BAD, OK

if TYPE_CHECKING:
    from .controller import Controller

log = logging.getLogger(__name__)
LOOK_S = 2.0  # that an image waits for the list of earlier sessions, at most
END_S = 5.0  # for the last save of each image when the panel closes


class Saving(QObject):
    """Give states to one saver per image, and say how it goes.

    Signals: ``found()`` once earlier sessions are known; ``saved()``; ``trouble(sentence)``.

    Parameters
    ----------
    desk : Controller
    """

    found = Signal()
    saved = Signal()
    trouble = Signal(str)
    _heard = Signal(str)  # from other threads: what went wrong; empty = saved
    _listed = Signal()

    def __init__(self, desk: "Controller") -> None:
        super().__init__(desk.panel)
        self.desk, self.root = desk, recovery.default_root()
        self._savers: dict[str, Saver] = {}
        self._picture: Picture | None = None
        self._pixels: Callable[[], np.ndarray] | None = None
        self._sessions: tuple[recovery.SessionFolder, ...] = ()
        self._closed = False
        self._heard.connect(self._on_heard)
        self._listed.connect(self._on_listed)
        self._look = threading.Thread(target=self._list, name="priorseg-sessions", daemon=True)

    def look(self) -> None:
        """Begin to list earlier sessions; `found` tells of the end."""
        self._look.start()

    def _list(self) -> None:
        self._sessions = recovery.sessions(self.root)
        self._tell(self._listed)

    @property
    def broken_off(self) -> tuple[recovery.SessionFolder, ...]:
        """Give the sessions that a program left without closing them, and that can be opened."""
        mine = {saver.store.folder for saver in self._savers.values()}
        return tuple(
            one
            for one in self._sessions
            if not one.closed and not one.alive and one.folder not in mine
            and one.loaded.state is not None
        )  # fmt: skip

    def find(self, picture: Picture) -> State | None:
        """Give the newest state that was saved for the same pixels."""
        self._look.join(LOOK_S)
        known = self._session_of(picture)
        return known.loaded.state if known is not None else None

    def _session_of(self, picture: Picture) -> recovery.SessionFolder | None:
        for one in self._sessions:
            if one.digest == picture.digest and not one.alive and one.loaded.state is not None:
                return one
        return None

    def open(self, picture: Picture, pixels: Callable[[], np.ndarray]) -> None:
        """Save states of this image from now on; nothing is written before the first."""
        self._picture, self._pixels = picture, pixels

    def give(self, state: State) -> None:
        """Save a state in the background."""
        picture = self._picture
        if picture is None:
            return
        saver = self._savers.get(picture.digest)
        if saver is None:
            saver = self._savers[picture.digest] = self._start(picture)
        saver.give(state)
        self.desk.panel.saved.say(OK, strings.SAVING)

    def _start(self, picture: Picture) -> Saver:
        known = self._session_of(picture)
        store = Store(self.root, picture)
        if known is not None:
            try:
                store = Store.reopen(known.folder)
            except (InUse, OSError):  # a new folder then; what it held was read already
                store = Store(self.root, picture)
        lonely = picture.path is None and not (store.folder / "picture.npy").exists()
        return Saver(
            store,
            on_saved=lambda _state: self._tell(self._heard, ""),
            on_trouble=lambda text: self._tell(self._heard, text),
            picture=self._pixels() if lonely and self._pixels is not None else None,
        )

    def _tell(self, signal: Any, *args: str) -> None:
        """Tell the window, from another thread."""
        with contextlib.suppress(RuntimeError):  # it is gone
            signal.emit(*args)

    def _on_listed(self) -> None:
        if not self._closed:  # else those who listen may be gone
            self.found.emit()
            threading.Thread(target=self._tidy, name="priorseg-tidy", daemon=True).start()

    def _tidy(self) -> None:
        """Delete old closed sessions; the window neither waits for it nor hears of it."""
        try:
            gone = recovery.tidy(self.root)
        except Exception:  # whatever it is, it can wait
            log.warning("Old sessions in %s could not be deleted.", self.root, exc_info=True)
        else:
            log.info("%d old sessions were deleted.", gone)

    def _on_heard(self, trouble: str) -> None:
        if self._closed:
            return
        if trouble:
            self.desk.panel.saved.say(BAD, trouble)
            self.trouble.emit(trouble)
        else:
            self._say_saved()
            self.saved.emit()

    def _say_saved(self) -> None:
        if any(saver.trouble or saver.unsaved for saver in self._savers.values()):
            return
        self.desk.panel.saved.say(OK, strings.SAVED)

    def folder(self) -> Path | None:
        """Give the folder of the image's session; None before anything was saved."""
        saver = self._savers.get(self._picture.digest) if self._picture is not None else None
        return saver.store.folder if saver is not None else None

    def discard(self, session: recovery.SessionFolder) -> None:
        """Delete a session that shall not be recovered.

        Raises
        ------
        OSError, RuntimeError  if it cannot be deleted.
        """
        recovery.forget(session.folder)
        self._sessions = tuple(one for one in self._sessions if one is not session)

    def flush(self, timeout: float = END_S) -> bool:
        """Wait until everything is durable, or has failed."""
        done = [saver.flush(timeout) for saver in self._savers.values()]
        return all(done)

    def close(self) -> bool:
        """Save what is left and close the sessions; say whether all is saved."""
        self._closed = True
        self._look.join(LOOK_S)
        savers, self._savers = self._savers, {}
        done = [saver.close(END_S) for saver in savers.values()]
        return all(done)
