import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from priorseg.metrics import accuracy, confusion, dice, iou, mean_iou

maps = arrays(np.uint8, (5, 6), elements=st.integers(0, 2))


def test_scores_of_two_overlapping_squares_are_the_hand_computed_ones():
    a, b = np.zeros((2, 10, 10), int)
    a[:4, :4] = 1  # 16 pixels
    b[2:6, :4] = 1  # 16 pixels, 8 shared
    assert dice(a, b, [1]) == 0.5
    assert iou(a, b, [1]) == 8 / 24
    assert accuracy(a, b) == 0.84
    assert mean_iou(confusion(a, b, 2)) == pytest.approx((8 / 24 + 76 / 92) / 2)


def test_absent_objects_agree():
    empty = np.zeros((3, 3), int)
    assert dice(empty, empty, [2]) == iou(empty, empty, [2]) == 1.0


@given(maps, maps)
def test_dice_and_iou_are_symmetric_and_tell_the_same(a, b):
    d, i = dice(a, b, [1, 2]), iou(a, b, [1, 2])
    assert d == dice(b, a, [1, 2])
    assert d == pytest.approx(2 * i / (1 + i))


@given(maps, maps)
def test_confusion_counts_every_pixel_and_its_diagonal_is_the_accuracy(a, b):
    counts = confusion(a, b, 3)
    assert counts.sum() == a.size
    assert np.trace(counts) / a.size == pytest.approx(accuracy(a, b))
    assert counts[1].sum() == (b == 1).sum()


def test_labels_that_never_occur_are_left_out_of_the_mean():
    assert mean_iou(confusion(np.ones((2, 2), int), np.ones((2, 2), int), 5)) == 1.0


def test_wrong_label_maps_are_named():
    with pytest.raises(ValueError, match="shapes"):
        accuracy(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="go from 0 to 7"):
        confusion(np.array([[7, 0]]), np.array([[0, 0]]), 3)
