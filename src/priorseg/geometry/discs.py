"""Sums over digital discs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import Reals, as_finite
from .compiled import compiled


def disc_counts(image: ArrayLike, radius: float) -> Reals:
    """Sum the image over the digital disc about every pixel, counting 0 outside the image.

    Parameters
    ----------
    image : (H, W)   a mask or finite values
    radius : pixels, >= 0; the disc holds the offsets with dy^2 + dx^2 <= radius^2

    Returns
    -------
    sums : (H, W) float64   exact for masks and for integers below 2^53 in sum

    Raises
    ------
    ValueError  if the image is not 2-D and finite or if the radius is negative or not finite.

    Source: prefix sums of the rows, O(N radius).
    """
    reals = as_finite("image", image)
    if reals.ndim != 2:
        raise ValueError(f"image has shape {reals.shape}; pass one (H, W) slice at a time.")
    if not (math.isfinite(radius) and radius >= 0):
        raise ValueError(f"radius is {radius}; it must be finite and at least 0.")
    reach = min(int(radius), max(reals.shape))
    half_widths = [
        min(math.isqrt(int(radius * radius - dy * dy)), reals.shape[1]) for dy in range(reach + 1)
    ]
    return _sum_discs(reals, np.array(half_widths, np.int64))


@compiled
def _sum_discs(image: Reals, half_widths: NDArray[np.int64]) -> Reals:
    height, width = image.shape
    margin = half_widths[0]
    prefix = np.zeros((height, width + 2 * margin + 1))
    for y in range(height):
        for x in range(width + 2 * margin):
            inside = margin <= x < margin + width
            prefix[y, x + 1] = prefix[y, x] + (image[y, x - margin] if inside else 0.0)
    sums = np.zeros((height, width))
    for y in range(height):
        for dy in range(1 - len(half_widths), len(half_widths)):
            if 0 <= y + dy < height:
                half = half_widths[abs(dy)]
                row = prefix[y + dy]
                for x in range(width):
                    sums[y, x] += row[x + margin + half + 1] - row[x + margin - half]
    return sums
