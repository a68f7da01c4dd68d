"""What is on screen while a slider is dragged with the mouse, and after: exactly the labels."""

import sys
from typing import Any

import numpy as np
import pytest
from pictures import blob_image
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QStyle, QStyleOptionSlider

from priorseg.plugin.layers import colour
from priorseg.plugin.patch import outline


def mouse(bar: Any, kind: QEvent.Type, x: float) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    place = QPointF(x, bar.height() / 2)
    event = QMouseEvent(
        kind, place, QPointF(bar.mapToGlobal(place.toPoint())),
        none if kind == QEvent.Type.MouseMove else left,
        none if kind == QEvent.Type.MouseButtonRelease else left,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(bar, event)


def handle(bar: Any) -> float:
    option = QStyleOptionSlider()
    bar.initStyleOption(option)
    control, part = QStyle.ComplexControl.CC_Slider, QStyle.SubControl.SC_SliderHandle
    return float(bar.style().subControlRect(control, option, part, bar).center().x())


def drag(desk: Any, shares: list[float], check: Any = lambda: None) -> None:
    """Press the strength slider, move to shares of its width one after the other, release."""
    bar = desk.panel.priors.forms["threshold_dynamics"].rows["weight"].bar
    mouse(bar, QEvent.Type.MouseButtonPress, handle(bar))
    assert bar.isSliderDown()
    for share in shares:
        before = desk.controller.shown
        mouse(bar, QEvent.Type.MouseMove, share * bar.width())
        desk.until(lambda before=before: desk.controller.shown is not before)
        check()
    mouse(bar, QEvent.Type.MouseButtonRelease, share * bar.width())


def seen(desk: Any) -> np.ndarray:
    """Give the picture of the canvas."""
    desk.qtbot.wait(60)
    return np.asarray(desk.viewer.screenshot(flash=False))[..., :3].astype(int)


def same(desk: Any) -> None:
    frame = desk.controller.shown
    assert (desk.layer("labels").data == frame.labels).all()
    assert (desk.layer("outline").data == outline(frame.labels[frame.region])).all()


def test_every_sketch_and_the_result_are_in_the_layers(desk) -> None:
    desk.open()
    first = desk.run().labels.copy()
    drag(desk, [0.5, 0.95, 0.6, 0.8], check=lambda: same(desk))
    last = desk.calm()
    assert last.final
    assert (last.labels != first).any()
    same(desk)


def test_the_screen_shows_what_a_full_refresh_would_show(desk) -> None:
    desk.open()
    desk.run()
    drag(desk, [0.5, 0.95])
    desk.calm()
    patched = seen(desk)
    for kind in ("labels", "outline"):
        desk.layer(kind).refresh()
    assert (seen(desk) == patched).all()
    line = np.array([int(colour(2)[at : at + 2], 16) for at in (1, 3, 5)])
    assert (abs(patched - line).max(2) <= 3).sum() > 50  # the outline of the core


def test_only_what_differs_is_sent(desk) -> None:
    desk.open()
    frame = desk.run()
    layer = desk.layer("labels")
    boxes = []
    layer.events.labels_update.connect(
        lambda event: boxes.append((*event.offset, *np.shape(event.data)))
    )
    other = frame.labels.copy()
    other[40, 30] = other[47, 33] = 7
    desk.controller.canvas.results.hold(other)
    assert boxes == [(40, 30, 8, 4)]
    desk.controller.canvas.results.hold(None)
    assert boxes[1:] == boxes[:1]
    desk.controller.canvas.results.hold(None)
    assert len(boxes) == 2
    same(desk)


def test_hidden_layers_are_right_when_they_are_seen_again(desk) -> None:
    desk.open()
    desk.run()
    view = desk.panel.live.view
    for place in (2, 0):
        view.setCurrentIndex(place)
        view.activated.emit(place)
        drag(desk, [0.4, 0.9 - 0.1 * place])
        desk.calm()
    same(desk)
    patched = seen(desk)
    desk.layer("labels").refresh()
    assert (seen(desk) == patched).all()


def test_another_region_and_another_model_show_their_own_labels(desk) -> None:
    desk.open()
    desk.run()
    desk.panel.image.side.setValue(64)
    desk.controller.region.on_picked((45, 50))
    desk.calm()
    drag(desk, [0.4, 0.9])
    desk.calm()
    same(desk)
    rows, columns = desk.controller.shown.region
    assert np.allclose(desk.layer("outline").translate, (rows.start, columns.start))
    desk.panel.image.side.setValue(70)
    desk.calm()
    same(desk)
    desk.controller.region.on_picked((30, 50))
    desk.calm()
    same(desk)
    desk.controller.choose_model("colours")
    desk.until(lambda: desk.controller.classes is not None)
    desk.controller.region.on_mode("whole")
    desk.run()
    drag(desk, [0.4, 0.9])
    desk.calm()
    same(desk)


def test_a_cancelled_drag_leaves_the_certified_labels(desk) -> None:
    desk.open()
    certified = desk.run().labels.copy()
    bar = desk.panel.priors.forms["threshold_dynamics"].rows["weight"].bar
    mouse(bar, QEvent.Type.MouseButtonPress, handle(bar))
    mouse(bar, QEvent.Type.MouseMove, 0.95 * bar.width())
    desk.until(lambda: not desk.controller.shown.final)
    desk.controller.cancel()
    assert desk.controller.shown.final
    assert (desk.layer("labels").data == certified).all()
    desk.qtbot.wait(100)
    same(desk)


def test_the_interpreter_is_as_before_once_the_solver_rests(desk) -> None:
    before = sys.getswitchinterval()
    desk.open()
    desk.run()
    during = []
    drag(desk, [0.5, 0.9], check=lambda: during.append(sys.getswitchinterval()))
    desk.calm()
    desk.until(lambda: desk.controller.stage == "idle")
    assert sys.getswitchinterval() == before
    desk.panel.live.converge_box.click()
    desk.controller.close()
    assert sys.getswitchinterval() == before


def test_the_window_is_repainted_while_the_solver_works(desk) -> None:
    desk.open()
    desk.run()
    canvas = desk.viewer.window._qt_viewer.canvas.native
    desk.controller.turns.take(True)
    swaps: list[int] = []
    canvas.frameSwapped.connect(lambda: swaps.append(1))
    label = desk.panel.status
    label.say("idle", "one")
    desk.until(lambda: bool(swaps))
    swaps.clear()
    canvas.update()
    desk.until(lambda: bool(swaps))
    desk.controller.turns.take(False)
    assert desk.controller.turns._window is None


@pytest.mark.parametrize("side", [90, 64])
def test_a_patch_may_touch_the_borders(desk, side) -> None:
    desk.open(blob_image(96)[:side, :].copy())
    frame = desk.run()
    other = frame.labels.copy()
    other[0, 0] = other[-1, -1] = 2
    desk.controller.canvas.results.hold(other)
    assert (desk.layer("labels").data == other).all()
    patched = seen(desk)
    desk.layer("labels").refresh()
    desk.layer("outline").refresh()
    assert (seen(desk) == patched).all()
