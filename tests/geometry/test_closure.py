import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from trees import closed_sets, random_mask, random_tree, seeds, shapes

from priorseg.geometry import (
    ancestor_closure,
    closed_subset,
    max_weight_closure,
    ray_tree,
    star_violations,
    topological_order,
)


@given(seeds, st.integers(1, 10), st.integers(1, 3))
@settings(max_examples=400, deadline=None)
def test_the_closure_has_the_largest_weight_and_then_the_fewest_pixels(rng, size, roots):
    parent = random_tree(rng, size, min(roots, size))
    weights = rng.integers(-3, 4, (1, size)).astype(float)
    sets = closed_sets(parent)
    sums = sets @ weights[0]
    best = sets[sums == sums.max()]
    smallest = best[np.argmin(best.sum(1))]
    assert_array_equal(max_weight_closure(weights, parent)[0], smallest)


@given(seeds, st.integers(1, 9), st.integers(1, 3))
@settings(max_examples=300, deadline=None)
def test_superset_and_subset_are_the_extreme_closed_sets(rng, size, roots):
    parent = random_tree(rng, size, min(roots, size))
    mask = rng.random((1, size)) < 0.5
    sets = closed_sets(parent)
    above = sets[np.all(sets >= mask, axis=1)]
    below = sets[np.all(sets <= mask, axis=1)]
    assert_array_equal(ancestor_closure(mask, parent)[0], above.all(0))
    assert_array_equal(closed_subset(mask, parent)[0], below.any(0))


@given(seeds, shapes)
@settings(max_examples=200, deadline=None)
def test_violations_are_counted_one_per_orphan(rng, shape):
    parent = ray_tree(shape, [np.array(shape) / 3])
    mask = random_mask(rng, shape)
    flat = mask.ravel()
    assert star_violations(mask, parent) == sum(
        flat[x] and not flat[parent[x]] for x in range(flat.size)
    )
    for closed in (ancestor_closure(mask, parent), closed_subset(mask, parent)):
        assert star_violations(closed, parent) == 0


@given(seeds, shapes)
@settings(max_examples=100, deadline=None)
def test_a_cached_order_changes_nothing(rng, shape):
    parent = ray_tree(shape, rng.random((2, 2)) * shape - 0.5)
    order = topological_order(parent)
    weights, mask = rng.normal(size=shape), random_mask(rng, shape)
    assert_array_equal(
        max_weight_closure(weights, parent), max_weight_closure(weights, parent, order)
    )
    assert_array_equal(closed_subset(mask, parent), closed_subset(mask, parent, order))
    assert_array_equal(ancestor_closure(mask, parent), ancestor_closure(mask, parent, order))


def test_empty_and_full_masks_are_closed():
    parent = ray_tree((5, 7), [[0, 0]])
    for mask in (np.zeros((5, 7), bool), np.ones((5, 7), bool)):
        assert star_violations(mask, parent) == 0
        assert_array_equal(ancestor_closure(mask, parent), mask)
        assert_array_equal(closed_subset(mask, parent), mask)
        assert_array_equal(max_weight_closure(mask - 0.5, parent), mask)


def test_wrong_inputs_are_refused():
    with pytest.raises(ValueError, match="weights holds 1 values"):
        max_weight_closure(np.array([[0, np.nan]]), [0, 0])
    with pytest.raises(ValueError, match="mask has 1 axes"):
        star_violations(np.zeros(4, bool), np.zeros(4, int))
    with pytest.raises(ValueError, match="parent has 4 pixels, the image has 6"):
        ancestor_closure(np.zeros((2, 3), bool), np.zeros(4, int))
