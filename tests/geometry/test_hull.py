from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from skimage.morphology import convex_hull_image
from trees import random_mask, seeds, shapes

from priorseg.geometry import (
    ancestor_closure,
    convex_hull_mask,
    convex_star_closure,
    hull_closure,
    hull_deficit,
    label_components,
    ray_tree,
    star_violations,
)


def components(mask):
    labels, count = label_components(mask)
    return [labels == index for index in range(1, count + 1)]


def in_some_triangle(mask):
    """Return conv(mask) by Caratheodory: a point of the hull lies in a triangle of the points."""
    y, x = np.indices(mask.shape)
    points = np.argwhere(mask)
    hull = mask.copy()
    for a, b in combinations(points, 2):
        across = (b[0] - a[0]) * (x - a[1]) - (b[1] - a[1]) * (y - a[0])
        along = (b[0] - a[0]) * (y - a[0]) + (b[1] - a[1]) * (x - a[1])
        hull |= (across == 0) & (along >= 0) & (along <= ((b - a) ** 2).sum())
    for corners in combinations(points, 3):
        sides = [
            (b[0] - a[0]) * (x - a[1]) - (b[1] - a[1]) * (y - a[0])
            for a, b in zip(corners, (*corners[1:], corners[0]), strict=True)
        ]
        (ay, ax), (by, bx), (cy, cx) = corners
        if (by - ay) * (cx - ax) != (bx - ax) * (cy - ay):
            hull |= np.all(np.array(sides) >= 0, 0) | np.all(np.array(sides) <= 0, 0)
    return hull


@given(seeds, st.integers(0, 7))
@settings(max_examples=200, deadline=None)
def test_the_hull_holds_exactly_the_pixels_in_a_triangle_of_the_points(rng, count):
    mask = np.zeros((9, 11), bool)
    mask.ravel()[rng.choice(99, count, replace=False)] = True
    assert_array_equal(convex_hull_mask(mask), in_some_triangle(mask))


@given(seeds, st.tuples(st.integers(3, 40), st.integers(3, 40)))
@settings(max_examples=300, deadline=None)
def test_the_hull_equals_that_of_an_independent_library(rng, shape):
    mask = random_mask(rng, shape)
    extent = np.ptp(np.argwhere(mask), axis=0) if mask.any() else (0, 0)
    if min(extent) > 0:  # the library's hull needs three points not on a line
        try:
            expected = convex_hull_image(mask, offset_coordinates=False)
        except Warning:
            return
        assert_array_equal(convex_hull_mask(mask), expected)


@given(seeds, shapes)
@settings(max_examples=300, deadline=None)
def test_components_of_the_closure_are_convex_and_it_is_the_smallest_such_set(rng, shape):
    mask = random_mask(rng, shape)
    closed = hull_closure(mask)
    assert np.all(closed >= mask)
    assert_array_equal(hull_closure(closed), closed)
    for component in components(closed):
        assert_array_equal(convex_hull_mask(component), component)
    smallest = mask  # grow by one component's hull at a time, in random order
    while hull_deficit(smallest):
        parts = components(smallest)
        smallest = smallest | convex_hull_mask(parts[rng.integers(len(parts))])
    assert_array_equal(closed, smallest)


@given(seeds, shapes)
@settings(max_examples=300, deadline=None)
def test_the_deficit_counts_what_the_hulls_of_the_components_add(rng, shape):
    mask = random_mask(rng, shape)
    hulls = [convex_hull_mask(part) for part in components(mask)]
    expected = np.any([mask, *hulls], axis=0).sum() - mask.sum()
    assert hull_deficit(mask) == expected
    convex = all(np.array_equal(*pair) for pair in zip(hulls, components(mask), strict=True))
    assert (hull_deficit(mask) == 0) == convex


@given(st.floats(0, 31), st.floats(0, 31), st.floats(0, 40), st.floats(0.3, 3), st.floats(0, 3.2))
@settings(max_examples=300, deadline=None)
def test_digitised_ellipses_and_half_planes_are_untouched_also_at_the_border(y, x, r, a, angle):
    dy, dx = np.indices((32, 32)) - np.array([y, x])[:, None, None]
    along, across = np.cos(angle) * dy + np.sin(angle) * dx, np.cos(angle) * dx - np.sin(angle) * dy
    ellipse, half_plane = along**2 + a * across**2 <= r**2, along >= 0
    for mask in (ellipse & half_plane, half_plane):
        assert_array_equal(convex_hull_mask(mask), mask)


@given(seeds, shapes, st.integers(1, 2))
@settings(max_examples=300, deadline=None)
def test_the_convex_star_closure_is_the_smallest_set_closed_under_both(rng, shape, count):
    mask = random_mask(rng, shape) & (rng.random(shape) < 0.5)
    parent = ray_tree(shape, rng.random((count, 2)) * shape - 0.5)
    closed = convex_star_closure(mask, parent)
    assert np.all(closed >= mask)
    assert star_violations(closed, parent) == 0
    assert hull_deficit(closed) == 0
    smallest = mask  # the other order of the two steps leads to the same set
    while hull_deficit(smallest) or star_violations(smallest, parent):
        smallest = ancestor_closure(hull_closure(smallest), parent)
    assert_array_equal(closed, smallest)


def test_hulls_that_touch_are_merged_until_stable():
    mask = np.zeros((9, 12), bool)
    mask[0, :8] = mask[:8, 0] = True  # its hull is a triangle
    mask[5, 5] = mask[4, 5] = True  # touches the triangle from outside
    closed = hull_closure(mask)
    assert label_components(closed)[1] == 1
    assert_array_equal(convex_hull_mask(mask), closed)


def test_skewed_lines_hold_their_lattice_points_only():
    mask = np.zeros((7, 5), bool)
    mask[0, 0] = mask[6, 4] = True
    assert_array_equal(np.argwhere(convex_hull_mask(mask)), [[0, 0], [3, 2], [6, 4]])


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (6, 7)])
def test_empty_full_and_one_pixel_wide_masks(shape):
    empty, full = np.zeros(shape, bool), np.ones(shape, bool)
    for mask in (empty, full):
        assert_array_equal(convex_hull_mask(mask), mask)
        assert_array_equal(hull_closure(mask), mask)
        assert hull_deficit(mask) == 0
    ends = empty.copy()
    ends.flat[[0, -1]] = True
    if min(shape) == 1:
        assert convex_hull_mask(ends).all()
