"""Views of a result: how sure it is, and what the priors have changed."""

import numpy as np
import pytest

from priorseg.plugin.overlays import ADDED, REMOVED, SWAPPED, changes, uncertainty


def test_equal_shares_are_wholly_uncertain_and_a_vertex_is_sure() -> None:
    probs = np.zeros((3, 1, 2), np.float32)
    probs[:, 0, 0] = 1 / 3
    probs[1, 0, 1] = 1
    assert uncertainty(probs)[0] == pytest.approx([1, 0], abs=1e-6)


def test_uncertainty_of_two_labels_is_the_binary_entropy_in_bits() -> None:
    share = np.float32(0.11)
    probs = np.array([share, 1 - share]).reshape(2, 1, 1)
    bits = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
    assert uncertainty(probs)[0, 0] == pytest.approx(bits, rel=1e-5)


def test_changes_name_each_way_a_pixel_can_differ() -> None:
    plain = np.array([[0, 0, 1, 1, 2]], np.uint8)
    labels = np.array([[0, 1, 0, 2, 2]], np.uint8)
    found = changes(labels, plain)
    assert found.codes.tolist() == [[0, ADDED, REMOVED, SWAPPED, 0]]
    assert (found.added, found.removed, found.swapped) == (1, 1, 1)


def choose(desk, name: str) -> None:
    view = desk.panel.live.view
    place = next(i for i in range(view.count()) if view.itemData(i)[0] == name)
    view.setCurrentIndex(place)
    view.activated.emit(place)


def test_the_difference_view_shows_and_counts_what_the_priors_changed(desk) -> None:
    desk.open()
    frame = desk.run()
    plain = desk.controller.plain.labels
    choose(desk, "difference")
    shown = desk.layer("difference")
    assert ((shown.data != 0) == (frame.labels != plain)).all()
    assert (shown.data != 0).any()
    found = changes(frame.labels, plain)
    assert f"{found.added:,} px added" in desk.panel.live.legend.text()
    assert f"{found.removed:,} px removed" in desk.panel.live.legend.text()
    assert not desk.layer("labels").visible
    choose(desk, "both")
    assert not shown.visible
    assert desk.panel.live.legend.isHidden()


def test_the_uncertainty_view_follows_the_slider(desk) -> None:
    desk.open()
    desk.run()
    choose(desk, "uncertainty")
    before = desk.layer("uncertainty").data.copy()
    desk.panel.priors.forms["threshold_dynamics"].rows["weight"].field.setValue(3.0)
    frame = desk.calm()
    after = desk.layer("uncertainty").data
    assert np.allclose(after, uncertainty(frame.probs))
    assert not np.array_equal(before, after)
    assert "Entropy" in desk.panel.live.legend.text()
