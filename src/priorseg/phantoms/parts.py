"""What phantoms are made of: the frozen result, textures, soft edges, noise."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]

_SMALLEST = 64  # pixels; below this the outlines are too coarse to mean anything


@dataclass(frozen=True)
class Phantom:
    """Hold an image and all that is known about it.

    Parameters
    ----------
    image : (Y, X, 3) uint8, or (Y, X) where it is grey
    labels : (Y, X) uint8     0 background, 1 outer part, 2 inner part (cup, nucleus)
    centres : mapping         label -> (N, 2) points (y, x) inside its objects, pixels
    areas : mapping           label -> area in pixels of the label and all inside it, closed form
    description : str         what is shown, for a person
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    centres: Mapping[int, Field]
    areas: Mapping[int, float]
    description: str


def check(size: int, noise: float) -> None:
    """Refuse a size or a noise that no phantom has."""
    if size < _SMALLEST:
        raise ValueError(f"size must be at least {_SMALLEST} pixels, got {size}.")
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise must be a finite standard deviation >= 0, got {noise}.")


def grid_of(size: int) -> tuple[Field, Field]:
    """Give the coordinates y and x of every pixel."""
    return tuple(np.mgrid[:size, :size].astype(np.float64))


def texture(rng: np.random.Generator, size: int, waves: int, finest: float) -> Field:
    """Sum plane waves of random direction and phase: smooth, mean 0, standard deviation 1."""
    y, x = grid_of(size)
    total = np.zeros((size, size))
    for _ in range(waves):
        angle, phase = rng.uniform(0, 2 * math.pi, 2)
        length = size * rng.uniform(finest, 1.0)
        along = math.cos(angle) * y + math.sin(angle) * x
        total += np.cos(2 * math.pi * along / length + phase)
    spread: float = total.std()
    return np.asarray((total - total.mean()) / max(spread, 1e-9))


def cover(signed: Field, softness: float) -> Field:
    """Turn a signed distance in pixels (< 0 inside) into an opacity."""
    scaled = np.clip(signed / softness, -30, 30)
    return np.asarray(1 / (1 + np.exp(2 * scaled)))


def paint(image: Field, opacity: Field, colour: Sequence[float]) -> Field:
    """Lay a colour over an image, (Y, X, 3)."""
    alpha = opacity[..., None]
    return np.asarray(image * (1 - alpha) + alpha * np.asarray(colour))


def quantised(image: Field, noise: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add noise and give 8-bit values."""
    noisy = image + noise * rng.standard_normal(image.shape)
    return np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)
