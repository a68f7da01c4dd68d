"""The bridge from one long-lived solver thread to Qt signals."""

import contextlib
import threading
import traceback
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

from ..session import Session, Settings

EPOCHAL = ("frame", "finished", "computed", "progress")  # belong to one image and model
PATIENCE_S = 5.0  # at interpreter exit, for the sweep that is running


@dataclass
class _Wishes:
    """What is wanted next: one place per kind, the latest wins."""

    model: Any = None
    network: bool = False
    solve: tuple[Settings, bool, int] | None = None  # settings, preview, epoch of the request

    def __bool__(self) -> bool:
        return self.model is not None or self.network or self.solve is not None


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
                self.events = deque(event for event in self.events if event[1] != kind)
            self.events.append((epoch, kind, args))
            return wake

    def empty(self) -> list[tuple[int, str, tuple[Any, ...]]]:
        """Take all events."""
        with self.lock:
            events, self.events = list(self.events), deque()
            return events


class _Engine:
    """The thread and what it is told; knows no Qt, so that it may outlive its QObject."""

    def __init__(self, session: Session, wake: Callable[[], None]) -> None:
        self.session, self.outbox = session, _Outbox()
        self._wake = wake
        self._wishes = _Wishes()
        self._changed = threading.Condition()
        self.stopping = False
        self._cancels = 0
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

    def cancel(self) -> None:
        """Forget what is wanted and stop what is running."""
        with self._changed:
            self._wishes = _Wishes()
            self._cancels += 1

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
            while not self._wishes and not self.stopping:
                self._changed.wait()
            return None if self.stopping else self._next()

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
        if self.session.ready and not halted():
            self._post("computed", epoch=epoch)

    def _solve(self, settings: Settings, preview: bool, epoch: int, cancels: int) -> None:
        def outdated() -> bool:
            wishes = self._wishes
            newer = wishes.solve is not None or wishes.model is not None
            return newer or self._halted(cancels) or self.session.epoch != epoch

        if self.session.epoch != epoch:
            return  # asked for an image or a model that is gone; its frames would be dropped
        frame = None
        for frame in self.session.frames(settings, cancelled=outdated, preview=preview):
            self._post("frame", frame, epoch=epoch)
        if frame is not None and not outdated():
            self._post("finished", frame, epoch=epoch)


def _bundle(name: Any) -> Any:
    from ..bundle import load_bundle

    return load_bundle(name)


def _short(error: BaseException) -> str:
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return f"Out of memory ({type(error).__name__}). Use a smaller region or image."
    text = str(error) or "no message"
    return text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"


class LiveWorker(QObject):
    """Run a session's network and solves in one thread, and tell Qt about it.

    Of several requests only the latest is solved; a running solve gives way between two sweeps
    and the next goes on from where it was. All signals are emitted in the thread that this
    object lives in. torch is imported in the solver thread. Python's and torch's global settings
    are left alone.

    Parameters
    ----------
    session : Session
    parent : QObject

    Signals
    -------
    frame(Frame)           on the way and at the end; never of an earlier image or model
    finished(Frame)        the last frame of a solve that was not interrupted
    computed()             the logits are there
    loaded(Segmenter)      a model was loaded and set
    progress(int, int)     network tiles done, of how many
    failed(str, str)       a message for a person, and the traceback; the worker goes on
    state(str)             'idle', 'loading', 'network' or 'solving'
    """

    frame = Signal(object)
    finished = Signal(object)
    computed = Signal()
    loaded = Signal(object)
    progress = Signal(int, int)
    failed = Signal(str, str)
    state = Signal(str)
    _arrived = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        me = weakref.ref(self)

        def wake() -> None:
            worker = me()
            if worker is None:
                return
            with contextlib.suppress(RuntimeError):  # Qt has deleted it while the thread ended
                worker._arrived.emit()

        engine = _Engine(session, wake)
        self._engine = engine
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self.destroyed.connect(lambda *_: engine.close())
        weakref.finalize(self, engine.close)  # also at interpreter exit

    @property
    def busy(self) -> bool:
        """Say whether something runs or is wanted."""
        return self._engine.busy

    def request(self, settings: Settings, preview: bool = False) -> None:
        """Solve these settings next, instead of any others that wait."""
        self._engine.wish(solve=(settings, preview, self.session.epoch))

    def compute(self, settings: Settings | None = None, *, preview: bool = False) -> None:
        """Run the network on the session's image, then solve the settings, if given."""
        if settings is None:
            self._engine.wish(network=True)
        else:
            self._engine.wish(network=True, solve=(settings, preview, self.session.epoch))

    def load(self, model: Any) -> None:
        """Load a model and set it in the session.

        Parameters
        ----------
        model : name or path of a bundle, or a function without arguments that gives a segmenter
        """
        self._engine.wish(model=model)

    def cancel(self) -> None:
        """Stop what runs, within one sweep or tile, and forget what waits."""
        self._engine.cancel()

    def stop(self, timeout: float = 2.0) -> bool:
        """End the thread for good; say whether it has ended within the seconds."""
        return self._engine.close(timeout)

    def _deliver(self) -> None:
        for epoch, kind, args in self._engine.outbox.empty():
            outdated = epoch != self.session.epoch and kind in EPOCHAL
            if outdated or self._engine.stopping:
                continue
            getattr(self, kind).emit(*args)
