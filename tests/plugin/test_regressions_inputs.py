"""Faults of the panel's upper half that were found by hand, each shown once."""

import numpy as np
import pytest
from pictures import blob_image


def planes(count: int) -> np.ndarray:
    """Make a stack whose planes differ: the blob is moved one pixel down per plane."""
    return np.stack([np.roll(blob_image(), step, 0) for step in range(count)])


@pytest.mark.parametrize("options", [{"scale": (3, 1, 1)}, {"translate": (40, 0, 0)}])
def test_the_plane_on_display_is_segmented_beside_a_layer_of_finer_steps(desk, options) -> None:
    layer = desk.open(planes(5), **options)
    desk.viewer.add_points(np.zeros((2, 3)), scale=(0.5, 1, 1))
    desk.viewer.dims.set_point(0, layer.data_to_world((3, 0, 0))[0])
    desk.run()
    session = desk.controller.session
    assert session.plane == 3
    assert (session._source.plane == layer.data[3]).all()
    assert "plane 4 of 5" in desk.panel.image.info.text()


def wheel(widget) -> bool:
    """Turn the mouse wheel down over a widget; say whether it kept the event from its parents."""
    from qtpy.QtCore import QPoint, QPointF, Qt
    from qtpy.QtGui import QWheelEvent
    from qtpy.QtWidgets import QApplication

    place = widget.rect().center()
    still = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    event = QWheelEvent(
        QPointF(place), QPointF(widget.mapToGlobal(place)), QPoint(), QPoint(0, -120), *still,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_the_wheel_over_the_panel_changes_no_control(desk) -> None:
    desk.open()
    desk.run()
    panel = desk.panel
    form = panel.priors.forms["threshold_dynamics"].rows["weight"]
    before = panel.priors.settings, panel.image.side.value()
    target = panel.priors.details.target
    for control in (panel.image.box, panel.image.mode, panel.image.side, panel.model.box,
                    panel.priors.smoother, form.bar, form.field, panel.live.view, target.bar,
                    target.field):  # fmt: skip
        control.clearFocus()
        assert not wheel(control), control.accessibleName()  # so that Qt asks the scroll area
        assert not control.hasFocus()
    assert (panel.priors.settings, panel.image.side.value()) == before
    assert panel.model.name == "blobs"
    assert panel.live.view.currentIndex() == 0


def test_the_wheel_changes_a_control_that_has_the_keyboard(desk) -> None:
    desk.open()
    desk.run()
    desk.activate()
    form = desk.panel.priors.forms["threshold_dynamics"].rows["weight"]
    form.field.setFocus()
    desk.until(form.field.hasFocus, timeout=5000)
    wheel(form.field)
    assert form.value < 0.5


def text_of(desk, image: np.ndarray, **options) -> str:
    """Give what the panel says about an image, once it is chosen."""
    desk.viewer.add_image(image, **options)
    desk.qtbot.wait(50)
    return desk.panel.image.info.text()


def test_spacing_is_the_edge_of_a_pixel_by_scale_and_affine(desk) -> None:
    affine = np.array([[0, -0.5, 7], [3, 0, 0], [0, 0, 1]])  # a quarter turn: Y 3, X 0.5 long
    said = text_of(desk, blob_image(), scale=(1, 2), units=("um", "um"), affine=affine)
    assert desk.controller.session.info.spacing == pytest.approx((3, 1))
    assert "3 × 1 µm/px (Y × X)" in said
    assert "pixels of the finer axis" in said


def test_square_pixels_are_told_by_one_number_and_no_remark(desk) -> None:
    said = text_of(desk, blob_image(), scale=(0.5, 0.501), units=("um", "um"))
    assert "· 0.5 µm/px" in said
    assert "!" not in said


def test_a_sheared_layer_is_told(desk) -> None:
    assert "sheared" in text_of(desk, blob_image(), affine=[[1, 0.5, 0], [0, 1, 0], [0, 0, 1]])


def test_a_rotated_layer_is_not_sheared(desk) -> None:
    assert "!" not in text_of(desk, blob_image(), rotate=30)


@pytest.mark.parametrize("count", [3, 4])
def test_channels_first_are_told_with_what_to_do(desk, count) -> None:
    said = text_of(desk, planes(count))
    assert "channels first" in said
    assert "np.moveaxis(data, 0, -1), rgb=True" in said
    assert f"of {count}" in said  # still planes


@pytest.mark.parametrize(
    "image",
    [np.full((40, 40), np.nan), np.ones((1, 1)), np.zeros((2, 2, 2, 8, 8))],
    ids=["nan", "one pixel", "five axes"],
)
def test_an_image_that_cannot_be_segmented_is_named(desk, image) -> None:
    with np.errstate(all="ignore"):
        said = text_of(desk, image, name="odd", contrast_limits=(0, 1))
    assert "“odd” cannot be segmented" in said
    assert desk.panel.image.notice.text


def test_a_constant_image_is_told(desk) -> None:
    assert "constant" in text_of(desk, np.full((40, 40), 7, np.uint8))


def test_a_free_volume_tells_the_label_map_and_the_network(desk) -> None:
    desk.open()
    frame = desk.run()
    details = desk.panel.priors.details
    alone = desk.controller.plain.counts[1]
    share = 100 * frame.counts[1] / frame.probs[0].size
    expected = f"label map: {frame.counts[1]:,} px ({share:.1f} %), network alone: {alone:,} px"
    assert details.volumes.text == expected
    assert not details.target.field.isEnabled()
    assert "free" in details.target.field.toolTip()
    desk.panel.priors.table.cell("volume", 1).click()
    desk.calm()
    assert details.target.field.isEnabled()
    assert "% of region" in details.volumes.text


def unmet(label: int, convex: int):
    """Make the final frame of a volume that convexity has prevented."""
    from dataclasses import replace

    from priorseg.plugin import edits
    from priorseg.prior import Certificate

    def frame_of(frame):
        settings = edits.with_volume(edits.with_convex(frame.settings, {convex}), label, 900)
        missed = Certificate(5, False, "5 px too many", {label: 5})
        return replace(frame, settings=settings, certificates={"volume": missed})

    return frame_of


def test_convexity_that_prevents_a_volume_can_be_switched_off_at_once(desk) -> None:
    desk.open()
    frame = unmet(2, 2)(desk.run())
    priors = desk.panel.priors
    priors.set_settings(frame.settings)
    priors.show_frame(frame)
    assert "Convex goes before volume: core" in priors.notice.text
    assert priors.notice.action.text() == "Convex off"
    priors.notice.action.click()
    after = desk.calm()
    assert after.counts[2] == 900
    assert not priors.notice.text


def test_convexity_of_another_object_is_not_blamed(desk) -> None:
    desk.open()
    desk.panel.priors.show_frame(unmet(1, 2)(desk.run()))
    assert not desk.panel.priors.notice.text


def test_a_solve_that_has_not_converged_offers_more_sweeps(desk) -> None:
    from dataclasses import replace

    desk.open()
    desk.run()
    priors = desk.panel.priors
    priors.edit(replace(priors.settings, replay=False, sweeps=1, tol=1e-9))
    desk.calm()
    assert "Not converged after 1 sweeps in " in priors.notice.text
    priors.notice.action.click()
    assert desk.calm().settings.sweeps == 2


def fundus(side: int = 900) -> np.ndarray:
    """Draw a round reddish field in the dark, with a bright disc and dark lines through it."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    light = 0.4 + 0.5 * (np.hypot(y, x - 0.2) < 0.08) - 0.3 * (np.abs(x - 0.2 + y / 9) < 0.004)
    light = light * (np.hypot(y, x) < 0.48)
    return (255 * light[..., None] * (1, 0.5, 0.2)).astype(np.uint8)


@pytest.mark.parametrize(
    ("image", "start"),
    [
        (fundus(), "✓ Disc found"),
        (fundus()[..., ::-1], "! Guessed the disc"),
        (fundus()[..., 1], "! Guessed the disc"),
    ],
    ids=["fundus", "blue", "grey"],
)
def test_a_disc_is_only_found_for_sure_on_a_fundus_frame(desk, image, start) -> None:
    desk.controller.choose_model("colours")
    desk.until(lambda: desk.controller.classes is not None)
    desk.open(image, rgb=image.ndim == 3)
    desk.panel.model.run_button.click()
    notice = desk.panel.image.notice
    desk.until(lambda: "disc at" in notice.text.replace("found at", "at").lower())
    desk.calm()
    assert notice.text.startswith(start)
    assert ("Grey image" in notice.text) == (image.ndim == 2)


def test_a_model_is_not_chosen_among_several_that_fit(desk) -> None:
    cards = desk.panel.model.cards
    cards["more"] = cards["blobs"]
    desk.viewer.add_image(blob_image())
    desk.qtbot.wait(50)
    assert not desk.panel.model.name
    assert "Choose a model" in desk.panel.model.notice.text


def test_a_centre_outside_the_region_is_refused_at_the_click(desk, caplog) -> None:
    desk.open()
    desk.run()
    desk.controller.region.suggest((48, 48), 60)
    desk.controller.run_again(always=True)
    desk.calm()
    desk.viewer.reset_view()
    desk.panel.priors.table.cell("star", 2).click()
    desk.click(38, 48)
    first = desk.calm().settings.centres
    assert len(first[2]) == 1
    desk.controller.pointing.place(2)
    desk.click(5, 5)  # in the image, outside the region
    desk.qtbot.wait(200)
    notice = desk.panel.priors.notice
    assert "inside the region" in notice.text
    assert desk.controller.canvas.centres.centres() == first
    desk.click(55, 50)  # still armed
    assert len(desk.calm().settings.centres[2]) == 2
    assert not notice.text
    desk.drag((55, 50), (-20, 50))
    desk.qtbot.wait(200)
    assert "inside the region" in notice.text
    assert 54 < desk.calm().settings.centres[2][1][0] < 80
    assert not caplog.records
