"""Connected components of masks: 8-connected objects, 4-connected background."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from .checks import Indices, Mask, as_mask

EIGHT_NEIGHBOURS = np.ones((3, 3), np.bool_)


def label_components(mask: ArrayLike) -> tuple[Indices, int]:
    """Number the 8-connected components of the mask.

    Returns
    -------
    labels : (H, W) int32   0 outside, 1..count inside, in raster order of their first pixels
    count : int
    """
    image = as_mask(mask)
    labels = np.empty(image.shape, np.int32)
    count = ndimage.label(image, EIGHT_NEIGHBOURS, output=labels)
    return labels, int(count)


def largest_component(mask: ArrayLike) -> Mask:
    """Keep the 8-connected component with the most pixels; of equal ones the first in raster order.

    An empty mask stays empty.
    """
    labels, count = label_components(mask)
    if count < 2:
        return labels > 0
    pixels = np.bincount(labels.reshape(-1))
    return np.asarray(labels == 1 + int(np.argmax(pixels[1:])))


def fill_holes(mask: ArrayLike) -> Mask:
    """Add every 4-connected part of the background that does not touch the image border."""
    image = as_mask(mask)
    background, count = ndimage.label(~image)
    outside = np.zeros(count + 1, np.bool_)
    for border in (background[0], background[-1], background[:, 0], background[:, -1]):
        outside[border] = True
    outside[0] = False  # the mask itself
    return np.asarray(~outside[background])
