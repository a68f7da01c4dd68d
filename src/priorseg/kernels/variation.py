"""One accelerated ascent on the dual of the total variation in one pass over the rows."""

import numpy as np
import torch
from torch import Tensor

from ..geometry.compiled import compiled
from .room import Room, room_for
from .rows import link_block, sigmoid_row, softmax_row
from .threads import over_rows
from .vectors import LANES

Dual = tuple[Tensor, Tensor, Tensor]


@compiled
def _ascend_row(
    u: np.ndarray,
    held: np.ndarray,
    y: int,
    down: np.float32,
    along: np.float32,
    f0: np.ndarray,
    f1: np.ndarray,
) -> None:
    """Step one row of a field (2, Y, X) against the gradient of u (Y, X), project, write f."""
    width = u.shape[1]
    row, right, below = u[y], u[y, 1:], u[min(y + 1, u.shape[0] - 1)]
    y0, y1 = held[0, y], held[1, y]
    for x in range(width):
        f0[x] = y0[x] - down * (below[x] - row[x])
    for x in range(width - 1):
        f1[x] = y1[x] - along * (right[x] - row[x])
    f1[width - 1] = y1[width - 1]
    for x in range(width):  # np.divide: a plain division would test for 0 and not vectorise
        size = np.sqrt(max(f0[x] * f0[x] + f1[x] * f1[x], np.float32(1)))
        shrink = np.divide(np.float32(1), size)
        f0[x] = f0[x] * shrink
        f1[x] = f1[x] * shrink


@compiled
def _extrapolate_row(
    held: np.ndarray,
    old: np.ndarray,
    fresh: np.ndarray,
    momentum: np.float32,
    out: np.ndarray,
    part: np.ndarray,
) -> None:
    """Write fresh + momentum (fresh − xi) and add (y − fresh)(fresh − xi) to part, one row."""
    for x in range(len(out)):
        move = fresh[x] - old[x]
        out[x] = fresh[x] + momentum * move
        part[x] += (held[x] - fresh[x]) * move


@compiled
def pull_row(
    height: np.ndarray,
    upper: np.ndarray,
    lower: np.ndarray,
    side: np.ndarray,
    cold: np.float32,
    down: np.float32,
    along: np.float32,
    out: np.ndarray,
) -> None:
    """Write height * cold minus the scaled divergence for one row."""
    width = len(out)
    for x in range(width):
        out[x] = height[x] * cold - down * (lower[x] - upper[x])
    for x in range(width - 1):
        out[x] -= along * side[x]
    right = out[1:]
    for x in range(width - 1):
        right[x] += along * side[x]


@compiled
def _apply_link(
    scaled: np.ndarray, y: int, exclusive: bool, room: np.ndarray, bits: np.ndarray, out: np.ndarray
) -> None:
    width = scaled.shape[2]
    if width >= LANES:
        for x in range(0, width, LANES):
            place = min(x, width - LANES)
            link_block(scaled, y, place, exclusive, out)
    elif exclusive:
        softmax_row(scaled, y, room[0], room[1], room[2], bits, out)
    else:
        sigmoid_row(scaled, y, room[2], bits, out)


@compiled
def _link_row(
    height: np.ndarray,
    pulled: np.ndarray,
    above: np.ndarray,
    numbers: np.ndarray,
    exclusive: bool,
    y: int,
    room: np.ndarray,
    bits: np.ndarray,
    scaled: np.ndarray,
    out: np.ndarray,
) -> None:
    """Take the divergence of one row and apply the link; above (K, X) is the row before it.

    Afterwards above holds this row. room (4, X); its last row holds zeros.
    """
    channels, rows = height.shape[0], height.shape[1]
    cold, down, along = numbers[2], numbers[3], numbers[4]
    for k in range(channels):
        upper = above[k] if y > 0 else room[3]
        lower = pulled[k, 0, y] if y < rows - 1 else room[3]
        pull_row(height[k, y], upper, lower, pulled[k, 1, y], cold, down, along, scaled[k, y])
    _apply_link(scaled, y, exclusive, room, bits, out)
    for k in range(channels):
        above[k] = pulled[k, 0, y]


@compiled
def _sweep_rows(
    images: tuple[np.ndarray, ...],
    numbers: np.ndarray,
    momentum: np.float32,
    exclusive: bool,
    results: tuple[np.ndarray, ...],
    turned: np.ndarray,
    low: int,
    high: int,
) -> None:
    """Ascend, extrapolate and apply the link, rows low..high of one sample.

    images : u, height (K, Y, X), xi, y (K, 2, Y, X); results : fresh, pulled, scaled, u.
    turned (Y,) gets ⟨y − fresh, fresh − xi⟩ at low.
    """
    u, height, xi, held = images
    fresh, pulled, scaled, out = results
    channels, _, width = u.shape
    above, room = np.empty((channels, width), np.float32), np.zeros((4, width), np.float32)
    bits, total = np.empty(width, np.int32), np.zeros(width, np.float64)
    part = np.zeros(width, np.float32)
    down, along = numbers[0], numbers[1]
    for y in range(max(low - 1, 0), high):
        for k in range(channels):
            if y < low:  # another strip writes this row; here only its extrapolation is needed
                _ascend_row(u[k], held[k], y, down, along, room[0], room[1])
                _extrapolate_row(held[k, 0, y], xi[k, 0, y], room[0], momentum, above[k], room[2])
                continue
            _ascend_row(u[k], held[k], y, down, along, fresh[k, 0, y], fresh[k, 1, y])
            for axis in range(2):
                _extrapolate_row(
                    held[k, axis, y],
                    xi[k, axis, y],
                    fresh[k, axis, y],
                    momentum,
                    pulled[k, axis, y],
                    part,
                )
        if y >= low:
            for x in range(width):
                total[x] += part[x]
                part[x] = 0
            _link_row(height, pulled, above, numbers, exclusive, y, room, bits, scaled, out)
    turned[low] = total.sum()


@compiled
def _link_rows(
    height: np.ndarray,
    pulled: np.ndarray,
    numbers: np.ndarray,
    exclusive: bool,
    scaled: np.ndarray,
    out: np.ndarray,
    low: int,
    high: int,
) -> None:
    """Take the divergence of a field and apply the link, rows low..high of one sample."""
    channels, _, width = height.shape
    above, room = np.empty((channels, width), np.float32), np.zeros((4, width), np.float32)
    bits = np.empty(width, np.int32)
    for k in range(channels):
        above[k] = pulled[k, 0, max(low - 1, 0)]
    for y in range(low, high):
        _link_row(height, pulled, above, numbers, exclusive, y, room, bits, scaled, out)


def sweep(
    u: Tensor,
    height: Tensor,
    dual: Dual,
    step: float,
    weight: float,
    temperature: float,
    spacing: tuple[float, ...],
    exclusive: bool,
    room: Room | None = None,
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
    room : Room         memory for the results

    Returns
    -------
    dual, scaled, probs   as the separate calls give them, to 1e-5
    """
    images = [part.detach().contiguous().numpy() for part in (u, height, dual[0], dual[1])]
    fields, planes = images[2].shape, images[1].shape
    results = [room_for(room, f"variation.{name}", fields) for name in ("xi", "y")]
    results += [room_for(room, f"variation.{name}", planes) for name in ("scaled", "u")]
    pull = weight / temperature
    lengths = [step / edge for edge in spacing] + [1 / temperature]
    numbers = np.array(lengths + [pull / edge for edge in spacing], np.float32)
    longer = [
        _sweep_sample(
            tuple(image[sample] for image in images),
            t,
            numbers,
            exclusive,
            tuple(result[sample] for result in results),
        )
        for sample, t in enumerate(dual[2].tolist())
    ]
    xi, pulled, scaled, out = (torch.from_numpy(result) for result in results)
    return (xi, pulled, dual[2].new_tensor(longer)), scaled, out


def _longer(t: float) -> tuple[float, np.float32]:
    """Give the next t of FISTA and its momentum."""
    longer = (1 + (1 + 4 * t * t) ** 0.5) / 2
    return longer, np.float32((t - 1) / longer)


def _sweep_sample(
    images: tuple[np.ndarray, ...],
    t: float,
    numbers: np.ndarray,
    exclusive: bool,
    results: tuple[np.ndarray, ...],
) -> float:
    """Do `sweep` for one sample and give its next t.

    Restarts are rare: the pass takes the momentum for granted, and only where it should have
    been 0 the divergence and the link are done again.
    """
    height, (fresh, pulled, scaled, out) = images[1], results
    rows = height.shape[1]
    turned = np.zeros(rows)
    longer, momentum = _longer(t)

    def ascend(low: int, high: int) -> None:
        _sweep_rows(images, numbers, momentum, exclusive, results, turned, low, high)

    over_rows(ascend, rows, height.size)
    if turned.sum() <= 0:
        return longer
    if momentum != 0:
        np.copyto(pulled, fresh)

        def link(low: int, high: int) -> None:
            _link_rows(height, pulled, numbers, exclusive, scaled, out, low, high)

        over_rows(link, rows, height.size)
    return _longer(1.0)[0]
