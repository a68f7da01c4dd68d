"""Label maps with prescribed volumes and the largest possible score."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import Reals, as_finite
from .transport_flow import best_classes, path_costs, repair

Integers = NDArray[np.int64]

COARSEST = 4096  # pixels; below, all misassigned ones are repaired directly
STRIDE = 7  # odd, so that a sample of an image meets all of its columns
HEAP_ENTRIES = 2**23  # bounds the memory of one repair, about 100 MB


def assign_volumes(scores: ArrayLike, volumes: ArrayLike) -> Integers:
    """Label every pixel so that each class has its volume and the chosen scores sum highest.

    The optimum of the transportation problem, exact up to a rounding of the scores to
    2^(bit length of K - 59) of the largest one. Integer scores below 2^53 are not rounded.

    With two classes the pixels are ranked. With more, a price per class is found on a sample
    of the pixels (recursively); the best priced classes then nearly have their volumes, and the
    surplus is moved along shortest paths in the graph of classes, where an arc costs what its
    cheapest pixel loses. Equal pixels move in one go.

    Parameters
    ----------
    scores : (K, N)    finite
    volumes : (K,)     pixels, whole numbers; below 0 = free. Without a free class they sum to N.

    Returns
    -------
    labels : (N,) int64   label k occurs volumes[k] times; the free classes share the remaining
                          pixels, each taking those where it has the best score among them

    Raises
    ------
    ValueError  if the volumes cannot be met or a score is not finite.

    Source: successive shortest paths (Ahuja, Magnanti, Orlin, Network Flows, 1993, 9.7).
    """
    reals = as_finite("scores", scores)
    if reals.ndim != 2 or len(reals) == 0:
        raise ValueError(f"scores must be (K, N) with K >= 1, got shape {reals.shape}.")
    wanted = _checked_volumes(volumes, *reals.shape)
    chosen = np.flatnonzero(wanted > 0)
    remaining = reals.shape[1] - int(wanted[chosen].sum())
    if remaining == 0:
        return chosen[_assign(reals[chosen], wanted[chosen])] if len(chosen) else chosen
    free = np.flatnonzero(wanted < 0)
    best_free = np.argmax(reals[free], axis=0)  # (N,)
    shared = np.take_along_axis(reals[free], best_free[None], axis=0)
    choice = _assign(np.concatenate([reals[chosen], shared]), np.append(wanted[chosen], remaining))
    return np.where(choice < len(chosen), np.append(chosen, 0)[choice], free[best_free])


def _checked_volumes(volumes: ArrayLike, classes: int, pixels: int) -> Integers:
    wanted = np.asarray(volumes)
    if wanted.shape != (classes,) or not np.issubdtype(wanted.dtype, np.integer):
        raise ValueError(
            f"volumes must be {classes} whole numbers (-1 = free), "
            f"got {wanted.dtype} of shape {wanted.shape}."
        )
    wanted = wanted.astype(np.int64)
    total = int(wanted[wanted > 0].sum())
    if total > pixels:
        raise ValueError(f"volumes add up to {total} px, the image has {pixels}. Reduce them.")
    if total < pixels and not np.any(wanted < 0):
        raise ValueError(
            f"volumes add up to {total} px, the image has {pixels}. "
            "Leave one class free (-1) to absorb the rest."
        )
    return wanted


def _assign(scores: Reals, volumes: Integers) -> Integers:
    """Solve with positive volumes that sum to N."""
    if len(scores) == 1:
        return np.zeros(scores.shape[1], np.int64)
    if len(scores) == 2:
        labels = np.zeros(scores.shape[1], np.int64)
        labels[_smallest(scores[0] - scores[1], int(volumes[1]))] = 1
        return labels
    _, exponent = np.frexp(np.abs(scores).max())
    bits = 59 - len(scores).bit_length()  # a path through all classes stays below 2^61
    whole = np.rint(np.ldexp(scores, bits - int(exponent))).astype(np.int64)
    return _transport(whole, volumes)[0].astype(np.int64)


def _smallest(values: NDArray[np.generic], count: int) -> NDArray[np.intp]:
    """Return the indices of the `count` smallest values; equal ones by lowest index."""
    if count >= len(values):
        return np.arange(len(values))
    threshold = np.partition(values, count - 1)[count - 1]
    below = np.flatnonzero(values < threshold)
    equal = np.flatnonzero(values == threshold)[: count - len(below)]
    return np.concatenate([below, equal])


def _transport(scores: Integers, volumes: Integers) -> tuple[NDArray[np.int32], Integers]:
    """Return the optimal labels (N,) and prices (K,): labels maximise scores + prices."""
    classes, pixels = scores.shape
    prices = np.zeros(classes, np.int64)
    if pixels > COARSEST:
        sample = np.ascontiguousarray(scores[:, ::STRIDE])
        _, prices = _transport(sample, _scaled_volumes(volumes, sample.shape[1]))
    labels, surplus = best_classes(scores, prices, volumes)
    while np.any(surplus):
        misassigned = int(np.maximum(surplus, 0).sum())
        moves = min(misassigned, HEAP_ENTRIES // (2 * classes**2))
        heaps = _cheapest_moves(scores, labels, moves)
        prices = path_costs(repair(scores, labels, surplus, *heaps, moves), np.zeros_like(prices))[
            0
        ]
    return labels, prices


def _scaled_volumes(volumes: Integers, pixels: int) -> Integers:
    """Scale the volumes to a sum of `pixels`, rounding by largest remainder."""
    total = int(volumes.sum())
    scaled = volumes * pixels // total
    remainder = volumes * pixels % total
    scaled[np.argsort(-remainder, kind="stable")[: pixels - int(scaled.sum())]] += 1
    return scaled


def _cheapest_moves(
    scores: Integers, labels: NDArray[np.int32], moves: int
) -> tuple[Integers, NDArray[np.int32], Integers]:
    """Collect, for every pair of classes, the pixels that lose least by changing over.

    A repair of `moves` paths takes at most that many pixels from each class, and gives it as
    many: moves + 1 candidates always include the cheapest one.

    Returns
    -------
    cost : (K, K, 2 moves + 2)    sorted losses of the pixels of the first class
    pixel : (K, K, 2 moves + 2)   their indices
    size : (K, K)                 number of entries in use
    """
    classes = len(scores)
    cost = np.empty((classes, classes, 2 * moves + 2), np.int64)
    pixel = np.empty(cost.shape, np.int32)
    size = np.zeros((classes, classes), np.int64)
    for source in range(classes):
        members = np.flatnonzero(labels == source)
        for target in range(classes):
            if target == source or len(members) == 0:
                continue
            loss = scores[source, members] - scores[target, members]
            candidates = _smallest(loss, moves + 1)
            candidates = candidates[np.argsort(loss[candidates], kind="stable")]
            count = len(candidates)
            cost[source, target, :count] = loss[candidates]
            pixel[source, target, :count] = members[candidates]
            size[source, target] = count
    return cost, pixel, size
