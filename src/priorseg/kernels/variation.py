"""One accelerated ascent on the dual of the total variation in two passes."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..geometry.compiled import compiled
from .rows import sigmoid_row, softmax_row
from .threads import over_rows

Dual = tuple[Tensor, Tensor, Tensor]


@compiled
def _ascend_rows(
    u: np.ndarray,
    xi: np.ndarray,
    extrapolated: np.ndarray,
    steps: np.ndarray,
    fresh: np.ndarray,
    turned: np.ndarray,
    low: int,
    high: int,
) -> None:
    """Step against the gradient of u and project, rows low..high of one sample.

    u (K, Y, X), the fields (K, 2, Y, X); steps (2,) are step lengths over the pixel edges;
    turned (Y,) collects ⟨y − fresh, fresh − xi⟩.
    """
    channels, height, width = u.shape
    for y in range(low, high):
        total = 0.0
        for k in range(channels):
            row, below = u[k, y], u[k, min(y + 1, height - 1)]
            y0, y1 = extrapolated[k, 0, y], extrapolated[k, 1, y]
            x0, x1 = xi[k, 0, y], xi[k, 1, y]
            f0, f1 = fresh[k, 0, y], fresh[k, 1, y]
            for x in range(width):
                f0[x] = y0[x] - steps[0] * (below[x] - row[x])
            for x in range(width - 1):
                f1[x] = y1[x] - steps[1] * (row[x + 1] - row[x])
            f1[width - 1] = y1[width - 1]
            for x in range(width):
                shrink = np.float32(1) / np.sqrt(max(f0[x] * f0[x] + f1[x] * f1[x], np.float32(1)))
                f0[x] *= shrink
                f1[x] *= shrink
            part = np.float32(0)
            for x in range(width):
                part += (y0[x] - f0[x]) * (f0[x] - x0[x]) + (y1[x] - f1[x]) * (f1[x] - x1[x])
            total += float(part)
        turned[y] = total


@compiled
def _divergence_row(
    field: np.ndarray, above: np.ndarray, edges: np.ndarray, y: int, height: int, out: np.ndarray
) -> None:
    """Take the divergence of one row; field (2, X) is its row, above the first part before it."""
    width = field.shape[1]
    down, along = np.float32(1) / edges[0], np.float32(1) / edges[1]
    for x in range(width):
        out[x] = 0
    if y < height - 1:
        for x in range(width):
            out[x] += field[0, x] * down
    if y > 0:
        for x in range(width):
            out[x] -= above[x] * down
    for x in range(width - 1):
        out[x] += field[1, x] * along
    for x in range(1, width):
        out[x] -= field[1, x - 1] * along


@compiled
def _apply_rows(
    height: np.ndarray,
    xi: np.ndarray,
    fresh: np.ndarray,
    momentum: np.float32,
    weight: np.float32,
    cold: np.float32,
    edges: np.ndarray,
    exclusive: bool,
    extrapolated: np.ndarray,
    scaled: np.ndarray,
    out: np.ndarray,
    low: int,
    high: int,
) -> None:
    """Extrapolate, take the divergence and apply the link, rows low..high of one sample."""
    channels, rows, width = height.shape
    above, row = np.empty(width, np.float32), np.empty(width, np.float32)
    top, total = np.empty(width, np.float32), np.empty(width, np.float32)
    bits = np.empty(width, np.int32)
    for y in range(low, high):
        for k in range(channels):
            for axis in range(2):
                f, old, new = fresh[k, axis, y], xi[k, axis, y], extrapolated[k, axis, y]
                for x in range(width):
                    new[x] = f[x] + momentum * (f[x] - old[x])
            f, old = fresh[k, 0, max(y - 1, 0)], xi[k, 0, max(y - 1, 0)]
            for x in range(width):
                above[x] = f[x] + momentum * (f[x] - old[x])
            _divergence_row(extrapolated[k, :, y], above, edges, y, rows, row)
            source, target = height[k, y], scaled[k, y]
            for x in range(width):
                target[x] = (source[x] - weight * row[x]) * cold
        if exclusive:
            softmax_row(scaled, y, top, total, row, bits, out)
        else:
            sigmoid_row(scaled, y, row, bits, out)


def sweep(
    u: Tensor,
    height: Tensor,
    dual: Dual,
    step: float,
    weight: float,
    temperature: float,
    spacing: tuple[float, ...],
    exclusive: bool,
) -> tuple[Dual, Tensor, Tensor]:
    """Do one projected ascent with momentum and restart, then the link.

    Parameters
    ----------
    u, height : (B, K, Y, X) float32 on the CPU
    dual : (xi, y, t)   as in `priorseg.priors.TotalVariation`
    step : float        length of the ascent
    weight, temperature : float
    spacing : (2,)      pixel edges, relative to the finest
    exclusive : bool    softmax over K, else a sigmoid for each channel

    Returns
    -------
    dual, scaled, probs   as the separate calls give them, to 1e-5
    """
    parts = [part.detach().contiguous().numpy() for part in (u, height, dual[0], dual[1])]
    edges = np.array(spacing, dtype=np.float32)
    scales = (np.float32(weight), np.float32(1 / temperature))
    steps = np.float32(step) / edges
    done = [
        _sweep_sample(sample, t, steps, scales, edges, exclusive)
        for sample, t in zip(zip(*parts, strict=True), dual[2].tolist(), strict=True)
    ]
    xi, pulled, longer, scaled, out = zip(*done, strict=True)
    fields = (_stack(xi), _stack(pulled), dual[2].new_tensor(longer))
    return fields, _stack(scaled), _stack(out)


def _stack(arrays: Sequence[np.ndarray]) -> Tensor:
    if len(arrays) == 1:
        return torch.from_numpy(arrays[0]).unsqueeze(0)
    return torch.from_numpy(np.stack(arrays))


def _sweep_sample(
    sample: Sequence[np.ndarray],
    t: float,
    steps: np.ndarray,
    scales: tuple[np.float32, np.float32],
    edges: np.ndarray,
    exclusive: bool,
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray, np.ndarray]:
    """Do `sweep` for one sample: u, height (K, Y, X), xi and y (K, 2, Y, X)."""
    u, height, xi, extrapolated = sample
    fresh, pulled = np.empty_like(xi), np.empty_like(xi)
    scaled, out = np.empty_like(height), np.empty_like(height)
    rows = u.shape[1]
    turned = np.zeros(rows)

    def ascend(low: int, high: int) -> None:
        _ascend_rows(u, xi, extrapolated, steps, fresh, turned, low, high)

    over_rows(ascend, rows, u.size)
    t = t if turned.sum() <= 0 else 1.0
    longer = (1 + (1 + 4 * t * t) ** 0.5) / 2
    momentum = np.float32((t - 1) / longer)

    def apply(low: int, high: int) -> None:
        images = (height, xi, fresh, momentum, *scales, edges, exclusive, pulled, scaled, out)
        _apply_rows(*images, low, high)

    over_rows(apply, rows, u.size)
    return fresh, pulled, longer, scaled, out
