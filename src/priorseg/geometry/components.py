"""Connected components of masks: 8-connected objects, 4-connected background."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from .checks import Indices, Mask, as_mask
from .runs import paint, pixels_per_part, runs_of, touched_parts


def label_components(mask: ArrayLike) -> tuple[Indices, int]:
    """Number the 8-connected components of the mask.

    Returns
    -------
    labels : (H, W) int32   0 outside, 1..count inside, in raster order of their first pixels
    count : int
    """
    image = as_mask(mask)
    runs = runs_of(image)
    numbers = np.arange(1, runs.parts + 1, dtype=np.int32)
    return paint(runs, numbers, image.shape), runs.parts


def largest_component(mask: ArrayLike) -> Mask:
    """Keep the 8-connected component with the most pixels; of equal ones the first in raster order.

    An empty mask stays empty.
    """
    image = as_mask(mask)
    runs = runs_of(image)
    if runs.parts < 2:
        return image
    chosen = np.zeros(runs.parts, np.int32)
    chosen[np.argmax(pixels_per_part(runs))] = 1
    return np.asarray(paint(runs, chosen, image.shape) > 0)


def lone_components(mask: ArrayLike, around: ArrayLike) -> Mask:
    """Keep the 8-connected components that neither hold nor touch a pixel of another mask."""
    image, other = as_mask(mask), as_mask(around)
    if image.shape != other.shape:
        raise ValueError(f"around has shape {other.shape}, the mask has {image.shape}.")
    runs = runs_of(image)
    touched = touched_parts(*runs, other)
    if touched.all():
        return np.zeros_like(image)
    return np.asarray(paint(runs, (~touched).astype(np.int32), image.shape) > 0)


def fill_holes(mask: ArrayLike) -> Mask:
    """Add every 4-connected part of the background that does not touch the image border."""
    image = as_mask(mask)
    background, count = ndimage.label(~image)
    outside = np.zeros(count + 1, np.bool_)
    for border in (background[0], background[-1], background[:, 0], background[:, -1]):
        outside[border] = True
    outside[0] = False  # the mask itself
    return np.asarray(~outside[background])
