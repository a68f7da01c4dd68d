"""Outlines of pixel masks along pixel edges, and the pixels inside outlines; each undoes the other.

A pixel (y, x) covers the square from (y, x) to (y + 1, x + 1).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_CROSSINGS = 2**26  # of outlines and rows


def outlines(mask: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Trace the border between a mask and the rest.

    Pixels that touch in a corner only are parted there, so that no outline crosses itself.

    Parameters
    ----------
    mask : (Y, X)

    Returns
    -------
    closed polygons, each (corners, 2) as (x, y) without the first one repeated; outer ones run
    clockwise as seen on a screen, holes the other way round. By even-odd or winding they give the
    mask again.
    """
    inside = np.pad(mask.astype(bool), 1)
    upper_left, upper_right = inside[:-1, :-1], inside[:-1, 1:]
    lower_left, lower_right = inside[1:, :-1], inside[1:, 1:]
    count = upper_left.astype(np.int8) + upper_right + lower_left + lower_right
    single = np.argwhere(count % 2 == 1)
    double = np.argwhere((count == 2) & (upper_left == lower_right))
    if not len(single):
        return []
    corners = np.concatenate([single, double, double])
    # at a double corner the first one joins the edge to the left, the second that to the right;
    # upwards goes the first where the upper left is inside, else the second
    falling = upper_left[tuple(double.T)]
    rank_in_row = np.concatenate(
        [np.zeros(len(single)), np.zeros(len(double)), np.ones(len(double))]
    )
    rank_in_column = np.concatenate([np.zeros(len(single)), ~falling, falling])
    along_row = np.lexsort((rank_in_row, corners[:, 1], corners[:, 0]))
    along_column = np.lexsort((rank_in_column, corners[:, 0], corners[:, 1]))
    across, down = np.empty((2, len(corners)), np.int64)
    across[along_row[0::2]], across[along_row[1::2]] = along_row[1::2], along_row[0::2]
    down[along_column[0::2]], down[along_column[1::2]] = along_column[1::2], along_column[0::2]
    return _walk(corners, across, down, inside)


def _walk(
    corners: NDArray[np.int64],
    across: NDArray[np.int64],
    down: NDArray[np.int64],
    inside: NDArray[np.bool_],
) -> list[NDArray[np.int64]]:
    """Follow edges in turn along rows and columns, the mask on the right hand."""
    partners = across.tolist(), down.tolist()
    seen = bytearray(len(corners))
    found = []
    for start in np.lexsort((corners[:, 1], corners[:, 0])).tolist():
        if seen[start]:
            continue
        loop, at, turn = [], start, 0
        while not seen[at]:
            seen[at] = 1
            loop.append(at)
            at = partners[turn][at]
            turn = 1 - turn
        points = corners[loop]
        (y, left), right = points[0], points[1, 1]
        if not inside[y + 1, min(left, right) + 1]:  # nothing below the first edge: turn round
            points = np.roll(points[::-1], 1, axis=0)
        if left > right:
            points = np.roll(points[::-1], 1, axis=0)
        found.append(points[:, ::-1].copy())
    return found


def fill(paths: Sequence[NDArray[np.float64]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Find the pixels whose centre lies inside an odd number of outlines.

    Parameters
    ----------
    paths : closed polygons, each (corners, 2) as (x, y); what lies outside the image is cut off
    shape : (Y, X)

    Returns
    -------
    (Y, X) bool

    Raises
    ------
    ValueError  if there are too many edges for the memory this takes.
    """
    height, width = shape
    flips = np.zeros((height, width + 1), np.int32)
    if not paths:
        return flips[:, :-1] > 0
    x0, y0 = np.concatenate([np.asarray(path, np.float64) for path in paths]).T
    x1, y1 = np.concatenate([np.roll(np.asarray(path, np.float64), -1, axis=0) for path in paths]).T
    low, high = np.minimum(y0, y1), np.maximum(y0, y1)
    first = np.clip(np.ceil(low - 0.5), 0, height).astype(np.int64)  # centres in [low, high)
    rows = np.clip(np.ceil(high - 0.5), 0, height).astype(np.int64) - first
    if rows.sum() > MOST_CROSSINGS:
        raise ValueError("the outlines cross more rows than can be counted.")
    edge = np.repeat(np.arange(len(x0)), rows)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(rows) - rows, rows) + first[edge]
    slope = (row + 0.5 - y0[edge]) / (y1 - y0)[edge]
    crossing = x0[edge] + slope * (x1 - x0)[edge]
    column = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
    np.add.at(flips, (row, column), 1)
    return np.asarray(np.cumsum(flips[:, :-1], axis=1) % 2 == 1)
