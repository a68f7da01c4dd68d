"""Noise for tests, the same for every model: it depends on the seed alone."""

import math

import numpy as np
from numpy.typing import NDArray

KINDS = {
    "none": "level 0",
    "gaussian": "standard deviation, image in [0, 1]",
    "gaussian255": "standard deviation, image in 0 .. 255",
    "pepper": "share of pixels that become black",
    "salt": "share of pixels that become white",
}


def check_noise(kind: str, level: float) -> None:
    """Check a kind and a level.

    Raises
    ------
    ValueError  for an unknown kind or a level out of range; says what is allowed.
    """
    if kind not in KINDS:
        raise ValueError(f"noise {kind!r} is unknown. Use one of {', '.join(KINDS)}.")
    highest = {"none": 0.0, "gaussian": 10.0, "gaussian255": 2550.0}.get(kind, 1.0)
    if not (math.isfinite(level) and 0 <= level <= highest):
        raise ValueError(
            f"noise {kind!r} has level {level}; 0 to {highest:g} is allowed ({KINDS[kind]})."
        )


def add_noise(
    image: NDArray[np.float32], kind: str, level: float, seed: int
) -> NDArray[np.float32]:
    """Add noise to an image; values stay in [0, 1].

    Gaussian noise is drawn for every pixel and channel and cut at both ends; pepper and salt
    strike all channels of a pixel together. The draws of one seed are the same at every level: a
    higher level of Gaussian noise is the same field, larger, and more pepper keeps the old grains.

    Parameters
    ----------
    image : (Y, X, C) float32   values in [0, 1]
    kind : str                  one of `KINDS`, which says what the level means
    level : float
    seed : int                  >= 0

    Returns
    -------
    (Y, X, C) float32   a new array

    Raises
    ------
    ValueError  for an unknown kind, a level out of range, or an image outside [0, 1].
    """
    check_noise(kind, level)
    image = np.asarray(image, dtype=np.float32)
    if image.ndim != 3 or image.size == 0:
        raise ValueError(f"The image has shape {image.shape}; (Y, X, channels) is needed.")
    if not (image.min() >= 0 and image.max() <= 1):  # nan fails too
        raise ValueError(
            f"The image must hold finite values in [0, 1], got {image.min()} to {image.max()}."
        )
    if kind == "none" or level == 0:
        return image.copy()
    random = np.random.default_rng(seed)
    if kind in ("pepper", "salt"):
        struck = random.random(image.shape[:2]) < level
        return np.where(struck[..., None], np.float32(kind == "salt"), image)
    deviation = level / 255 if kind == "gaussian255" else level
    field = random.standard_normal(image.shape, dtype=np.float32)
    return np.clip(image + np.float32(deviation) * field, 0, 1)
