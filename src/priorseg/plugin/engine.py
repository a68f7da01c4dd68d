"""One long-lived solver thread: what it is told, what it does, what it has to say."""

import contextlib
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from ..session import NoLogits, Session, Settings
from .cores import shared

PATIENCE_S = 5.0  # at interpreter exit, for the sweep that is running
SEEN_S = 0.15  # a sketch that is not shown by then will not be waited for
EVERY_S = 0.02  # between two sketches of one solve, at least


@dataclass
class _Wishes:
    """What is wanted next: one place per kind, the latest wins."""

    model: Any = None
    network: bool = False
    solve: tuple[Settings, bool, int] | None = None  # settings, preview, epoch of the request

    def __bool__(self) -> bool:
        return self.model is not None or self.network or self.solve is not None


def _outdone(event: tuple[int, str, tuple[Any, ...]], kind: str) -> bool:
    """Say whether a newer event of a kind makes one useless; what is final is always told."""
    return event[1] == kind and not (kind == "frame" and event[2][0].final)


@dataclass
class _Outbox:
    """Events on their way to the Qt thread; of frames and progress only the newest waits."""

    events: deque[tuple[int, str, tuple[Any, ...]]] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, epoch: int, kind: str, args: tuple[Any, ...]) -> bool:
        """Add an event; say whether the Qt thread has to be woken."""
        with self.lock:
            wake = not self.events
            if kind in ("frame", "progress"):
                self.events = deque(event for event in self.events if not _outdone(event, kind))
            self.events.append((epoch, kind, args))
            return wake

    def empty(self) -> list[tuple[int, str, tuple[Any, ...]]]:
        """Take all events."""
        with self.lock:
            events, self.events = list(self.events), deque()
            return events


class Engine:
    """The thread and what it is told; knows no Qt, so that it may outlive its QObject."""

    def __init__(self, session: Session, wake: Callable[[], None]) -> None:
        self.session, self.outbox = session, _Outbox()
        self._wake = wake
        self._wishes = _Wishes()
        self._changed = threading.Condition()
        self.stopping = False
        self._cancels = 0
        self._paced = self._unseen = False  # a sketch is on its way to the window
        self._newest: Any = None
        self._patience = 0.0  # until when that one may be awaited, and newer wishes go first
        self._state = "idle"
        self._thread: threading.Thread | None = None

    def wish(self, **wishes: Any) -> None:
        """Replace what is wanted of some kinds; start the thread with the first wish."""
        with self._changed:
            if self.stopping:
                return
            for kind, value in wishes.items():
                setattr(self._wishes, kind, value)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="priorseg", daemon=True)
                self._thread.start()
            self._changed.notify()

    def pace(self, on: bool) -> None:
        """Wait with a sketch until the last one was seen, or not."""
        with self._changed:
            self._paced, self._unseen = on, False
            self._changed.notify()

    def seen(self, frame: Any) -> None:
        """Tell that a sketch is on screen; the next one may begin if it was the newest."""
        with self._changed:
            if frame is self._newest:
                self._unseen = False
                self._changed.notify()

    def cancel(self) -> None:
        """Forget what is wanted and stop what is running."""
        with self._changed:
            self._wishes = _Wishes()
            self._cancels += 1
            self._newest, self._unseen = None, False

    def close(self, timeout: float = PATIENCE_S) -> bool:
        """Stop and join the thread; say whether it has ended."""
        with self._changed:
            self.stopping = True
            self._changed.notify()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    @property
    def busy(self) -> bool:
        """Say whether something runs or is wanted."""
        return bool(self._wishes) or self._state != "idle"

    def _post(self, kind: str, *args: Any, epoch: int | None = None) -> None:
        known = self.session.epoch if epoch is None else epoch
        if self.outbox.put(known, kind, args):
            self._wake()

    def _enter(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self._post("state", state)

    def _run(self) -> None:
        while (job := self._take()) is not None:
            try:
                job()
            except BaseException as error:  # nothing may leave the thread: Qt would abort
                self._post("failed", _short(error), traceback.format_exc())
                self._drop_hopeless()

    def _take(self) -> Callable[[], None] | None:
        """Wait for the next wish; None once the thread shall end."""
        with self._changed:
            if not self._wishes and not self.stopping:
                self._enter("idle")
            while not self.stopping and (not self._wishes or self._early()):
                rest = max(0.001, self._patience - monotonic())
                self._changed.wait(rest if self._wishes else None)
            return None if self.stopping else self._next()

    def _early(self) -> bool:
        """Say whether a sketch would be solved that nobody has time to look at."""
        wishes = self._wishes
        if wishes.model is not None or wishes.network or wishes.solve is None:
            return False
        return self._unseen and wishes.solve[1] and monotonic() < self._patience

    def _next(self) -> Callable[[], None]:
        """Take the next wish: a solve needs logits, logits need a model."""
        wishes, cancels = self._wishes, self._cancels
        if wishes.model is not None:
            self._enter("loading")
            model, wishes.model = wishes.model, None
            return lambda: self._load(model, cancels)
        if wishes.network or wishes.solve is None:
            self._enter("network")
            wishes.network = False
            return lambda: self._compute(cancels)
        self._enter("solving")
        (settings, preview, epoch), wishes.solve = wishes.solve, None
        return lambda: self._solve(settings, preview, epoch, cancels)

    def _drop_hopeless(self) -> None:
        """Forget a solve that can only fail because its logits failed."""
        with self._changed:
            wishes = self._wishes
            if not (self.session.ready or wishes.network or wishes.model is not None):
                wishes.solve = None

    def _halted(self, cancels: int) -> bool:
        return self.stopping or self._cancels != cancels

    def _load(self, model: Any, cancels: int) -> None:
        segmenter = model() if callable(model) else _bundle(model)
        if not self._halted(cancels):
            self.session.set_model(segmenter)
            self._post("loaded", segmenter)

    def _compute(self, cancels: int) -> None:
        epoch = self.session.epoch

        def tell(done: int, total: int) -> None:
            self._post("progress", done, total, epoch=epoch)

        def halted() -> bool:
            return self._halted(cancels) or self.session.epoch != epoch

        self.session.compute_logits(tell, halted)
        if halted() or not self.session.ready:
            return
        with self._unless_moved(epoch):
            self.session.plain()  # so that the Qt thread finds it computed
            self._post("computed", epoch=epoch)

    @contextlib.contextmanager
    def _unless_moved(self, epoch: int) -> Iterator[None]:
        """Pass over missing logits if that is because the image or the model has changed."""
        try:
            yield
        except NoLogits:
            if self.session.epoch == epoch:
                raise

    def _solve(self, settings: Settings, preview: bool, epoch: int, cancels: int) -> None:
        def outdated() -> bool:
            wishes = self._wishes
            starved = replayed and monotonic() > self._patience  # half a replay shows nothing
            newer = (wishes.solve is not None and not starved) or wishes.model is not None
            return newer or self._halted(cancels) or self.session.epoch != epoch

        if self.session.epoch != epoch:
            return  # asked for an image or a model that is gone; its frames would be dropped
        frame, replayed = None, preview and settings.replay
        with self._unless_moved(epoch), shared():
            for frame in self.session.frames(
                settings, cancelled=outdated, preview=preview, every=EVERY_S
            ):
                self._newest, self._unseen = frame, self._paced and not frame.final
                self._patience = monotonic() + SEEN_S
                self._post("frame", frame, epoch=epoch)
        if frame is not None and self._wishes.solve is None and not outdated():
            self._post("finished", frame, epoch=epoch)


def _bundle(name: Any) -> Any:
    from ..bundle import load_bundle

    return load_bundle(name)


def _short(error: BaseException) -> str:
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return f"Out of memory ({type(error).__name__}). Use a smaller region or image."
    text = str(error) or "no message"
    return text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"
