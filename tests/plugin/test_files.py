"""The page of files: saved, imported and replayed, in the window."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import blob_image
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QLineEdit, QPushButton

from priorseg import exchange
from priorseg.annotation.recipe import read_recipe
from priorseg.annotation.recovery import load
from priorseg.annotation.replaying import replay
from priorseg.exchange import Format
from priorseg.plugin.files_section import FilesSection


def opened(desk, tmp_path: Path, image: np.ndarray | None = None) -> Path:
    """Open an image from a file, run it and turn to the page of files."""
    path = tmp_path / "cells.png"
    Image.fromarray(blob_image() if image is None else image).save(path)
    desk.viewer.open(str(path), plugin="napari")
    desk.until(lambda: desk.controller.classes is not None)
    desk.run()
    desk.panel.tabs.turn("files")
    return path


def idle(desk) -> None:
    desk.until(lambda: not desk.controller.files.aside.busy)


def press(desk, made) -> None:
    QTest.mouseClick(made.act, Qt.MouseButton.LeftButton)
    idle(desk)


def choose(box: QComboBox, data: Any) -> None:
    """Choose as a click does."""
    box.setCurrentIndex(box.findData(data))
    box.activated.emit(box.currentIndex())


def test_kept_objects_and_classes_are_saved_beside_the_image_and_never_over_a_file(
    desk, tmp_path
) -> None:
    path = opened(desk, tmp_path)
    files, made = desk.panel.files, desk.panel.files.labels
    before = path.read_bytes()
    assert made.path == tmp_path / "cells_labels.png"
    press(desk, made)
    assert "No object is kept yet" in files.notice.text
    desk.controller.annotator.keep()
    press(desk, made)
    state = desk.controller.annotator.present
    saved = exchange.read(made.path)
    assert (saved.labels == state.kept.array()).all()
    assert saved.names == {one.number: one.name for one in state.things}

    assert made.act.text() == "Replace"
    choose(files.what, "kept")
    press(desk, made)
    saved = exchange.read(made.path)
    assert (saved.labels == desk.layer("labels").data).all()
    assert saved.names == {1: "ring", 2: "core"}

    choose(files.format, "ome-tiff")
    assert made.path == tmp_path / "cells_labels.ome.tif"
    assert made.act.text() == "Save"
    made.path.write_bytes(b"of somebody else")
    press(desk, made)
    assert "is there already" in files.notice.text
    assert made.path.read_bytes() == b"of somebody else"
    assert made.act.text() == "Replace"
    press(desk, made)
    assert (exchange.read(made.path).labels == saved.labels).all()

    made.field.clear()
    QTest.keyClicks(made.field, str(path))
    assert made.act.text() == "Replace"
    press(desk, made)
    assert "is the image itself" in files.notice.text
    assert path.read_bytes() == before

    made.field.clear()
    QTest.keyClicks(made.field, str(tmp_path / "none" / "r.tif"))
    assert files.chosen.name == "tiff"
    press(desk, made)
    assert "There is no folder" in files.notice.text


def test_an_imported_mask_is_kept_not_locked_and_can_be_undone(desk, tmp_path) -> None:
    opened(desk, tmp_path)
    files = desk.panel.files
    mask = np.zeros((96, 96), np.uint8)
    mask[10:40, 10:50], mask[20:30, 20:30] = 1, 2
    exchange.write(tmp_path / "mask.tif", mask)
    QTest.keyClicks(files.mask.field, str(tmp_path / "mask.tif"))
    press(desk, files.mask)
    annotator = desk.controller.annotator
    assert sorted(one.label for one in annotator.present.things) == [1, 2]
    assert not any(one.locked for one in annotator.present.things)
    assert ((annotator.present.kept.array() > 0) == (mask > 0)).all()
    assert annotator.history.undo_text == "import mask.tif"
    desk.panel.strip.undo.click()
    desk.calm()
    assert not annotator.present.things

    choose(files.numbers, 2)
    press(desk, files.mask)
    assert [(one.label, one.inside) for one in annotator.present.things] == [(2, None)] * 2

    choose(files.numbers, -1)
    before = annotator.present
    for wrong, reason in ((mask[:50], "50 x 96"), (mask * 3, "3, 6; the classes are 1 ring")):
        exchange.write(tmp_path / "mask.tif", wrong)
        press(desk, files.mask)
        assert reason in files.mask_notice.text
    (tmp_path / "mask.tif").write_bytes(b"no picture")
    press(desk, files.mask)
    assert "cannot be read" in files.mask_notice.text
    assert annotator.present == before


@pytest.fixture
def no_model(networks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ship no network at all."""
    import priorseg.plugin.panel as module

    monkeypatch.setattr(module, "models", lambda: [])


def test_a_mask_can_be_imported_before_there_is_a_model(no_model, desk, tmp_path) -> None:
    desk.viewer.add_image(blob_image())
    desk.until(lambda: desk.controller.annotator.present is not None)
    mask = np.zeros((96, 96), np.uint8)
    mask[10:40, 10:50] = 7
    exchange.write(tmp_path / "mask.png", mask, names={7: "lesion"})
    files = desk.panel.files
    files.mask.field.setText(str(tmp_path / "mask.png"))
    files.mask.act.click()
    idle(desk)
    annotator = desk.controller.annotator
    assert [(one.label, one.name) for one in annotator.present.things] == [(7, "lesion")]
    assert annotator.saving.flush()
    assert len(load(annotator.saving.folder()).state.things) == 1


def replayed(desk, image: Any, networks: Any) -> np.ndarray:
    files = desk.panel.files
    press(desk, files.recipe_row)
    desk.until(lambda: "Saved" in files.recipe_notice.text)
    recipe = read_recipe(files.recipe_row.path)
    found = replay(recipe, image, networks[recipe.state.model])
    assert (found.differing, found.notes) == (0, ())
    return found.labels


def test_a_recipe_replays_clicks_paint_and_locked_objects_to_the_pixels_shown(
    desk, tmp_path, networks
) -> None:
    opened(desk, tmp_path)
    desk.panel.tabs.turn("segment")
    desk.panel.priors.table.cell("star", 2).click()
    desk.click(38, 48)
    desk.calm()
    annotator = desk.controller.annotator
    annotator.keep()
    ring = next(one.number for one in annotator.present.things if one.label == 1)
    desk.panel.objects.lock.emit(ring, True)
    mask = np.zeros((96, 96), bool)
    mask[4:9, 10:60] = True
    annotator.on_stroke(mask, 2)
    shown = desk.calm().labels
    assert (shown[mask] == 2).all()
    desk.panel.tabs.turn("files")
    assert desk.panel.files.recipe_row.path == tmp_path / "cells.recipe.toml"
    assert (replayed(desk, None, networks) == shown).all()


def test_a_result_that_went_on_from_another_is_solved_anew_for_its_recipe(
    desk, tmp_path, networks
) -> None:
    opened(desk, tmp_path)
    desk.panel.live.converge.emit(True)
    desk.calm()
    field = desk.panel.priors.forms["threshold_dynamics"].rows["weight"].field
    for value in (6.0, 3.0):
        field.setValue(value)
        desk.calm()
    labels = replayed(desk, None, networks)
    assert (labels == desk.layer("labels").data).all()
    assert not desk.controller.settings.replay


def test_a_recipe_holds_that_grey_was_inverted_for_a_network_of_colours(
    desk, tmp_path, networks
) -> None:
    desk.controller.choose_model("colours")
    opened(desk, tmp_path, 255 - blob_image())
    dark = desk.controller.shown.labels
    desk.panel.image.invert.setChecked(True)
    shown = desk.calm().labels
    assert (shown != dark).any()
    assert (replayed(desk, None, networks) == shown).all()
    QTest.mouseClick(desk.panel.files.python, Qt.MouseButton.LeftButton)
    text = QApplication.clipboard().text()
    compile(text, "script", "exec")
    assert "invert=True" in text
    assert "'colours'" in text


def test_the_page_says_where_every_step_is_saved(desk, tmp_path, sessions_folder) -> None:
    assert "Nothing to save yet" in desk.panel.files.session.text()
    opened(desk, tmp_path)
    folder = desk.controller.annotator.saving.folder()
    assert str(folder) in desk.panel.files.session.text()
    assert folder.parent == sessions_folder


def test_every_control_has_a_name_and_a_tooltip_and_fits(desk, tmp_path) -> None:
    opened(desk, tmp_path)
    files = desk.panel.files
    parts = [
        one for kind in (QComboBox, QLineEdit, QPushButton) for one in files.findChildren(kind)
    ]
    seen = [one for one in parts if one.isVisible()]
    assert len(seen) > 10
    for one in seen:
        assert one.accessibleName(), one
        assert one.toolTip(), one
    desk.panel.setFixedWidth(340)
    desk.qtbot.wait(50)
    assert files.minimumSizeHint().width() <= 340
    assert all(one.mapTo(files, one.rect().topRight()).x() < 340 for one in seen)


@pytest.mark.usefixtures("qtbot")
def test_a_format_without_its_library_is_shown_but_cannot_be_chosen() -> None:
    section = FilesSection()
    lacking = Format(
        "odd", "Odd", (".odd",), (), 9, "x", "x.y", ("no_such_library",), "formats"
    )  # fmt: skip
    section._add_format(lacking)
    place = section.format.findData("odd")
    assert not section.format.model().item(place).isEnabled()
    tip = section.format.itemData(place, Qt.ItemDataRole.ToolTipRole)
    assert 'pip install "priorseg[formats]"' in tip
    before = section.format.currentIndex()
    section.choose_format("odd")
    assert section.format.currentIndex() == before
