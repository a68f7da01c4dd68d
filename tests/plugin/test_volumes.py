"""Volumes in pixels, per cent and areas; locked ones; radii that suit an object."""

import math

import numpy as np
import pytest
from pictures import blob_image

import priorseg.bundle
from priorseg.plugin import edits
from priorseg.plugin.sizing import suitable_radii
from priorseg.priors import Volume
from priorseg.session import Settings


def select(desk, label: int) -> None:
    desk.panel.priors.table.row(label).click()


def unit(desk, kind: str) -> None:
    units = desk.panel.priors.details.volumes.units
    place = units.findData(kind)
    units.setCurrentIndex(place)
    units.activated.emit(place)


def test_a_volume_is_asked_for_in_per_cent_of_the_region(desk) -> None:
    desk.open()
    desk.run()
    select(desk, 2)
    unit(desk, "%")
    field = desk.panel.priors.details.target.field
    assert field.suffix() == " %"
    field.setValue(12.5)
    frame = desk.calm()
    assert frame.counts[2] == round(0.125 * blob_image().size)
    assert field.value() == pytest.approx(12.5, abs=0.01)


def test_a_volume_is_asked_for_in_the_layers_own_unit(desk) -> None:
    desk.open(scale=(0.5, 0.25), units=("mm", "mm"))
    desk.run()
    select(desk, 2)
    unit(desk, "area")
    volumes = desk.panel.priors.details.volumes
    assert volumes.target.field.suffix() == " mm²"
    volumes.target.field.setValue(100.0)
    assert desk.calm().counts[2] == 800  # 0.125 mm² each
    assert "= 100 mm²" in volumes.text


def test_a_network_trained_with_volumes_keeps_its_own_until_one_is_asked_for(
    desk, networks
) -> None:
    priorseg.bundle.load_bundle("blobs").head.priors.append(Volume())
    desk.open()
    frame = desk.run()
    sums = [plane.sum() for plane in desk.controller.plain.probs]
    assert [frame.counts[label] for label in (0, 1, 2)] == pytest.approx(sums, abs=1)
    assert frame.certificates["volume"].satisfied
    assert any("Volume keeps what the network" in text for text in frame.messages)
    select(desk, 2)
    desk.panel.priors.details.target.field.setValue(900.0)
    frame = desk.calm()
    assert frame.counts[2] == 900
    assert not any("Volume keeps" in text for text in frame.messages)


def test_without_a_pixel_size_there_is_no_area_to_ask_for(desk) -> None:
    desk.open()
    assert desk.panel.priors.details.volumes.units.findData("area") == -1


def test_the_volume_of_the_result_becomes_the_wanted_one(desk) -> None:
    desk.open()
    before = desk.run()
    select(desk, 2)
    desk.panel.priors.details.volumes.current.click()
    frame = desk.calm()
    assert frame.settings.volumes == {2: before.counts[2]}
    assert frame.counts[2] == before.counts[2]


def test_a_locked_volume_stays_when_settings_go_back_and_with_the_next_image(desk) -> None:
    desk.open()
    desk.run()
    select(desk, 2)
    volumes = desk.panel.priors.details.volumes
    assert not volumes.lock.isEnabled()  # nothing to lock
    volumes.target.bar.setValue(700)
    wanted = desk.calm().settings.volumes[2]
    volumes.lock.click()
    desk.controller.reset()
    assert desk.calm().settings.volumes == {2: wanted}
    desk.viewer.add_image(blob_image()[::-1].copy(), name="next")
    box = desk.panel.image.box
    box.activated.emit(box.findText("next"))
    assert desk.run().counts[2] == wanted
    volumes.lock.click()
    desk.controller.reset()
    assert desk.calm().settings.volumes == {}


def test_of_two_that_contradict_the_one_that_is_not_locked_is_freed() -> None:
    settings = edits.with_volume(edits.with_volume(Settings(), 1, 50), 2, 80)
    names = {1: "disc", 2: "cup"}
    assert edits.conflict(settings, names, (2, 1), 1000)[1] == 2
    assert edits.conflict(settings, names, (2, 1), 1000, {2})[1] == 1
    assert edits.conflict(settings, names, (), 100)[1] == 2
    assert edits.conflict(settings, names, (), 100, {2})[1] == 1


def test_radii_keep_their_ratio_to_the_object() -> None:
    assert suitable_radii(math.pi * 60**2) == (2, 4, 8, 12, 16)
    assert suitable_radii(math.pi * 120**2) == (4, 8, 16, 24, 32)
    assert suitable_radii(1) == (1,)
    assert max(suitable_radii(1e9)) == 200


def test_auto_takes_the_radii_of_the_object_that_is_seen(desk) -> None:
    desk.open()
    desk.panel.priors.details.auto_button.click()
    assert "no ring" in desk.panel.priors.notice.text  # ring + core, nothing solved yet
    frame = desk.run()
    desk.panel.priors.details.auto_button.click()
    frame = desk.calm()
    assert edits.convex_labels(frame.settings) == (1,)
    area = np.count_nonzero(desk.controller.plain.labels == 1)
    assert edits.convex_radii(frame.settings) == pytest.approx(suitable_radii(area), abs=1)


def test_a_typed_pixel_size_gives_areas_and_keeps_the_result(desk, networks) -> None:
    desk.open()
    before = desk.run()
    size = desk.panel.image.size
    desk.panel.image.size_button.click()
    size.unit.setCurrentIndex(size.unit.findText("mm"))
    size.edge.setValue(0.5)
    frame = desk.calm()
    assert (frame.labels == before.labels).all()
    assert len(networks["blobs"].runs) == 1  # the network did not run again
    assert desk.controller.session.info.spacing == (0.5, 0.5)
    assert "0.5 mm/px" in desk.panel.image.info.text()
    select(desk, 1)
    area = frame.counts[1] * 0.25
    assert f"= {area:.4g} mm²" in desk.panel.priors.details.volumes.text
    assert "typed" in size.origin.text()
    size.edge.setValue(0)
    desk.calm()
    assert desk.controller.session.info.units == "px"


def test_the_pixel_size_of_a_tiff_is_found_by_itself(desk, tmp_path) -> None:
    import tifffile

    path = tmp_path / "scan.tif"
    tifffile.imwrite(
        path, blob_image(), imagej=True, resolution=(4, 4), metadata={"unit": "mm", "axes": "YX"}
    )
    desk.viewer.open(str(path), plugin="napari")
    desk.until(lambda: desk.controller.classes is not None)
    assert desk.controller.session.info.spacing == (0.25, 0.25)
    assert "from the file" in desk.panel.image.size.origin.text()
