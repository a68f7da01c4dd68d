"""Digital convexity: hulls of masks in integer arithmetic.

A set of pixels is digitally convex if it holds every pixel whose centre lies in its convex hull.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import Indices, Mask, as_mask
from .closure import ancestor_closure, star_violations
from .compiled import compiled
from .runs import runs_of

Edges = NDArray[np.int64]


def convex_hull_mask(mask: ArrayLike) -> Mask:
    """Fill the convex hull of all pixels: every pixel whose centre lies in the hull of centres.

    Parameters
    ----------
    mask : (H, W)

    Returns
    -------
    hull : (H, W)   the smallest digitally convex superset; empty for an empty mask

    Source: Andrew's monotone chain on the first and last pixel of each row; exact.
    """
    image = as_mask(mask)
    runs = runs_of(image)
    whole = runs._replace(part=np.zeros_like(runs.part), parts=min(runs.parts, 1))
    return _fill_hulls(*whole, *image.shape)


def hull_closure(mask: ArrayLike) -> Mask:
    """Find the smallest superset whose 8-connected components are all digitally convex.

    Each component is filled up to its hull; hulls that touch make one component, which is
    filled again, until nothing changes.
    """
    image = as_mask(mask)
    runs = runs_of(image)
    while True:
        image = _fill_hulls(*runs, *image.shape)
        count = runs.parts
        if count < 2:
            return image
        runs = runs_of(image)
        if runs.parts == count:  # every component is one of the hulls just filled
            return image


def hull_deficit(mask: ArrayLike) -> int:
    """Count the background pixels in the hulls of the 8-connected components.

    0 proves that every component is digitally convex: a component that differs from its hull
    has a neighbour in its hull, and that neighbour belongs to no component.
    """
    image = as_mask(mask)
    hulls = _fill_hulls(*runs_of(image), *image.shape)
    return int(np.count_nonzero(hulls) - np.count_nonzero(image))


def convex_star_closure(mask: ArrayLike, parent: ArrayLike) -> Mask:
    """Find the smallest superset that is closed under parent and has convex components.

    Hulls and rays are added in turn until neither adds a pixel.

    Parameters
    ----------
    mask : (H, W)
    parent : (H*W,)   tree of `ray_tree`
    """
    closed = hull_closure(ancestor_closure(mask, parent))
    while star_violations(closed, parent):
        closed = hull_closure(ancestor_closure(closed, parent))
    return closed


@compiled
def _row_ranges(start: Indices, part: Indices, count: int) -> tuple[Edges, Edges]:
    """Return the first row of each component and where its rows start in a list of all rows."""
    top = np.full(count, -1, np.int64)
    bottom = np.full(count, -1, np.int64)
    for y in range(len(start) - 1):
        for run in range(start[y], start[y + 1]):
            if top[part[run]] < 0:
                top[part[run]] = y
            bottom[part[run]] = y
    begin = np.zeros(count + 1, np.int64)
    for index in range(count):
        begin[index + 1] = begin[index] + bottom[index] - top[index] + 1
    return top, begin


@compiled
def _row_ends(
    first: Indices, last: Indices, start: Indices, part: Indices, top: Edges, begin: Edges
) -> tuple[Edges, Edges]:
    """Return the first and the last pixel of each component in each of its rows.

    A row without a pixel of the component, which only a whole mask can have, has last = -1.
    """
    left, right = np.full(begin[-1], -1, np.int64), np.full(begin[-1], -1, np.int64)
    for y in range(len(start) - 1):
        for run in range(start[y], start[y + 1]):
            row = begin[part[run]] + y - top[part[run]]
            if right[row] < 0:
                left[row] = first[run]
            right[row] = last[run]
    return left, right


@compiled
def _lower_envelope(edge: Edges, present: Mask) -> Edges:
    """Return, rounded up, the largest convex function below the edge of the present rows.

    The first and the last row are present.
    """
    corners = np.empty(len(edge), np.int64)
    size = 0
    for y in range(len(edge)):
        if not present[y]:
            continue
        while size > 1:
            a, b = corners[size - 2], corners[size - 1]
            if (edge[b] - edge[a]) * (y - a) < (edge[y] - edge[a]) * (b - a):
                break  # b lies strictly below the chord from a to y
            size -= 1
        corners[size] = y
        size += 1
    envelope = edge.copy()
    for corner in range(size - 1):
        a, b = corners[corner], corners[corner + 1]
        for y in range(a + 1, b):
            envelope[y] = edge[a] - ((edge[a] - edge[b]) * (y - a)) // (b - a)
    return envelope


@compiled
def _fill_hulls(
    first: Indices,
    last: Indices,
    start: Indices,
    part: Indices,
    count: int,
    height: int,
    width: int,
) -> Mask:
    """Fill the hull of every component of `Runs`."""
    hull = np.zeros((height, width), np.bool_)
    top, begin = _row_ranges(start, part, count)
    left, right = _row_ends(first, last, start, part, top, begin)
    for index in range(count):
        rows = slice(begin[index], begin[index + 1])
        present = right[rows] >= 0
        low = _lower_envelope(left[rows], present)
        high = -_lower_envelope(-right[rows], present)
        for row in range(len(low)):
            hull[top[index] + row, low[row] : high[row] + 1] = True
    return hull
