"""Small pictures for the tests of the baselines."""

import numpy as np


def disc(size, radius, centre=None):
    """Give the pixels whose centres lie within a radius."""
    middle = (size - 1) / 2
    y, x = centre or (middle, middle)
    rows, columns = np.indices((size, size))
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def sure(labels, count, probability=0.9):
    """Give probabilities (K, Y, X) float32 whose likeliest label is the one given."""
    rest = (1 - probability) / (count - 1)
    own = labels[None] == np.arange(count)[:, None, None]
    return np.where(own, probability, rest).astype(np.float32)


def random_probs(seed, count, shape):
    """Draw probabilities (K, Y, X) float32 at random."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(count), shape).transpose(2, 0, 1).astype(np.float32)
