"""Rules of thumb on label maps: median, largest component, filled holes, convex hulls."""

from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from ..geometry import (
    convex_hull_mask,
    fill_holes,
    hull_closure,
    label_components,
    largest_component,
)
from .inputs import Labels, as_labels, as_probs, best, check_count
from .objects import Change, Mask, Objects, rebuild


def components_above(mask: Mask, min_area_px: int) -> Mask:
    """Keep the 8-connected components of at least so many pixels, (Y, X)."""
    numbers, count = label_components(mask)
    large = np.bincount(numbers.ravel(), minlength=count + 1) >= min_area_px
    large[0] = False
    return np.asarray(large[numbers])


def _keeping(single: bool, min_area_px: int) -> Change:
    least = check_count("min_area_px", min_area_px, least=0)
    return largest_component if single else partial(components_above, min_area_px=least)


def majority(labels: ArrayLike, count: int, width: int) -> Labels:
    """Give every pixel the most frequent label in a square window.

    For two labels that is the median filter. Of equally frequent labels a pixel keeps its own,
    else it takes the lowest.

    Parameters
    ----------
    labels : (Y, X)   0 .. count - 1
    count : int       number of labels
    width : int       side of the window in pixels, odd; the image is mirrored at its border

    Raises
    ------
    ValueError  if the width is even or below 1.
    """
    found = as_labels(labels, count)
    side = check_count("width", width, least=1)
    if side % 2 == 0:
        raise ValueError(f"width must be odd, so that the window has a centre; got {width}.")
    ones = np.ones(side, np.int64)
    top, result = np.full(found.shape, -1, np.int64), np.zeros_like(found)
    for label in range(count):
        own = (found == label).astype(np.int64)
        votes = 2 * ndimage.correlate1d(ndimage.correlate1d(own, ones, 0), ones, 1) + own
        ahead = votes > top
        result[ahead], top[ahead] = label, votes[ahead]
    return result


def median_largest_fill(
    probs: ArrayLike,
    image: ArrayLike | None = None,
    *,
    width: int = 7,
    rounds: int = 1,
    objects: Objects | None = None,
    single: bool = True,
    min_area_px: int = 30,
) -> Labels:
    """Take the median of the labels, then the largest component of each object, and fill its holes.

    Parameters
    ----------
    probs : (K, Y, X)    see `as_probs`
    image : ignored
    width : int          side of the median's window in pixels, odd
    rounds : int         how often the median is taken, >= 0
    objects, single, min_area_px : see `largest_fill`

    Returns
    -------
    labels : (Y, X)

    Source: post-processing of pOSAL (five medians of width 7, largest component, filled holes)
    without its erosion and dilation.
    """
    planes = as_probs(probs)
    labels = best(planes)
    for _ in range(check_count("rounds", rounds, least=0)):
        labels = majority(labels, len(planes), width)
    keep = _keeping(single, min_area_px)
    return rebuild(labels, planes, keep=keep, grow=fill_holes, objects=objects)


def largest_fill(
    probs: ArrayLike,
    image: ArrayLike | None = None,
    *,
    objects: Objects | None = None,
    single: bool = True,
    min_area_px: int = 30,
) -> Labels:
    """Keep the largest component of each object and fill its holes.

    Parameters
    ----------
    probs : (K, Y, X)    see `as_probs`
    image : ignored
    objects : label sets     for instance [(1, 2), (2,)] for disc and cup; nested or disjoint.
                             None = each label but 0 by itself. A hole that another object
                             fills is not a hole.
    single : bool        False: many objects of a kind, all components of `min_area_px` stay
    min_area_px : int    >= 0, read where not single

    Returns
    -------
    labels : (Y, X)   components are 8-connected, holes 4-connected
    """
    planes = as_probs(probs)
    keep = _keeping(single, min_area_px)
    return rebuild(best(planes), planes, keep=keep, grow=fill_holes, objects=objects)


def convex_hull(
    probs: ArrayLike,
    image: ArrayLike | None = None,
    *,
    objects: Objects | None = None,
    single: bool = True,
    min_area_px: int = 30,
) -> Labels:
    """Keep the largest component of each object and fill its digital convex hull.

    Nested objects stay nested: an inner one is cut to the outer hull before its own hull is
    taken. Hulls of neighbours give way to each other, so only objects without a touching
    neighbour are sure to be convex.

    Parameters
    ----------
    probs : (K, Y, X)    see `as_probs`
    image : ignored
    objects, min_area_px : see `largest_fill`
    single : bool        False: every component of `min_area_px` gets its hull; components whose
                         hulls touch become one

    Returns
    -------
    labels : (Y, X)
    """
    planes = as_probs(probs)
    keep = _keeping(single, min_area_px)
    grow = convex_hull_mask if single else hull_closure
    return rebuild(best(planes), planes, keep=keep, grow=grow, objects=objects)
