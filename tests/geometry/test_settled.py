"""Pixels settled beforehand: rays that they cut or fill, hulls that go around them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import hull_mask, random_mask
from priorseg.geometry import (
    hull_closure,
    hull_deficit,
    hulls_around,
    ray_tree,
    settle_rays,
    topological_order,
)

SEEDS = st.integers(0, 2**32 - 1)


def path_to_root(pixel, parents):
    path = [pixel]
    while parents[path[-1]] != path[-1]:
        path.append(int(parents[path[-1]]))
    return path


@settings(max_examples=300)
@given(seed=SEEDS)
def test_rays_are_settled_up_to_the_first_pixel_that_contradicts(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 10, 2))
    parents = ray_tree(shape, rng.random((1, 2)) * (np.array(shape) - 1))
    must = random_mask(rng, shape, 0.15)
    never = random_mask(rng, shape, 0.1) & ~must
    held, barred, forest = settle_rays(must, never, parents, topological_order(parents))
    expected = np.zeros(must.size, bool)
    for pixel in np.flatnonzero(must):
        for step in path_to_root(pixel, parents):
            if never.ravel()[step]:
                break
            expected[step] = True
    assert np.array_equal(held.ravel(), expected)
    for pixel in range(must.size):
        behind = False
        for step in path_to_root(pixel, parents):
            if expected[step]:
                break
            behind |= bool(never.ravel()[step])
        assert barred.ravel()[pixel] == behind
    cut = np.flatnonzero(forest != parents)
    assert (forest[cut] == cut).all()
    meet = held.ravel() & barred.ravel()[parents]
    assert np.array_equal(cut, np.flatnonzero(meet))


@settings(max_examples=100)
@given(seed=SEEDS)
def test_hulls_go_around_every_pixel_that_a_line_can_part(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(2, 13, 2))
    mask = random_mask(rng, shape, rng.choice([0.1, 0.5, 0.9]))
    keep = random_mask(rng, shape, rng.choice([0.0, 0.02, 0.1]))
    out = random_mask(rng, shape, rng.choice([0.02, 0.1])) & ~keep
    found = hulls_around(mask, keep, out)
    assert (found & keep).sum() == keep.sum()
    assert hull_deficit(found) == 0
    assert not (found & out & ~hull_mask(keep)).any()


@settings(max_examples=100)
@given(seed=SEEDS)
def test_without_pixels_to_go_around_hulls_are_plain(seed):
    rng = np.random.default_rng(seed)
    mask = random_mask(rng, (9, 11), rng.choice([0.05, 0.3]))
    none = np.zeros_like(mask)
    assert np.array_equal(hulls_around(mask, none, none), hull_closure(mask))


def test_a_bite_at_the_edge_costs_no_more_than_the_cap_beyond_it():
    y, x = np.mgrid[:41, :41]
    disc = (y - 20) ** 2 + (x - 20) ** 2 <= 15**2
    bite = np.zeros_like(disc)
    bite[18:23, 31:36] = True
    found = hulls_around(disc & ~bite, np.zeros_like(disc), bite)
    assert hull_deficit(found) == 0
    assert not (found & (bite | ~disc)).any()
    assert found.sum() >= (disc & (x < 31)).sum()


def test_a_pixel_that_only_a_fine_line_parts_is_cut_off():
    keep = np.zeros((3, 60), bool)
    keep[0, 0] = keep[1, 30] = True
    out = np.zeros_like(keep)
    out[1, 31] = True  # just off the line through both
    found = hulls_around(np.ones_like(keep), keep, out)
    assert found[keep].all()
    assert not found[out].any()
    assert hull_deficit(found) == 0
