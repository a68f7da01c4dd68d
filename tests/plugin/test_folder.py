"""A folder of images, one after the other; and what is left after a broken session."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import blob_image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from priorseg.annotation.recovery import sessions
from priorseg.plugin.folder import neighbours


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images and a file that only looks like one."""
    from PIL import Image

    made = tmp_path / "images"
    made.mkdir()
    for name, image in (("a2", blob_image()), ("a10", blob_image()[::-1]), ("b", blob_image().T)):
        Image.fromarray(np.ascontiguousarray(image)).save(made / f"{name}.png")
    (made / "a3.png").write_bytes(b"not a picture")
    return made


def open_file(desk, path: Path) -> Any:
    (layer,) = desk.viewer.open(str(path), plugin="napari")
    desk.until(lambda: desk.controller.classes is not None)
    return layer


def settled(desk) -> Any:
    """Wait until the next image has taken the place of the last, and is solved."""
    desk.until(lambda: not desk.controller.folder._steps)
    return desk.calm()


def test_files_stand_in_the_order_in_which_a_person_counts(folder) -> None:
    assert [one.stem for one in neighbours(folder / "b.png")] == ["a2", "a3", "a10", "b"]


def test_the_next_image_takes_the_place_of_the_last_and_is_run(desk, folder, networks) -> None:
    open_file(desk, folder / "a2.png")
    desk.run()
    assert "1 of 4" in desk.panel.objects.place.text()
    QTest.keyClick(desk.activate(), Qt.Key.Key_N)
    frame = settled(desk)
    images = [one for one in desk.viewer.layers if one.name in ("a2", "a10")]
    assert [one.name for one in images] == ["a10"]
    assert (images[0].data == blob_image()[::-1]).all()
    assert "a3.png was passed over" in desk.panel.objects.images_notice.text
    assert "3 of 4" in desk.panel.objects.place.text()
    assert frame.labels.any()
    assert not [
        one.name
        for one in desk.viewer.layers
        if "labels" in one.name and "priorseg" not in one.name
    ]
    desk.panel.objects.forth.click()
    settled(desk)
    assert not desk.panel.objects.forth.isEnabled()


def test_what_was_done_to_an_image_is_there_when_it_comes_again(desk, folder) -> None:
    open_file(desk, folder / "a2.png")
    desk.run()
    desk.panel.objects.keep_button.click()
    kept = desk.controller.annotator.present.kept.array()
    desk.panel.objects.forth.click()
    settled(desk)
    assert not desk.controller.annotator.present.kept.array().any()
    QTest.keyClick(desk.activate(), Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    settled(desk)
    assert desk.controller.canvas.image.name == "a2"
    assert (desk.controller.annotator.present.kept.array() == kept).all()


def test_an_image_of_no_file_has_no_neighbours(desk) -> None:
    desk.open()
    assert not desk.panel.objects.forth.isEnabled()
    QTest.keyClick(desk.activate(), Qt.Key.Key_N)
    assert "no folder" in desk.panel.objects.images_notice.text


@pytest.fixture
def broken(sessions_folder: Path, folder: Path, request: Any) -> Any:
    """Leave a session as a killed program leaves it: saved, not closed, nobody in it."""
    from priorseg.annotation.drafting import candidates, keep_result
    from priorseg.annotation.raster import Raster
    from priorseg.annotation.state import Picture, State, pixel_digest
    from priorseg.annotation.store import Store

    image = blob_image()
    path = str(folder / "a2.png") if request.param else None
    picture = Picture("a2", path, pixel_digest(image), image.shape)
    draft = (image > 100).astype(np.uint8)
    from dataclasses import replace

    state = replace(
        State.fresh(picture), model="blobs", model_sha256="blobs", draft=Raster.of(draft)
    )
    state = replace(state, inverted=request.param == "inverted")
    state = keep_result(state, candidates(draft, {1: "ring"}, {1: (1,)}))
    store = Store(sessions_folder, picture)
    store.save(state)
    if path is None:
        list(store.write_picture(image))
    store.abandon()
    return state


@pytest.mark.parametrize("broken", [True, False], ids=["file", "memory"], indirect=True)
def test_a_broken_session_is_offered_and_recovered(broken, desk, sessions_folder) -> None:
    bar = desk.panel.recovery
    desk.until(lambda: bool(bar.text))
    assert "a2" in bar.text
    assert f"{len(broken.things)} kept" in bar.text
    bar.recover.click()
    desk.until(lambda: desk.controller.annotator.present is not None)
    desk.calm()
    present = desk.controller.annotator.present
    assert (present.kept.array() == broken.kept.array()).all()
    assert present.things == broken.things
    assert "Recovered a2" in bar.text
    bar.later.click()
    assert not bar.text
    assert desk.controller.annotator.saving.flush(5)
    assert len(sessions(sessions_folder)) == 1  # it goes on in the same folder


@pytest.mark.parametrize("broken", ["inverted", True], ids=["inverted", "plain"], indirect=True)
def test_a_recovered_session_knows_whether_grey_was_inverted(broken, desk, networks) -> None:
    bar = desk.panel.recovery
    desk.until(lambda: bool(bar.text))
    bar.recover.click()
    labels = desk.calm().labels
    assert desk.panel.image.invert.isChecked() == broken.inverted
    assert desk.controller.annotator.present.inverted == broken.inverted
    assert (labels[0, 0] == 0) is not broken.inverted  # a dark corner is bright for the network
    assert len(networks["blobs"].runs) == 1


@pytest.fixture
def old(sessions_folder: Path) -> dict[str, Path]:
    """Leave sessions of long ago: one ended properly, one broken off."""
    import os

    from priorseg.annotation.state import Picture, State
    from priorseg.annotation.store import Store

    made = {}
    for name in ("closed", "broken"):
        picture = Picture(name, None, name, (8, 8))
        store = Store(sessions_folder, picture)
        store.save(State.fresh(picture))
        store.close() if name == "closed" else store.abandon()
        os.utime(store.folder, (0, 0))
        made[name] = store.folder
    return made


def test_old_closed_sessions_are_deleted_once_the_panel_is_open(old, desk) -> None:
    desk.until(lambda: not old["closed"].exists())
    assert "broken" in desk.panel.recovery.text
    assert old["broken"].exists()


@pytest.mark.parametrize("broken", [True], indirect=True)
def test_a_broken_session_can_be_discarded_or_left(broken, desk, sessions_folder) -> None:
    bar = desk.panel.recovery
    desk.until(lambda: bool(bar.text))
    bar.later.click()
    assert not bar.text
    assert len(sessions(sessions_folder)) == 1
    desk.controller.recovering._later.clear()
    desk.controller.recovering.offer()
    bar.discard.click()
    assert sessions(sessions_folder) == ()


@pytest.mark.parametrize("broken", [True], indirect=True)
def test_an_image_that_is_gone_keeps_what_was_saved(broken, desk, folder, sessions_folder) -> None:
    (folder / "a2.png").unlink()
    bar = desk.panel.recovery
    desk.until(lambda: bool(bar.text))
    bar.recover.click()
    assert "gone" in bar.text
    assert len(sessions(sessions_folder)) == 1
