"""Proposed centres are looked at one by one: accepted, rejected, undone, saved."""

from typing import Any

import numpy as np
import pytest
from pictures import nuclei_image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from priorseg.annotation.recovery import load, sessions

NUCLEUS, FIRST, SECOND = 2, (16, 16), (16, 42)
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


def press(desk: Any, key: str, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(desk.activate(), getattr(Qt.Key, f"Key_{key}"), modifier)


def rings(desk: Any) -> list[tuple[int, int]]:
    """The centres that are drawn as rings, rounded, in reading order."""
    layer = desk.controller.canvas.centres.layer
    return sorted(
        (round(float(y)), round(float(x)))
        for (y, x), symbol in zip(layer.data, layer.symbol, strict=True)
        if symbol.value == "ring"
    )


def near(one: Any, two: Any) -> bool:
    return bool(np.hypot(*np.subtract(one, two)) <= 1.5)


def looked_at(desk: Any) -> tuple[float, float]:
    """The selected centre; the view must be centred on it."""
    layer = desk.controller.canvas.centres.layer
    (row,) = layer.selected_data
    assert np.allclose(desk.viewer.scene.camera.center[-2:], layer.data[row])
    assert desk.viewer.layers.selection.active is layer
    return tuple(layer.data[row])


@pytest.fixture
def proposed(nuclei: None, desk: Any) -> Any:
    """A solved image with six proposed centres; the row of buttons."""
    desk.open(nuclei_image())
    desk.run()
    desk.until(lambda: bool(desk.controller.shown.settings.centres))
    desk.calm()
    return desk.panel.priors.details.proposals


def test_proposals_are_rings_and_are_counted(proposed, desk) -> None:
    assert len(rings(desk)) == 6
    assert proposed.left.text() == "6 of 6 proposals left to decide on"
    assert proposed.isVisible()


def test_keys_walk_in_reading_order_and_come_round(proposed, desk) -> None:
    press(desk, "Period")
    assert near(looked_at(desk), FIRST)
    press(desk, "Period")
    assert near(looked_at(desk), SECOND)
    press(desk, "Comma")
    press(desk, "Comma")
    last = looked_at(desk)
    assert last[0] > 40
    proposed.forth.click()
    assert near(looked_at(desk), FIRST)


def test_accepted_ones_become_crosses_and_the_next_is_looked_at(proposed, desk) -> None:
    press(desk, "G", SHIFT)  # none is looked at yet: nothing is accepted unseen
    assert len(rings(desk)) == 6
    assert near(looked_at(desk), FIRST)
    press(desk, "G", SHIFT)
    assert len(rings(desk)) == 5
    assert near(looked_at(desk), SECOND)
    assert proposed.left.text().startswith("5 of 6")
    assert desk.controller.annotator.history.undo_text == "accept centre of nucleus"
    press(desk, "Z", CONTROL)
    assert len(rings(desk)) == 6


def test_a_click_on_a_ring_chooses_it(proposed, desk) -> None:
    desk.click(*SECOND)
    proposed.accept_button.click()
    assert len(rings(desk)) == 5
    assert not any(near(one, SECOND) for one in rings(desk))


def test_a_rejected_one_goes_is_solved_without_and_comes_back_by_undo(proposed, desk) -> None:
    before = desk.controller.shown.labels.copy()
    press(desk, "Period")
    press(desk, "R", SHIFT)
    frame = desk.calm()
    assert len(frame.settings.centres[NUCLEUS]) == 5
    assert not np.array_equal(frame.labels, before)
    assert near(looked_at(desk), SECOND)
    assert desk.controller.annotator.history.undo_text == "reject centre of nucleus"
    press(desk, "Z", CONTROL)
    assert np.array_equal(desk.calm().labels, before)
    assert len(rings(desk)) == 6
    press(desk, "Z", CONTROL | SHIFT)
    assert len(desk.calm().settings.centres[NUCLEUS]) == len(rings(desk)) == 5


def test_all_can_be_accepted_at_once_and_that_is_one_step(proposed, desk) -> None:
    press(desk, "G", CONTROL | SHIFT)
    assert not rings(desk)
    assert proposed.left.text() == "All 6 proposals are looked at."
    assert not proposed.accept_button.isVisible()
    press(desk, "Z", CONTROL)
    assert len(rings(desk)) == 6
    assert proposed.accept_button.isVisible()


def test_a_moved_one_is_the_users_and_so_is_a_placed_one(proposed, desk) -> None:
    desk.drag(FIRST, (20, 17))
    desk.calm()
    assert len(rings(desk)) == 5
    proposed.forth.click()
    proposed.reject_button.click()
    desk.calm()
    press(desk, "G")
    desk.click(13, 40)
    desk.calm()
    assert len(rings(desk)) == 4
    assert len(desk.controller.settings.centres[NUCLEUS]) == 6


def test_an_accepted_one_stays_when_the_network_runs_on_another_plane(nuclei, desk) -> None:
    padded = np.pad(nuclei_image(), ((0, 8), (0, 0)), constant_values=10)
    desk.viewer.add_image(np.stack([padded, np.roll(padded, 4, 0)]))
    desk.until(lambda: desk.controller.classes is not None)
    desk.viewer.dims.set_current_step(0, 0)
    desk.run()
    desk.until(lambda: bool(desk.controller.shown.settings.centres))
    desk.panel.priors.details.proposals.forth.click()
    desk.panel.priors.details.proposals.accept_button.click()
    (mine,) = set(desk.controller.settings.centres[NUCLEUS]) - set(
        desk.controller.pointing.proposing.waiting[NUCLEUS]
    )
    desk.viewer.dims.set_current_step(0, 1)
    desk.until(lambda: desk.controller.session.plane == 1 and len(rings(desk)) == 5)
    assert mine in desk.calm().settings.centres[NUCLEUS]


def test_what_is_accepted_and_rejected_is_saved(proposed, desk, sessions_folder) -> None:
    proposed.forth.click()
    proposed.accept_button.click()
    proposed.reject_button.click()
    desk.calm()
    desk.controller.annotator.close()
    (found,) = sessions(sessions_folder)
    state = load(found.folder).state
    assert len(state.settings.centres[NUCLEUS]) == 5
    assert len(state.proposed[NUCLEUS]) == 4


def test_an_image_that_comes_again_has_its_rings_and_none_that_was_rejected(proposed, desk) -> None:
    proposed.forth.click()
    proposed.accept_button.click()
    proposed.reject_button.click()
    desk.calm()
    first, before = desk.controller.canvas.image, rings(desk)
    desk.controller.images.choose(desk.viewer.add_image(nuclei_image(1, 3)))
    assert not proposed.isVisible()
    desk.controller.images.choose(first)
    desk.until(lambda: desk.controller.plain is not None)
    assert len(desk.calm().settings.centres[NUCLEUS]) == 5
    assert rings(desk) == before
    assert proposed.left.text().startswith("4 of 6")


def test_the_row_fits_into_the_narrow_panel(proposed, desk) -> None:
    assert desk.panel.width() <= 340
    assert proposed.minimumSizeHint().width() <= desk.panel.priors.width()
    for made in proposed.controls():
        assert made.toolTip()
        assert made.width() >= made.minimumSizeHint().width()


def test_cleared_ones_that_are_proposed_again_are_counted_once(proposed, desk) -> None:
    desk.panel.priors.details.clear_button.click()
    notice = desk.panel.priors.notice
    desk.until(lambda: notice.action.text() == "Propose again")
    notice.action.click()
    desk.calm()
    assert proposed.left.text().startswith("6 of 6")
    assert len(rings(desk)) == 6


def test_a_rejected_one_stays_away_when_the_size_of_a_pixel_is_typed(proposed, desk) -> None:
    proposed.forth.click()
    proposed.reject_button.click()
    desk.calm()
    desk.controller.images.resized()
    desk.until(lambda: desk.controller.plain is not None)
    assert len(desk.calm().settings.centres[NUCLEUS]) == len(rings(desk)) == 5


def test_one_that_is_given_a_volume_is_the_users_and_keeps_it(proposed, desk) -> None:
    desk.panel.priors.details.objects.choose(1)
    desk.panel.priors.details.target.field.setValue(300)
    desk.calm()
    assert len(rings(desk)) == 5
    desk.controller.images.on_inverted(False)  # the network runs anew
    desk.until(lambda: desk.controller.plain is not None and len(rings(desk)) == 5)
    settings = desk.calm().settings
    (kept,) = [at for at, one in enumerate(settings.object_volumes[NUCLEUS]) if one == 300]
    assert near(settings.centres[NUCLEUS][kept], SECOND)
    assert proposed.left.text().startswith("5 of 6")
