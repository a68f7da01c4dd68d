"""A fundus-like image of an optic disc with its cup."""

import math
from collections.abc import Sequence

import numpy as np

from .parts import Field, Phantom, check, cover, grid_of, paint, quantised, texture


def _vessel(
    rng: np.random.Generator, dark: Field, at: tuple[float, float], angle: float, width: float
) -> None:
    """Draw one vessel into an opacity map: a bent walk that thins out and branches."""
    size = dark.shape[0]
    y, x = at
    bend = rng.normal(0, 0.004)
    for step in range(4 * size):
        if not (-width <= y < size + width and -width <= x < size + width) or width < 0.7:
            return
        reach = math.ceil(2 * width) + 1
        rows = np.arange(max(0, int(y) - reach), min(size, int(y) + reach + 1))
        columns = np.arange(max(0, int(x) - reach), min(size, int(x) + reach + 1))
        distance = np.hypot(rows[:, None] - y, columns[None, :] - x)
        window = np.ix_(rows, columns)
        dark[window] = np.maximum(dark[window], np.exp(-((distance / width) ** 2)))
        angle += bend + rng.normal(0, 0.03)
        width *= 0.9985
        y, x = y + math.sin(angle), x + math.cos(angle)
        if step > 0.1 * size and rng.random() < 2.5 / size:
            _vessel(rng, dark, (y, x), angle + rng.choice([-0.6, 0.6]), 0.7 * width)


def _vessels(rng: np.random.Generator, size: int, centre: tuple[float, float]) -> Field:
    """Draw the arcades that leave the disc upwards and downwards; an opacity in [0, 1]."""
    dark = np.zeros((size, size))
    for side in (-1, 1):
        for lean in (-0.9, -0.25, 0.35, 1.0):
            angle = side * math.pi / 2 + lean + rng.normal(0, 0.12)
            start = (centre[0] + rng.normal(0, 0.01 * size), centre[1] - 0.02 * size)
            _vessel(rng, dark, start, angle, size * rng.uniform(0.006, 0.012))
    return dark


def _ellipse(
    grid: tuple[Field, Field], centre: Sequence[float], axes: tuple[float, float]
) -> Field:
    """Measure an ellipse with half axes along y and x: below 1 inside, 1 on it."""
    return np.hypot((grid[0] - centre[0]) / axes[0], (grid[1] - centre[1]) / axes[1])


def _retina(
    rng: np.random.Generator, size: int, levels: tuple[Field, Field], axes: tuple[float, float]
) -> Field:
    """Paint the background, the disc and the cup, before vessels and light; values in [0, 1]."""
    ground = np.ones((size, size, 3)) * (0.72, 0.33, 0.15)
    ground = ground * (1 + 0.05 * texture(rng, size, 24, 0.03)[..., None])
    disc, cup = levels
    scale = min(axes)
    halo = 0.35 * np.exp(-np.clip(disc - 1, 0, None) * 4)
    image = paint(ground, halo, (0.86, 0.52, 0.26))
    image = paint(image, cover((disc - 1) * scale, 0.012 * size), (0.89, 0.53, 0.30))
    return paint(image, 0.95 * cover((cup - 1) * scale, 0.013 * size), (1.00, 0.94, 0.75))


def cup_disc(
    size: int = 512,
    seed: int = 0,
    noise: float = 0.0,
    vcdr: float = 0.5,
    centre: tuple[float, float] | None = None,
) -> Phantom:
    """Make a fundus-like image of an optic disc with its cup.

    Parameters
    ----------
    size : int        edge of the square image in pixels, >= 64
    seed : int        the same seed gives the same image
    noise : float     standard deviation of added Gaussian noise, image in [0, 1]
    vcdr : float      vertical cup-to-disc ratio, in (0, 1); the cup is the disc scaled by it
    centre : (y, x)   of the disc in pixels; None = near the middle

    Raises
    ------
    ValueError  if the ratio is out of range or the disc does not fit into the image.
    """
    check(size, noise)
    if not 0 < vcdr < 1:
        raise ValueError(f"vcdr must lie between 0 and 1, got {vcdr}.")
    rng = np.random.default_rng(seed)
    axes = (size * rng.uniform(0.20, 0.22), size * rng.uniform(0.18, 0.20))  # along y and x
    drift = rng.uniform(-0.04, 0.04, 2) * size
    middle = (size - 1) / 2
    at = (middle + drift[0], middle + drift[1]) if centre is None else centre
    if any(c - max(axes) < 0 or c + max(axes) > size - 1 for c in at):
        raise ValueError(f"A disc at {at} does not fit: keep it {max(axes):.0f} px off the border.")
    shift = 0.28 * (1 - vcdr) * rng.uniform(-1, 1, 2)  # in half axes: the cup stays inside
    within = (at[0] + shift[0] * axes[0], at[1] + shift[1] * axes[1])
    grid = grid_of(size)
    disc = _ellipse(grid, at, axes)
    cup = _ellipse(grid, within, (vcdr * axes[0], vcdr * axes[1]))
    image = _retina(rng, size, (disc, cup), axes)
    image = paint(image, 0.62 * _vessels(rng, size, within), (0.45, 0.10, 0.08))
    slope = rng.uniform(-0.12, 0.12, 2)
    light = 1 + (slope[0] * (grid[0] - middle) + slope[1] * (grid[1] - middle)) / middle
    vignette = 1 - 0.28 * ((grid[0] - middle) ** 2 + (grid[1] - middle) ** 2) / (2 * middle**2)
    image = image * (light * vignette)[..., None]
    area: float = math.pi * axes[0] * axes[1]
    return Phantom(
        quantised(image, noise, rng),
        ((disc <= 1).astype(np.uint8) + (cup <= 1)).astype(np.uint8),
        {1: np.array([at]), 2: np.array([within])},
        {1: area, 2: vcdr**2 * area},
        f"synthetic optic disc (1: rim) and cup (2), vertical ratio {vcdr:.2f}, seed {seed}",
    )
