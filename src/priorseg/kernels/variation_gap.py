"""The field of the total variation and its duality gap, in one pass over the rows each."""

import numpy as np
import torch
from torch import Tensor

from ..geometry.compiled import compiled
from .room import Room, room_for
from .rows import _exp_row
from .threads import over_rows
from .variation import pull_row

TINY = np.float32(1.2e-38)  # the least normal number


@compiled
def log_row(row: np.ndarray, bits: np.ndarray, out: np.ndarray) -> None:
    """Take ln of normal float32 numbers > 0 to 2 ulp, in a form that vectorises."""
    source, mantissa = row.view(np.int32), bits.view(np.float32)
    for x in range(len(out)):
        exponent = np.int32((source[x] - np.int32(0x3F3504F3)) >> np.int32(23))
        bits[x] = np.int32(source[x] - (exponent << np.int32(23)))
        out[x] = np.float32(exponent)
    for x in range(len(out)):
        r = mantissa[x] - np.float32(1)  # from sqrt(1/2) - 1 to sqrt(2) - 1
        p = np.float32(7.0376836292e-2)
        p = p * r - np.float32(1.1514610310e-1)
        p = p * r + np.float32(1.1676998740e-1)
        p = p * r - np.float32(1.2420140846e-1)
        p = p * r + np.float32(1.4249322787e-1)
        p = p * r - np.float32(1.6668057665e-1)
        p = p * r + np.float32(2.0000714765e-1)
        p = p * r - np.float32(2.4999993993e-1)
        p = p * r + np.float32(3.3333331174e-1)
        p = p * r * r * r - np.float32(2.12194440e-4) * out[x] - np.float32(0.5) * r * r
        out[x] = r + p + np.float32(0.693359375) * out[x]


@compiled
def _times_log(u: np.ndarray, room: np.ndarray, bits: np.ndarray, total: np.ndarray) -> None:
    """Add u ln u of one row."""
    for x in range(len(u)):
        room[0, x] = max(u[x], TINY)
    log_row(room[0], bits, room[1])
    for x in range(len(u)):
        total[x] += u[x] * room[1, x]


@compiled
def _softmax_part(
    u: np.ndarray, y: int, scaled: np.ndarray, room: np.ndarray, bits: np.ndarray, part: np.ndarray
) -> None:
    """Add Σ u ln u − ⟨scaled, u⟩ + ln Σ exp scaled of one row; scaled (K, X)."""
    width = len(part)
    top, total = room[2], room[3]
    top[:] = scaled[0]
    total[:] = 0
    for k in range(1, len(scaled)):
        for x in range(width):
            top[x] = max(top[x], scaled[k, x])
    for k in range(len(scaled)):
        row, probs = scaled[k], u[k, y]
        for x in range(width):
            row[x] -= top[x]
        for x in range(width):
            part[x] -= row[x] * probs[x]
        _times_log(probs, room, bits, part)
        _exp_row(row, bits, room[0])
        for x in range(width):
            total[x] += room[0, x]
    log_row(total, bits, room[0])
    for x in range(width):
        part[x] += room[0, x]


@compiled
def _sigmoid_part(
    u: np.ndarray, y: int, scaled: np.ndarray, room: np.ndarray, bits: np.ndarray, part: np.ndarray
) -> None:
    """Add u ln u + (1 − u) ln (1 − u) − scaled u + ln(1 + exp scaled) of one row, all channels."""
    width = len(part)
    rest, total = room[2], room[3]
    for k in range(len(scaled)):
        row, probs = scaled[k], u[k, y]
        for x in range(width):
            rest[x] = np.float32(1) - probs[x]
        for x in range(width):  # ln(1 + exp z) - u z = ln(1 + exp -|z|) + |z| times the far side
            part[x] += max(row[x], np.float32(0)) * rest[x] - min(row[x], np.float32(0)) * probs[x]
        _times_log(probs, room, bits, part)
        _times_log(rest, room, bits, part)
        for x in range(width):
            total[x] = -abs(row[x])
        _exp_row(total, bits, room[0])
        for x in range(width):
            room[0, x] += np.float32(1)
        log_row(room[0], bits, total)
        for x in range(width):
            part[x] += total[x]


@compiled
def _slope_part(
    u: np.ndarray, xi: np.ndarray, y: int, edges: np.ndarray, slope: np.ndarray, part: np.ndarray
) -> None:
    """Add |∇u| + ⟨∇u, xi⟩ of one row of one channel; u (Y, X), xi (2, Y, X)."""
    width = len(part)
    row, right, below = u[y], u[y, 1:], u[min(y + 1, len(u) - 1)]
    down, along = np.float32(1) / edges[0], np.float32(1) / edges[1]
    f0, f1 = xi[0, y], xi[1, y]
    slope[width - 1] = 0
    for x in range(width - 1):
        slope[x] = (right[x] - row[x]) * along
    for x in range(width):
        fall = (below[x] - row[x]) * down
        length = np.sqrt(fall * fall + slope[x] * slope[x])
        part[x] += length + fall * f0[x] + slope[x] * f1[x]


@compiled
def _gap_rows(
    u: np.ndarray,
    height: np.ndarray,
    xi: np.ndarray,
    numbers: np.ndarray,
    edges: np.ndarray,
    exclusive: bool,
    sums: np.ndarray,
    low: int,
    high: int,
) -> None:
    """Sum the two parts of the gap over rows low..high of one sample, into sums[low]."""
    channels, rows, width = u.shape
    scaled, room = np.empty((channels, width), np.float32), np.zeros((4, width), np.float32)
    nothing, bits = np.zeros(width, np.float32), np.empty(width, np.int32)
    part, total = np.zeros((2, width), np.float32), np.zeros((2, width))
    cold, down, along = numbers[0], numbers[1], numbers[2]
    for y in range(low, high):
        part[:] = 0
        for k in range(channels):
            upper = xi[k, 0, y - 1] if y > 0 else nothing
            lower = xi[k, 0, y] if y < rows - 1 else nothing
            pull_row(height[k, y], upper, lower, xi[k, 1, y], cold, down, along, scaled[k])
            _slope_part(u[k], xi[k], y, edges, room[0], part[1])
        if exclusive:
            _softmax_part(u, y, scaled, room, bits, part[0])
        else:
            _sigmoid_part(u, y, scaled, room, bits, part[0])
        for one in range(2):
            for x in range(width):
                total[one, x] += part[one, x]
    for one in range(2):
        sums[low, one] = total[one].sum()


def gap(
    u: Tensor,
    height: Tensor,
    xi: Tensor,
    weight: float,
    temperature: float,
    spacing: tuple[float, ...],
    exclusive: bool,
) -> Tensor:
    """Give primal minus dual energy per pixel at u and xi, (B,).

    It is summed as temperature · KL(u, link(height − field)) + weight Σ (|∇u| + ⟨∇u, xi⟩),
    two parts that are never negative, so that a small gap is no difference of large sums.

    Parameters
    ----------
    u, height : (B, K, Y, X) float32 on the CPU
    xi : (B, K, 2, Y, X)
    weight, temperature, spacing, exclusive : as in `priorseg.kernels.variation.sweep`
    """
    images = [part.detach().contiguous().numpy() for part in (u, height, xi)]
    edges = np.array(spacing, np.float32)
    pulls = [weight / temperature / edge for edge in spacing]
    numbers = np.array([1 / temperature, *pulls], np.float32)
    rows = u.shape[2]
    gaps = []
    for sample in zip(*images, strict=True):
        sums = np.zeros((rows, 2))

        def strip(
            low: int,
            high: int,
            sample: tuple[np.ndarray, ...] = sample,
            sums: np.ndarray = sums,
        ) -> None:
            probs, pulled, dual = sample
            _gap_rows(probs, pulled, dual, numbers, edges, exclusive, sums, low, high)

        over_rows(strip, rows, sample[0].size)
        gaps.append(float(sums.sum(0) @ (temperature, weight)) / sample[0][0].size)
    return u.new_tensor(gaps)


@compiled
def _field_rows(xi: np.ndarray, numbers: np.ndarray, out: np.ndarray, low: int, high: int) -> None:
    """Write the divergence, scaled, of rows low..high of one sample."""
    channels, rows, width = out.shape
    nothing = np.zeros(width, np.float32)
    for y in range(low, high):
        for k in range(channels):
            upper = xi[k, 0, y - 1] if y > 0 else nothing
            lower = xi[k, 0, y] if y < rows - 1 else nothing
            side = xi[k, 1, y]
            pull_row(nothing, upper, lower, side, numbers[0], -numbers[1], -numbers[2], out[k, y])


def field(
    xi: Tensor, weight: float, spacing: tuple[float, ...], room: Room | None = None
) -> Tensor:
    """Give weight · div xi, (B, K, Y, X), of a field (B, K, 2, Y, X) float32 on the CPU."""
    source = xi.detach().contiguous().numpy()
    shape = (*source.shape[:2], *source.shape[3:])
    out = room_for(room, "variation.field", shape)
    numbers = np.array([0, *(weight / edge for edge in spacing)], np.float32)
    for sample in range(len(source)):

        def strip(low: int, high: int, sample: int = sample) -> None:
            _field_rows(source[sample], numbers, out[sample], low, high)

        over_rows(strip, shape[2], out[sample].size)
    return torch.from_numpy(out)
