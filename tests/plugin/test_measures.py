"""The page of measures in the window."""

import csv
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from priorseg import measures
from priorseg.plugin import strings


def disc_image(size: int = 96) -> np.ndarray:
    """A cup in a disc for the closed-form network of colours; (size, size, 3) uint8."""
    y, x = np.mgrid[:size, :size]
    image = np.full((size, size), 10, np.uint8)
    image[np.hypot(y - 48, x - 48) <= 32] = 140
    image[np.hypot(y - 48, x - 48) <= 16] = 250
    return np.repeat(image[..., None], 3, axis=2)


def page(desk: Any) -> Any:
    """Turn to the page and wait for what it measures."""
    desk.panel.tabs.turn("measures")
    desk.until(lambda: desk.controller.measuring.found is not None)
    return desk.panel.measures


def test_every_object_of_the_result_has_a_line(desk) -> None:
    desk.open()
    frame = desk.run()
    section = page(desk)
    found = desk.controller.measuring.found.objects
    assert section.table.rowCount() == len(found) > 0
    outer = [one for one in found if one.class_name == "ring"]
    assert sum(one.area_px for one in outer) == np.count_nonzero(frame.labels == 1)
    assert section.units.text() == strings.UNITS_PX


def test_ratios_and_rim_of_a_disc_are_those_of_its_masks(desk) -> None:
    desk.controller.choose_model("colours")
    desk.open(disc_image(), rgb=True, scale=(0.5, 0.5), units=("mm", "mm"))
    desk.panel.model.run_button.click()
    desk.until(lambda: desk.controller.region.known or desk.panel.image.notice.text != "")
    frame = desk.calm()
    section = page(desk)
    expected = measures.measure_cup_disc(
        frame.labels > 0, frame.labels == 2, spacing=(0.5, 0.5), units="mm"
    )
    assert f"vertical {expected.vertical.value:.2f}" in section.ratios.text()
    assert "image left" in section.ratios.text()
    assert not section.plot.isHidden()
    section.eye.setCurrentIndex(section.eye.findData("right"))
    section.eye.activated.emit(1)
    desk.until(lambda: "nasal" in section.ratios.text())
    assert "mm" in section.units.text()


def test_kept_objects_are_measured_and_saved_as_a_table(desk, tmp_path) -> None:
    desk.open(name="mine")
    desk.run()
    desk.panel.objects.keep_button.click()
    section = page(desk)
    section.source.setCurrentIndex(section.source.findData("kept"))
    section.source.activated.emit(0)
    things = desk.controller.annotator.present.things
    desk.until(lambda: section.table.rowCount() == len(things))
    desk.controller.measuring.write(tmp_path / "table.csv")
    with open(tmp_path / "table.csv", encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert {line["name"] for line in lines} == {one.name for one in things}
    assert "Saved table.csv" in section.notice.text
    section.copy.click()
    assert QApplication.clipboard().text().count("\n") == len(things)


@pytest.mark.parametrize("name", ["table.csv", "table.xlsx"])
def test_a_table_that_cannot_be_saved_says_why(desk, tmp_path, name) -> None:
    desk.open()
    desk.run()
    section = page(desk)
    desk.controller.measuring.write(tmp_path / "missing" / name)
    assert "Not saved" in section.notice.text


def test_nothing_is_measured_before_there_is_a_result(desk) -> None:
    desk.open()
    desk.panel.tabs.turn("measures")
    desk.qtbot.wait(100)
    assert desk.panel.measures.units.text() == strings.NOTHING_TO_MEASURE
    assert not desk.panel.measures.save.isEnabled()
