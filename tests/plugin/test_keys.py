"""The keys of the panel: what the preferences say, in use at once, and shown everywhere."""

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from priorseg.plugin import keymap, strings

SHIFT = Qt.KeyboardModifier.ShiftModifier


def wanted(**keys: str) -> dict[str, str]:
    return {**keymap.DEFAULTS, **keys}


@pytest.fixture
def keyboard(desk: Any) -> Any:
    """The preferences, with the image solved."""
    from napari.settings import get_plugin_settings

    desk.open()
    desk.run()
    return get_plugin_settings("priorseg").keyboard


def set_key(desk: Any, keyboard: Any, **keys: str) -> None:
    """Change preferences, and wait until they are taken."""
    from priorseg.plugin.keymap import KEYMAP

    with desk.qtbot.waitSignal(KEYMAP.changed):
        keyboard.update(keys)


def test_the_manifest_has_a_setting_for_each_key_with_its_default() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(keymap.__file__.replace("keymap.py", "napari.yaml"))
    found = manifest.contributions.configurations["keyboard"].properties
    assert {name: one.default for name, one in found.items()} == keymap.DEFAULTS
    assert all(one.title and one.description for one in found.values())
    assert list(strings.KEY_WORDS) == list(keymap.DEFAULTS)


def test_napari_leaves_the_keys_free() -> None:
    from napari.utils.shortcuts import default_shortcuts

    taken = {str(key) for keys in default_shortcuts.values() for key in keys}
    assert not taken & set(keymap.DEFAULTS.values())


def test_keys_can_be_swapped_one_after_the_other() -> None:
    half, said = keymap.resolve(wanted(paint="K"), keymap.DEFAULTS)
    assert half == keymap.DEFAULTS
    assert "“paint”: K is the key of “keep” already" in said[0]
    assert "W stays" in said[0]
    swapped, said = keymap.resolve(wanted(paint="K", keep="W"), half)
    assert (swapped["paint"], swapped["keep"], said) == ("K", "W", [])


@pytest.mark.parametrize(
    "text", ["Foo", "Ctrl", "Shift+", "Shift", "Ctrl+Alt", "Ctrl+K, J", "Esc", "Space", "Backtab"]
)
def test_what_is_no_key_or_is_needed_leaves_the_former_one(text: str) -> None:
    former = wanted(keep="F6")
    found, said = keymap.resolve(wanted(keep=text), former)
    assert found == former
    assert len(said) == 1
    assert "F6 stays" in said[0]


def test_keys_are_read_as_people_write_them() -> None:
    found, said = keymap.resolve(wanted(keep=" shift+f6 ", paint="ctrl+alt+p"), keymap.DEFAULTS)
    assert (found["keep"], found["paint"], said) == ("Shift+F6", "Ctrl+Alt+P", [])


def test_another_key_works_at_once_and_the_old_one_no_longer(desk, keyboard) -> None:
    set_key(desk, keyboard, live="Shift+Y")
    box = desk.panel.live.live_box
    QTest.keyClick(desk.activate(), Qt.Key.Key_Q)
    assert box.isChecked()
    QTest.keyClick(desk.activate(), Qt.Key.Key_Y, SHIFT)
    assert not box.isChecked()


def test_another_key_can_be_held(desk, keyboard) -> None:
    set_key(desk, keyboard, network_only="F8")
    shown = desk.layer("labels").data.copy()
    canvas = desk.activate()
    QTest.keyPress(canvas, Qt.Key.Key_F8)
    assert (desk.layer("labels").data == desk.controller.plain.labels).all()
    QTest.keyRelease(canvas, Qt.Key.Key_F8)
    assert (desk.layer("labels").data == shown).all()


def test_buttons_tooltips_and_help_show_the_key_in_use(desk, keyboard) -> None:
    set_key(desk, keyboard, paint="F7", undo="Ctrl+U", live="", keep="Ctrl+Shift+K")
    paint, strip = desk.panel.objects.paint_button, desk.panel.strip
    assert paint.text() == paint.accessibleName() == "Paint (F7)"
    assert "Key: F7" in paint.toolTip()
    assert desk.panel.objects.keep_button.text() == "Keep"  # the key would not fit
    assert "Key: Ctrl+Shift+K" in desk.panel.objects.keep_button.toolTip()
    assert "Key: Ctrl+U" in strip.undo.toolTip()
    assert "<b>F7</b> paint" in strip.help.text()
    assert "Key" not in desk.panel.live.live_box.toolTip()
    assert "“live on/off” has no key now" in strip.notice.text


def test_a_key_used_twice_is_said_and_both_functions_keep_theirs(desk, keyboard) -> None:
    set_key(desk, keyboard, uncertainty="q")
    assert "Q is the key of “live on/off” already" in desk.panel.strip.notice.text
    QTest.keyClick(desk.activate(), Qt.Key.Key_Q)
    assert not desk.panel.live.live_box.isChecked()
    QTest.keyClick(desk.activate(), Qt.Key.Key_U)
    assert desk.panel.live.view.currentData()[0] == "uncertainty"
    set_key(desk, keyboard, uncertainty="U")
    assert desk.panel.strip.notice.text == ""


def test_keys_are_typed_in_the_preferences_and_saved(desk, keyboard, tmp_path) -> None:
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog
    from napari._vendor.qt_json_builder.qt_jsonschema_form.widgets import TextSchemaWidget

    from priorseg.plugin.keymap import KEYMAP

    dialog = PreferencesDialog(desk.viewer.window._qt_window)
    desk.qtbot.addWidget(dialog)
    dialog.show()
    (field,) = (f for f in dialog.findChildren(TextSchemaWidget) if f.text() == "W")
    field.selectAll()
    with desk.qtbot.waitSignal(KEYMAP.changed):
        QTest.keyClicks(field, "Shift+B")
    assert desk.panel.objects.paint_button.text() == "Paint (Shift+B)"
    dialog.accept()
    assert "paint: Shift+B" in (tmp_path / "priorseg.yaml").read_text()


def test_the_next_panel_reads_what_is_saved_and_says_what_is_wrong(desk, keyboard) -> None:
    from priorseg.plugin.panel import SegmentationPanel

    set_key(desk, keyboard, paint="F7")
    set_key(desk, keyboard, keep="Nonsense")
    again = SegmentationPanel(desk.viewer)
    desk.qtbot.addWidget(again)
    assert again.objects.paint_button.text() == "Paint (F7)"
    assert again.objects.keep_button.text() == "Keep (K)"
    assert again.strip.notice._text.text().startswith("! Key for “keep”: “Nonsense” is not a key.")
    again.desk.close()


def test_h_hides_the_result_and_shows_it_again(desk, keyboard) -> None:
    canvas = desk.activate()
    QTest.keyClick(canvas, Qt.Key.Key_H)
    assert desk.panel.live.hide_box.isChecked()
    assert not desk.layer("labels").visible
    assert not desk.layer("outline").visible
    desk.panel.live.view.setCurrentIndex(desk.panel.live.view.findText("Uncertainty"))
    desk.panel.live.view.activated.emit(0)
    assert not desk.layer("uncertainty").visible
    QTest.keyClick(canvas, Qt.Key.Key_H)
    assert desk.layer("uncertainty").visible
    assert not desk.layer("labels").visible


def test_a_solve_leaves_the_result_hidden_and_j_shows_the_network(desk, keyboard) -> None:
    canvas = desk.activate()
    QTest.keyClick(canvas, Qt.Key.Key_H)
    desk.panel.live.converge_box.click()
    desk.calm()
    assert not desk.layer("labels").visible
    QTest.keyPress(canvas, Qt.Key.Key_J)
    assert desk.layer("labels").visible
    QTest.keyRelease(canvas, Qt.Key.Key_J)
    assert not desk.layer("labels").visible
    desk.panel.live.hide_box.click()
    assert desk.layer("labels").visible


def test_another_image_is_shown_with_its_result(desk, keyboard) -> None:
    QTest.keyClick(desk.activate(), Qt.Key.Key_H)
    layer = desk.viewer.add_image(desk.controller.canvas.image.data[::-1])
    desk.controller.images.choose(layer)
    desk.run()
    assert desk.layer("labels").visible
    assert not desk.panel.live.hide_box.isChecked()


def test_shift_w_selects_the_next_class_and_comes_round(desk, keyboard) -> None:
    canvas = desk.activate()
    assert desk.panel.priors.label == 1
    QTest.keyClick(canvas, Qt.Key.Key_W, SHIFT)
    assert desk.panel.priors.label == 2
    assert not desk.controller.canvas.corrections.active  # W alone paints
    QTest.keyClick(canvas, Qt.Key.Key_W, SHIFT)
    assert desk.panel.priors.label == 1
    assert "The next one: Shift+W" in desk.panel.priors.table.row(1).toolTip()
