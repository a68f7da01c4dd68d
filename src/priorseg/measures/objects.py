"""Sizes and shapes of the objects of a label map."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ..geometry import convex_hull_mask, fill_holes, label_components
from .outline import Mask, Spacing, check_spacing, feret, hull_corners, perimeter

Window = tuple[slice, slice]
ROUGH_PX = 30  # below that many pixels lengths are off by several per cent


@dataclass(frozen=True)
class ObjectMeasures:
    """Hold what was measured of one object; None where there is nothing to measure.

    Parameters
    ----------
    number : int                   its value in the label map
    name, class_name : str         "" = none given
    units : str                    of lengths; areas are in its square
    area_px : int                  pixels, those of the objects inside it too
    area : float
    perimeter : float              of all outlines, holes too; see `outline.perimeter`
    equivalent_diameter : float    of the disc of the same area, 2 sqrt(area / π)
    feret_max, feret_min : float   largest and smallest caliper diameter
    circularity : float            4π area / perimeter²; may exceed 1 by the error of the perimeter
    solidity : float               pixels / pixels of the digital convex hull; 1 = convex
    centroid_px : (Y, X)           mean of the pixel centres, from the centre of pixel (0, 0)
    centroid : (Y, X)              the same in units
    box : (top, left, bottom, right)   in pixels, the last two exclusive
    pieces, holes : int            8-connected parts; 4-connected parts of what is enclosed
    touches_border : bool          of the image, or of the region that was seen
    remark : str                   what to know before using the figures
    """

    number: int
    name: str
    class_name: str
    units: str
    area_px: int
    area: float
    perimeter: float | None = None
    equivalent_diameter: float | None = None
    feret_max: float | None = None
    feret_min: float | None = None
    circularity: float | None = None
    solidity: float | None = None
    centroid_px: tuple[float, float] | None = None
    centroid: tuple[float, float] | None = None
    box: tuple[int, int, int, int] | None = None
    pieces: int = 0
    holes: int = 0
    touches_border: bool = False
    remark: str = ""


def check_units(spacing: tuple[float, ...], units: str) -> Spacing:
    """Return the spacing if it and its unit fit together.

    Raises
    ------
    ValueError  if the spacing is unusable, or is not 1 while the unit is px.
    """
    edges = check_spacing(spacing)
    if not units.strip():
        raise ValueError("units is empty; name the unit of the spacing, or use px.")
    if units == "px" and edges != (1.0, 1.0):
        raise ValueError(
            f"A spacing of {edges[0]:g} and {edges[1]:g} needs its unit, for example units='mm'."
        )
    return edges


def check_region(region: Window | None, shape: tuple[int, ...]) -> Window:
    """Return the part of the image that was seen; None = all of it.

    Raises
    ------
    ValueError  if it is empty or not inside the image.
    """
    if region is None:
        return slice(0, shape[0]), slice(0, shape[1])
    for part, size in zip(region, shape, strict=True):
        if not (part.step in (None, 1) and 0 <= (part.start or 0) < (part.stop or size) <= size):
            raise ValueError(f"The region {region} is empty or lies outside the image {shape}.")
    rows, columns = region
    return (
        slice(rows.start or 0, rows.stop or shape[0]),
        slice(columns.start or 0, columns.stop or shape[1]),
    )


def touches(box: tuple[int, int, int, int], region: Window) -> bool:
    """Tell whether a box reaches the edge of a region."""
    rows, columns = region
    low = box[0] <= rows.start or box[1] <= columns.start
    return bool(low or box[2] >= rows.stop or box[3] >= columns.stop)


def as_objects(objects: ArrayLike) -> NDArray[Any]:
    """Return a label map as a (Y, X) array of whole numbers >= 0; 0 is no object.

    Raises
    ------
    ValueError  if it is something else; says what.
    """
    image = np.asarray(objects)
    if image.ndim != 2 or image.size == 0:
        raise ValueError(f"Objects are measured plane by plane (Y, X), got shape {image.shape}.")
    if image.dtype.kind == "b":
        return image.astype(np.uint8)
    if image.dtype.kind not in "ui":
        raise ValueError(f"Objects must be whole numbers, got {image.dtype}.")
    if image.min() < 0:
        raise ValueError(f"Objects must be numbered from 1 (0 is none), got {image.min()}.")
    return image


def family(inside: Mapping[int, int], number: int) -> set[int]:
    """Give an object and all that lies inside it, to any depth.

    Raises
    ------
    ValueError  if an object lies inside itself.
    """
    members, new = {number}, [number]
    while new:
        outer = new.pop()
        for inner in (child for child, parent in inside.items() if parent == outer):
            if inner in members:
                raise ValueError(f"Object {inner} lies inside itself; correct 'inside'.")
            members.add(inner)
            new.append(inner)
    return members


def boxes_of(image: NDArray[Any]) -> dict[int, Window]:
    """Find the box of every number; the memory does not grow with the numbers."""
    if image.max() <= max(image.size, 65535):
        found = ndimage.find_objects(image.astype(np.int32))
        return {index + 1: box for index, box in enumerate(found) if box is not None}
    numbers, places = np.unique(image, return_inverse=True)
    found = ndimage.find_objects(places.reshape(image.shape) + 1)
    return {int(number): box for number, box in zip(numbers, found, strict=True) if number}


def _union(boxes: list[Window]) -> Window:
    rows, columns = ([box[axis] for box in boxes] for axis in (0, 1))
    return (
        slice(min(part.start for part in rows), max(part.stop for part in rows)),
        slice(min(part.start for part in columns), max(part.stop for part in columns)),
    )


def _remark(area_px: int, pieces: int, holes: int, cut: bool) -> str:
    parts = []
    if cut:
        parts.append("touches the border: it may be cut off")
    if area_px < ROUGH_PX:
        parts.append(f"only {area_px} px: lengths and shapes are rough")
    if pieces > 1:
        parts.append(f"{pieces} pieces, measured together")
    if holes:
        parts.append(f"{holes} hole{'s' if holes > 1 else ''}, whose outlines count")
    return "; ".join(parts)


def measure_mask(
    mask: Mask, corner: tuple[int, int], spacing: Spacing, region: Window
) -> dict[str, Any]:
    """Measure one mask; gives the fields of `ObjectMeasures` that are figures.

    Parameters
    ----------
    mask : (Y, X) bool       an object's box, not empty
    corner : (int, int)      the pixel of the image where the box begins
    spacing : (Y, X)
    region : two slices      that were seen
    """
    pixel = spacing[0] * spacing[1]
    area_px = int(np.count_nonzero(mask))
    area, length = area_px * pixel, perimeter(mask, spacing)
    longest, shortest = feret(hull_corners(mask, spacing))
    rows, columns = np.nonzero(mask)
    centre = float(rows.mean() + corner[0]), float(columns.mean() + corner[1])
    pieces = label_components(mask)[1]
    holes = int(ndimage.label(fill_holes(mask) & ~mask)[1])
    box = (*corner, corner[0] + mask.shape[0], corner[1] + mask.shape[1])
    cut = touches(box, region)
    return {
        "area_px": area_px,
        "area": area,
        "perimeter": length,
        "equivalent_diameter": 2 * math.sqrt(area / math.pi),
        "feret_max": longest,
        "feret_min": shortest,
        "circularity": 4 * math.pi * area / length**2,
        "solidity": area_px / int(np.count_nonzero(convex_hull_mask(mask))),
        "centroid_px": centre,
        "centroid": (centre[0] * spacing[0], centre[1] * spacing[1]),
        "box": box,
        "pieces": pieces,
        "holes": holes,
        "touches_border": cut,
        "remark": _remark(area_px, pieces, holes, cut),
    }


def measure(
    objects: ArrayLike,
    *,
    spacing: tuple[float, float] = (1.0, 1.0),
    units: str = "px",
    names: Mapping[int, str] | None = None,
    classes: Mapping[int, str] | None = None,
    inside: Mapping[int, int] | None = None,
    region: Window | None = None,
) -> list[ObjectMeasures]:
    """Measure every object of a label map or an instance map.

    Parameters
    ----------
    objects : (Y, X)        whole numbers; 0 is no object. One number is one object, even in pieces
    spacing : (Y, X)        pixel edges in `units`
    units : str
    names, classes : dict   of objects by number; one that is named but has no pixel is listed
                            with area 0
    inside : dict           number of an object to the number of the one it lies in, for instance
                            {cup: disc}: the disc is then measured with the cup's pixels
    region : two slices     the part that was seen; objects at its edge are marked as cut

    Returns
    -------
    list of ObjectMeasures   by number

    Raises
    ------
    ValueError  for an unusable map, spacing or region, or an object inside itself.
    """
    image = as_objects(objects)
    edges = check_units(spacing, units)
    seen = check_region(region, image.shape)
    names, classes, inside = names or {}, classes or {}, inside or {}
    boxes = boxes_of(image)
    measured = []
    for number in sorted({*boxes, *names, *classes, *inside, *inside.values()} - {0}):
        members = family(inside, number)
        words: dict[str, Any] = {"number": number, "name": names.get(number, ""), "units": units}
        words["class_name"] = classes.get(number, "")
        found = [boxes[member] for member in members if member in boxes]
        if not found:
            none = ObjectMeasures(**words, area_px=0, area=0.0, remark="has no pixels")
            measured.append(none)
            continue
        box = _union(found)
        mask = np.isin(image[box], sorted(members)) if len(members) > 1 else image[box] == number
        corner = (box[0].start, box[1].start)
        measured.append(ObjectMeasures(**words, **measure_mask(mask, corner, edges, seen)))
    return measured
