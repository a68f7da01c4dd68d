"""Star centres proposed for a map, and the objects that belong to centres; no torch."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ..geometry import label_components, lone_components, ray_forest

DIP = 0.9  # two maxima of the depth are two objects if the way between them falls below this share
DIP_INNER = 0.75  # the same for inner parts, which do not touch
SMOOTH = 0.04  # deviation of the blur of the depth, diameters
SPECK = 0.01  # area below which a component is noise, typical objects
SPECK_INNER = 0.04  # the same where inner parts are known: networks leave crumbs of them

Centres = NDArray[np.float64]


def propose_centres(
    probs: ArrayLike,
    inner: ArrayLike | None = None,
    *,
    object_px: float | None = None,
    dip: float | None = None,
    smooth: float = SMOOTH,
    speck: float | None = None,
) -> Centres:
    """Propose one centre for each object, two or more where objects touch.

    The object is where the probability exceeds one half. Components smaller than a speck are
    dropped and holes smaller than one are filled. Where the depth (the distance to the outside,
    blurred a little) has several maxima and falls below `dip` of the lower one on every way
    between two of them, the two are centres of their own: an h-maximum of the logarithm of the
    depth, so that small and large objects are divided alike. Two discs of radius R are told apart
    from a distance of their centres of 2R sqrt(1 - dip²) on, 0.87 R for 0.9.

    Parameters
    ----------
    probs : (Y, X)      probability that a pixel lies in an object, in [0, 1], or a mask
    inner : (Y, X)      the same for an inner part of each object that does not touch those of
                        others, if the network knows one: centres are then looked for there, and
                        in the objects of which no inner part was found
    object_px : float   typical diameter, > 0; None = that of a disc as large as the median
                        component, each counted by its pixels
    dip : float         in (0, 1); None = 0.9, or 0.75 for inner parts
    smooth : float      in typical diameters, >= 0
    speck : float       in areas of typical objects, >= 0; None = 0.01, or 0.04 with inner parts

    Returns
    -------
    (N, 2) float64   y, x; whole numbers, inside the object; N may be 0

    Raises
    ------
    ValueError  for a shape, probability or setting out of range.
    """
    whole = _object(probs)
    _check_settings(object_px, dip, smooth, speck)
    if inner is None:
        least = SPECK if speck is None else speck
        return _proposed(whole, object_px, dip or DIP, smooth, least)
    core = _object(inner)
    if core.shape != whole.shape:
        raise ValueError(f"inner has shape {core.shape}, it must be that of probs, {whole.shape}.")
    least = SPECK_INNER if speck is None else speck
    found = _proposed(core & whole, object_px, dip or DIP_INNER, smooth, least)
    marks = np.zeros_like(whole)
    marks[tuple(found.astype(int).T)] = True
    rest = _proposed(lone_components(whole, marks), object_px, dip or DIP, smooth, least)
    return np.concatenate((found, rest))


def _proposed(
    mask: NDArray[np.bool_], object_px: float | None, dip: float, smooth: float, speck: float
) -> Centres:
    numbers, _ = label_components(mask)
    areas = np.bincount(numbers.ravel())[1:]
    if len(areas) == 0:
        return stacked([])
    diameter = _typical_diameter(areas) if object_px is None else object_px
    least = speck * math.pi / 4 * diameter**2
    kept = np.concatenate(([False], areas >= least))[numbers]
    kept = _without_small_holes(kept, least)
    depth = ndimage.gaussian_filter(depth_of(kept), smooth * diameter, mode="nearest")
    return _summits(np.where(kept, np.maximum(depth, 0.25), 0), kept, -math.log(dip))


def typical_diameter(
    probs: ArrayLike, inner: ArrayLike | None = None, *, object_px: float | None = None
) -> float | None:
    """Measure the object in which the median pixel lies, after touching ones were parted.

    Stray pixels hardly count in it, though they may be most of the components.

    Parameters
    ----------
    probs, inner, object_px   see `propose_centres`, which parts the objects

    Returns
    -------
    float   diameter of a disc of its area, pixels; None if there is no object
    """
    points = propose_centres(probs, inner, object_px=object_px)
    if len(points) == 0:
        return None
    numbers = instances(_object(probs).astype(np.uint8), points, 1)
    return _typical_diameter(np.bincount(numbers.ravel())[1:])


def instances(
    labels: ArrayLike,
    centres: ArrayLike | None,
    label: int | Sequence[int],
) -> NDArray[np.int32]:
    """Tell objects of one label apart by their star centres.

    A pixel belongs to the centre that its digital ray ends in, the root of its tree in the forest
    of the star prior. Where that prior holds, every object is therefore star-shaped about its own
    centre, and connected.

    Parameters
    ----------
    labels : (Y, X)       label map
    centres : (N, 2)      y, x in pixels; rows of nan are left out; None or none left = the
                          8-connected components are the objects
    label : int or ints   the label, or all labels that make up the object

    Returns
    -------
    (Y, X) int32   0 = outside; i + 1 = object of centre i, where i counts the rows that are not
                   nan. A centre outside the object has no pixels.
    """
    plane = plane_of(labels, "labels")
    inside = np.isin(plane, np.atleast_1d(np.asarray(label)))
    points = np.zeros((0, 2)) if centres is None else np.asarray(centres, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"centres must be (N, 2) y, x of one image, got shape {points.shape}.")
    points = points[~np.isnan(points).all(1)]
    if len(points) == 0:
        return np.asarray(label_components(inside)[0], dtype=np.int32)
    _, owner = ray_forest(inside.shape, points)
    return np.where(inside, owner + 1, 0).astype(np.int32)


def plane_of(values: ArrayLike, name: str) -> NDArray[Any]:
    """Give values as (Y, X), or raise ValueError with their name."""
    plane = np.asarray(values)
    if plane.ndim != 2 or plane.size == 0:
        raise ValueError(f"{name} must be (Y, X) with at least one pixel, got {plane.shape}.")
    return plane


def _object(probs: ArrayLike) -> NDArray[np.bool_]:
    plane = plane_of(probs, "probs")
    if plane.dtype == np.bool_:
        return plane
    low, high = float(plane.min()), float(plane.max())
    if plane.dtype.kind != "f" or not (low >= -1e-6 and high <= 1 + 1e-6):
        raise ValueError(
            f"probs must be a mask or probabilities in [0, 1], got {plane.dtype} from {low:g} to "
            f"{high:g}. Give the probability of the object, or labels == label."
        )
    return np.asarray(plane > 0.5)


def _check_settings(
    object_px: float | None, dip: float | None, smooth: float, speck: float | None
) -> None:
    if object_px is not None and not 0 < object_px < math.inf:
        raise ValueError(f"object_px must be a number of pixels > 0, got {object_px}.")
    if dip is not None and not 0 < dip < 1:
        raise ValueError(f"dip must lie between 0 and 1, got {dip}.")
    if not (0 <= smooth < math.inf and 0 <= (speck or 0) < math.inf):
        raise ValueError(f"smooth and speck must be >= 0, got {smooth} and {speck}.")


def _typical_diameter(areas: NDArray[Any]) -> float:
    """Give the diameter of a disc as large as the component of the median pixel."""
    ordered = np.sort(areas)
    middle = np.searchsorted(ordered.cumsum(), ordered.sum() / 2)
    return float(2 * math.sqrt(ordered[middle] / math.pi))


def _without_small_holes(mask: NDArray[np.bool_], least: float) -> NDArray[np.bool_]:
    holes, count = ndimage.label(~mask)  # 4-connected, as background is
    if count == 0:
        return mask
    small = np.bincount(holes.ravel()) < least
    small[0] = False
    for border in (holes[0], holes[-1], holes[:, 0], holes[:, -1]):
        small[border] = False
    return np.asarray(mask | small[holes])


def depth_of(mask: NDArray[np.bool_]) -> Centres:
    """Give the distance of each pixel to the outside; beyond the image is outside."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1])


def _summits(depth: Centres, mask: NDArray[np.bool_], drop: float) -> Centres:
    """Find the maxima from which every way to a higher one falls by a factor exp(drop)."""
    from skimage.morphology import reconstruction

    if not mask.any():
        return stacked([])
    height = np.log(np.where(mask, depth, 1e-3))  # lower than any depth: parts do not join
    flooded = reconstruction(  # type: ignore[no-untyped-call]
        height - drop, height, footprint=np.ones((3, 3))
    )
    rise = height - flooded
    domes, _ = label_components((rise > 1e-9) & mask)
    points = []
    for number, window in enumerate(ndimage.find_objects(domes), 1):
        own = domes[window] == number
        if rise[window][own].max() >= drop - 1e-9:
            points.append(innermost(depth[window], own, window))
    return stacked(sorted(points))


def innermost(
    depth: NDArray[Any], own: NDArray[np.bool_], window: tuple[slice, ...]
) -> tuple[int, int]:
    """Give the deepest pixel of an object; of equal ones that nearest to their mean."""
    deepest = np.argwhere(own & (depth >= depth[own].max() - 1e-9))
    away = ((deepest - deepest.mean(0)) ** 2).sum(1)
    y, x = deepest[int(np.argmin(away))]
    return int(y) + window[0].start, int(x) + window[1].start


def stacked(points: Sequence[tuple[int, int]]) -> Centres:
    """Stack points, (N, 2) also where there is none."""
    return np.array(points, dtype=np.float64).reshape(-1, 2)
