"""Star centres that only someone who knows the objects can give; no torch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ..geometry import label_components
from .centres import Centres, depth_of, innermost, plane_of, stacked

CLICK_DEPTH = 0.5  # share of an object's greatest depth that a click has at least


def true_centres(mask: ArrayLike, instances: ArrayLike | None = None) -> Centres:
    """Find the deepest pixel of every object.

    Parameters
    ----------
    mask : (Y, X) bool      the objects
    instances : (Y, X)      whole number of the object of each pixel, 0 = none; None = the
                            8-connected components of the mask

    Returns
    -------
    (N, 2) float64   y, x, in the order of the numbers; the pixel inside the object that is
                     farthest from its outside (beyond the image is outside), of several the one
                     nearest to their mean
    """
    return stacked(
        [innermost(depth_of(own), own, window) for own, window in _objects(mask, instances)]
    )


def clicked_centres(mask: ArrayLike, instances: ArrayLike | None = None, seed: int = 0) -> Centres:
    """Simulate one click of a person into every object.

    A person knows the object but not its deepest pixel: the click is drawn evenly from the pixels
    that lie at least half as deep as that one. The random numbers of an object come from the seed,
    the upper left corner of its bounding box and the count of its pixels, and from nothing else: a
    map gives the same clicks in every row, training and process, whatever else lies in it and
    however its objects are numbered. An object that is moved, cut or scaled is clicked elsewhere.

    Parameters
    ----------
    mask, instances   see `true_centres`
    seed : int        >= 0

    Returns
    -------
    (N, 2) float64   y, x, whole numbers inside the objects, in the order of the numbers
    """
    points = []
    for own, window in _objects(mask, instances):
        depth = np.where(own, depth_of(own), 0)
        places = np.argwhere(depth >= CLICK_DEPTH * depth.max())
        corner = [edge.start for edge in window]
        random = np.random.default_rng([seed, *corner, int(own.sum())])
        y, x = places[random.integers(len(places))]
        points.append((int(y) + corner[0], int(x) + corner[1]))
    return stacked(points)


def _objects(
    mask: ArrayLike, instances: ArrayLike | None
) -> Iterator[tuple[NDArray[np.bool_], tuple[slice, ...]]]:
    """Give each object as a mask of its bounding box, and the box."""
    inside = plane_of(mask, "mask").astype(bool)
    numbers: NDArray[Any]
    if instances is None:
        numbers = label_components(inside)[0]
    else:
        numbers = plane_of(instances, "instances")
        if numbers.dtype.kind not in "iu" or numbers.shape != inside.shape:
            raise ValueError(
                f"instances must be whole numbers of shape {inside.shape}, got "
                f"{numbers.dtype} of shape {numbers.shape}."
            )
        own = inside & (numbers > 0)
        numbers = np.where(own, np.searchsorted(np.unique(numbers[own]), numbers) + 1, 0)
    for number, window in enumerate(ndimage.find_objects(numbers), 1):
        if window is not None:
            yield numbers[window] == number, window


ORACLES = {"truth": true_centres, "clicks": clicked_centres}  # by the source that is named
