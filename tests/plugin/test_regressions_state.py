"""Faults of earlier days: results, certificates, layers and keys that were out of step."""

import threading
from typing import Any

import numpy as np
import pytest
from pictures import blob_image


def choose(desk: Any, layer: Any) -> None:
    """Choose an image layer in the box."""
    box = desk.panel.image.box
    place = next(at for at in range(box.count()) if box.itemData(at) is layer)
    box.setCurrentIndex(place)
    box.activated.emit(place)


def with_volume(desk: Any, pixels: int) -> Any:
    desk.open()
    desk.run()
    desk.panel.priors.table.row(2).click()
    desk.panel.priors.details.target.field.setValue(pixels)
    return desk.calm()


def drag_volume(desk: Any) -> Any:
    """Drag the volume until a sketch is seen, and hold the button."""
    bar = desk.panel.priors.details.target.bar
    bar.setSliderDown(True)
    bar.setValue(bar.value() + 150)
    desk.until(lambda: not desk.controller.shown.final)
    desk.until(lambda: not desk.controller.worker.busy)
    return bar


def core(desk: Any) -> int:
    return int(np.count_nonzero(desk.layer("labels").data == 2))


def press(desk: Any, key: str) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    QTest.keyClick(desk.activate(), getattr(Qt.Key, f"Key_{key}"))
    desk.qtbot.wait(20)


def test_a_sketch_carries_no_certificate(desk) -> None:
    with_volume(desk, 777)
    assert "✓" in desk.panel.live.certificates.text()
    drag_volume(desk)
    assert "not certified" in desk.panel.live.certificates.text()
    assert "✓" not in desk.panel.live.certificates.text()
    assert "✓" not in desk.panel.priors.table.cell("volume", 2).text()


def test_escape_in_a_drag_brings_the_last_result_back(desk) -> None:
    last = with_volume(desk, 777)
    drag_volume(desk)
    press(desk, "Escape")
    desk.qtbot.wait(100)  # a sketch that was held back may still come
    assert desk.controller.shown is last
    assert core(desk) == 777
    assert "last result stays" in desk.panel.status.text
    assert "777" in desk.panel.live.certificates.text()
    assert "settings above were changed" in desk.panel.live.certificates.text()
    assert "✓" not in desk.panel.priors.table.cell("volume", 2).text()  # its target moved


def test_a_refused_edit_brings_the_last_result_back(desk) -> None:
    from priorseg.plugin import edits

    last = with_volume(desk, 777)
    drag_volume(desk)
    priors = desk.panel.priors
    volumes = edits.with_volume(edits.with_volume(priors.settings, 2, 9000), 1, 9000)
    priors.edit(volumes, True)
    assert "below" in desk.panel.status.text
    desk.qtbot.wait(100)
    assert desk.controller.shown is last
    assert core(desk) == 777


def test_a_failed_solve_brings_the_last_result_back(desk, monkeypatch) -> None:
    last = with_volume(desk, 777)
    drag_volume(desk)

    def fail(*_: object, **__: object) -> None:
        raise ArithmeticError("no way")

    monkeypatch.setattr(desk.controller.session, "frames", fail)
    desk.panel.priors.details.target.bar.setSliderDown(False)
    desk.until(lambda: "no way" in desk.panel.priors.notice.text)
    assert desk.controller.shown is last
    assert core(desk) == 777


def test_escape_before_any_result_leaves_nothing(desk) -> None:
    from dataclasses import replace

    desk.open()
    final = desk.run()
    frames = desk.controller.frames
    frames.forget()
    frames.on_frame(replace(final, final=False, certificates={}))
    assert desk.controller.escape.isEnabled()
    press(desk, "Escape")
    assert desk.controller.shown is None
    assert not desk.layer("labels").data.any()
    assert "no result yet" in desk.panel.status.text
    assert "No result" in desk.panel.live.certificates.text()


def test_edits_after_a_cancelled_run_ask_for_a_run(desk, networks) -> None:
    with_volume(desk, 777)
    gate = threading.Event()
    networks["blobs"].wait = lambda: gate.wait(5)
    desk.controller.region.side = 64
    desk.controller.region.on_picked((48.0, 48.0))
    desk.until(lambda: desk.controller.stage == "network")
    desk.panel.status.cancel.click()
    gate.set()
    desk.until(lambda: not desk.controller.worker.busy)
    desk.panel.priors.details.target.field.setValue(300)
    assert "Press Run" in desk.panel.priors.notice.text
    desk.panel.priors.notice.action.click()
    assert desk.calm().settings.volumes == {2: 300}
    assert not desk.panel.priors.notice.text


def test_edits_while_the_network_runs_are_solved(desk, networks) -> None:
    with_volume(desk, 777)
    gate = threading.Event()
    networks["blobs"].wait = lambda: gate.wait(5)
    desk.controller.region.side = 90
    desk.controller.region.on_picked((48.0, 48.0))
    desk.until(lambda: desk.controller.stage == "network")
    desk.panel.priors.details.target.field.setValue(500)
    gate.set()
    desk.until(lambda: desk.controller.shown.settings.volumes == {2: 500})
    assert desk.calm().counts[2] == 500


def test_until_converged_follows_the_settings(desk) -> None:
    desk.open()
    desk.run()
    box = desk.panel.live.converge_box
    box.click()
    desk.calm()
    desk.controller.reset()
    assert not box.isChecked()
    box.click()
    assert box.isChecked()
    desk.controller.choose_model("colours")
    desk.until(lambda: desk.controller.classes is not None)
    assert not box.isChecked()
    assert desk.controller.settings.replay


def test_the_view_holds_for_the_next_image(desk) -> None:
    desk.open()
    desk.run()
    view = desk.panel.live.view
    view.setCurrentIndex(2)
    view.activated.emit(2)
    choose(desk, desk.viewer.add_image(blob_image(64), name="next"))
    desk.run()
    assert view.currentText() == "Outline"
    assert not desk.layer("labels").visible
    assert desk.layer("outline").visible


def test_deleting_the_only_stack_goes_back_to_step_one(desk) -> None:
    layer = desk.open(np.stack([blob_image()] * 3), name="stack")
    desk.run()
    desk.viewer.dims.set_current_step(0, 2)
    desk.calm()
    desk.viewer.layers.remove(layer)
    assert desk.controller.canvas.image is None
    assert "stack" in desk.panel.image.notice.text
    assert desk.panel.status.text == "No image yet"


def test_leaving_an_inverted_image_runs_nothing(desk, networks) -> None:
    desk.open()
    desk.run()
    desk.panel.image.invert.click()
    desk.calm()
    runs = len(networks["blobs"].runs)
    choose(desk, desk.viewer.add_image(blob_image(64), name="small"))
    desk.qtbot.wait(100)
    assert not desk.panel.image.invert.isChecked()
    assert len(networks["blobs"].runs) == runs
    assert desk.controller.shown is None


def test_everything_can_be_deleted_while_it_solves(desk) -> None:
    with_volume(desk, 777)
    desk.controller.pointing.place(2)
    desk.controller.canvas.centres.layer.add((48, 48))
    desk.calm()
    desk.panel.priors.details.circles_button.click()
    desk.panel.priors.table.cell("convex", 2).click()
    desk.panel.priors.details.target.field.setValue(600)
    desk.viewer.layers.select_all()
    desk.viewer.layers.remove_selected()
    desk.until(lambda: not desk.controller.worker.busy)
    desk.qtbot.wait(50)
    assert len(desk.viewer.layers) == 0


def test_the_model_in_use_chosen_again_changes_nothing(desk) -> None:
    with_volume(desk, 777)
    shown, box = desk.controller.shown, desk.panel.model.box
    box.activated.emit(box.currentIndex())
    assert desk.controller.shown is shown
    assert desk.controller.settings.volumes == {2: 777}
    assert not desk.controller.worker.busy


def test_a_model_that_failed_to_load_can_be_chosen_again(desk, monkeypatch) -> None:
    import priorseg.bundle

    desk.open()
    load = priorseg.bundle.load_bundle

    def fail(_name: str) -> None:
        raise ValueError("torn file")

    monkeypatch.setattr(priorseg.bundle, "load_bundle", fail)
    desk.controller.choose_model("colours")
    desk.until(lambda: "torn file" in desk.panel.model.notice.text)
    monkeypatch.setattr(priorseg.bundle, "load_bundle", load)
    desk.panel.model.box.activated.emit(desk.panel.model.box.currentIndex())
    desk.until(lambda: desk.controller.classes is not None)
    assert desk.panel.model.name == "colours"


def test_a_closed_panel_leaves_open_layers_and_another_can_follow(desk) -> None:
    from priorseg.plugin.panel import SegmentationPanel

    desk.open(name="mine")
    desk.run()
    desk.viewer.window.remove_dock_widget(desk.panel)  # as the dock's cross does
    desk.until(lambda: "mine: labels" in desk.viewer.layers)
    assert all(layer.editable for layer in desk.viewer.layers)
    assert not [layer for layer in desk.viewer.layers if layer.name.startswith("priorseg")]
    desk.panel = SegmentationPanel(desk.viewer)
    desk.viewer.window.add_dock_widget(desk.panel)
    desk.controller = desk.panel.desk
    desk.until(lambda: desk.controller.classes is not None)
    assert desk.panel.image.layer.name == "mine"
    assert desk.run().final
    assert "priorseg labels" in desk.viewer.layers


def test_strokes_on_a_result_are_kept_aside(desk) -> None:
    with_volume(desk, 777)
    layer = desk.layer("labels")
    layer.editable = True
    layer.paint((5, 5), 2)
    painted = layer.data.copy()
    desk.panel.priors.details.target.field.setValue(600)
    desk.calm()
    name = f"{desk.controller.canvas.image.name}: painted copy"
    assert np.array_equal(desk.viewer.layers[name].data, painted)
    assert name in desk.panel.live.notice.text
    assert core(desk) == 600
    assert desk.layer("labels") is not layer


def test_an_open_layer_without_strokes_is_written_in_place(desk) -> None:
    with_volume(desk, 777)
    layer = desk.layer("labels")
    layer.editable = True
    desk.panel.priors.details.target.field.setValue(600)
    desk.calm()
    assert desk.layer("labels") is layer
    assert not desk.panel.live.notice.text


def test_escape_is_taken_only_while_there_is_something_to_cancel(desk) -> None:
    with_volume(desk, 777)
    escape = desk.controller.escape
    assert not escape.isEnabled()
    desk.controller.pointing.place(2)
    assert escape.isEnabled()
    press(desk, "Escape")
    assert not desk.controller.canvas.centres.armed
    assert not escape.isEnabled()
    desk.panel.image.pick.click()
    assert escape.isEnabled()
    press(desk, "Escape")
    assert not desk.controller.canvas.picker.armed
    assert not escape.isEnabled()


def test_escape_ends_a_polygon_of_napari(desk) -> None:
    desk.open()
    desk.run()
    shapes = desk.viewer.add_shapes(name="own", ndim=2)
    shapes.mode = "add_polygon"
    for place in ((20, 20), (20, 60), (60, 60)):
        desk.click(*place)
    press(desk, "Escape")
    assert not shapes._is_creating


@pytest.mark.parametrize("used", [0, 1])
def test_of_two_panels_the_one_used_last_hears_the_keys(desk, used) -> None:
    from priorseg.plugin.panel import SegmentationPanel

    second = SegmentationPanel(desk.viewer)
    desk.viewer.window.add_dock_widget(second, name="second", area="left")
    panels = [desk.panel, second]
    desk.activate()
    panels[used].live.live_box.setFocus()
    desk.qtbot.wait(20)
    for _ in range(3):  # of an ambiguous key Qt calls one after the other
        press(desk, "Q")
    heard = [not panel.live.live_box.isChecked() for panel in panels]
    second.desk.close()
    assert heard == [used == 0, used == 1]
