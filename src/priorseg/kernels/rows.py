"""The links and the blur of single rows, in forms that vectorise."""

import math

import numpy as np

from ..geometry.compiled import compiled


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
def softmax_row(
    scaled: np.ndarray,
    y: int,
    top: np.ndarray,
    total: np.ndarray,
    row: np.ndarray,
    bits: np.ndarray,
    out: np.ndarray,
) -> None:
    """Take the softmax over the channels of one row; top, total, row and bits are room."""
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
def sigmoid_row(
    scaled: np.ndarray, y: int, row: np.ndarray, bits: np.ndarray, out: np.ndarray
) -> None:
    """Take the sigmoid of one row of every channel; row and bits are room."""
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
def _mirrored(index: int, size: int) -> int:
    index %= 2 * size
    return index if index < size else 2 * size - 1 - index


@compiled
def blur_row(
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
