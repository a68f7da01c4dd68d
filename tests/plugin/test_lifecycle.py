"""What users do to a window while it works: delete, swap, rename, close; and odd images."""

import threading

import numpy as np
import pytest
from pictures import SIZE, blob_image


def test_deleting_the_image_goes_back_to_step_one(desk) -> None:
    layer = desk.open(name="mine")
    desk.run()
    desk.viewer.layers.remove(layer)
    panel = desk.panel
    assert "mine" in panel.image.notice.text
    assert "deleted" in panel.image.notice.text
    assert panel.image.layer is None
    assert panel.status.text == "No image yet"
    kept = desk.viewer.layers["mine: labels"]
    assert kept.data.any()
    assert kept.editable
    panel.model.run_button.click()
    assert "image" in panel.model.notice.text
    desk.viewer.add_image(blob_image(), name="next")
    assert panel.image.layer.name == "next"
    assert desk.run().final


def test_deleting_the_image_while_solving_stops_the_solve(desk, networks) -> None:
    layer = desk.open()
    desk.run()
    desk.panel.live.converge_box.click()
    for weight in (1.0, 2.0, 3.0):
        desk.panel.priors.forms["threshold_dynamics"].rows["weight"].field.setValue(weight)
    desk.viewer.layers.remove(layer)
    desk.until(lambda: not desk.controller.worker.busy)
    desk.qtbot.wait(50)
    assert desk.controller.canvas.results is None
    assert desk.controller.shown is None


def test_deleting_the_labels_lets_the_next_frame_make_them_again(desk) -> None:
    desk.open()
    desk.run()
    desk.viewer.layers.remove(desk.layer("labels"))
    assert desk.layer("labels") is None
    desk.run()
    assert desk.layer("labels") is not None


def test_other_pixels_in_the_layer_ask_for_a_new_run(desk, networks) -> None:
    layer = desk.open()
    desk.run()
    layer.data = blob_image()[::-1].copy()
    assert "Run again" in desk.panel.image.notice.text
    assert not desk.layer("labels").data.any()
    desk.panel.image.notice.action.click()
    frame = desk.calm()
    assert len(networks["blobs"].runs) == 2
    assert (desk.layer("labels").data == frame.labels).all()
    assert frame.labels.any()


def test_renaming_and_choosing_another_image(desk, networks) -> None:
    first = desk.open(name="a")
    desk.run()
    second = desk.viewer.add_image(blob_image(64), name="b", scale=(2, 2), translate=(0, 300))
    second.name = "renamed"
    box = desk.panel.image.box
    assert {box.itemText(place) for place in range(box.count())} == {"a", "renamed"}
    place = box.findText("renamed")
    box.setCurrentIndex(place)
    box.activated.emit(place)
    desk.run()
    shown = desk.layer("labels")
    assert shown.data.shape == (64, 64)
    assert np.allclose(shown.scale, (2, 2))
    assert np.allclose(shown.translate, (0, 300))
    assert "a: labels" in desk.viewer.layers
    assert first in desk.viewer.layers
    second.translate = (5, 7)
    assert np.allclose(desk.layer("labels").translate, (5, 7))


def test_a_click_respects_the_scale_of_the_image(desk) -> None:
    desk.open(scale=(0.5, 0.5), translate=(10, -20), rotate=30)
    desk.run()
    desk.panel.priors.table.cell("star", 2).click()
    desk.click(38, 48)
    ((y, x),) = desk.calm().settings.centres[2]
    assert abs(y - 38) < 1
    assert abs(x - 48) < 1


def test_closing_the_window_while_solving_joins_the_thread(desk) -> None:
    desk.open()
    desk.run()
    desk.panel.live.converge_box.click()
    desk.panel.priors.forms["threshold_dynamics"].rows["weight"].field.setValue(9.0)
    desk.viewer.close()
    desk.until(lambda: not any(t.name == "priorseg" for t in threading.enumerate()), 5000)


def test_closing_the_panel_leaves_the_viewer_alone(desk) -> None:
    desk.open()
    desk.run()
    kept = len(desk.viewer.layers)
    desk.viewer.window.remove_dock_widget(desk.panel)
    desk.panel.deleteLater()
    desk.until(lambda: not any(t.name == "priorseg" for t in threading.enumerate()), 5000)
    assert len(desk.viewer.layers) == kept
    desk.viewer.add_image(blob_image())
    desk.viewer.layers.clear()


def test_cancel_while_the_network_runs_keeps_the_window_usable(desk, networks) -> None:
    desk.open()
    gate = threading.Event()
    networks["blobs"].wait = lambda: gate.wait(5)
    desk.panel.model.run_button.click()
    desk.until(lambda: desk.panel.status.cancel.isVisible())
    desk.panel.status.cancel.click()
    gate.set()
    desk.until(lambda: not desk.controller.worker.busy)
    assert "Cancelled" in desk.panel.status.text
    assert desk.layer("labels") is None
    assert desk.run().final


def test_a_stack_is_solved_plane_by_plane(desk, networks) -> None:
    stack = np.stack([blob_image(), np.zeros((SIZE, SIZE), np.uint8) + 9, blob_image()[::-1]])
    desk.open(stack.astype(np.uint16) * 200)
    desk.viewer.dims.set_current_step(0, 0)
    desk.until(lambda: not desk.controller.worker.busy)
    first = desk.run().labels.copy()
    assert "plane 1 of 3" in desk.panel.image.info.text()
    desk.viewer.dims.set_current_step(0, 2)
    desk.until(lambda: desk.controller.session.plane == 2 and desk.controller.shown is not None)
    third = desk.calm().labels
    assert (third == first[::-1]).mean() > 0.99
    assert (third != first).any()
    assert (desk.layer("labels").data == third).all()


@pytest.mark.parametrize(
    ("image", "options", "words"),
    [
        (np.full((40, 40), np.nan, np.float32), {}, "nan or infinite"),
        (np.zeros((40, 50, 3), np.uint8), {"rgb": False}, "rgb=True"),
        (np.zeros((2, 2, 2, 40, 40), np.uint8), {}, "Split"),
    ],
)
def test_images_that_cannot_be_segmented_say_why(desk, image, options, words) -> None:
    desk.viewer.add_image(image, contrast_limits=(0, 1), **options)
    assert words in desk.panel.image.notice.text
    assert len(desk.viewer.layers) == 1


def test_a_failing_network_is_reported_beside_run_and_can_be_tried_again(desk, networks) -> None:
    desk.open()

    def fail() -> None:
        raise MemoryError

    networks["blobs"].wait = fail
    desk.panel.model.run_button.click()
    desk.until(lambda: bool(desk.panel.model.notice.text))
    assert "Out of memory" in desk.panel.model.notice.text
    networks["blobs"].wait = lambda: None
    desk.panel.model.notice.action.click()
    assert desk.calm().final
    assert not desk.panel.model.notice.text


def test_a_click_sets_the_region_of_a_frame(desk, networks) -> None:
    frame = np.zeros((300, 400), np.uint8)
    frame[150:246, 250:346] = blob_image()
    desk.open(np.repeat(frame[..., None], 3, 2), rgb=True)
    panel = desk.panel
    panel.image.side.setValue(120)
    panel.image.pick.click()
    assert "Click on the middle" in panel.image.notice.text
    desk.click(198, 298)
    desk.calm()
    rows, columns = desk.controller.session.region
    assert (rows.stop - rows.start, columns.stop - columns.start) == (120, 120)
    assert abs((rows.start + rows.stop - 1) / 2 - 198) <= 1.5
    assert networks["colours"].runs == [(120, 120, 3)]
    shown = desk.layer("labels")
    assert shown.data.shape == (300, 400)
    assert not shown.data[:130].any()
    outline = desk.layer("outline")
    assert np.allclose(outline.translate, (rows.start, columns.start))


def test_the_disc_is_found_on_a_full_frame(desk, networks) -> None:
    y, x = np.mgrid[:900, :1000].astype(float)
    field = np.hypot(y - 450, x - 500) < 420
    disc = np.hypot(y - 400, x - 700) < 70
    frame = np.stack([90 * field + 140 * disc, 50 * field + 120 * disc, 20 * field], -1)
    desk.open(frame.astype(np.uint8), rgb=True)
    desk.run()
    rows, columns = desk.controller.session.region
    assert abs((rows.start + rows.stop) / 2 - 400) < 25
    assert abs((columns.start + columns.stop) / 2 - 700) < 25
    assert 1.1 * 140 < rows.stop - rows.start < 2.4 * 140
    assert "Disc found at y" in desk.panel.image.notice.text


def test_grey_for_a_model_of_colours_is_said(desk, networks) -> None:
    desk.open(name="grey")
    desk.controller.choose_model("colours")
    desk.until(lambda: desk.controller.classes is not None)
    mode = desk.panel.image.mode
    mode.setCurrentIndex(mode.findData("whole"))
    mode.activated.emit(0)
    desk.run()
    assert "trained on colour" in desk.panel.image.notice.text
    assert networks["colours"].runs == [(SIZE, SIZE, 3)]


def test_a_centre_outside_the_region_is_named_and_not_taken(desk) -> None:
    desk.open()
    desk.panel.image.side.setValue(40)
    desk.controller.region.on_picked((40, 40))
    desk.calm()
    desk.controller.pointing.place(2)
    desk.controller.canvas.centres.layer.add((90, 90))
    desk.until(lambda: "inside the region" in desk.panel.priors.notice.text)
    assert not desk.calm().settings.centres


def test_bright_objects_on_dark_are_inverted_for_the_network_only(desk, networks) -> None:
    layer = desk.open()
    before = layer.data.copy()
    labels = desk.run().labels.copy()
    desk.panel.image.invert.click()
    desk.until(lambda: len(networks["blobs"].runs) == 2)
    assert (desk.calm().labels != labels).any()
    assert (layer.data == before).all()
