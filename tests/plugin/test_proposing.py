"""Centres that the network proposes: ordinary ones, renewed with the image; the user's stay."""

from typing import Any

import numpy as np
from pictures import nuclei_image, nuclei_places

from priorseg import geometry

NUCLEUS = 2


def points(desk: Any) -> set[tuple[float, float]]:
    """The centres that are seen."""
    layer = desk.controller.canvas.centres.layer
    return set() if layer is None else {tuple(map(float, point)) for point in layer.data}


def opened(desk: Any, image: np.ndarray | None = None) -> Any:
    """Open an image of nuclei, run the network and wait for the solve with its proposals."""
    desk.open(nuclei_image() if image is None else image)
    return solved(desk)


def solved(desk: Any) -> Any:
    """Run, and wait for the solve with the proposals."""
    desk.run()
    desk.until(lambda: bool(desk.controller.shown.settings.centres))
    return desk.calm()


def places(rows: int = 2, columns: int = 3) -> set[tuple[float, float]]:
    return {(float(y), float(x)) for y, x in nuclei_places(rows, columns)}


def away(found: set[tuple[float, float]], wanted: set[tuple[float, float]]) -> float:
    """How far the worst of the wanted points is from any found one; inf if the counts differ."""
    if len(found) != len(wanted):
        return float("inf")
    return max(min(np.hypot(y - b, x - a) for y, x in found) for b, a in wanted)


def test_every_nucleus_gets_a_centre_of_its_own_though_some_touch(nuclei, desk) -> None:
    frame = opened(desk)
    assert away(points(desk), places()) <= 1
    assert set(frame.settings.centres[NUCLEUS]) == points(desk)
    assert "proposed 6 centres" in desk.panel.priors.notice.text
    assert desk.panel.priors.label == NUCLEUS


def test_the_nuclei_are_stars_about_the_proposed_centres(nuclei, desk) -> None:
    frame = opened(desk)
    tree, _ = geometry.ray_forest(frame.labels.shape, sorted(points(desk)))
    assert frame.certificates["star"].satisfied
    assert geometry.star_violations(frame.labels > 0, tree) == 0
    assert (frame.labels > 0).any()


def test_centres_are_looked_for_in_the_worker(nuclei, desk, monkeypatch) -> None:
    import threading

    import priorseg.session.proposals as module

    seen, own = [], module.with_proposals

    def watched(*values: Any) -> Any:
        seen.append(threading.current_thread() is threading.main_thread())
        return own(*values)

    monkeypatch.setattr(module, "with_proposals", watched)
    opened(desk)
    assert seen == [False]


def test_clear_removes_the_proposals_for_good(nuclei, desk) -> None:
    opened(desk)
    desk.panel.priors.details.clear_button.click()
    frame = desk.calm()
    assert not frame.settings.centres
    assert not points(desk)
    desk.run()
    assert not points(desk)
    assert "star" not in desk.controller.shown.certificates


def test_cleared_proposals_come_back_when_asked_for(nuclei, desk) -> None:
    opened(desk)
    before = points(desk)
    desk.panel.priors.details.clear_button.click()
    desk.calm()
    assert desk.panel.priors.notice.action.text() == "Propose again"
    desk.panel.priors.notice.action.click()
    frame = desk.calm()
    assert points(desk) == before == set(frame.settings.centres[NUCLEUS])


def test_a_centre_placed_before_the_run_stays_and_no_other_is_put_beside_it(nuclei, desk) -> None:
    desk.open(nuclei_image())
    desk.controller.pointing.place(NUCLEUS)
    desk.click(19, 13)  # inside the first nucleus, not in its middle
    (mine,) = points(desk)
    solved(desk)
    assert mine in points(desk)
    assert away(points(desk) - {mine}, places() - {(16.0, 16.0)}) <= 1


def test_a_proposed_centre_can_be_moved_and_deleted(nuclei, desk) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    opened(desk)
    desk.drag((16, 16), (20, 17))
    desk.calm()
    assert away(points(desk), places() - {(16.0, 16.0)} | {(20.0, 17.0)}) <= 1.5
    desk.click(48, 16)
    QTest.keyClick(desk.activate(), Qt.Key.Key_Delete)
    frame = desk.calm()
    assert len(points(desk)) == 5
    assert set(frame.settings.centres[NUCLEUS]) == points(desk)


def test_another_plane_gets_its_own_centres_and_keeps_the_users(nuclei, desk) -> None:
    padded = np.pad(nuclei_image(), ((0, 8), (0, 0)), constant_values=10)
    desk.viewer.add_image(np.stack([padded, np.roll(padded, 4, 0)]))
    desk.until(lambda: desk.controller.classes is not None)
    desk.viewer.dims.set_current_step(0, 0)
    solved(desk)
    desk.drag((16, 16), (22, 17))
    (mine,) = {point for point in points(desk) if point[0] > 20 and point[0] < 30}
    desk.calm()
    desk.viewer.dims.set_current_step(0, 1)
    desk.until(lambda: desk.controller.session.plane == 1 and len(points(desk)) == 6, 8000)
    desk.calm()
    rest = {(y + 4, x) for y, x in places() if (y, x) != (16.0, 16.0)}
    assert mine in points(desk)
    assert away(points(desk) - {mine}, rest) <= 1


def test_another_image_gets_other_centres(nuclei, desk) -> None:
    opened(desk)
    layer = desk.viewer.add_image(nuclei_image(1, 3))
    desk.controller.images.choose(layer)
    assert not points(desk)
    solved(desk)
    assert away(points(desk), places(1, 3)) <= 1


def test_a_smaller_region_drops_the_proposals_outside_it(nuclei, desk) -> None:
    opened(desk)
    desk.controller.region.side = 48
    desk.controller.region.on_picked((40.0, 40.0))
    desk.until(lambda: len(points(desk)) < 6)
    frame = desk.calm()
    assert all(desk.controller.region.holds(point) for point in points(desk))
    assert "outside" not in desk.panel.priors.notice.text
    assert frame.certificates["star"].satisfied


def test_an_image_without_nuclei_says_so(nuclei, desk) -> None:
    image = np.full((64, 64), 10, np.uint8)
    image[0, 0] = 250
    desk.open(image)
    desk.run()
    desk.until(lambda: "found no nucleus" in desk.panel.priors.notice.text)
    assert not points(desk)


def test_a_hundred_and_fifty_centres_stay_usable(nuclei, desk) -> None:
    frame = opened(desk, nuclei_image(10, 15))
    assert away(points(desk), places(10, 15)) <= 1
    layer = desk.controller.canvas.centres.layer
    assert desk.viewer.layers[-1] is layer  # above the results
    assert np.allclose(layer.size, 0.4 * 26)
    assert len(layer.face_color) == 150
    assert frame.certificates["star"].satisfied


def test_a_network_that_knows_grey_is_not_told_to_invert_or_to_beware(nuclei, desk) -> None:
    opened(desk)
    assert desk.panel.image.notice.text == ""
    assert not desk.panel.image.invert.isVisible()


def test_models_whose_centres_are_clicked_propose_none(desk) -> None:
    desk.open()
    desk.run()
    assert not desk.controller.session.proposed
    assert not points(desk)
