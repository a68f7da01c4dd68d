"""The panel in a real window: open, run, drag, click; the labels follow the mathematics."""

from typing import Any

import numpy as np
from pictures import blob_image

from priorseg import Scene, geometry, priors, solve
from priorseg.plugin import edits


def solved(segmenter: Any, image: np.ndarray, chosen: list[Any], sweeps: int, **scene: Any):
    """Solve the same problem without session, worker or window."""
    logits = segmenter.logits(image, progress=lambda *_: None)
    solution = solve(logits, chosen, Scene(**scene), sweeps=sweeps, link=segmenter.head.link)
    return solution.decode().labels[0].numpy()


def test_opening_the_panel_draws_nothing(desk) -> None:
    assert len(desk.viewer.layers) == 0
    assert desk.panel.status.text == "No image yet"


def test_run_shows_the_labels_of_the_trained_settings(desk, networks) -> None:
    image = desk.open()
    frame = desk.run()
    shown = desk.layer("labels")
    expected = solved(networks["blobs"], image.data, [priors.ThresholdDynamics(0.5, 1.0)], 5)
    assert (shown.data == expected).all()
    assert (frame.labels == expected).all()
    assert shown.data.dtype == np.uint8
    assert not shown.editable


def test_dragging_a_slider_shows_previews_and_then_the_full_solve(desk, networks) -> None:
    image = desk.open()
    desk.run()
    seen = []
    desk.controller.worker.frame.connect(lambda frame: seen.append(frame.final))
    row = desk.panel.priors.forms["threshold_dynamics"].rows["weight"]
    row.bar.setSliderDown(True)
    for place in range(600, 801, 40):
        row.bar.setValue(place)
        desk.qtbot.wait(20)
    desk.until(lambda: bool(seen))
    assert not any(seen)
    row.bar.setSliderDown(False)
    desk.calm()
    prior = priors.ThresholdDynamics(row.value, 1.0)
    runs = len(networks["blobs"].runs)
    assert (desk.layer("labels").data == solved(networks["blobs"], image.data, [prior], 5)).all()
    assert runs == desk.controller.session.network_runs == 1


def test_a_volume_is_met_to_the_pixel(desk) -> None:
    desk.open()
    desk.run()
    desk.panel.priors.table.row(2).click()
    target = desk.panel.priors.details.target
    target.field.setValue(777)
    assert desk.calm().counts[2] == 777
    assert np.count_nonzero(desk.layer("labels").data == 2) == 777
    cell = desk.panel.priors.table.cell("volume", 2)
    assert cell.isChecked()
    assert "✓" in cell.text()
    assert "777" in desk.panel.live.certificates.text()


def test_a_click_places_a_centre_and_the_object_becomes_a_star(desk) -> None:
    desk.open()
    before = desk.run().labels == 2
    desk.panel.priors.table.cell("star", 2).click()
    desk.click(38, 48)
    frame = desk.calm()
    ((y, x),) = frame.settings.centres[2]
    assert abs(y - 38) < 1
    assert abs(x - 48) < 1
    star = frame.labels == 2
    tree, _ = geometry.ray_forest(star.shape, [(y, x)])
    assert (star != before).any()
    assert frame.certificates["star"].satisfied
    assert frame.certificates["star"].violations == 0
    assert geometry.star_violations(star, tree) == 0 < geometry.star_violations(before, tree)


def test_dragging_a_centre_moves_it_and_solves_again(desk) -> None:
    desk.open()
    desk.run()
    desk.panel.priors.table.cell("star", 2).click()
    desk.click(38, 48)
    first = desk.calm()

    def follows() -> bool:
        frame = desk.controller.shown
        return not frame.final and 40 < frame.settings.centres[2][0][0] < 58

    desk.drag((38, 48), (60, 49), halfway=follows)
    second = desk.calm()
    ((y, x),) = second.settings.centres[2]
    assert abs(y - 60) < 1.5
    assert abs(x - 49) < 1.5
    assert (second.labels != first.labels).any()


def test_delete_removes_the_centre_and_the_star_waits_for_one(desk) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    desk.open()
    plain = desk.run().labels.copy()
    desk.panel.priors.table.cell("star", 2).click()
    desk.click(38, 48)
    desk.calm()
    desk.click(38, 48)  # selects it
    QTest.keyClick(desk.activate(), Qt.Key.Key_Delete)
    frame = desk.calm()
    assert not frame.settings.centres
    assert "star" not in frame.certificates
    assert (frame.labels == plain).all()
    assert desk.panel.priors.table.cell("star", 2).text() == "?"


def test_convex_objects_are_convex_and_radii_are_circles(desk) -> None:
    desk.open()
    desk.run()
    priors_section = desk.panel.priors
    priors_section.table.cell("convex", 2).click()
    frame = desk.calm()
    assert frame.certificates["convex"].satisfied
    priors_section.details.circles_button.click()
    priors_section.details.radii_field.setText("3, 9")
    priors_section.details.radii_field.editingFinished.emit()
    desk.calm()
    circles = desk.controller.canvas.guides.layer
    widths = [np.ptp(shape[:, 0]) for shape in circles.data]
    assert np.allclose(sorted(widths), [6, 18])
    assert edits.convex_radii(priors_section.settings) == (3.0, 9.0)


def test_wrong_radii_are_refused_beside_the_field(desk) -> None:
    desk.open()
    desk.run()
    field = desk.panel.priors.details.radii_field
    field.setText("2, many")
    field.editingFinished.emit()
    assert "not a list of radii" in desk.panel.priors.notice.text


def test_the_network_alone_is_shown_while_j_is_held(desk, networks) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    image = desk.open()
    smooth = desk.run().labels.copy()
    plain = solved(networks["blobs"], image.data, [], 0)
    assert (plain != smooth).any()
    canvas = desk.activate()
    QTest.keyPress(canvas, Qt.Key.Key_J)
    assert (desk.layer("labels").data == plain).all()
    QTest.keyRelease(canvas, Qt.Key.Key_J)
    assert (desk.layer("labels").data == smooth).all()


def test_views_show_outlines_and_probabilities(desk) -> None:
    desk.open()
    frame = desk.run()
    view = desk.panel.live.view
    view.setCurrentIndex(view.findText("Probability: core"))
    view.activated.emit(view.currentIndex())
    assert np.array_equal(desk.layer("probability").data, frame.probs[2])
    assert not desk.layer("labels").visible
    assert not desk.layer("outline").visible
    view.setCurrentIndex(2)
    view.activated.emit(2)
    edge = desk.layer("outline").data
    assert desk.layer("outline").visible
    assert not desk.layer("probability").visible
    assert set(np.unique(edge)) <= {0, 1, 2}
    assert 0 < (edge > 0).sum() < (frame.labels > 0).sum()


def test_live_off_solves_only_when_the_slider_is_released(desk) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    desk.open()
    before = desk.run()
    QTest.keyClick(desk.activate(), Qt.Key.Key_Q)
    assert not desk.panel.live.live_box.isChecked()
    row = desk.panel.priors.forms["threshold_dynamics"].rows["weight"]
    row.bar.setSliderDown(True)
    row.bar.setValue(900)
    desk.qtbot.wait(150)
    assert desk.controller.shown is before
    row.bar.setSliderDown(False)
    assert desk.calm().settings != before.settings


def test_total_variation_takes_the_place_of_threshold_dynamics(desk, networks) -> None:
    image = desk.open()
    desk.run()
    box = desk.panel.priors.smoother
    box.setCurrentIndex(box.findData("total_variation"))
    box.activated.emit(box.currentIndex())
    desk.calm()
    weight = desk.panel.priors.forms["total_variation"].rows["weight"].value
    expected = solved(networks["blobs"], image.data, [priors.TotalVariation(weight)], 5)
    assert (desk.layer("labels").data == expected).all()


def test_volumes_that_contradict_are_named_with_a_way_out(desk) -> None:
    desk.open(np.repeat(blob_image()[..., None], 3, 2), rgb=True)
    section = desk.panel.image
    section.mode.setCurrentIndex(section.mode.findData("whole"))
    section.mode.activated.emit(0)
    desk.run()
    panel = desk.panel
    panel.priors.edit(edits.with_volume(panel.priors.settings, 1, 500))
    panel.priors.edit(edits.with_volume(panel.priors.settings, 2, 900))
    assert "cup 900 px > disc 500 px" in panel.priors.notice.text
    assert panel.priors.notice.action.text() == "Free cup"
    panel.priors.notice.action.click()
    frame = desk.calm()
    assert frame.counts[1] + frame.counts[2] == 500
    assert not panel.priors.notice.text


def test_volumes_that_contradict_before_the_first_run_have_a_way_out_too(desk) -> None:
    desk.open(np.repeat(blob_image()[..., None], 3, 2), rgb=True)
    section = desk.panel.image
    section.mode.setCurrentIndex(section.mode.findData("whole"))
    section.mode.activated.emit(0)
    panel = desk.panel
    panel.priors.edit(edits.with_volume(panel.priors.settings, 1, 500))
    panel.priors.edit(edits.with_volume(panel.priors.settings, 2, 900))
    panel.model.run_button.click()
    desk.until(lambda: "cup" in panel.priors.notice.text)
    assert "cup 900 px > disc 500 px" in panel.priors.notice.text
    panel.priors.notice.action.click()
    frame = desk.calm()
    assert frame.counts[1] + frame.counts[2] == 500
    assert not panel.priors.notice.text


def test_until_converged_goes_on_past_the_trained_sweeps(desk) -> None:
    desk.open()
    assert desk.run().sweeps == 5
    desk.panel.live.converge_box.click()
    frame = desk.calm()
    assert frame.residual <= 1e-3
    assert not frame.settings.replay
    desk.panel.live.converge_box.click()
    assert desk.calm().sweeps == 5


def test_a_double_click_brings_the_trained_value_back(desk) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    desk.open()
    before = desk.run()
    row = desk.panel.priors.forms["threshold_dynamics"].rows["weight"]
    row.field.setValue(7.5)
    assert (desk.calm().labels != before.labels).any()
    QTest.mouseDClick(row.bar, Qt.MouseButton.LeftButton)
    assert row.value == 0.5
    assert (desk.calm().labels == before.labels).all()


def test_every_control_has_a_name_and_a_tooltip_and_tab_follows_the_eye(desk) -> None:
    from qtpy import QtWidgets as Qt

    desk.open()
    desk.run()
    kinds = (Qt.QAbstractButton, Qt.QComboBox, Qt.QAbstractSlider, Qt.QAbstractSpinBox)
    panel = desk.panel
    controls = [
        control
        for kind in (*kinds, Qt.QLineEdit)
        for control in panel.findChildren(kind)
        if control.isVisible()
        and not control.objectName().startswith("qt_")
        and not isinstance(control, Qt.QScrollBar)
    ]
    assert len(controls) > 25
    for control in controls:
        assert control.toolTip(), control
        assert control.accessibleName(), control
    chain, place = [], panel.priors.smoother
    for _ in range(60):
        chain.append(place)
        place = place.nextInFocusChain()
    wanted = [panel.priors.forms["threshold_dynamics"].rows["weight"].bar,
              panel.priors.table.row(1), panel.priors.table.cell("convex", 2),
              panel.priors.details.target.bar, panel.priors.details.radii_field]  # fmt: skip
    assert [chain.index(control) for control in wanted] == sorted(map(chain.index, wanted))
    assert panel.width() <= 340
    assert panel.sizeHint().height() <= 900
