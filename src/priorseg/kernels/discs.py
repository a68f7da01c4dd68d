"""Find pixels whose disc is filled for more than half."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..geometry.compiled import compiled
from ..operators import disc_offsets, disc_sum
from .threads import over_rows

SLACK = 1e-6  # of the disc, so that rounding never activates a pixel


@compiled
def _look(
    image: np.ndarray,
    unit: float,
    margin: int,
    low: int,
    high: int,
    prefix: np.ndarray,
    solid: np.ndarray,
) -> None:
    """Sum rows of (Y, X) in whole units, rounded, and find where they have values > 1/2.

    prefix: int32 may wrap, differences do not; solid (3, Y): first and last column and number.
    """
    width = image.shape[1]
    for y in range(low, high):
        total, first, last, count = 0, width, -1, 0
        for x in range(margin + 1):
            prefix[y, x] = 0
        for x in range(width):
            value = image[y, x]
            total += int(value * unit + 0.5)
            prefix[y, margin + 1 + x] = total
            if value > 0.5:
                first = min(first, x)
                last = x
                count += 1
        for x in range(margin + 1 + width, width + 2 * margin + 1):
            prefix[y, x] = total
        solid[0, y], solid[1, y], solid[2, y] = first, last, count


@compiled
def _sort_out_run(
    image: np.ndarray,
    prefix: np.ndarray,
    y: int,
    begin: int,
    end: int,
    radius: int,
    halves: np.ndarray,
    bounds: np.ndarray,
    out: np.ndarray,
) -> None:
    """Mark pixels begin..end of row y: 1 = surely active, 2 = the rounded sums cannot tell."""
    height, width = image.shape
    margin = (prefix.shape[1] - width - 1) // 2
    sums = np.zeros(end - begin, np.int32)
    for row in range(max(y - radius, 0), min(y + radius + 1, height)):
        half, at = halves[abs(row - y)], margin + begin
        left = prefix[row, at - half : at - half + end - begin]
        right = prefix[row, at + half + 1 : at + half + 1 + end - begin]
        for x in range(end - begin):
            sums[x] += right[x] - left[x]
    values, marks = image[y, begin:end], out[y, begin:end]
    for x in range(end - begin):
        if values[x] <= 0.5 and sums[x] > bounds[0] and marks[x] != 1:
            marks[x] = 1 if sums[x] > bounds[1] else 2


@compiled
def _sort_out(
    image: np.ndarray,
    prefix: np.ndarray,
    solid: np.ndarray,
    radii: np.ndarray,
    halves: np.ndarray,
    bounds: np.ndarray,
    low: int,
    high: int,
    out: np.ndarray,
) -> None:
    """Mark pixels of some rows, see `_sort_out_run`.

    A disc that is filled for more than half holds a value > 1/2, so only pixels near one are
    looked at; those inside a run of such values are passed over.
    """
    height, width = image.shape
    for y in range(low, high):
        first, last, count = solid[0, y], solid[1, y], solid[2, y]
        whole = count > 0 and last - first + 1 == count  # one run
        for k in range(len(radii)):
            radius = radii[k]
            top, bottom = max(y - radius, 0), min(y + radius + 1, height)
            begin = max(solid[0, top:bottom].min() - radius, 0)
            end = min(solid[1, top:bottom].max() + radius + 1, width)
            runs = ((begin, first), (last + 1, end)) if whole else ((begin, end), (end, end))
            for start, stop in runs:
                if start < stop:
                    _sort_out_run(image, prefix, y, start, stop, radius, halves[k], bounds[k], out)


@compiled
def _settle(
    image: np.ndarray,
    radii: np.ndarray,
    half_sizes: np.ndarray,
    halves: np.ndarray,
    out: np.ndarray,
) -> None:
    """Decide the pixels marked 2 by sums in float64; they become 1 or 0."""
    height, width = image.shape
    rows = np.zeros((height, width + 1))  # prefix sums of each row
    table = np.zeros((height + 1, width + 1))  # summed-area table
    for y in range(height):
        for x in range(width):
            rows[y, x + 1] = rows[y, x] + image[y, x]
            table[y + 1, x + 1] = table[y, x + 1] + rows[y, x + 1]
    for y in range(height):
        for x in range(width):
            if out[y, x] != 2:
                continue
            out[y, x] = 0
            for k in range(len(radii)):
                radius = radii[k]
                needed = half_sizes[k]
                top, bottom = max(y - radius, 0), min(y + radius + 1, height)
                left, right = max(x - radius, 0), min(x + radius + 1, width)
                square = (table[bottom, right] - table[top, right] - table[bottom, left]) + table[
                    top, left
                ]
                if square <= needed:  # even the square about the disc is too empty
                    continue
                total = 0.0
                for row in range(top, bottom):
                    half = halves[k, abs(row - y)]
                    total += rows[row, min(x + half + 1, width)] - rows[row, max(x - half, 0)]
                if total > needed:
                    out[y, x] = 1
                    break


def _half_widths(radii: Sequence[int]) -> np.ndarray:
    table = np.zeros((len(radii), max(radii) + 1), dtype=np.int64)
    for row, radius in zip(table, radii, strict=True):
        row[: radius + 1] = disc_offsets(radius)
    return table


def disc_size(radius: int) -> int:
    """Count the pixels of a digital disc."""
    return 2 * sum(2 * half + 1 for half in disc_offsets(radius)) - (2 * radius + 1)


def active_set(u: Tensor, radii: Sequence[int]) -> Tensor:
    """Find pixels outside {u > 1/2} whose disc is filled for more than half.

    Parameters
    ----------
    u : (B, Y, X)   object probability; outside the image counts as background
    radii : pixels, each >= 1

    Returns
    -------
    (B, Y, X) bool

    Source: CS-STD of Liu, Tai and Luo (docs/maths, E5, D11).
    """
    if not radii:
        return torch.zeros_like(u, dtype=torch.bool)
    if u.device.type != "cpu":
        return _active_by_sums(u.detach(), radii)
    found = np.zeros(u.shape, dtype=np.uint8)
    for image, marks in zip(u.detach().contiguous().numpy(), found, strict=True):
        _mark(image, radii, marks)
    return torch.from_numpy(found.view(np.bool_))


def _mark(image: np.ndarray, radii: Sequence[int], marks: np.ndarray) -> None:
    """Write 1 on the active pixels of (Y, X) to marks, which are 0."""
    height, width = image.shape
    sizes, halves = np.array(radii, dtype=np.int64), _half_widths(radii)
    pixels = np.array([disc_size(radius) for radius in radii])
    needed = 0.5 * pixels * (1 + SLACK)
    unit = 2.0 ** min(20, 29 - int(pixels.max()).bit_length())
    bounds = np.stack([needed * unit - 0.5 * pixels - 2, needed * unit + 0.5 * pixels + 2], 1)
    whole_bounds = np.floor(bounds).astype(np.int64)
    prefix = np.empty((height, width + 2 * max(radii) + 1), np.int32)
    solid = np.empty((3, height), np.int64)

    def look(low: int, high: int) -> None:
        _look(image, unit, max(radii), low, high, prefix, solid)

    def strip(low: int, high: int) -> None:
        _sort_out(image, prefix, solid, sizes, halves, whole_bounds, low, high, marks)

    over_rows(look, height, image.size)
    if not solid[2].any():
        return
    over_rows(strip, height, image.size)
    unsure = np.flatnonzero(marks == 2)
    if len(unsure):
        near = tuple(
            slice(max(int(places.min()) - max(radii), 0), int(places.max()) + max(radii) + 1)
            for places in np.unravel_index(unsure, marks.shape)
        )
        _settle(image[near].astype(np.float64), sizes, needed, halves, marks[near])


def _active_by_sums(u: Tensor, radii: Sequence[int]) -> Tensor:
    active = torch.zeros_like(u, dtype=torch.bool)
    for radius in radii:
        inside = disc_sum(u.unsqueeze(1), radius).squeeze(1)
        active |= (u <= 0.5) & (inside > 0.5 * disc_size(radius) * (1 + SLACK))
    return active
