"""Put channels in order, pixel by pixel, in one pass with the link."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..geometry.compiled import compiled
from .room import Room, room_for
from .rows import sigmoid_block
from .threads import over_rows
from .vectors import LANES


@compiled
def _count_falls(height: np.ndarray, order: np.ndarray, low: int, high: int) -> int:
    """Count neighbours in the order that fall, over pixels low..high of (K, N)."""
    falls = 0
    for place in range(len(order) - 1):
        inner, outer = height[order[place]], height[order[place + 1]]
        for x in range(low, high):
            falls += inner[x] > outer[x]
    return falls


@compiled
def _pool_pixel(values: np.ndarray, means: np.ndarray, sizes: np.ndarray) -> None:
    """Replace values by the closest ones that do not fall; means and sizes are room."""
    blocks = 0
    for value in values:
        means[blocks], sizes[blocks] = value, 1
        blocks += 1
        while blocks > 1 and means[blocks - 2] > means[blocks - 1]:
            one, two = sizes[blocks - 2], sizes[blocks - 1]
            means[blocks - 2] = (one * means[blocks - 2] + two * means[blocks - 1]) / (one + two)
            sizes[blocks - 2] = one + two
            blocks -= 1
    place = 0
    for block in range(blocks):
        for _ in range(sizes[block]):
            values[place] = means[block]
            place += 1


@compiled
def _pool_rows(
    height: np.ndarray,
    order: np.ndarray,
    cold: np.float32,
    low: int,
    high: int,
    field: np.ndarray,
    scaled: np.ndarray,
    out: np.ndarray,
) -> None:
    """Pool, divide by the temperature and apply the sigmoid to rows low..high of (K, Y, X)."""
    channels, _, width = height.shape
    count = len(order)
    values, means, sizes = np.empty(count), np.empty(count), np.empty(count, np.int64)
    for y in range(low, high):
        for k in range(channels):
            for x in range(width):
                field[k, y, x] = 0
                scaled[k, y, x] = height[k, y, x] * cold
        for x in range(width):
            falls = False
            for place in range(count - 1):
                falls |= height[order[place], y, x] > height[order[place + 1], y, x]
            if not falls:
                continue
            for place in range(count):
                values[place] = height[order[place], y, x]
            _pool_pixel(values, means, sizes)
            for place in range(count):
                k = order[place]
                pooled = np.float32(values[place])
                field[k, y, x] = height[k, y, x] - pooled
                scaled[k, y, x] = pooled * cold
        for begin in range(0, width, LANES):
            sigmoid_block(scaled, y, min(begin, width - LANES), out)


def falls(height: Tensor, channels: Sequence[int]) -> bool:
    """Say whether a channel exceeds the next one anywhere.

    Parameters
    ----------
    height : (B, K, Y, X) float32 on the CPU
    channels : from the innermost outwards
    """
    order, found = np.array(channels, np.int64), []
    for planes in height.detach().contiguous().numpy():
        flat = planes.reshape(len(planes), -1)

        def strip(low: int, high: int, flat: np.ndarray = flat) -> None:
            found.append(_count_falls(flat, order, low, high))

        over_rows(strip, flat.shape[1], flat.size)
    return any(found)


def pooled(
    height: Tensor, channels: Sequence[int], temperature: float, room: Room | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Pool channels that are out of order and apply the sigmoid.

    Parameters
    ----------
    height : (B, K, Y, X) float32 on the CPU, X >= `LANES`
    channels : from the innermost outwards
    temperature : float
    room : Room   memory for the results

    Returns
    -------
    field, scaled, probs : (B, K, Y, X)   height − pooled; pooled / temperature; its sigmoid
    """
    source = height.detach().contiguous().numpy()
    names = ("field", "scaled", "out")
    field, scaled, out = (room_for(room, f"ordering.{name}", source.shape) for name in names)
    order, cold = np.array(channels, np.int64), np.float32(1 / temperature)
    for b in range(len(source)):

        def strip(low: int, high: int, b: int = b) -> None:
            _pool_rows(source[b], order, cold, low, high, field[b], scaled[b], out[b])

        over_rows(strip, source.shape[2], source[b].size)
    return torch.from_numpy(field), torch.from_numpy(scaled), torch.from_numpy(out)
