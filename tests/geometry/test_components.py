import numpy as np
from hypothesis import given, settings
from numpy.testing import assert_array_equal
from skimage import measure
from trees import random_mask, seeds, shapes

from priorseg.geometry import fill_holes, label_components, largest_component


def reachable(mask, start, steps):
    """Grow `start` inside the mask along the steps until nothing changes."""
    while True:
        padded = np.pad(start, 1)
        height, width = mask.shape
        grown = start.copy()
        for dy, dx in steps:
            grown |= padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        grown &= mask
        if np.array_equal(grown, start):
            return start
        start = grown


@given(seeds, shapes)
@settings(max_examples=200, deadline=None)
def test_labels_equal_those_of_an_independent_library(rng, shape):
    mask = random_mask(rng, shape)
    labels, count = label_components(mask)
    expected, expected_count = measure.label(mask, connectivity=2, return_num=True)
    assert count == expected_count
    assert labels.dtype == np.int32
    assert_array_equal(labels, expected)


@given(seeds, shapes)
@settings(max_examples=200, deadline=None)
def test_the_largest_component_is_a_component_and_none_is_larger(rng, shape):
    mask = random_mask(rng, shape)
    labels, count = label_components(mask)
    largest = largest_component(mask)
    areas = [(labels == index).sum() for index in range(1, count + 1)]
    expected = labels == 1 + int(np.argmax(areas)) if areas else np.zeros(shape, bool)
    assert_array_equal(largest, expected)


@given(seeds, shapes)
@settings(max_examples=200, deadline=None)
def test_what_stays_empty_is_4_connected_to_the_border(rng, shape):
    mask = random_mask(rng, shape)
    border = np.ones(shape, bool)
    border[1:-1, 1:-1] = False
    outside = reachable(~mask, border & ~mask, [(0, 1), (0, -1), (1, 0), (-1, 0)])
    assert_array_equal(fill_holes(mask), ~outside)


def test_diagonal_neighbours_are_connected_and_close_a_hole():
    ring = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
    assert label_components(ring)[1] == 1
    assert fill_holes(ring)[1, 1]


def test_of_equal_components_the_first_is_kept():
    assert_array_equal(largest_component([[1, 0, 1]]), [[True, False, False]])


def test_empty_and_full_masks_stay_as_they_are():
    for mask in (np.zeros((3, 4), bool), np.ones((3, 4), bool), np.ones((1, 4), bool)):
        assert_array_equal(largest_component(mask), mask)
        assert_array_equal(fill_holes(mask), mask)
