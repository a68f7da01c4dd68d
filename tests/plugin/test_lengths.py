"""Lengths in the panel are pixels of the image: they follow the region that is solved."""

import pytest
from pictures import blob_image


def test_trained_lengths_suit_each_image_and_changed_ones_grow_with_it(desk, networks) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    import priorseg.bundle

    network = priorseg.bundle.load_bundle("blobs")
    small = blob_image()
    unit = max(small.shape)
    network.lengths, network.scale = "working", lambda y, x: max(y, x) / unit
    large = small.repeat(3, 0).repeat(3, 1)

    first = desk.open(small)
    assert _sigma(desk.run()) == pytest.approx(1)
    second = desk.viewer.add_image(large)
    desk.controller.images.choose(second)
    assert _sigma(desk.run()) == pytest.approx(3)
    row = desk.panel.priors.forms["threshold_dynamics"].rows["sigma"]
    assert row.value == pytest.approx(3)

    row.field.setValue(6)
    assert _sigma(desk.calm()) == pytest.approx(6)
    third = desk.viewer.add_image(small[::-1].copy())
    desk.controller.images.choose(third)
    assert _sigma(desk.run()) == pytest.approx(2)
    assert row.value == pytest.approx(2)
    QTest.mouseDClick(row.bar, Qt.MouseButton.LeftButton)
    assert _sigma(desk.calm()) == pytest.approx(1)
    desk.controller.images.choose(first)
    assert _sigma(desk.run()) == pytest.approx(1)


def _sigma(frame) -> float:
    return frame.settings.priors[0].settings["sigma"]
