"""What pixels that are settled beforehand mean for a star shape and for a hull."""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import Indices, Mask, as_mask, as_order, as_parent
from .compiled import compiled
from .components import label_components
from .hull import convex_hull_mask, hull_closure

STEEPEST = 8  # largest entry of the directions that are tried for a cut
FINE = 10**9  # length of the direction that is made where none of them will do
Directions = NDArray[np.int64]


def settle_rays(
    must: ArrayLike, never: ArrayLike, parent: ArrayLike, order: ArrayLike
) -> tuple[Mask, Mask, Indices]:
    """Carry settled pixels along their rays: towards the root inside, away from it outside.

    Where a pixel that must be inside hangs on one that cannot, no star shape holds both: the ray
    is cut there, and what lies beyond hangs on nothing.

    Parameters
    ----------
    must, never : (H, W)   pixels inside and outside every object; disjoint
    parent, order : (H*W,) `ray_tree` and its `topological_order`

    Returns
    -------
    must, never : (H, W)   disjoint supersets
    parent : (H*W,)        the tree without the cut edges; the given one if nothing was cut
    """
    inside, outside = as_mask(must), as_mask(never)
    tree = as_parent(parent, inside.size)
    sequence = as_order(order, inside.size)
    held, barred, forest = _settle(inside.reshape(-1), outside.reshape(-1), tree, sequence)
    same = np.array_equal(forest, tree)
    return held.reshape(inside.shape), barred.reshape(inside.shape), tree if same else forest


def hulls_around(mask: ArrayLike, keep: ArrayLike, out: ArrayLike) -> Mask:
    """Make components convex with some pixels in and others out.

    Every component becomes its hull. While that holds a pixel that must be out, the part beyond
    a line through the deepest such pixel is cut off: of the lines tried that leave the pixels to
    keep, the one that costs fewest pixels. A pixel that no line parts from those to keep stays in.

    Parameters
    ----------
    mask : (H, W)
    keep, out : (H, W)   disjoint; pixels that must be in and that should not

    Returns
    -------
    (H, W)   holds `keep`; every 8-connected component is digitally convex
    """
    inside, held, barred = as_mask(mask), as_mask(keep), as_mask(out)
    inside = (inside & ~barred) | held
    lines = _directions()
    while True:
        hulls = hull_closure(inside)
        parts, count = label_components(hulls)
        inside = np.zeros_like(hulls)
        for part in range(1, count + 1):
            inside |= _trimmed(parts == part, held, barred, lines)
        if np.array_equal(inside, hulls):
            return hulls


def _trimmed(part: Mask, held: Mask, barred: Mask, lines: Directions) -> Mask:
    """Cut one convex component until no pixel that a line can part is in it.

    Pixels are cut off one after another, and all that touch each other at once; the way that
    leaves more pixels is taken.
    """
    wrong = part & barred
    if wrong.any():
        wrong &= ~convex_hull_mask(part & held)  # what lies between pixels to keep stays
    if not wrong.any():
        return part
    single = _cut_off(part, held, wrong, lines, together=False)
    whole = _cut_off(part, held, wrong, lines, together=True)
    return whole if whole.sum() >= single.sum() else single


def _cut_off(part: Mask, held: Mask, wrong: Mask, lines: Directions, *, together: bool) -> Mask:
    while True:
        left = part & wrong
        if not left.any():
            return part
        rows, must = _ends(part), _ends(part & held)
        points = np.argwhere(left)
        beyond = points[_deepest(points, rows, lines)][None]
        found = -1
        if together:
            clusters, _ = label_components(left)
            cluster = np.argwhere(clusters == clusters[tuple(beyond[0])])
            found = _cut(rows, must, cluster, lines)
            beyond = cluster if found >= 0 else beyond
        if found < 0:
            found = _cut(rows, must, beyond, lines)
        line = lines[found] if found >= 0 else _parting(np.argwhere(part & held) - beyond[0])
        pixels = np.argwhere(part)
        kept = pixels[pixels @ line < int((beyond @ line).min())]
        part = np.zeros_like(part)
        part[kept[:, 0], kept[:, 1]] = True


def _ends(mask: Mask) -> Directions:
    """Give row, first and last pixel of every row that has one, (rows, 3)."""
    rows = np.flatnonzero(mask.any(1))
    first, last = mask[rows].argmax(1), mask.shape[1] - 1 - mask[rows, ::-1].argmax(1)
    return np.stack((rows, first, last), 1).astype(np.int64)


def _parting(rays: Directions) -> Directions:
    """Find the direction farthest from all rays, which lie in less than half a turn, (2,)."""
    angles = np.sort(np.arctan2(rays[:, 0], rays[:, 1]))
    gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    widest = int(gaps.argmax())
    middle = angles[widest] + gaps[widest] / 2
    return np.round(FINE * np.array([np.sin(middle), np.cos(middle)])).astype(np.int64)


def _directions() -> Directions:
    """Give the directions in which a component may be cut, (M, 2), nearest to all angles."""
    steps = range(-STEEPEST, STEEPEST + 1)
    return np.array([(y, x) for y in steps for x in steps if gcd(y, x) == 1], np.int64)


@compiled
def _settle(must: Mask, never: Mask, parent: Indices, order: Indices) -> tuple[Mask, Mask, Indices]:
    held, barred, forest = must.copy(), never.copy(), parent.copy()
    for start in range(len(must)):
        if must[start]:
            pixel = parent[start]
            while not held[pixel] and not never[pixel]:
                held[pixel] = True
                pixel = parent[pixel]
    for pixel in order:
        above = parent[pixel]
        if barred[above] and above != pixel:
            if held[pixel]:
                forest[pixel] = pixel
            else:
                barred[pixel] = True
    return held, barred, forest


@compiled
def _highest(rows: Directions, y: int, x: int) -> int:
    """Give the largest value of a linear function on rows of pixels, of which there is one."""
    highest: int = y * rows[0, 0] + max(x * rows[0, 1], x * rows[0, 2])
    for row in range(1, len(rows)):
        highest = max(highest, y * rows[row, 0] + max(x * rows[row, 1], x * rows[row, 2]))
    return highest


@compiled
def _deepest(points: Directions, rows: Directions, lines: Directions) -> int:
    """Choose the point that lies farthest from all lines about some rows of pixels."""
    depth = np.full(len(points), np.inf)
    for index in range(len(lines)):
        y, x = lines[index, 0], lines[index, 1]
        highest, length = _highest(rows, y, x), np.sqrt(float(y * y + x * x))
        for place in range(len(points)):
            rest = (highest - y * points[place, 0] - x * points[place, 1]) / length
            depth[place] = min(depth[place], rest)
    return int(depth.argmax())


@compiled
def _beyond(rows: Directions, y: int, x: int, level: int) -> int:
    """Count the pixels of rows on which a linear function reaches a level."""
    count = 0
    for row in range(len(rows)):
        first, last = rows[row, 1], rows[row, 2]
        short = level - y * rows[row, 0]  # what x has to bring
        if x > 0:
            first = max(first, -(-short // x))
        elif x < 0:
            last = min(last, -short // -x)
        elif short > 0:
            continue
        count += max(0, last - first + 1)
    return count


@compiled
def _cut(rows: Directions, must: Directions, beyond: Directions, lines: Directions) -> int:
    """Find the line with some points beyond it that cuts off fewest pixels, none to keep; or -1."""
    best, least = -1, -1
    for index in range(len(lines)):
        y, x = lines[index, 0], lines[index, 1]
        level = y * beyond[0, 0] + x * beyond[0, 1]
        for place in range(1, len(beyond)):
            level = min(level, y * beyond[place, 0] + x * beyond[place, 1])
        if len(must) > 0 and _highest(must, y, x) >= level:
            continue
        count = _beyond(rows, y, x, level)
        if best < 0 or count < least:
            best, least = index, count
    return best
