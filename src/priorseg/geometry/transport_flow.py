"""Successive shortest paths in the graph of classes, in exact integer arithmetic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .checks import Indices
from .compiled import compiled

Integers = NDArray[np.int64]

FAR = 2**62  # no arc


@compiled
def best_classes(scores: Integers, prices: Integers, volumes: Integers) -> tuple[Indices, Integers]:
    """Give every pixel its best priced class; equal ones to the class that lacks most pixels.

    Returns
    -------
    labels : (N,) int32
    surplus : (K,)   pixels minus volume of each class
    """
    classes, pixels = scores.shape
    labels = np.empty(pixels, np.int32)
    surplus = -volumes
    for pixel in range(pixels):
        best = 0
        highest = scores[0, pixel] + prices[0]
        for label in range(1, classes):
            value = scores[label, pixel] + prices[label]
            if value > highest or (value == highest and surplus[label] < surplus[best]):
                best, highest = label, value
        labels[pixel] = best
        surplus[best] += 1
    return labels, surplus


@compiled
def path_costs(arcs: Integers, start: Integers) -> tuple[Integers, Integers]:
    """Return the lowest cost of a path into every class and its last arc (Bellman-Ford).

    Parameters
    ----------
    arcs : (K, K)   cost from class to class, FAR = none; no cycle is negative
    start : (K,)    cost of starting in a class, FAR = not a start

    Returns
    -------
    cost : (K,)
    previous : (K,)   class before it on the path, -1 = the path starts here
    """
    classes = len(arcs)
    cost = start.copy()
    previous = np.full(classes, -1, np.int64)
    improved = True
    while improved:
        improved = False
        for source in range(classes):
            if cost[source] == FAR:
                continue
            for target in range(classes):
                arc = arcs[source, target]
                if arc != FAR and cost[source] + arc < cost[target]:
                    cost[target] = cost[source] + arc
                    previous[target] = source
                    improved = True
    return cost, previous


@compiled
def repair(
    scores: Integers,
    labels: Indices,
    surplus: Integers,
    heap_cost: Integers,
    heap_pixel: Indices,
    heap_size: Integers,
    moves: int,
) -> Integers:
    """Change labels along at most `moves` shortest paths, until no class has a surplus.

    Changes labels, surplus and the heaps of `transport._cheapest_moves` in place. A path
    stays the shortest one as long as its arcs cost the same, so it is walked again and again.

    Returns
    -------
    arcs : (K, K)   lowest loss of moving a pixel from class to class, FAR = class is empty
    """
    classes = len(scores)
    arcs = np.full((classes, classes), FAR, np.int64)
    for source in range(classes):
        _update_arcs(source, arcs, labels, heap_cost, heap_pixel, heap_size)
    while moves > 0 and surplus.max() > 0:
        cost, previous = path_costs(arcs, np.where(surplus > 0, 0, FAR))
        target = int(np.argmin(np.where(surplus < 0, cost, FAR)))
        source = target
        while previous[source] >= 0:
            source = previous[source]
        unchanged = True
        while unchanged and moves > 0 and surplus[source] > 0 and surplus[target] < 0:
            moves -= 1
            surplus[source] -= 1
            surplus[target] += 1
            _move_along(target, previous, scores, labels, heap_cost, heap_pixel, heap_size)
            node = target
            while previous[node] >= 0:
                arc = _lowest(previous[node], node, labels, heap_cost, heap_pixel, heap_size)
                unchanged = unchanged and arc == arcs[previous[node], node]
                node = previous[node]
        node = target
        while node >= 0:
            _update_arcs(node, arcs, labels, heap_cost, heap_pixel, heap_size)
            node = previous[node]
    return arcs


@compiled
def _update_arcs(
    source: int,
    arcs: Integers,
    labels: Indices,
    heap_cost: Integers,
    heap_pixel: Indices,
    heap_size: Integers,
) -> None:
    for target in range(len(arcs)):
        if target != source:
            arcs[source, target] = _lowest(source, target, labels, heap_cost, heap_pixel, heap_size)


@compiled
def _move_along(
    target: int,
    previous: Integers,
    scores: Integers,
    labels: Indices,
    heap_cost: Integers,
    heap_pixel: Indices,
    heap_size: Integers,
) -> None:
    """Move the cheapest pixel of every arc of the path that ends in `target`."""
    node = target
    while previous[node] >= 0:
        pixel = heap_pixel[previous[node], node, 0]
        labels[pixel] = node
        for other in range(len(scores)):
            if other != node:
                loss = scores[node, pixel] - scores[other, pixel]
                heap = heap_cost[node, other], heap_pixel[node, other]
                heap_size[node, other] = _push(
                    heap[0], heap[1], heap_size[node, other], loss, pixel
                )
        node = previous[node]


@compiled
def _lowest(
    source: int,
    target: int,
    labels: Indices,
    heap_cost: Integers,
    heap_pixel: Indices,
    heap_size: Integers,
) -> int:
    """Return the lowest loss on an arc, after dropping pixels that have left the class."""
    cost, pixel = heap_cost[source, target], heap_pixel[source, target]
    size = heap_size[source, target]
    while size > 0 and labels[pixel[0]] != source:
        size = _pop(cost, pixel, size)
    heap_size[source, target] = size
    return cost[0] if size > 0 else FAR


@compiled
def _push(cost: Integers, pixel: Indices, size: int, loss: int, index: int) -> int:
    """Insert an entry into a binary heap (lowest cost, then lowest pixel on top)."""
    hole = size
    while hole > 0:
        above = (hole - 1) // 2
        if cost[above] < loss or (cost[above] == loss and pixel[above] <= index):
            break
        cost[hole], pixel[hole] = cost[above], pixel[above]
        hole = above
    cost[hole], pixel[hole] = loss, index
    return size + 1


@compiled
def _pop(cost: Integers, pixel: Indices, size: int) -> int:
    """Remove the top of a binary heap."""
    size -= 1
    loss, index = cost[size], pixel[size]
    hole = 0
    while 2 * hole + 1 < size:
        below = 2 * hole + 1
        right = below + 1
        if right < size and (
            cost[right] < cost[below]
            or (cost[right] == cost[below] and pixel[right] < pixel[below])
        ):
            below = right
        if loss < cost[below] or (loss == cost[below] and index <= pixel[below]):
            break
        cost[hole], pixel[hole] = cost[below], pixel[below]
        hole = below
    cost[hole], pixel[hole] = loss, index
    return size
