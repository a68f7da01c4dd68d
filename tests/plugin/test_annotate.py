"""Undo, keep, lock, paint: one history, in the window."""

from typing import Any

import numpy as np
from pictures import blob_image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from priorseg.annotation.recovery import sessions


def weight(desk, value: float) -> Any:
    desk.panel.priors.forms["threshold_dynamics"].rows["weight"].field.setValue(value)
    return desk.calm()


def press(desk, key, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(desk.activate(), key, modifier)
    desk.qtbot.wait(20)


def test_undo_and_redo_walk_through_slider_centre_and_keep_alike(desk) -> None:
    desk.open()
    first = desk.run()
    second = weight(desk, 2.0)
    desk.panel.priors.table.cell("star", 2).click()
    desk.click(38, 48)
    third = desk.calm()
    press(desk, Qt.Key.Key_K)
    kept = desk.controller.annotator.present.kept.array()
    assert kept.any()
    assert desk.controller.canvas.kept.layer is not None
    control = Qt.KeyboardModifier.ControlModifier
    press(desk, Qt.Key.Key_Z, control)
    assert not desk.controller.annotator.present.kept.array().any()
    assert desk.controller.canvas.kept.layer is None
    press(desk, Qt.Key.Key_Z, control)
    desk.until(lambda: not desk.controller.settings.centres)
    press(desk, Qt.Key.Key_Z, control)
    assert (desk.calm().labels == second.labels).all()
    press(desk, Qt.Key.Key_Z, control)
    assert (desk.calm().labels == first.labels).all()
    for _ in range(4):
        press(desk, Qt.Key.Key_Z, control | Qt.KeyboardModifier.ShiftModifier)
    desk.calm()
    assert (desk.layer("labels").data == third.labels).all()
    assert (desk.controller.canvas.kept.layer.data == kept).all()


def test_a_drag_of_a_slider_is_one_step(desk) -> None:
    desk.open()
    desk.run()
    history = desk.controller.annotator.history
    before = len(history)
    bar = desk.panel.priors.forms["threshold_dynamics"].rows["weight"].bar
    bar.setSliderDown(True)
    for place in range(600, 801, 20):
        bar.setValue(place)
        desk.qtbot.wait(10)
    bar.setSliderDown(False)
    desk.calm()
    assert len(history) == before + 1
    assert "weight" in history.undo_text


def test_two_hundred_steps_are_undone_one_by_one(desk) -> None:
    desk.open()
    desk.run()
    history = desk.controller.annotator.history
    field = desk.panel.priors.forms["threshold_dynamics"].rows["weight"].field
    values = [round(0.5 + 0.01 * step, 2) for step in range(1, 201)]
    for value in values:
        field.setValue(value)
    desk.calm()
    for value in reversed([0.5, *values[:-1]]):
        desk.panel.strip.undo.click()
        assert abs(field.value() - value) < 1e-6
    assert history.undo_text == "run"


def test_painted_pixels_stay_in_every_solve(desk) -> None:
    image = desk.open()
    desk.run()
    desk.panel.tabs.turn("objects")
    section = desk.panel.objects
    section.size.setValue(5)
    section.brush_class.setCurrentIndex(section.brush_class.findText("Paint core"))
    section.paint_button.click()
    layer = desk.controller.canvas.corrections.layer
    assert desk.viewer.layers.selection.active is layer
    desk.drag((8, 10), (8, 40))
    frame = desk.calm()
    stroke = layer.data == 3
    assert stroke.sum() > 20
    assert (frame.labels[stroke] == 2).all()
    assert (frame.labels[~stroke] != 2).any()
    frame = weight(desk, 3.0)
    assert (frame.labels[stroke] == 2).all()
    assert f"{stroke.sum():,} px are painted" in section.painted.text()
    desk.panel.strip.undo.click()
    desk.panel.strip.undo.click()
    desk.calm()
    assert not layer.data.any()
    assert image in desk.viewer.layers


def test_paint_outside_the_region_is_said_to_wait(desk) -> None:
    desk.open()
    desk.controller.region.suggest((48, 48), 40)
    desk.run()
    desk.viewer.reset_view()
    desk.panel.tabs.turn("objects")
    desk.panel.objects.paint_button.click()
    desk.drag((6, 10), (6, 40))
    desk.calm()
    count = int((desk.controller.canvas.corrections.layer.data > 0).sum())
    assert count > 20
    assert f"{count} of them lie outside the region" in desk.panel.objects.painted.text()
    desk.panel.priors.table.row(desk.panel.objects.brush_label).click()
    desk.panel.priors.details.volumes.paint.click()
    assert "in the region yet" in desk.panel.priors.notice.text
    assert not desk.controller.settings.volumes


def test_a_locked_object_is_not_changed_by_priors_or_brush(desk) -> None:
    desk.open()
    frame = desk.run()
    desk.panel.objects.keep_button.click()
    annotator = desk.controller.annotator
    core = next(one for one in annotator.present.things if one.label == 2)
    item = next(
        one
        for one in desk.panel.objects.list.findItems(
            "core", Qt.MatchFlag.MatchStartsWith | Qt.MatchFlag.MatchRecursive
        )
        if one.data(0, Qt.ItemDataRole.UserRole) == core.number
    )
    item.setSelected(True)
    desk.panel.objects.lock_button.click()
    mask = annotator.present.kept.array() == core.number
    assert (frame.labels[mask] == 2).all()
    frame = weight(desk, 15.0)
    assert (frame.labels[mask] == 2).all()
    desk.panel.objects.paint_button.click()
    y, x = np.argwhere(mask)[len(np.argwhere(mask)) // 2]
    desk.click(float(y), float(x))
    assert "locked" in desk.panel.objects.notice.text
    assert not desk.controller.canvas.corrections.layer.data.any()


def test_every_step_is_saved_by_itself(desk, sessions_folder) -> None:
    desk.open(name="mine")
    frame = weight(desk, 2.0) if desk.run() else None
    assert desk.controller.annotator.saving.flush(5)
    (session,) = sessions(sessions_folder)
    state = session.loaded.state
    assert session.alive
    assert state.picture.name == "mine"
    assert (state.draft.array() == frame.labels).all()
    assert state.settings.priors == frame.settings.priors
    desk.until(lambda: desk.panel.saved.text() == "✓ saved")


def test_another_image_and_back_finds_everything_again(desk) -> None:
    desk.open(name="one")
    desk.run()
    weight(desk, 2.0)
    desk.panel.objects.keep_button.click()
    kept = desk.controller.annotator.present.kept.array()
    desk.viewer.add_image(desk.viewer.layers["one"].data[::-1].copy(), name="two")
    box = desk.panel.image.box
    box.activated.emit(box.findText("two"))
    assert not desk.controller.annotator.present.kept.array().any()
    desk.run()
    box.activated.emit(box.findText("one"))
    desk.calm()
    assert (desk.controller.annotator.present.kept.array() == kept).all()
    row = desk.panel.priors.forms["threshold_dynamics"].rows["weight"]
    assert row.value == 2.0
    assert desk.controller.annotator.history.can_undo


def test_inverting_grey_is_a_step_that_undo_takes_back(desk, networks) -> None:
    desk.open()
    first = desk.run()
    QTest.mouseClick(desk.panel.image.invert, Qt.MouseButton.LeftButton)
    desk.until(lambda: len(networks["blobs"].runs) == 2)
    inverted = desk.calm()
    assert (inverted.labels != first.labels).any()
    assert desk.controller.annotator.history.undo_text == "invert grey"
    desk.panel.strip.undo.click()
    assert not desk.panel.image.invert.isChecked()
    assert (desk.calm().labels == first.labels).all()
    desk.panel.strip.redo.click()
    assert desk.panel.image.invert.isChecked()
    assert (desk.calm().labels == inverted.labels).all()


def test_a_centre_in_another_class_says_so(desk) -> None:
    desk.open()
    desk.run()
    desk.panel.priors.table.cell("star", 2).click()
    desk.click(4, 4)  # background
    desk.calm()
    assert "background" in desk.panel.priors.notice.text
    assert desk.controller.settings.centres[2]


def test_the_view_of_uncertainty_has_a_key(desk) -> None:
    desk.open()
    desk.run()
    press(desk, Qt.Key.Key_U)
    assert desk.layer("uncertainty").visible
    press(desk, Qt.Key.Key_U)
    assert not desk.layer("uncertainty").visible


def test_a_centre_placed_before_the_first_run_comes_again_with_its_image(desk) -> None:
    first = desk.open()
    desk.panel.priors.table.row(2).click()
    desk.panel.priors.details.place_button.click()
    desk.click(38, 48)
    desk.until(lambda: bool(desk.controller.settings.centres))
    centres = desk.controller.settings.centres
    desk.controller.images.choose(desk.viewer.add_image(blob_image()[::-1].copy()))
    assert not desk.controller.settings.centres
    desk.controller.images.choose(first)
    assert desk.controller.settings.centres == centres
    assert desk.run().settings.centres == centres
