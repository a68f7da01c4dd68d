"""Stained nuclei in fluorescence, some of them touching."""

import math

import numpy as np

from .parts import Field, Phantom, check, cover, grid_of, quantised, texture

_GROUND = 0.07  # brightness between nuclei


def _place(rng: np.random.Generator, size: int, count: int) -> Field:
    """Put discs without overlap, (N, 3) y, x, radius; every third touches the one before it."""
    typical = min(0.085 * size, 0.23 * size / math.sqrt(count))
    placed: list[tuple[float, float, float]] = []
    for _ in range(4000):
        if len(placed) == count:
            return np.array(placed)
        radius = typical * rng.uniform(0.8, 1.1)
        beside = placed[-1:] if len(placed) % 3 == 1 else []
        y, x = rng.uniform(radius + 2, size - 3 - radius, 2)
        if beside:
            angle, reach = rng.uniform(0, 2 * math.pi), radius + beside[0][2]
            y = beside[0][0] + reach * math.sin(angle)
            x = beside[0][1] + reach * math.cos(angle)
        inside = all(radius + 2 <= c <= size - 3 - radius for c in (y, x))
        others = [one for one in placed if one not in beside]
        apart = all(math.hypot(y - v, x - u) > 1.15 * (radius + r) for v, u, r in others)
        if inside and apart:
            placed.append((y, x, radius))
    raise ValueError(f"{count} nuclei do not fit into {size} pixels: ask for fewer.")


def nuclei(size: int = 256, seed: int = 0, count: int = 12, noise: float = 0.03) -> Phantom:
    """Make a fluorescence image of round nuclei on a dark ground; every third touches another.

    Parameters
    ----------
    size : int      edge of the square image in pixels, >= 64
    seed : int      the same seed gives the same image
    count : int     nuclei, 1 to 40
    noise : float   standard deviation of added Gaussian noise, image in [0, 1]

    Returns
    -------
    Phantom   with a grey image, (Y, X), and the labels 0 background, 1 nucleus

    Raises
    ------
    ValueError  if the number of nuclei is out of range or they do not fit.
    """
    check(size, noise)
    if not 1 <= count <= 40:
        raise ValueError(f"count must lie between 1 and 40, got {count}.")
    rng = np.random.default_rng(seed)
    (y, x), placed = grid_of(size), _place(rng, size, count)
    image, labels = np.full((size, size), _GROUND), np.zeros((size, size), np.uint8)
    for v, u, radius in placed:
        outside = np.hypot(y - v, x - u) - radius
        image = np.maximum(image, rng.uniform(0.4, 0.9) * cover(outside, 0.012 * size))
        labels[outside <= 0] = 1
    image = image * (1 + 0.08 * texture(rng, size, 48, 0.02))
    return Phantom(
        quantised(image, noise, rng),
        labels,
        {1: placed[:, :2].copy()},
        {1: float(math.pi * (placed[:, 2] ** 2).sum())},
        f"synthetic fluorescence: {count} nuclei (1), seed {seed}",
    )
