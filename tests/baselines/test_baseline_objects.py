import numpy as np
import pytest
from baseline_pictures import disc, random_probs, sure
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage
from skimage import measure

from priorseg.baselines import convex_hull, largest_fill, median_largest_fill
from priorseg.baselines.shape import majority
from priorseg.geometry import hull_deficit

NESTED = [(1, 2), (2,)]
seeds = st.integers(0, 10**6)


def test_specks_go_and_holes_close():
    labels = disc(31, 10).astype(int)
    dirty = labels.copy()
    dirty[15, 15] = 0
    dirty[0, 0] = 1
    assert_array_equal(largest_fill(sure(dirty, 2)), labels)


def test_the_hole_that_another_object_fills_is_none():
    labels = disc(31, 12).astype(int) + disc(31, 5)
    assert_array_equal(largest_fill(sure(labels, 3)), labels)


def test_a_lost_speck_takes_the_next_likeliest_label_that_it_may_have():
    labels = disc(31, 8, (10, 10)).astype(int)
    probs = sure(labels, 3)
    probs[:, 30, 30] = 0.1, 0.6, 0.3  # not 2, the object that is empty
    found = largest_fill(probs)
    assert found[30, 30] == 0
    probs[:, 30, 30] = 0.1, 0.6, 0.3
    assert largest_fill(probs, objects=[(1,)])[30, 30] == 2  # a second background


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_each_nested_object_is_one_component_without_holes(seed):
    labels = largest_fill(random_probs(seed, 3, (12, 9)), objects=NESTED)
    for members in NESTED:
        mask = np.isin(labels, members)
        assert measure.label(mask, connectivity=2).max() <= 1
        assert_array_equal(ndimage.binary_fill_holes(mask), mask)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_nested_hulls_are_convex_connected_and_nested(seed):
    labels = convex_hull(random_probs(seed, 4, (12, 9)), objects=[(1, 2, 3), (2, 3), (3,)])
    for members in [(1, 2, 3), (2, 3), (3,)]:
        mask = np.isin(labels, members)
        assert hull_deficit(mask) == 0
        assert measure.label(mask, connectivity=2).max() <= 1


def test_a_hull_fills_a_bite():
    labels = np.ones((9, 9), int)
    labels[3:6, 4:] = 0
    assert (convex_hull(sure(labels, 2)) == 1).all()


def test_a_cup_outside_its_disc_is_lost():
    labels = disc(41, 9, (12, 12)).astype(int)
    labels[disc(41, 5, (33, 33))] = 2
    labels[12, 12] = 2
    found = convex_hull(sure(labels, 3), objects=NESTED)
    assert not found[25:, 25:].any()
    assert np.argwhere(found == 2).tolist() == [[12, 12]]


def test_kept_pixels_of_a_neighbour_are_not_overrun():
    labels = np.zeros((9, 9), int)
    labels[0, :], labels[:, 0], labels[4:6, 4:6] = 1, 1, 2
    found = convex_hull(sure(labels, 3))
    assert (found[4:6, 4:6] == 2).all()
    assert (found[labels == 1] == 1).all()


@pytest.mark.parametrize("winner", [1, 2])
def test_a_pixel_in_two_hulls_goes_to_the_likelier_object(winner):
    labels = np.zeros((5, 9), int)
    labels[::4, :5], labels[:, 0] = 1, 1  # open to the right
    labels[1:4:2, 3:], labels[2, 8] = 2, 2  # open to the left, and reaching into the other
    probs = sure(labels, 3)
    probs[winner, 2, 3] = 0.08
    probs[0, 2, 3] = 0.87
    found = convex_hull(probs)
    assert found[2, 2:7].tolist() == [1, winner, 1, 2, 2]


@pytest.mark.parametrize("method", [largest_fill, convex_hull, median_largest_fill])
def test_many_objects_stay_where_asked(method):
    labels = (disc(61, 8, (14, 14)) | disc(61, 9, (45, 45))).astype(int)
    labels[58, 2:4] = 1  # 2 px
    found = method(sure(labels, 2), single=False, min_area_px=20)
    assert measure.label(found, connectivity=2).max() == 2
    assert measure.label(method(sure(labels, 2)), connectivity=2).max() == 1


@pytest.mark.parametrize("width", [1, 3, 5, 17])
def test_the_majority_of_two_labels_is_the_median(width):
    labels = np.random.default_rng(width).integers(0, 2, (14, 9))
    assert_array_equal(majority(labels, 2, width), ndimage.median_filter(labels, width))


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(3, 11))
def test_the_majority_equals_a_count_by_hand(seed, count):
    labels = np.random.default_rng(seed).integers(0, count, (6, 7))
    padded = np.pad(labels, 1, mode="symmetric")
    found = majority(labels, count, 3)
    for y, x in np.ndindex(6, 7):
        votes = np.bincount(padded[y : y + 3, x : x + 3].ravel(), minlength=count)
        wanted = labels[y, x] if votes[labels[y, x]] == votes.max() else votes.argmax()
        assert found[y, x] == wanted


def test_pepper_is_gone_after_the_median():
    labels = disc(41, 14).astype(int)
    dirty = np.where(np.random.default_rng(0).random((41, 41)) < 0.1, 1 - labels, labels)
    assert (median_largest_fill(sure(dirty, 2)) == labels).mean() > 0.97


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ([(1, 2), (2, 3)], "nested or have no label in common"),
        ([(1,), (1,)], "nested"),
        ([(4,)], "0 to 3"),
        ([()], "at least one"),
        ([(1.5,)], "whole numbers"),
        ([None], "whole numbers"),
        ([(1, 2), (1,), (2,)], "take all its labels"),
        ([(0,), (1,), (2,), (3,)], "take all its labels"),
    ],
)
def test_objects_that_make_no_sense_are_refused(objects, words):
    with pytest.raises(ValueError, match=words):
        largest_fill(sure(np.zeros((3, 3)), 4), objects=objects)


@pytest.mark.parametrize(
    "setting", [{"width": 4}, {"width": 0}, {"rounds": -1}, {"rounds": np.nan}, {"width": "a"}]
)
def test_windows_that_make_no_sense_are_refused(setting):
    with pytest.raises(ValueError, match="must be"):
        median_largest_fill(sure(np.zeros((3, 3)), 2), **setting)
