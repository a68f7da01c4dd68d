"""Random trees and images for the geometry tests, and closed sets by enumeration."""

from itertools import product

import numpy as np
from hypothesis import strategies as st


def random_tree(rng, size, roots=1):
    """Draw a forest of `size` nodes: each node hangs on an earlier one, then names are shuffled."""
    parent = np.array([x if x < roots else rng.integers(x) for x in range(size)])
    name = rng.permutation(size)
    shuffled = np.empty(size, np.int32)
    shuffled[name] = name[parent]
    return shuffled


def closed_sets(parent):
    """List all sets that contain the parent of each of their nodes."""
    sets = np.array(list(product((False, True), repeat=len(parent))))
    return sets[~np.any(sets & ~sets[:, parent], axis=1)]


def random_mask(rng, shape):
    """Draw pixels of a random density, or a few random rectangles."""
    if rng.random() < 0.5:
        return rng.random(shape) < rng.random()
    mask = np.zeros(shape, bool)
    for _ in range(rng.integers(1, 5)):
        y, x = rng.integers(shape[0]), rng.integers(shape[1])
        mask[y : y + rng.integers(1, 6), x : x + rng.integers(1, 6)] = True
    return mask


seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
shapes = st.tuples(st.integers(1, 14), st.integers(1, 14))
