"""Compare iterates, push them on and check them, each in one pass over the images."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..geometry.compiled import compiled
from .room import Room, room_for
from .threads import over_rows
from .vectors import LANES, greatest, load, spread, store

Values = NDArray[np.float32]


@compiled
def _compare(
    new: np.ndarray, point: np.ndarray, before: np.ndarray, low: int, high: int
) -> tuple[float, float]:
    """Give max |new − point| and ⟨point − new, new − before⟩ over values low..high.

    The first is nan if a value is not finite.
    """
    zero = spread(np.float32(0))
    worst, odd, along = zero, zero, 0.0
    room = np.empty(LANES, np.float32)
    block = 64 * LANES  # beyond, float32 sums lose digits
    for start in range(low, high - LANES + 1, block):
        part = zero
        for x in range(start, min(start + block, high - LANES + 1), LANES):
            value = load(new, x)
            away = load(point, x) - value
            worst = greatest(greatest(away, zero - away), worst)
            odd = odd + away * np.float32(0)
            part = part + away * (value - load(before, x))
        store(room, 0, part)
        along += room.sum()
    store(room, 0, worst)
    largest = room.max()
    store(room, 0, odd)
    largest += room.sum()
    for x in range(low + (high - low) // LANES * LANES, high):
        away = point[x] - new[x]
        along += away * (new[x] - before[x])
        largest = max(largest, abs(away)) + away * np.float32(0)
    return largest, along


@compiled
def _push(
    new: np.ndarray, before: np.ndarray, strength: float, out: np.ndarray, low: int, high: int
) -> None:
    held = np.float32(strength)
    for x in range(low, high):
        out[x] = new[x] + held * (new[x] - before[x])


@compiled
def _nothing_odd(values: np.ndarray, low: int, high: int) -> Any:
    """Say whether 0 times every value is 0: neither nan nor infinite."""
    zero = np.float32(0)
    total, room = spread(zero), np.empty(LANES, np.float32)
    for x in range(low, high - LANES + 1, LANES):
        total = total + load(values, x) * zero
    store(room, 0, total)
    rest = room.sum()
    for x in range(low + (high - low) // LANES * LANES, high):
        rest += values[x] * zero
    return rest == zero


def _plain(*tensors: Tensor) -> bool:
    """Say whether the compiled passes may run."""
    return all(
        t.device.type == "cpu" and t.dtype == torch.float32 and t.is_contiguous() for t in tensors
    )


def _flat(values: Tensor) -> Values:
    found: Values = values.detach().numpy().reshape(-1)
    return found


def all_finite(values: Tensor) -> bool:
    """Say whether no value is nan or infinite."""
    if not _plain(values):
        return bool(torch.isfinite(values).all())
    flat, verdicts = _flat(values), []
    over_rows(lambda a, b: verdicts.append(_nothing_odd(flat, a, b)), flat.size, flat.size)
    return all(verdicts)


def _compared(new: Tensor, point: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Give max |new − point| and ⟨point − new, new − before⟩ of each sample."""
    if not _plain(new, point, before):
        away = (point - new).detach()
        along = (away * (new - before).detach()).flatten(1).sum(1)
        return away.abs().flatten(1).amax(1), along
    rows = [_compared_once(*parts) for parts in zip(new, point, before, strict=True)]
    table = torch.tensor(rows, dtype=torch.float32)
    return table[:, 0], table[:, 1]


def _compared_once(new: Tensor, point: Tensor, before: Tensor) -> tuple[float, float]:
    one, two, three = _flat(new), _flat(point), _flat(before)
    parts: list[tuple[float, float]] = []
    over_rows(lambda a, b: parts.append(_compare(one, two, three, a, b)), one.size, one.size)
    largest = [part[0] for part in parts]
    worst = max(largest) if all(value == value for value in largest) else math.nan
    return worst, sum(part[1] for part in parts)


def largest_change(new: Tensor, old: Tensor) -> Tensor:
    """Give max |new − old| of each sample, (B,); not finite if a value is not.

    Parameters
    ----------
    new, old : (B, ...)
    """
    if not _plain(new, old):
        return (new.detach() - old.detach()).abs().flatten(1).amax(1)
    return _compared(new, old, old)[0]


def pushed_on(
    new: Tensor, point: Tensor, before: Tensor, strength: float, room: Room | None = None
) -> tuple[Tensor, Tensor]:
    """Extrapolate an iteration new = F(point) whose result before was `before`.

    A sample that would be pushed back to where it came from (⟨point − new, new − before⟩ > 0)
    goes on from `new` itself.

    Parameters
    ----------
    new, point, before : (B, ...)
    strength : float   0 = no inertia
    room : Room        memory for the result

    Returns
    -------
    next : (B, ...)   new + strength (new − before)
    change : (B,)     max |new − point|

    Source: O'Donoghue and Candès, Found. Comput. Math. 15, 2015 (gradient restart).
    """
    change, along = _compared(new, point, before)
    if _plain(new, before) and len(new) == 1:
        if float(along) > 0:
            return new, change
        out = room_for(room, "iterates.pushed", tuple(new.shape))
        one, two, target = _flat(new), _flat(before), out.reshape(-1)
        over_rows(lambda a, b: _push(one, two, strength, target, a, b), one.size, one.size)
        return torch.from_numpy(out), change
    held = torch.where(along > 0, 0.0, strength).to(new.dtype)
    return new + held.view(-1, *[1] * (new.ndim - 1)) * (new - before), change
