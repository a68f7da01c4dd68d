"""A real window for the benchmarks: pictures, a mouse at 60 Hz, and clocks beside the painting."""

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from qtpy.QtCore import QEvent, QEventLoop, QObject, QPointF, Qt, QTimer, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QStyle, QStyleOptionSlider

from priorseg import phantoms

HEARTBEAT_MS = 5
SIZE = (1400, 950)


def smear(tiles):
    """Give tiles × tiles blood smears of 512² side by side."""
    rows = [
        np.concatenate(
            [phantoms.blood_smear(512, seed=r * tiles + c).image for c in range(tiles)], 1
        )
        for r in range(tiles)
    ]
    return np.concatenate(rows)


# name -> (model, picture)
CASES = {
    "disc-512": ("cup-disc", lambda: phantoms.cup_disc(512).image),
    "cells-512": ("cells", lambda: smear(1)),
    "cells-2048": ("cells", lambda: smear(4)),
}


def rest(seconds):
    """Run the event loop for a while."""
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def until(done, patience=120.0, every_ms=5):
    """Run the event loop until something holds; give the seconds it took."""
    loop, timer, start = QEventLoop(), QTimer(), time.perf_counter()
    timer.timeout.connect(lambda: loop.quit() if done() or late() else None)

    def late():
        return time.perf_counter() - start > patience

    timer.start(every_ms)
    loop.exec()
    timer.stop()
    if late():
        raise TimeoutError("nothing happened")
    return time.perf_counter() - start


class Window:
    """A napari window with the panel docked."""

    def __init__(self, size=SIZE):
        import napari

        from priorseg.plugin import strings
        from priorseg.plugin.panel import SegmentationPanel

        self.viewer = napari.Viewer(show=True)
        self.panel = SegmentationPanel(self.viewer)
        self.viewer.window.add_dock_widget(self.panel, name=strings.TITLE, area="right")
        self.viewer.window.resize(*size)
        self.canvas = self.viewer.window._qt_viewer.canvas
        rest(0.3)

    @property
    def desk(self):
        return self.panel.desk

    def show(self, model, image, name="picture"):
        """Open an image alone, whole, under a model, and wait for its certified labels."""
        desk, before = self.desk, list(self.viewer.layers)
        if self.panel.model.name != model or desk.classes is None:
            desk.choose_model(model)
            until(lambda: desk.classes is not None and not desk.worker.busy)
        layer = self.viewer.add_image(image, name=name, rgb=image.ndim == 3)
        desk.images.choose(layer)
        desk.region.on_mode("whole")
        desk.run()
        self.calm()
        rest(0.1)  # software OpenGL fails where layers go and come in one paint
        for old in before:
            if old in self.viewer.layers:
                self.viewer.layers.remove(old)
        rest(0.1)
        return layer

    def calm(self):
        """Wait for the last solve."""
        desk = self.desk
        return until(
            lambda: not desk.worker.busy and desk.shown is not None and desk.shown.final, every_ms=1
        )

    def slider(self, name="weight"):
        from priorseg.plugin import edits

        return self.panel.priors.forms[edits.smoother(self.panel.priors.settings)].rows[name]

    def close(self):
        self.desk.close(timeout=20)
        self.viewer.close()


def machine():
    """Say on what this was measured."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def core_seconds():
    """Give the seconds that our threads have had a core, and have waited for one (Linux)."""
    had = waited = 0.0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        numbers = path.read_text().split()
        had, waited = had + int(numbers[0]) / 1e9, waited + int(numbers[1]) / 1e9
    return np.array((had, waited))


@dataclass
class Move:
    """One mouse event on the slider and what became of it; seconds of `perf_counter`."""

    due: float
    handled: float = float("nan")
    controlled: float = float("nan")
    settings: object = None


class Mouse(QObject):
    """Hold a slider and move it at 60 Hz from another thread, as a window system does.

    Moves are posted at fixed times whether or not the window keeps up; they carry the time at
    which they were due. The other thread only posts: Qt's events are made in the window's thread.
    """

    moved = Signal(float, float)  # where, and when it was due

    def __init__(self, bar, *, hertz=60.0, period=2.0, reach=(0.3, 0.7)):
        super().__init__()
        self.bar, self.hertz, self.period, self.reach = bar, hertz, period, reach
        self.moves, self._open = [], None
        self.moved.connect(self._move, Qt.ConnectionType.QueuedConnection)

    def _groove(self):
        option = QStyleOptionSlider()
        self.bar.initStyleOption(option)
        kind = QStyle.ComplexControl.CC_Slider
        parts = QStyle.SubControl
        style = self.bar.style()
        handle = style.subControlRect(kind, option, parts.SC_SliderHandle, self.bar)
        groove = style.subControlRect(kind, option, parts.SC_SliderGroove, self.bar)
        return handle.center(), groove

    def _event(self, kind, x, y, held):
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        place = QPointF(x, y)
        event = QMouseEvent(
            kind, place, QPointF(self.bar.mapToGlobal(place.toPoint())),
            none if kind == QEvent.Type.MouseMove else left, left if held else none,
            Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        return event

    def drag(self, seconds):
        """Press, move for some seconds and release; give the moves and the time of release."""
        handle, groove = self._groove()
        self._y = handle.y()
        send = QApplication.sendEvent
        send(self.bar, self._event(QEvent.Type.MouseButtonPress, handle.x(), handle.y(), True))
        assert self.bar.isSliderDown()
        low = groove.left() + self.reach[0] * groove.width()
        width = (self.reach[1] - self.reach[0]) * groove.width()
        done = threading.Event()

        def post():
            start = time.perf_counter()
            for number in range(int(seconds * self.hertz)):
                due = start + number / self.hertz
                time.sleep(max(0.0, due - time.perf_counter()))
                phase = 2 * np.pi * number / self.hertz / self.period
                x = low + width * (0.5 + 0.5 * np.sin(phase))
                self.moved.emit(x, due)
            done.set()

        thread = threading.Thread(target=post, name="mouse")
        thread.start()
        until(done.is_set, patience=seconds + 60)
        thread.join()
        released = time.perf_counter()
        last = self._event(QEvent.Type.MouseButtonRelease, handle.x(), handle.y(), False)
        send(self.bar, last)
        return self.moves, released

    def _move(self, x, due):
        self._open = Move(due, time.perf_counter())
        QApplication.sendEvent(self.bar, self._event(QEvent.Type.MouseMove, x, self._y, True))

    def edited(self, settings):
        """Tell that the settings have followed the event that is being handled."""
        if self._open is not None:
            self._open.controlled, self._open.settings = time.perf_counter(), settings
            self.moves.append(self._open)
            self._open = None


@dataclass
class Clock:
    """What the window did and when; spans are (start, end, what)."""

    window: Window
    frames: dict = field(default_factory=dict)  # settings -> time at which they were on screen
    arrivals: dict = field(
        default_factory=dict
    )  # settings -> time at which a frame was handed over
    shown: dict = field(default_factory=dict)  # settings -> time at which the layers had them
    swaps: list = field(default_factory=list)
    spans: list = field(default_factory=list)
    beats: list = field(default_factory=list)

    def __post_init__(self):
        window = self.window
        native = window.canvas.native
        self._painting = None
        native.frameSwapped.connect(self._on_swapped)
        self._wrap(native, "paintGL", "paint")
        flow, worker = window.desk.frames, window.desk.worker
        self._wrap(flow, "_show", "show")
        worker.frame.disconnect(flow.on_frame)
        self._wrap(flow, "on_frame", "frame")
        worker.frame.connect(flow.on_frame)
        self._wrap_turns(window.desk.turns)
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(lambda: self.beats.append(time.perf_counter()))
        self._timer.start(HEARTBEAT_MS)

    def _wrap(self, owner, name, kind):
        inner = getattr(owner, name)

        def outer(*args, **options):
            start = time.perf_counter()
            if kind == "frame":
                self.arrivals.setdefault(id(args[0].settings), start)
            if kind == "paint":
                self._painting = self.window.desk.shown
            try:
                return inner(*args, **options)
            finally:
                end = time.perf_counter()
                self.spans.append((start, end, kind))
                if kind == "show":
                    self.shown.setdefault(id(args[0].settings), end)

        setattr(owner, name, outer)

    def _wrap_turns(self, turns):
        inner = turns.shown

        def shown(frame, *, changed):
            if not changed:  # the picture of these settings is on screen already
                self.frames.setdefault(id(frame.settings), time.perf_counter())
            inner(frame, changed=changed)

        turns.shown = shown

    def _on_swapped(self):
        now, frame = time.perf_counter(), self._painting
        self.swaps.append(now)
        if frame is not None:
            self.frames.setdefault(id(frame.settings), now)

    @contextmanager
    def running(self):
        """Measure from here to there."""
        for part in (self.frames, self.arrivals, self.shown, self.swaps, self.spans, self.beats):
            part.clear()
        yield
        self._timer.stop()
