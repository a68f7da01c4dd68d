"""Volumes of single trees of a forest: as a sum of probabilities, and as pixels of a closed set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import Indices, Mask, Reals, as_finite, as_order, as_parent
from .closure import max_weight_closure
from .compiled import compiled
from .volume_closure import closure_with_volume

FEWEST = 1e-9  # share of a tree below which, and above one minus which, no volume is aimed at
TURNS, EXACT = 100, 1e-10


def tree_shifts(
    values: ArrayLike, owner: ArrayLike, volumes: ArrayLike, temperature: float
) -> Reals:
    """Find what to add to the log-odds of each tree so that its probabilities sum to a volume.

    Per tree one increasing equation, sum of sigmoid((values + q) / temperature) = volume, solved
    by Newton's method on the log-odds of the mean, within a bracket that is halved where it fails.

    Parameters
    ----------
    values : (N,)    finite log-odds, times the temperature
    owner : (N,)     number of the tree of each pixel; below 0 = of none
    volumes : (M,)   pixels of each tree; nan = free. Beyond 1e-9 of the pixels of the tree from
                     none and from all it is moved there: the equation has no finite root
    temperature : float   > 0

    Returns
    -------
    q : (M,)   0 where the volume is free or the tree has no pixel
    """
    reals = as_finite("values", values).reshape(-1)
    trees = np.ascontiguousarray(owner, dtype=np.int32).reshape(-1)
    wanted = np.ascontiguousarray(volumes, dtype=np.float64)
    return np.asarray(_shifts(reals, trees, wanted, float(temperature)))


def closure_with_volumes(
    weights: NDArray[Any],
    parent: ArrayLike,
    order: ArrayLike,
    owner: ArrayLike,
    volumes: Sequence[int],
    rest: int | None = None,
) -> Mask:
    """Find a heavy set, closed under parent, with prescribed numbers of pixels in single trees.

    A set is closed exactly if its part in every tree is, so each tree is solved alone: by
    `closure_with_volume` where its volume is given, else by `max_weight_closure`, which is optimal.

    Parameters
    ----------
    weights : (H, W)        finite, any sign
    parent, order : (H*W,)  forest and its `topological_order`
    owner : (H*W,)          number of the tree of each pixel; a parent has that of its children
    volumes : M numbers     pixels of each tree, at most as many as it has; below 0 = free
    rest : int              pixels of all free trees together; None = free

    Returns
    -------
    mask : (H, W)

    Raises
    ------
    ValueError  if a volume does not fit its tree, a weight is not finite or sizes differ.
    """
    reals = as_finite("weights", weights)
    tree, sequence = as_parent(parent, reals.size), as_order(order, reals.size)
    mask = max_weight_closure(reals, tree, sequence).reshape(-1)
    trees = np.asarray(owner).reshape(-1)[sequence]
    goals = [(index, volume) for index, volume in enumerate(volumes) if volume >= 0]
    if rest is not None:
        trees = np.where(np.isin(trees, [index for index, _ in goals]), trees, len(volumes))
        goals.append((len(volumes), rest))
    ranks = np.argsort(trees, kind="stable")
    ends = np.searchsorted(trees[ranks], np.arange(len(volumes) + 2))
    place = np.zeros(reals.size, np.int32)
    for index, volume in goals:
        pixels = sequence[ranks[ends[index] : ends[index + 1]]]  # parents before children
        steps = np.arange(len(pixels), dtype=np.int32)
        place[pixels] = steps
        part = reals.reshape(-1)[pixels]
        mask[pixels] = closure_with_volume(part, place[tree[pixels]], volume, steps)
    return np.asarray(mask.reshape(reals.shape))


@compiled
def _brackets(
    values: Reals, owner: Indices, wanted: Reals, temperature: float
) -> tuple[Reals, Reals, Reals, Reals]:
    """Give the pixels of each tree, the log-odds of its mean, and where q must lie."""
    count = len(wanted)
    sizes, goals = np.zeros(count), np.zeros(count)
    lowest, highest = np.full(count, np.inf), np.full(count, -np.inf)
    for pixel in range(len(values)):
        tree = owner[pixel]
        if tree >= 0:
            sizes[tree] += 1
            lowest[tree] = min(lowest[tree], values[pixel])
            highest[tree] = max(highest[tree], values[pixel])
    for tree in range(count):
        if sizes[tree] > 0 and not np.isnan(wanted[tree]):
            share = min(max(wanted[tree] / sizes[tree], FEWEST), 1 - FEWEST)
            goals[tree] = np.log(share / (1 - share))
    return sizes, goals, temperature * goals - highest, temperature * goals - lowest


@compiled
def _step(shift: float, mean: float, spread: float, goal: float, low: float, high: float) -> float:
    """Take Newton's step on the log-odds of the mean, or the middle of the bracket."""
    middle = (low + high) / 2
    if not (0 < mean < 1 and spread > 0):
        return middle
    step = shift + (goal - np.log(mean / (1 - mean))) * mean * (1 - mean) / spread
    return step if low <= step <= high else middle


@compiled
def _shifts(values: Reals, owner: Indices, wanted: Reals, temperature: float) -> Reals:
    sizes, goals, low, high = _brackets(values, owner, wanted, temperature)
    shift = np.zeros(len(wanted))
    active = (sizes > 0) & ~np.isnan(wanted)
    for tree in range(len(wanted)):
        if active[tree]:
            shift[tree] = min(max(0.0, low[tree]), high[tree])
    for _ in range(TURNS):
        if not active.any():
            break
        mass, slope = np.zeros(len(wanted)), np.zeros(len(wanted))
        for pixel in range(len(values)):
            tree = owner[pixel]
            if tree >= 0 and active[tree]:
                share = 1 / (1 + np.exp(-(values[pixel] + shift[tree]) / temperature))
                mass[tree] += share
                slope[tree] += share * (1 - share) / temperature
        for tree in range(len(wanted)):
            if not active[tree]:
                continue
            mean, goal = mass[tree] / sizes[tree], 1 / (1 + np.exp(-goals[tree]))
            if mean < goal:
                low[tree] = shift[tree]
            else:
                high[tree] = shift[tree]
            spread = slope[tree] / sizes[tree]
            step = _step(shift[tree], mean, spread, goals[tree], low[tree], high[tree])
            active[tree] = abs(mean - goal) > EXACT * goal and step != shift[tree]
            if active[tree]:
                shift[tree] = step
    return shift
