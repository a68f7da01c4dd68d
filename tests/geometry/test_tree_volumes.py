"""Volumes of single trees: scalars on log-odds, and closed sets of prescribed sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from trees import closed_sets, random_tree, seeds

from priorseg.geometry import (
    closure_with_volume,
    closure_with_volumes,
    topological_order,
    tree_isotonic,
    tree_shifts,
)


def forest(rng, sizes):
    """Draw trees of some sizes with their nodes mixed; give parents and the tree of each node."""
    starts = np.cumsum([0, *sizes])
    parent = np.concatenate(
        [s + random_tree(rng, n) for s, n in zip(starts[:-1], sizes, strict=True)]
    )
    owner = np.repeat(np.arange(len(sizes)), sizes)
    name = rng.permutation(len(parent))
    mixed, owners = np.empty_like(parent), np.empty_like(owner)
    mixed[name], owners[name] = name[parent], owner
    return mixed.astype(np.int32), owners


@settings(max_examples=100)
@given(rng=seeds)
def test_shifted_probabilities_sum_to_the_volumes(rng):
    owner = rng.integers(-1, 4, 300)
    values = rng.normal(0, 10.0 ** rng.integers(-2, 4), 300)
    sizes = np.bincount(owner[owner >= 0], minlength=4)
    volumes = np.where(rng.random(4) < 0.3, np.nan, rng.uniform(0.01, 0.99, 4) * sizes)
    temperature = float(rng.choice([0.02, 0.5, 5.0]))
    q = tree_shifts(values, owner, volumes, temperature)
    with np.errstate(over="ignore"):
        u = 1 / (1 + np.exp(-(values + q[owner]) / temperature))
    sums = np.bincount(owner[owner >= 0], u[owner >= 0], minlength=4)
    assert np.all(q[np.isnan(volumes)] == 0)
    np.testing.assert_allclose(sums, np.where(np.isnan(volumes), sums, volumes), rtol=1e-9)


@settings(max_examples=60)
@given(rng=seeds)
def test_a_constant_on_a_tree_goes_through_the_isotonic_fit(rng):
    parent, owner = forest(rng, [12, 7])
    values, q = rng.normal(size=19), rng.normal(size=2)
    order = topological_order(parent)
    shifted = tree_isotonic(values + q[owner], parent, order)
    np.testing.assert_allclose(shifted, tree_isotonic(values, parent, order) + q[owner])


@settings(max_examples=100)
@given(rng=seeds)
def test_each_tree_has_its_pixels_and_no_closed_set_of_them_is_heavier(rng):
    sizes = [int(n) for n in rng.integers(1, 7, 2)]
    parent, owner = forest(rng, sizes)
    weights = rng.normal(size=len(parent))
    wanted = [int(rng.integers(0, sizes[0] + 1)), -1]
    mask = closure_with_volumes(weights, parent, topological_order(parent), owner, wanted)
    every = closed_sets(parent)
    legal = every[(every & (owner == 0)).sum(1) == wanted[0]]
    best = (legal * weights).sum(1).max()
    assert mask[parent[mask]].all()
    assert mask[owner == 0].sum() == wanted[0]
    fit = tree_isotonic(weights, parent)[owner == 0]
    reached = any((fit >= t).sum() == wanted[0] for t in [*fit, np.inf])
    assert weights[mask].sum() <= best + 1e-9
    assert not reached or weights[mask].sum() == pytest.approx(best)


@settings(max_examples=60)
@given(rng=seeds)
def test_free_trees_share_what_is_left_as_if_they_were_alone(rng):
    sizes = [int(n) for n in rng.integers(1, 9, 3)]
    parent, owner = forest(rng, sizes)
    weights, order = rng.normal(size=len(parent)), topological_order(parent)
    rest = int(rng.integers(0, sizes[1] + sizes[2] + 1))
    mask = closure_with_volumes(weights, parent, order, owner, [sizes[0], -1, -1], rest)
    alone = np.where(owner == 0, 1e3, weights)
    expected = closure_with_volume(alone, parent, sizes[0] + rest, order)
    assert mask[owner == 0].all()
    assert mask.sum() == sizes[0] + rest
    assert weights[mask].sum() == pytest.approx(weights[expected].sum())
