import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from trees import closed_sets, random_tree, seeds, shapes

from priorseg.geometry import (
    block_mean,
    max_weight_closure,
    ray_tree,
    topological_order,
    tree_isotonic,
    tree_isotonic_blocks,
)


def draw_values(rng, size):
    return rng.integers(-3, 4, size).astype(float) if rng.random() < 0.5 else rng.normal(size=size)


@given(seeds, st.integers(1, 7), st.integers(1, 2))
@settings(max_examples=200, deadline=None)
def test_the_fit_is_the_max_min_of_means_over_closed_sets(rng, size, roots):
    parent = random_tree(rng, size, min(roots, size))
    values = draw_values(rng, size)
    upper = closed_sets(parent)
    both = upper[:, None] & ~upper[None]  # an upper set cut by a lower one
    with np.errstate(invalid="ignore"):
        means = (both * values).sum(2) / both.sum(2)
    expected = [
        np.nanmax(np.nanmin(np.where(~upper[:, x], means[upper[:, x]], np.nan), axis=1))
        for x in range(size)
    ]
    assert_allclose(tree_isotonic(values, parent), expected, atol=1e-12)


@given(seeds, st.integers(1, 400), st.integers(1, 4), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=300, deadline=None)
def test_the_fit_meets_the_optimality_conditions(rng, size, roots, kind):
    parent = random_tree(rng, size, min(roots, size))
    values = draw_values(rng, size).astype(kind)
    fitted, block = tree_isotonic_blocks(values, parent)
    assert fitted.dtype == kind
    assert np.all(fitted[parent] >= fitted)
    pull = values - fitted.astype(float)  # multiplier of an edge: pull of its subtree in the block
    for x in topological_order(parent)[::-1]:
        assert pull[x] >= -2e-4
        if block[parent[x]] == block[x] and parent[x] != x:
            pull[parent[x]] += pull[x]
        else:
            assert abs(pull[x]) <= 2e-4


@given(seeds, shapes, st.integers(1, 3), st.floats(-2, 2))
@settings(max_examples=300, deadline=None)
def test_superlevel_sets_of_the_fit_are_best_closures(rng, shape, count, threshold):
    parent = ray_tree(shape, rng.random((count, 2)) * shape - 0.5)
    values = rng.normal(size=shape)
    fitted = tree_isotonic(values, parent)
    assert_array_equal(fitted > threshold, max_weight_closure(values - threshold, parent))


@given(seeds, st.integers(1, 200))
@settings(max_examples=200, deadline=None)
def test_blocks_are_connected_and_carry_the_mean_of_their_values(rng, size):
    parent = random_tree(rng, size)
    values = draw_values(rng, size)
    fitted, block = tree_isotonic_blocks(values, parent)
    tops = (block[parent] != block) | (parent == np.arange(size))
    assert_array_equal(np.bincount(block[tops]), np.ones(block.max() + 1))
    assert_allclose(block_mean(values, block), fitted, atol=1e-12)


@given(seeds, st.integers(2, 40))
@settings(max_examples=200, deadline=None)
def test_block_mean_is_the_derivative_of_the_fit(rng, size):
    parent = random_tree(rng, size)
    values, direction = rng.normal(size=size), rng.normal(size=size)
    fitted, block = tree_isotonic_blocks(values, parent)
    step = 1e-9
    change = (tree_isotonic(values + step * direction, parent) - fitted) / step
    assert_allclose(change, block_mean(direction, block), atol=1e-4)


@given(seeds, shapes)
@settings(max_examples=100, deadline=None)
def test_the_fit_is_idempotent_and_commutes_with_shift_and_scale(rng, shape):
    parent = ray_tree(shape, [[0, 0]])
    values = rng.normal(size=shape)
    fitted = tree_isotonic(values, parent)
    assert_allclose(tree_isotonic(fitted, parent), fitted, atol=1e-12)
    assert_allclose(tree_isotonic(3 * values - 5, parent), 3 * fitted - 5, atol=1e-12)


def test_a_cached_order_gives_the_same_bits_in_any_layout():
    rng = np.random.default_rng(1)
    parent = ray_tree((60, 50), [[20, 33]])
    values = rng.normal(size=(50, 60)).T
    fitted = tree_isotonic(values, parent, topological_order(parent))
    assert_array_equal(fitted, tree_isotonic(values.copy(), parent))
    assert_array_equal(fitted.ravel(), tree_isotonic(values.ravel(), parent))


def test_a_long_chain_and_a_wide_star_are_exact():
    size = 200_000
    chain = np.maximum(np.arange(size) - 1, 0)
    assert_allclose(tree_isotonic(np.arange(size), chain), (size - 1) / 2)
    star = np.zeros(size, int)
    values = np.arange(size) % 1000
    top = tree_isotonic(values, star)[0]  # the root rises by what the leaves above it fall
    assert_allclose(np.maximum(values - top, 0).sum(), top - values[0])
    assert_allclose(tree_isotonic(values, star)[1:], np.minimum(values[1:], top))


def test_values_that_are_not_finite_and_foreign_trees_are_refused():
    with pytest.raises(ValueError, match="values holds 2 values that are nan or infinite"):
        tree_isotonic(np.array([0, np.nan, np.inf]), [0, 0, 0])
    with pytest.raises(ValueError, match="parent has 2 pixels, the image has 3"):
        tree_isotonic(np.zeros(3), [0, 0])
    with pytest.raises(ValueError, match="order has 2 pixels"):
        tree_isotonic(np.zeros(3), [0, 0, 0], [0, 1])
    with pytest.raises(ValueError, match="values has 3 pixels, block has 2"):
        block_mean(np.zeros(3), np.zeros(2, int))
