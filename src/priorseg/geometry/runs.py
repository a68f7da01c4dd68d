"""Masks as runs: the stretches of set pixels in each row, and the components they make up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .checks import Indices, Mask
from .compiled import compiled


class Runs(NamedTuple):
    """Hold the runs of a mask in raster order.

    Parameters
    ----------
    first, last : (R,) int32   columns of the first and of the last pixel
    start : (H + 1,) int32     the runs of row y are start[y] .. start[y + 1] - 1
    part : (R,) int32          8-connected component, 0..parts-1 in order of their first pixels
    parts : int                number of components
    """

    first: Indices
    last: Indices
    start: Indices
    part: Indices
    parts: int


def runs_of(mask: Mask) -> Runs:
    """Find the runs and the 8-connected components of a contiguous mask (H, W)."""
    first, last, start = _find(mask)
    part, count = _connect(first, last, start)
    return Runs(first, last, start, part, int(count))


def paint(runs: Runs, values: Indices, shape: tuple[int, int]) -> Indices:
    """Write the value of its component on every pixel of the mask, 0 elsewhere, (H, W) int32."""
    image = np.zeros(shape, np.int32)
    _paint(runs.first, runs.last, runs.start, runs.part, values, image)
    return image


def pixels_per_part(runs: Runs) -> np.ndarray:
    """Count the pixels of every component, (count,)."""
    lengths = runs.last.astype(np.int64) - runs.first + 1
    return np.bincount(runs.part, lengths, runs.parts).astype(np.int64)


@compiled
def _find(mask: Mask) -> tuple[Indices, Indices, Indices]:
    height, width = mask.shape
    room = height * ((width + 1) // 2)
    first, last = np.empty(room, np.int32), np.empty(room, np.int32)
    start = np.zeros(height + 1, np.int32)
    size = 0
    for y in range(height):
        row = mask[y]
        x = 0
        while x < width:
            if row[x]:
                first[size] = x
                while x < width and row[x]:
                    x += 1
                last[size] = x - 1
                size += 1
            x += 1
        start[y + 1] = size
    return first[:size].copy(), last[:size].copy(), start


@compiled
def _top(above: Indices, run: int) -> int:
    """Follow a run to the earliest one known to belong to its component, and shorten the way."""
    top = run
    while above[top] != top:
        top = above[top]
    while above[run] != top:
        above[run], run = top, above[run]
    return top


@compiled
def _connect(first: Indices, last: Indices, start: Indices) -> tuple[Indices, int]:
    above = np.arange(len(first)).astype(np.int32)
    for y in range(1, len(start) - 1):
        upper, end = start[y - 1], start[y]
        for run in range(start[y], start[y + 1]):
            while upper < end and last[upper] + 1 < first[run]:
                upper += 1
            other = upper
            while other < end and first[other] <= last[run] + 1:
                one, two = _top(above, other), _top(above, run)
                above[max(one, two)] = min(one, two)
                other += 1
    part = np.empty(len(first), np.int32)
    count = 0
    for run in range(len(first)):
        if above[run] == run:
            part[run] = count
            count += 1
        else:
            part[run] = part[above[run]]
    return part, count


@compiled
def _paint(
    first: Indices, last: Indices, start: Indices, part: Indices, values: Indices, image: Indices
) -> None:
    for y in range(len(start) - 1):
        for run in range(start[y], start[y + 1]):
            image[y, first[run] : last[run] + 1] = values[part[run]]


@compiled
def touched_parts(
    first: Indices, last: Indices, start: Indices, part: Indices, count: int, other: Mask
) -> Mask:
    """Mark the components with a pixel of another mask on them or among their 8 neighbours."""
    height, width = other.shape
    touched = np.zeros(count, np.bool_)
    for y in range(height):
        for run in range(start[y], start[y + 1]):
            if touched[part[run]]:
                continue
            left, right = max(first[run] - 1, 0), min(last[run] + 2, width)
            for near in range(max(y - 1, 0), min(y + 2, height)):
                for x in range(left, right):
                    touched[part[run]] |= other[near, x]
    return touched
