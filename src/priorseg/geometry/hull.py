"""Digital convexity: hulls of masks in integer arithmetic.

A set of pixels is digitally convex if it holds every pixel whose centre lies in its convex hull.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import Indices, Mask, as_mask
from .closure import ancestor_closure, star_violations
from .compiled import compiled
from .components import label_components

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
    return _fill_hulls(image.astype(np.int32), 1)


def hull_closure(mask: ArrayLike) -> Mask:
    """Find the smallest superset whose 8-connected components are all digitally convex.

    Each component is filled up to its hull; hulls that touch make one component, which is
    filled again, until nothing changes.
    """
    image = as_mask(mask)
    labels, count = label_components(image)
    while True:
        image = _fill_hulls(labels, count)
        if count < 2:
            return image
        labels, joined = label_components(image)
        if joined == count:  # every component is one of the hulls just filled
            return image
        count = joined


def hull_deficit(mask: ArrayLike) -> int:
    """Count the background pixels in the hulls of the 8-connected components.

    0 proves that every component is digitally convex: a component that differs from its hull
    has a neighbour in its hull, and that neighbour belongs to no component.
    """
    image = as_mask(mask)
    labels, count = label_components(image)
    return int(np.count_nonzero(_fill_hulls(labels, count)) - np.count_nonzero(image))


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
def _row_ranges(labels: Indices, count: int) -> tuple[Edges, Edges]:
    """Return the first row of each label and where its rows start in one list of all rows."""
    height, width = labels.shape
    top = np.full(count, height, np.int64)
    bottom = np.full(count, -1, np.int64)
    for y in range(height):
        for x in range(width):
            index = labels[y, x] - 1
            if index >= 0:
                top[index] = min(top[index], y)
                bottom[index] = y
    start = np.zeros(count + 1, np.int64)
    for index in range(count):
        start[index + 1] = start[index] + max(0, bottom[index] - top[index] + 1)
    return top, start


@compiled
def _row_ends(labels: Indices, top: Edges, start: Edges) -> tuple[Edges, Edges]:
    """Return the first and the last pixel of each label in each of its rows.

    A row without a pixel of the label has first = W.
    """
    height, width = labels.shape
    first = np.full(start[-1], width, np.int64)
    last = np.full(start[-1], -1, np.int64)
    for y in range(height):
        for x in range(width):
            index = labels[y, x] - 1
            if index >= 0:
                row = start[index] + y - top[index]
                first[row] = min(first[row], x)
                last[row] = x
    return first, last


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
def _fill_hulls(labels: Indices, count: int) -> Mask:
    """Fill the hull of every label 1..count."""
    hull = np.zeros(labels.shape, np.bool_)
    top, start = _row_ranges(labels, count)
    first, last = _row_ends(labels, top, start)
    for index in range(count):
        rows = slice(start[index], start[index + 1])
        present = last[rows] >= 0
        left = _lower_envelope(first[rows], present)
        right = -_lower_envelope(-last[rows], present)
        for row in range(len(left)):
            hull[top[index] + row, left[row] : right[row] + 1] = True
    return hull
