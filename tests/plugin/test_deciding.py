"""Imported masks are looked at, then kept or discarded: in the window, by mouse and key."""

from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from priorseg import exchange

SQUARES = ((4, 4), (4, 70), (80, 4))
NAMES = ["ring 1", "ring 2", "ring 3"]


def click(made: Any) -> None:
    QTest.mouseClick(made, Qt.MouseButton.LeftButton)


def press_k(desk) -> None:
    QTest.keyClick(desk.activate(), Qt.Key.Key_K)
    desk.qtbot.wait(20)


def choose_by_key(box: Any, data: Any) -> None:
    """Choose an entry with the keys of the arrows."""
    QTest.keyClick(box, Qt.Key.Key_Home)
    for _ in range(box.count()):
        if box.currentData() != data:
            QTest.keyClick(box, Qt.Key.Key_Down)
    assert box.currentData() == data


def imported(desk, tmp_path) -> Any:
    """Run the image, then import three squares to look at first."""
    desk.open()
    desk.run()
    mask = np.zeros((96, 96), np.uint8)
    for y, x in SQUARES:
        mask[y : y + 10, x : x + 10] = 1
    exchange.write(tmp_path / "mask.tif", mask)
    click(desk.panel.tabs.tab("files"))
    files = desk.panel.files
    choose_by_key(files.imported_as, "look")
    QTest.keyClicks(files.mask.field, str(tmp_path / "mask.tif"))
    click(files.mask.act)
    desk.until(lambda: not desk.controller.files.aside.busy)
    assert "3 objects of mask.tif imported, not kept yet" in files.mask_notice.text
    return desk.panel.objects


def stages(desk) -> dict[str, str]:
    """Give what the list says of each imported object."""
    items = desk.panel.objects._items()
    return {item.text(0): item.text(2) for item in items if item.text(0) in NAMES}


def line(section: Any, name: str) -> None:
    """Click on a line of the list."""
    (item,) = (one for one in section._items() if one.text(0) == name)
    section.list.scrollToItem(item)
    place = section.list.visualItemRect(item).center()
    QTest.mouseClick(section.list.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_each_is_looked_at_in_turn_kept_by_key_or_discarded_and_undone(desk, tmp_path) -> None:
    section = imported(desk, tmp_path)
    history = desk.controller.annotator.history
    click(desk.panel.files.mask_notice.action)
    assert desk.panel.tabs.page == "objects"
    assert stages(desk) == dict.fromkeys(NAMES, "imported")
    assert "3 imported objects to decide on" in section.deciding.left.text()
    assert section.number == 1
    assert not section.lock_button.isEnabled()
    press_k(desk)
    assert history.undo_text == "keep ring 1"
    assert section.number == 2
    click(section.delete_button)
    assert history.undo_text == "discard 1 imported object"
    assert stages(desk) == {"ring 1": "kept", "ring 3": "imported"}
    line(section, "ring 1")
    press_k(desk)
    assert "ring 1 is kept" in section.notice.text
    line(section, "ring 3")
    click(section.keep_button)
    assert stages(desk) == {"ring 1": "kept", "ring 3": "kept"}
    assert "All imported objects are decided on" in section.notice.text
    assert section.deciding.isHidden()
    assert section.lock_button.isEnabled()
    for _ in range(3):
        click(desk.panel.strip.undo)
    desk.calm()
    assert stages(desk) == dict.fromkeys(NAMES, "imported")


def test_with_nothing_selected_keep_takes_all_and_discard_all_none(desk, tmp_path) -> None:
    section = imported(desk, tmp_path)
    click(desk.panel.tabs.tab("objects"))
    annotator = desk.controller.annotator
    steps = len(annotator.history)
    press_k(desk)
    assert stages(desk) == dict.fromkeys(NAMES, "kept")
    assert (annotator.history.undo_text, len(annotator.history)) == ("keep 3 objects", steps + 1)
    click(desk.panel.strip.undo)
    desk.calm()
    click(section.deciding.discard_button)
    assert stages(desk) == {}
    assert annotator.history.undo_text == "discard 3 imported objects"
    assert desk.controller.canvas.kept.layer is None
    press_k(desk)  # of the result again
    assert annotator.present.things
    assert not any(one.undecided for one in annotator.present.things)


def test_solves_and_paint_leave_them_and_are_not_held_by_them(desk, tmp_path) -> None:
    imported(desk, tmp_path)
    annotator = desk.controller.annotator
    before = annotator.present
    plain = desk.controller.shown.labels.copy()
    assert annotator.painted is None
    desk.panel.priors.forms["threshold_dynamics"].rows["weight"].field.setValue(8.0)
    desk.calm()
    desk.panel.priors.forms["threshold_dynamics"].rows["weight"].field.setValue(0.5)
    assert (desk.calm().labels == plain).all()
    click(desk.panel.tabs.tab("objects"))
    click(desk.panel.objects.paint_button)
    desk.drag((8, 6), (8, 12))
    frame = desk.calm()
    assert (frame.labels[8, 7:12] == 1).all()
    after = annotator.present
    assert (after.things, after.kept) == (before.things, before.kept)


def test_saving_and_measuring_leave_them_out_and_say_so(desk, tmp_path) -> None:
    section = imported(desk, tmp_path)
    files, made = desk.panel.files, desk.panel.files.labels
    made.field.clear()
    QTest.keyClicks(made.field, str(tmp_path / "out.tif"))
    click(made.act)
    assert "No object is kept yet" in files.notice.text
    assert "3 imported objects left out" in files.notice.text
    click(desk.panel.tabs.tab("objects"))
    line(section, "ring 2")
    press_k(desk)
    click(desk.panel.tabs.tab("files"))
    click(made.act)
    desk.until(lambda: not desk.controller.files.aside.busy)
    assert "2 imported objects left out" in files.notice.text
    found = exchange.read(tmp_path / "out.tif").labels
    assert (np.argwhere(found).min(0) == SQUARES[1]).all()
    assert np.count_nonzero(found) == 100

    click(desk.panel.tabs.tab("measures"))
    choose_by_key(desk.panel.measures.source, "kept")
    desk.panel.measures.source.activated.emit(0)
    desk.until(lambda: desk.panel.measures.table.rowCount() == 1)
    assert "2 imported objects left out" in desk.panel.measures.notice.text
