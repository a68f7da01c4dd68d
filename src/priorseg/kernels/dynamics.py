"""One sweep of threshold dynamics in one pass: blur, field and link fused."""

import math

import numpy as np
import torch
from torch import Tensor

from ..geometry.compiled import compiled
from .threads import over_rows


@compiled
def _exp_row(row: np.ndarray, bits: np.ndarray, out: np.ndarray) -> None:
    """Take exp of values <= 0 in float32 to 2 ulp, in a form that vectorises."""
    for x in range(len(row)):
        v = max(row[x], np.float32(-87.0))
        n = np.float32(math.floor(v * np.float32(1.4426950408889634) + np.float32(0.5)))
        r = v - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
        p = np.float32(1.9875691500e-4)
        p = p * r + np.float32(1.3981999507e-3)
        p = p * r + np.float32(8.3334519073e-3)
        p = p * r + np.float32(4.1665795894e-2)
        p = p * r + np.float32(1.6666665459e-1)
        p = p * r + np.float32(5.0000001201e-1)
        out[x] = p * r * r + r + np.float32(1.0)
        bits[x] = (np.int32(n) + np.int32(127)) << np.int32(23)
    scale = bits.view(np.float32)
    for x in range(len(row)):
        out[x] *= scale[x]


@compiled
def _mirrored(index: int, size: int) -> int:
    index %= 2 * size
    return index if index < size else 2 * size - 1 - index


@compiled
def _blur_row(
    plane: np.ndarray,
    y: int,
    down: np.ndarray,
    along: np.ndarray,
    padded: np.ndarray,
    out: np.ndarray,
) -> None:
    """Convolve one row of a plane in both axes under the half-sample symmetric border."""
    height, width = plane.shape
    radius = len(along) - 1
    centre = padded[radius : radius + width]
    row = plane[y]
    tap = down[0]
    for x in range(width):
        centre[x] = tap * row[x]
    for step in range(1, len(down)):
        one, two = plane[_mirrored(y - step, height)], plane[_mirrored(y + step, height)]
        tap = down[step]
        for x in range(width):
            centre[x] += tap * (one[x] + two[x])
    for x in range(radius):
        padded[radius - 1 - x] = centre[_mirrored(-1 - x, width)]
        padded[radius + width + x] = centre[_mirrored(width + x, width)]
    tap = along[0]
    for x in range(width):
        out[x] = tap * centre[x]
    for step in range(1, radius + 1):
        first = padded[radius - step : radius - step + width]
        second = padded[radius + step : radius + step + width]
        tap = along[step]
        for x in range(width):
            out[x] += tap * (first[x] + second[x])


@compiled
def _heights(
    u: np.ndarray,
    height: np.ndarray,
    down: np.ndarray,
    along: np.ndarray,
    weight: np.float32,
    cold: np.float32,
    exclusive: bool,
    y: int,
    padded: np.ndarray,
    rest: np.ndarray,
    row: np.ndarray,
    scaled: np.ndarray,
) -> None:
    """Write (height − weight (1 − 2 k∗u)) * cold for one row of every channel."""
    channels, width = u.shape[0], u.shape[2]
    for x in range(width):
        rest[x] = 1
    for k in range(channels):
        if exclusive and k == channels - 1:
            blurred = rest  # the probabilities sum to 1, and so do their blurs
        else:
            _blur_row(u[k], y, down, along, padded, row)
            blurred = row
            for x in range(width):
                rest[x] -= row[x]
        source, target = height[k, y], scaled[k, y]
        for x in range(width):
            target[x] = (source[x] + weight * (2 * blurred[x] - 1)) * cold


@compiled
def _softmax_row(
    scaled: np.ndarray,
    y: int,
    top: np.ndarray,
    total: np.ndarray,
    row: np.ndarray,
    bits: np.ndarray,
    out: np.ndarray,
) -> None:
    channels, width = scaled.shape[0], scaled.shape[2]
    for x in range(width):
        top[x] = scaled[0, y, x]
        total[x] = 0
    for k in range(1, channels):
        for x in range(width):
            top[x] = max(top[x], scaled[k, y, x])
    for k in range(channels):
        source, target = scaled[k, y], out[k, y]
        for x in range(width):
            row[x] = source[x] - top[x]
        _exp_row(row, bits, target)
        for x in range(width):
            total[x] += target[x]
    for x in range(width):
        total[x] = 1 / total[x]
    for k in range(channels):
        target = out[k, y]
        for x in range(width):
            target[x] *= total[x]


@compiled
def _sigmoid_row(
    scaled: np.ndarray, y: int, row: np.ndarray, bits: np.ndarray, out: np.ndarray
) -> None:
    width = scaled.shape[2]
    for k in range(scaled.shape[0]):
        source, target = scaled[k, y], out[k, y]
        for x in range(width):
            row[x] = -abs(source[x])
        _exp_row(row, bits, target)
        for x in range(width):
            small = target[x] / (1 + target[x])
            target[x] = 1 / (1 + target[x]) if source[x] >= 0 else small


@compiled
def _sweep_rows(
    u: np.ndarray,
    height: np.ndarray,
    down: np.ndarray,
    along: np.ndarray,
    weight: float,
    cold: float,
    exclusive: bool,
    scaled: np.ndarray,
    out: np.ndarray,
    low: int,
    high: int,
) -> None:
    """Do rows low..high of one sample (K, Y, X)."""
    width = u.shape[2]
    padded = np.empty(width + 2 * (len(along) - 1), np.float32)
    rest, row, top = (
        np.empty(width, np.float32),
        np.empty(width, np.float32),
        np.empty(width, np.float32),
    )
    bits = np.empty(width, np.int32)
    warm, frost = np.float32(weight), np.float32(cold)
    for y in range(low, high):
        _heights(u, height, down, along, warm, frost, exclusive, y, padded, rest, row, scaled)
        if exclusive:
            _softmax_row(scaled, y, top, rest, row, bits, out)
        else:
            _sigmoid_row(scaled, y, row, bits, out)


def sweep(
    u: Tensor,
    height: Tensor,
    taps: tuple[np.ndarray, np.ndarray],
    weight: float,
    temperature: float,
    exclusive: bool,
) -> tuple[Tensor, Tensor]:
    """Blur u, subtract the field from the height and apply the link.

    Parameters
    ----------
    u, height : (B, K, Y, X) float32 on the CPU
    taps : taps of k for each axis, from the centre outwards
    weight : float
    temperature : float
    exclusive : bool    softmax over K, else a sigmoid for each channel

    Returns
    -------
    scaled, probs : (B, K, Y, X)   (height − weight (1 − 2 k∗u)) / temperature, and its link
    """
    source, target = u.detach().contiguous().numpy(), height.detach().contiguous().numpy()
    scaled, out = np.empty_like(target), np.empty_like(target)
    down, along = (np.ascontiguousarray(tap, dtype=np.float32) for tap in taps)
    for sample in range(len(source)):

        def strip(low: int, high: int, sample: int = sample) -> None:
            _sweep_rows(
                source[sample],
                target[sample],
                down,
                along,
                weight,
                1 / temperature,
                exclusive,
                scaled[sample],
                out[sample],
                low,
                high,
            )

        over_rows(strip, source.shape[2], source[sample].size)
    return torch.from_numpy(scaled), torch.from_numpy(out)
