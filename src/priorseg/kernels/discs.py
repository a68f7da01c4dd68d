"""Find pixels whose disc is filled for more than half."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..geometry.compiled import compiled
from ..operators import disc_offsets, disc_sum

SLACK = 1e-6  # of the disc, so that rounding never activates a pixel


@compiled
def _active(
    image: np.ndarray,
    radii: np.ndarray,
    half_sizes: np.ndarray,
    halves: np.ndarray,
    out: np.ndarray,
) -> None:
    """Mark pixels of (Y, X) with value <= 1/2 whose disc sums to more than half its pixels."""
    height, width = image.shape
    rows = np.zeros((height, width + 1))  # prefix sums of each row
    table = np.zeros((height + 1, width + 1))  # summed-area table
    for y in range(height):
        for x in range(width):
            rows[y, x + 1] = rows[y, x] + image[y, x]
            table[y + 1, x + 1] = table[y, x + 1] + rows[y, x + 1]
    for y in range(height):
        for x in range(width):
            if image[y, x] > 0.5:
                continue
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
                    out[y, x] = True
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
    found = np.zeros(u.shape, dtype=np.bool_)
    sizes, halves = np.array(radii, dtype=np.int64), _half_widths(radii)
    needed = np.array([0.5 * disc_size(radius) * (1 + SLACK) for radius in radii])
    for image, out in zip(u.detach().double().numpy(), found, strict=True):
        _active(np.ascontiguousarray(image), sizes, needed, halves, out)
    return torch.from_numpy(found)


def _active_by_sums(u: Tensor, radii: Sequence[int]) -> Tensor:
    active = torch.zeros_like(u, dtype=torch.bool)
    for radius in radii:
        inside = disc_sum(u.unsqueeze(1), radius).squeeze(1)
        active |= (u <= 0.5) & (inside > 0.5 * disc_size(radius) * (1 + SLACK))
    return active
