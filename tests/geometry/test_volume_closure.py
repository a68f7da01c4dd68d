import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from trees import closed_sets, random_tree, seeds, shapes

from priorseg.geometry import (
    closure_with_volume,
    max_weight_closure,
    ray_tree,
    star_violations,
    tree_isotonic,
)


@given(seeds, shapes, st.integers(1, 3), st.floats(0, 1), st.booleans())
@settings(max_examples=500, deadline=None)
def test_volume_and_closure_are_exact(rng, shape, count, share, ties):
    parent = ray_tree(shape, rng.random((count, 2)) * shape - 0.5)
    weights = rng.integers(-1, 2, shape) if ties else rng.normal(size=shape)
    volume = round(share * weights.size)
    mask = closure_with_volume(weights, parent, volume)
    assert mask.sum() == volume
    assert star_violations(mask, parent) == 0


@given(seeds, shapes, st.floats(-1, 1))
@settings(max_examples=200, deadline=None)
def test_a_volume_that_a_multiplier_reaches_is_optimal(rng, shape, multiplier):
    parent = ray_tree(shape, [np.array(shape) / 2 - 0.5])
    weights = rng.normal(size=shape)
    best = max_weight_closure(weights - multiplier, parent)
    assert_array_equal(closure_with_volume(weights, parent, int(best.sum())), best)


@given(seeds, st.integers(1, 9), st.integers(1, 3))
@settings(max_examples=300, deadline=None)
def test_best_weights_of_a_volume_lie_between_the_result_and_the_isotonic_bound(rng, size, roots):
    parent = random_tree(rng, size, min(roots, size))
    weights = rng.normal(size=(1, size))
    sets = closed_sets(parent)
    steps = -np.sort(-tree_isotonic(weights[0], parent))  # their sums bound the best weights
    for volume in range(size + 1):
        weight = weights[closure_with_volume(weights, parent, volume)].sum()
        best = (sets[sets.sum(1) == volume] @ weights[0]).max()
        assert weight <= best + 1e-12
        assert best <= steps[:volume].sum() + 1e-12


def test_the_greedy_band_costs_less_than_a_thousandth_of_the_weight():
    rng = np.random.default_rng(0)
    y, x = np.indices((128, 128)) - 60
    parent = ray_tree((128, 128), [[60, 60]])
    for noise in (0.3, 1, 3):
        weights = 2.4 - np.hypot(y, x) / 16 + noise * rng.normal(size=(128, 128))
        steps = -np.sort(-tree_isotonic(weights, parent).ravel())
        for volume in (700, 3001, 8000):
            weight = weights[closure_with_volume(weights, parent, volume)].sum()
            assert weight >= steps[:volume].sum() * 0.999


def test_volumes_outside_the_image_are_refused():
    with pytest.raises(ValueError, match="volume is 5 px; the image has 4"):
        closure_with_volume(np.zeros((2, 2)), np.zeros(4, int), 5)
    with pytest.raises(ValueError, match="volume is -1 px"):
        closure_with_volume(np.zeros((2, 2)), np.zeros(4, int), -1)
