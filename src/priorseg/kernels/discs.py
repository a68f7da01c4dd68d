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
def _whole_prefixes(image: np.ndarray, unit: float, margin: int, out: np.ndarray) -> None:
    """Sum the rows of (Y, X) in whole units, rounded; int32 may wrap, differences do not."""
    height, width = image.shape
    for y in range(height):
        total = 0
        for x in range(margin + 1):
            out[y, x] = 0
        for x in range(width):
            total += int(image[y, x] * unit + 0.5)
            out[y, margin + 1 + x] = total
        for x in range(margin + 1 + width, width + 2 * margin + 1):
            out[y, x] = total


@compiled
def _solid_columns(image: np.ndarray, first: np.ndarray, last: np.ndarray) -> None:
    """Find the first and the last column of every row with a value > 1/2."""
    height, width = image.shape
    for y in range(height):
        first[y], last[y] = width, -1
        for x in range(width):
            if image[y, x] > 0.5:
                first[y] = min(first[y], x)
                last[y] = x


@compiled
def _sort_out(
    image: np.ndarray,
    prefix: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    radii: np.ndarray,
    halves: np.ndarray,
    bounds: np.ndarray,
    low: int,
    high: int,
    out: np.ndarray,
) -> None:
    """Mark pixels of some rows: 1 = surely active, 2 = the rounded sums cannot tell.

    A disc that is filled for more than half holds a value > 1/2, so only pixels near one are
    looked at.
    """
    height, width = image.shape
    margin = (prefix.shape[1] - width - 1) // 2
    sums = np.empty(width, np.int32)
    for y in range(low, high):
        for k in range(len(radii)):
            radius = radii[k]
            top, bottom = max(y - radius, 0), min(y + radius + 1, height)
            begin = max(first[top:bottom].min() - radius, 0)
            end = min(last[top:bottom].max() + radius + 1, width)
            if end <= begin:
                continue
            near = sums[: end - begin]
            near[:] = 0
            for row in range(top, bottom):
                half, at = halves[k, abs(row - y)], margin + begin
                left = prefix[row, at - half : at - half + end - begin]
                right = prefix[row, at + half + 1 : at + half + 1 + end - begin]
                for x in range(end - begin):
                    near[x] += right[x] - left[x]
            values, marks = image[y, begin:end], out[y, begin:end]
            unsure, sure = bounds[k, 0], bounds[k, 1]
            for x in range(end - begin):
                if values[x] <= 0.5 and near[x] > unsure and marks[x] != 1:
                    marks[x] = 1 if near[x] > sure else 2


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
    first, last = np.empty((2, height), np.int64)
    _solid_columns(image, first, last)
    if last.max() < 0:
        return
    sizes, halves = np.array(radii, dtype=np.int64), _half_widths(radii)
    pixels = np.array([disc_size(radius) for radius in radii])
    needed = 0.5 * pixels * (1 + SLACK)
    unit = 2.0 ** min(20, 29 - int(pixels.max()).bit_length())
    bounds = np.stack([needed * unit - 0.5 * pixels - 2, needed * unit + 0.5 * pixels + 2], 1)
    prefix = np.empty((height, width + 2 * max(radii) + 1), np.int32)
    _whole_prefixes(image, unit, max(radii), prefix)

    def strip(low: int, high: int) -> None:
        tables = sizes, halves, np.floor(bounds).astype(np.int64)
        _sort_out(image, prefix, first, last, *tables, low, high, marks)

    over_rows(strip, height, image.size)
    if (marks == 2).any():
        _settle(image.astype(np.float64), sizes, needed, halves, marks)


def _active_by_sums(u: Tensor, radii: Sequence[int]) -> Tensor:
    active = torch.zeros_like(u, dtype=torch.bool)
    for radius in radii:
        inside = disc_sum(u.unsqueeze(1), radius).squeeze(1)
        active |= (u <= 0.5) & (inside > 0.5 * disc_size(radius) * (1 + SLACK))
    return active
