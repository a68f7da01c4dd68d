"""Say whether objects of a label map have the wanted shape."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import hull_deficit, label_components, lone_components, ray_tree, star_violations

Mask = NDArray[np.bool_]
Points = NDArray[np.float64]


def is_convex(mask: Mask, *, single: bool = True) -> bool:
    """Say whether an object is digitally convex; the empty one is not.

    Parameters
    ----------
    mask : (Y, X)
    single : bool   True: it must be one 8-connected component; False: each of them is convex
    """
    count = label_components(mask)[1]
    if count == 0 or (single and count > 1):
        return False
    return hull_deficit(mask) == 0


def middle_points(mask: Mask) -> Points:
    """Propose centres of an object, (N, 2): medoid and deepest pixel.

    The medoid is the pixel of the object nearest to its centroid. N = 0 for an empty object.
    """
    pixels = np.argwhere(mask)
    if len(pixels) == 0:
        return np.zeros((0, 2))
    centroid = pixels.mean(0)
    medoid = pixels[((pixels - centroid) ** 2).sum(1).argmin()]
    padded = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    deepest = np.array(np.unravel_index(int(padded.argmax()), mask.shape))
    return np.array([medoid, deepest], dtype=np.float64)


def is_star(mask: Mask, centres: NDArray[Any] | None = None) -> bool:
    """Say whether an object is digitally star-shaped; the empty one is not.

    Parameters
    ----------
    mask : (Y, X)
    centres : (N, 2) or None   y, x: the object must be closed under the rays to the nearest one.
                               None: every 8-connected component is tried about its medoid and
                               its deepest pixel, and one must do. A component may be star-shaped
                               about another pixel only; it then counts as not star-shaped.

    Source: digital rays of `priorseg.geometry.ray_tree`.
    """
    mask = np.asarray(mask, bool)
    if not mask.any():
        return False
    if centres is not None and len(centres):
        return star_violations(mask, ray_tree(mask.shape, centres)) == 0
    numbers, _ = label_components(mask)
    for index, box in enumerate(ndimage.find_objects(numbers), start=1):
        part = np.asarray(numbers[box] == index)
        tries = middle_points(part)
        if all(star_violations(part, ray_tree(part.shape, one[None])) for one in tries):
            return False
    return True


def is_nested(labels: NDArray[Any], inner: Sequence[int], outer: Sequence[int]) -> bool:
    """Say whether an inner object lies in its outer one.

    Every pixel of the inner object must belong to the outer one, and every 8-connected part of it
    must touch a pixel of the outer object that is not its own: a cup in the middle of nowhere is
    not inside a disc although disc = rim and cup. Where the outer object has no such pixel at
    all, the inner one fills it, and that is nested; so are maps without an inner object.

    Parameters
    ----------
    labels : (Y, X)
    inner, outer : labels that make up the objects
    """
    within, around = np.isin(labels, inner), np.isin(labels, outer)
    if bool((within & ~around).any()):
        return False
    ring = around & ~within
    return not ring.any() or not lone_components(within, ring).any()
