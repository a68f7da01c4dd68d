"""A volume for one object of a class, by its star centre."""

import numpy as np
import pytest

from priorseg.geometry import ray_forest
from priorseg.plugin import edits
from priorseg.session import Settings

LOBES = ((38.0, 48.0), (60.0, 50.0))


def lobes(desk):
    """Place a centre in each of the two lobes that touch, with the mouse."""
    desk.open()
    desk.run()
    desk.panel.priors.table.row(2).click()
    for place in LOBES:
        desk.panel.priors.details.place_button.click()
        desk.click(*place)
        frame = desk.calm()
    return frame


def sizes(frame):
    points = np.array(frame.settings.centres[2])
    owner = ray_forest(frame.labels.shape, points)[1]
    return np.bincount(owner[frame.labels == 2], minlength=len(points)).tolist()


def choose(desk, line: int):
    box = desk.panel.priors.details.objects.box
    box.setCurrentIndex(line)
    box.activated.emit(line)


def test_one_object_gets_the_volume_that_is_typed_and_is_freed_again(desk) -> None:
    before = sizes(lobes(desk))
    details = desk.panel.priors.details
    choose(desk, 1)
    assert f"free · now {before[0]} px" in details.volumes.text
    details.target.field.setValue(250)
    frame = desk.calm()
    assert frame.settings.object_volumes == {2: (250.0, None)}
    assert sizes(frame)[0] == 250
    assert details.objects.box.currentText().endswith("250 px")
    assert "centre 1: 250 of 250 px" in desk.panel.priors.classes.marks(frame)["star", 2][1]
    details.objects.free.click()
    assert desk.calm().settings.object_volumes == {}
    assert not details.objects.free.isEnabled()


def test_the_size_that_an_object_has_now_becomes_its_volume(desk) -> None:
    before = sizes(lobes(desk))
    choose(desk, 2)
    desk.panel.priors.details.volumes.current.click()
    frame = desk.calm()
    assert frame.settings.object_volumes == {2: (None, float(before[1]))}
    assert sizes(frame)[1] == before[1]


def test_an_object_has_an_area_where_the_size_of_a_pixel_is_known(desk) -> None:
    desk.open(scale=(0.5, 0.5), units=("mm", "mm"))
    desk.run()
    desk.panel.priors.table.row(2).click()
    desk.panel.priors.details.place_button.click()
    desk.click(*LOBES[0])
    desk.calm()
    choose(desk, 1)
    volumes = desk.panel.priors.details.volumes
    volumes.units.setCurrentIndex(volumes.units.findData("area"))
    volumes.units.activated.emit(2)
    volumes.target.field.setValue(100.0)
    assert desk.calm().settings.object_volumes == {2: (400.0,)}
    assert "= 100 mm²" in volumes.text


def test_a_click_on_a_centre_chooses_its_object(desk) -> None:
    lobes(desk)
    objects = desk.panel.priors.details.objects
    assert objects.place is None  # placing a centre chooses nothing
    desk.panel.priors.table.row(1).click()
    desk.click(*LOBES[1])
    desk.until(lambda: objects.place == 1)
    assert desk.panel.priors.label == 2


def test_a_volume_goes_along_with_its_centre_and_comes_back_by_undo(desk) -> None:
    lobes(desk)
    choose(desk, 2)
    desk.panel.priors.details.target.field.setValue(200)
    desk.calm()
    desk.drag(LOBES[1], (62.0, 51.0))
    frame = desk.calm()
    assert frame.settings.object_volumes == {2: (None, 200.0)}
    assert sizes(frame)[1] == 200
    layer = desk.controller.canvas.centres.layer
    layer.selected_data = {0}
    layer.remove_selected()
    assert desk.calm().settings.object_volumes == {2: (200.0,)}
    assert desk.panel.priors.details.objects.place is None
    desk.panel.strip.undo.click()
    assert desk.calm().settings.object_volumes == {2: (None, 200.0)}


def test_a_volume_that_an_object_cannot_have_is_refused_with_a_way_out(desk) -> None:
    lobes(desk)
    choose(desk, 1)
    desk.panel.priors.details.target.field.setValue(9000)
    notice = desk.panel.priors.notice
    desk.until(lambda: "object 1 of core is 9000 px" in notice.text)
    notice.action.click()
    assert desk.calm().settings.object_volumes == {}


def test_the_choice_is_hidden_without_a_centre(desk) -> None:
    desk.open()
    desk.run()
    assert desk.panel.priors.details.objects.isHidden()
    assert not desk.panel.priors.details.volumes.lock.isHidden()


def test_without_its_star_no_object_can_be_asked_for_a_volume(desk) -> None:
    lobes(desk)
    choose(desk, 1)
    details = desk.panel.priors.details
    details.target.field.setValue(250)
    desk.calm()
    desk.panel.priors.table.cell("star", 2).click()
    desk.calm()
    assert details.objects.isHidden()
    assert details.objects.place is None
    assert "are off" in desk.panel.live.certificates.text()
    desk.panel.priors.table.cell("star", 2).click()
    assert sizes(desk.calm())[0] == 250
    assert details.objects.isVisible()


def test_the_size_of_an_object_is_never_that_of_the_one_that_was_deleted(desk) -> None:
    before = sizes(lobes(desk))
    layer = desk.controller.canvas.centres.layer
    layer.selected_data = {0}
    layer.remove_selected()
    choose(desk, 1)  # before it is solved without the other
    assert f"now {before[1]} px" in desk.panel.priors.details.volumes.text
    assert f"now {sizes(desk.calm())[0]} px" in desk.panel.priors.details.volumes.text


@pytest.mark.parametrize("gone", [0, 1])
def test_volumes_stay_with_the_centres_that_stay(gone: int) -> None:
    before = Settings(centres={1: LOBES}, object_volumes={1: (5.0, 6.0)})
    stay = [point for place, point in enumerate(LOBES) if place != gone]
    assert edits.with_centres(before, {1: stay}).object_volumes == {1: (6.0 - gone,)}
    assert edits.with_centres(before, {1: [*LOBES, (1, 2)]}).object_volumes == {1: (5, 6, None)}
    assert edits.with_centres(before, {}).object_volumes == {}
