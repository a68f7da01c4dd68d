"""When the next sketch begins, and what is left on screen when work is stopped."""

import sys
import time
from typing import Any

import pytest
from qtpy.QtCore import QEvent
from test_drag import handle, mouse

from priorseg.plugin.engine import Engine, _Outbox
from priorseg.plugin.turns import _quicken
from priorseg.session import Settings


class Sketch:
    final = False


class Final(Sketch):
    final = True


class Sketches:
    """A session whose every solve gives one sketch."""

    epoch, ready, solved = 0, True, 0

    def frames(self, settings: Any, **_: Any) -> Any:
        self.solved += 1
        yield Sketch()


@pytest.fixture
def paced() -> Any:
    session = Sketches()
    engine = Engine(session, lambda: None)
    engine.pace(True)
    engine.wish(solve=(Settings(), True, 0))
    end = time.monotonic() + 20
    while (session.solved == 0 or engine.busy) and time.monotonic() < end:
        time.sleep(0.01)  # loads torch
    yield engine, session
    assert engine.close()


def test_a_sketch_that_nobody_saw_does_not_stop_the_next(paced: Any) -> None:
    engine, session = paced
    for number in range(60):  # faster than the patience with a sketch that was dropped
        engine.wish(solve=(Settings(sweeps=1 + number), True, 0))
        time.sleep(0.01)
    assert session.solved >= 3


def test_only_the_newest_sketch_lets_the_next_begin(paced: Any) -> None:
    engine, session = paced
    engine._patience = time.monotonic() + 60
    engine._unseen = True
    engine.wish(solve=(Settings(sweeps=2), True, 0))
    engine.seen(Sketch())
    time.sleep(0.05)
    assert session.solved == 1
    engine.seen(engine._newest)
    end = time.monotonic() + 5
    while session.solved == 1 and time.monotonic() < end:
        time.sleep(0.01)
    assert session.solved == 2


def test_a_final_frame_is_never_replaced_by_a_sketch() -> None:
    outbox = _Outbox()
    for frame in (Sketch(), Final(), Sketch(), Sketch()):
        outbox.put(0, "frame", (frame,))
    assert [args[0].final for _, _, args in outbox.empty()] == [True, False]


def test_the_switch_interval_is_restored_by_the_last_that_rests() -> None:
    before = sys.getswitchinterval()
    for change in (1, 1, -1):
        _quicken(change)
        assert sys.getswitchinterval() < before
    _quicken(-1)
    assert sys.getswitchinterval() == before


def slider(desk: Any) -> Any:
    return desk.panel.priors.forms["threshold_dynamics"].rows["weight"].bar


def test_esc_drops_a_sketch_that_waits_to_be_shown(desk: Any) -> None:
    desk.open()
    desk.run()
    worker, bar = desk.controller.worker, slider(desk)
    mouse(bar, QEvent.Type.MouseButtonPress, handle(bar))
    mouse(bar, QEvent.Type.MouseMove, 0.95 * bar.width())
    end = time.monotonic() + 5
    while worker.busy and time.monotonic() < end:
        time.sleep(0.001)  # solved; the window has not looked yet
    desk.controller.cancel()
    desk.qtbot.wait(300)
    assert desk.controller.shown.final
    assert (desk.layer("labels").data == desk.controller.frames.last.labels).all()
    mouse(bar, QEvent.Type.MouseButtonRelease, 0.95 * bar.width())
    desk.until(lambda: not worker.busy)


def test_another_model_ends_a_drag(desk: Any) -> None:
    desk.open()
    desk.run()
    before, bar = sys.getswitchinterval(), slider(desk)
    mouse(bar, QEvent.Type.MouseButtonPress, handle(bar))
    mouse(bar, QEvent.Type.MouseMove, 0.9 * bar.width())
    other = next(name for name in ("cells", "cup-disc") if name != desk.panel.model.name)
    desk.controller.choose_model(other)
    desk.until(lambda: not desk.controller.worker.busy)
    desk.qtbot.wait(100)
    assert not desk.controller.dragging
    assert sys.getswitchinterval() == before
