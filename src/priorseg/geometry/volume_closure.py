"""Closed sets with a prescribed number of pixels."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import Indices, Mask, Reals, as_finite, as_order, as_parent
from .compiled import compiled
from .isotonic import tree_isotonic
from .rays import topological_order


def closure_with_volume(
    weights: NDArray[Any], parent: ArrayLike, volume: int, order: ArrayLike | None = None
) -> Mask:
    """Find a set, closed under parent, of exactly `volume` pixels and large weight.

    The sets {fitted > t} of the isotonic fit are the best closed sets of weights - t, hence
    the best ones of their own volume; all multipliers t are tried at once. If one of them has
    the wanted volume, the result is optimal. Otherwise two of them enclose it; the band between
    them is filled by the best pixel whose parent is in, or emptied by the worst pixel without
    children, one by one, and the better of the two results is returned. It is then as good as
    these greedy choices, not optimal in general. Volume and closure are exact always.

    Parameters
    ----------
    weights : (H, W)   finite, any sign
    parent : (H*W,)    tree of `ray_tree`
    volume : pixels, 0 to H*W
    order : (H*W,)     `topological_order(parent)`, computed if absent

    Returns
    -------
    mask : (H, W)

    Raises
    ------
    ValueError  if the volume does not fit the image, a weight is not finite or sizes differ.
    """
    reals = as_finite("weights", weights)
    if not 0 <= volume <= reals.size:
        raise ValueError(f"volume is {volume} px; the image has {reals.size}.")
    if volume == 0:
        return np.zeros(reals.shape, np.bool_)
    tree = as_parent(parent, reals.size)
    sequence = topological_order(tree) if order is None else as_order(order, reals.size)
    flat = reals.reshape(-1)
    fitted = tree_isotonic(flat, tree, sequence)
    threshold = np.partition(fitted, -volume)[-volume]
    outer = fitted >= threshold
    surplus = int(np.count_nonzero(outer)) - volume
    if surplus == 0:
        return np.asarray(outer.reshape(reals.shape))
    inner = fitted > threshold
    missing = volume - int(np.count_nonzero(inner))
    grown = _add_best(inner, outer, flat, tree, missing)
    shrunk = _remove_worst(inner, outer, flat, tree, surplus)
    best = grown if flat[grown].sum() >= flat[shrunk].sum() else shrunk
    return np.asarray(best.reshape(reals.shape))


@compiled
def _add_best(inner: Mask, outer: Mask, weights: Reals, parent: Indices, missing: int) -> Mask:
    """Add pixels of outer, always the heaviest one whose parent is in; ties to the lowest index."""
    size = len(weights)
    mask = inner.copy()
    child, sibling = np.full(size, -1, np.int64), np.full(size, -1, np.int64)
    heap: list[tuple[float, int]] = [(0.0, 0) for _ in range(0)]
    for pixel in range(size):
        if outer[pixel] and not inner[pixel]:
            above = parent[pixel]
            if above == pixel or inner[above]:
                heapq.heappush(heap, (-weights[pixel], pixel))
            else:
                sibling[pixel] = child[above]
                child[above] = pixel
    for _ in range(missing):
        pixel = heapq.heappop(heap)[1]
        mask[pixel] = True
        below = child[pixel]
        while below >= 0:
            heapq.heappush(heap, (-weights[below], below))
            below = sibling[below]
    return mask


@compiled
def _remove_worst(inner: Mask, outer: Mask, weights: Reals, parent: Indices, surplus: int) -> Mask:
    """Remove pixels of outer not in inner, always the lightest one without children in the mask."""
    size = len(weights)
    mask = outer.copy()
    children = np.zeros(size, np.int32)
    for pixel in range(size):
        if outer[pixel] and not inner[pixel] and parent[pixel] != pixel:
            children[parent[pixel]] += 1
    heap: list[tuple[float, int]] = [(0.0, 0) for _ in range(0)]
    for pixel in range(size):
        if outer[pixel] and not inner[pixel] and children[pixel] == 0:
            heapq.heappush(heap, (weights[pixel], -pixel))
    for _ in range(surplus):
        pixel = -heapq.heappop(heap)[1]
        mask[pixel] = False
        above = parent[pixel]
        children[above] -= 1
        if above != pixel and children[above] == 0 and not inner[above]:
            heapq.heappush(heap, (weights[above], -above))
    return mask
