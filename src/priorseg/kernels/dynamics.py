"""One sweep of threshold dynamics in one pass: blur, field and link fused."""

import numpy as np
import torch
from torch import Tensor

from ..geometry.compiled import compiled
from .rows import blur_row, sigmoid_row, softmax_row
from .threads import over_rows


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
            blur_row(u[k], y, down, along, padded, row)
            blurred = row
            for x in range(width):
                rest[x] -= row[x]
        source, target = height[k, y], scaled[k, y]
        for x in range(width):
            target[x] = (source[x] + weight * (2 * blurred[x] - 1)) * cold


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
            softmax_row(scaled, y, top, rest, row, bits, out)
        else:
            sigmoid_row(scaled, y, row, bits, out)


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
