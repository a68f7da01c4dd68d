"""The bridge from one long-lived solver thread to Qt signals."""

import contextlib
import weakref
from time import monotonic
from typing import Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from ..session import Session, Settings
from .engine import Engine

EPOCHAL = ("frame", "finished", "computed", "progress")  # belong to one image and model
APART_S = 0.02  # between two sketches, at least
Event = tuple[int, str, tuple[Any, ...]]


class LiveWorker(QObject):
    """Run a session's network and solves in one thread, and tell Qt about it.

    Of several requests only the latest is solved; a running solve gives way between two sweeps
    and the next goes on from where it was unless its settings replay. All signals are emitted
    in the thread that this
    object lives in. torch is imported in the solver thread. This class leaves Python's and
    torch's global settings alone; `Turns` shortens the interpreter's switch interval.

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

        self._held: list[Event] = []
        self._shown_at = float("-inf")
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._show_held)
        engine = Engine(session, wake)
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

    def pace(self, on: bool) -> None:
        """Begin no sketch before the last one was `seen`, from now on; or as fast as can be."""
        self._engine.pace(on)

    def seen(self, frame: Any) -> None:
        """Tell that the last sketch is on screen."""
        self._engine.seen(frame)

    def cancel(self) -> None:
        """Stop what runs, within one sweep or tile, and forget what waits."""
        self._engine.cancel()

    def stop(self, timeout: float = 2.0) -> bool:
        """End the thread for good; say whether it has ended within the seconds."""
        return self._engine.close(timeout)

    def _deliver(self) -> None:
        for event in self._engine.outbox.empty():
            _, kind, args = event
            if kind in ("frame", "finished") and not args[0].final:
                self._hold(kind, event)
                continue
            if kind == "frame":
                self._held.clear()
            self._emit(event)
        wait = max(0.0, self._shown_at + APART_S - monotonic())
        if self._held and not self._turn.isActive():
            self._turn.start(round(1000 * wait))

    def _hold(self, kind: str, event: Event) -> None:
        """Keep a sketch until its turn, so that painting leaves time; a newer one replaces it."""
        if kind == "frame":
            self._held.clear()
        self._held.append(event)

    def _show_held(self) -> None:
        self._shown_at = monotonic()
        held, self._held = self._held, []
        for event in held:
            self._emit(event)

    def _emit(self, event: Event) -> None:
        epoch, kind, args = event
        outdated = epoch != self.session.epoch and kind in EPOCHAL
        if not outdated and not self._engine.stopping:
            getattr(self, kind).emit(*args)
