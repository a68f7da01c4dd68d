"""The links and the blur of single rows, in forms that vectorise."""

import math
from typing import Any

import numpy as np

from ..geometry.compiled import compiled
from .vectors import BYTES, greatest, least, load, power_of_two, round_down, spread, store


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
def mirrored(index: int, size: int) -> int:
    """Find the pixel that the half-sample symmetric border shows at an index."""
    if 0 <= index < size:
        return index
    if -size <= index < 0:  # the division below costs more than a row of sums
        return -1 - index
    if size <= index < 2 * size:
        return 2 * size - 1 - index
    index %= 2 * size
    return index if index < size else 2 * size - 1 - index


@compiled
def sum_pairs(
    source: np.ndarray, start: int, first: np.ndarray, second: np.ndarray, taps: np.ndarray
) -> Any:
    """Give one vector of Σ_s taps[s] (source[first[s] + x] + source[second[s] + x]).

    Parameters
    ----------
    source : 1-D
    start : int                   the first x
    first, second : 1-D int64     the offsets of each pair; those of tap 0 are equal, counted once
    taps : 1-D                    of the type of source
    """
    total = load(source, first[0] + start) * taps[0]
    for step in range(1, len(taps)):
        pair = load(source, first[step] + start) + load(source, second[step] + start)
        total = total + pair * taps[step]
    return total


@compiled
def _pair_rows(y: int, height: int, width: int, first: np.ndarray, second: np.ndarray) -> None:
    """Write where the rows of each pair about row y begin, for `sum_pairs`."""
    for step in range(len(first)):
        first[step] = mirrored(y - step, height) * width
        second[step] = mirrored(y + step, height) * width


@compiled
def _mirror_ends(padded: np.ndarray, margin: int) -> None:
    """Fill the margins of a row with its reflection."""
    width = len(padded) - 2 * margin
    centre = padded[margin : margin + width]
    for x in range(margin):
        padded[margin - 1 - x] = centre[mirrored(-1 - x, width)]
        padded[margin + width + x] = centre[mirrored(width + x, width)]


@compiled
def _add_pairs(
    source: np.ndarray, first: np.ndarray, second: np.ndarray, taps: np.ndarray, out: np.ndarray
) -> None:
    """Write what `sum_pairs` gives, for a whole row."""
    width, lanes = len(out), BYTES // out.itemsize
    if width >= lanes:
        for x in range(0, width - lanes, lanes):
            store(out, x, sum_pairs(source, x, first, second, taps))
        store(out, width - lanes, sum_pairs(source, width - lanes, first, second, taps))
        return
    middle = source[first[0] : first[0] + width]
    tap = taps[0]
    for x in range(width):
        out[x] = tap * middle[x]
    for step in range(1, len(taps)):
        one = source[first[step] : first[step] + width]
        two = source[second[step] : second[step] + width]
        tap = taps[step]
        for x in range(width):
            out[x] += tap * (one[x] + two[x])


@compiled
def blur_down(
    plane: np.ndarray,
    y: int,
    taps: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    radius: int,
    padded: np.ndarray,
) -> None:
    """Convolve one row of a plane along Y and mirror its ends; padded has width + 2 radius."""
    height, width = plane.shape
    _pair_rows(y, height, width, first, second)
    _add_pairs(plane.reshape(plane.size), first, second, taps, padded[radius : radius + width])
    _mirror_ends(padded, radius)


@compiled
def blur_down_rows(
    plane: np.ndarray, y: int, taps: np.ndarray, pairs: np.ndarray, padded: np.ndarray
) -> None:
    """Convolve rows y, y + 1, ... of a plane along Y and mirror their ends.

    Column by column of vectors: the rows that they share stay in the nearest cache.

    Parameters
    ----------
    plane : (Y, X)                       X >= one vector
    taps : (r + 1,)
    pairs : (2, rows, r + 1) int64       room
    padded : (rows, X + 2 * margin)      the result, with the margins that a row needs
    """
    height, width = plane.shape
    rows = padded.shape[0]
    margin, lanes = (padded.shape[1] - width) // 2, BYTES // plane.itemsize
    for row in range(rows):
        _pair_rows(y + row, height, width, pairs[0, row], pairs[1, row])
    flat = plane.reshape(plane.size)
    for begin in range(0, width, lanes):
        x = min(begin, width - lanes)
        for row in range(rows):
            total = sum_pairs(flat, x, pairs[0, row], pairs[1, row], taps)
            store(padded[row], margin + x, total)
    for row in range(rows):
        _mirror_ends(padded[row], margin)


@compiled
def pair_offsets(radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the offsets of a convolution along a padded row, for `sum_pairs`."""
    first, second = np.empty(radius + 1, np.int64), np.empty(radius + 1, np.int64)
    for step in range(radius + 1):
        first[step], second[step] = radius - step, radius + step
    return first, second


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
    radius = len(along) - 1
    first, second = np.empty(len(down), np.int64), np.empty(len(down), np.int64)
    blur_down(plane, y, down, first, second, radius, padded)
    first, second = pair_offsets(radius)
    _add_pairs(padded, first, second, along, out)


@compiled
def exp_vector(v: Any) -> Any:
    """Take exp of float32 numbers from -87 to 87, others as the nearest of these, to 2 ulp."""
    v = least(greatest(v, spread(np.float32(-87.0))), spread(np.float32(87.0)))
    n = round_down(v * np.float32(1.4426950408889634) + np.float32(0.5))
    r = v - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    p = r * np.float32(1.9875691500e-4) + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    return (p * r * r + r + np.float32(1.0)) * power_of_two(n)


@compiled
def softmax_block(logits: np.ndarray, y: int, x: int, out: np.ndarray) -> None:
    """Take the softmax over the channels of one vector of pixels; out may be the logits.

    Parameters
    ----------
    logits, out : (K, Y, X) float32   row y, columns x : x + 64
    """
    channels = logits.shape[0]
    top = load(logits[0, y], x)
    for k in range(1, channels):
        top = greatest(load(logits[k, y], x), top)
    total = spread(np.float32(0))
    for k in range(channels):
        part = exp_vector(load(logits[k, y], x) - top)
        store(out[k, y], x, part)
        total = total + part
    share = np.float32(1) / total
    for k in range(channels):
        store(out[k, y], x, load(out[k, y], x) * share)


@compiled
def sigmoid_block(logits: np.ndarray, y: int, x: int, out: np.ndarray) -> None:
    """Take the sigmoid of every channel of one vector of pixels; see `softmax_block`."""
    zero, one = np.float32(0), np.float32(1)
    for k in range(logits.shape[0]):
        store(out[k, y], x, one / (one + exp_vector(zero - load(logits[k, y], x))))


@compiled
def link_block(logits: np.ndarray, y: int, x: int, exclusive: bool, out: np.ndarray) -> None:
    """Take the softmax, or the sigmoid of every channel, of one vector; see `softmax_block`."""
    if exclusive:
        softmax_block(logits, y, x, out)
    else:
        sigmoid_block(logits, y, x, out)
