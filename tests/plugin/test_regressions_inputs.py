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
    for control in (panel.image.box, panel.image.mode, panel.image.side, panel.model.box,
                    panel.priors.smoother, form.bar, form.field, panel.live.view,
                    panel.priors.details.target.bar, panel.priors.details.target.field):  # fmt: skip
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
