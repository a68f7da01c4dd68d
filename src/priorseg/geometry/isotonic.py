"""Least-squares regression that never rises along the rays of a tree."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import Indices, Mask, Reals, as_finite, as_order, as_parent
from .compiled import compiled
from .rays import topological_order

NODE = np.dtype(  # one record per block: what a merge touches lies in one cache line
    [
        ("mean", np.float64),
        ("total", np.float64),
        ("pixels", np.int32),
        ("below", np.int32),
        ("child", np.int32),
        ("sibling", np.int32),
    ]
)


def tree_isotonic(
    values: NDArray[Any], parent: ArrayLike, order: ArrayLike | None = None
) -> NDArray[Any]:
    """Fit the nearest values, in least squares, that do not rise from parent to child.

    See `tree_isotonic_blocks`.
    """
    return tree_isotonic_blocks(values, parent, order)[0]


def tree_isotonic_blocks(
    values: NDArray[Any], parent: ArrayLike, order: ArrayLike | None = None
) -> tuple[NDArray[Any], Indices]:
    """Fit the nearest values that do not rise from parent to child, and name their blocks.

    The minimiser of sum (fitted - values)^2 subject to fitted[parent[x]] >= fitted[x] is
    constant on connected blocks, with the mean of each block as its value. {fitted > t} is
    the smallest closed set of largest sum of values - t, for every t. The constraint holds
    exactly, after rounding too.

    Parameters
    ----------
    values : (H, W) or (H*W,)   finite; float32 or float64, other types are taken as float64
    parent : (H*W,)             tree of `ray_tree`
    order : (H*W,)              `topological_order(parent)`, computed if absent

    Returns
    -------
    fitted : as values     in their type; the sums are taken in float64
    block : int32, shape of values   number of the block, from 0; parents' blocks come first

    Raises
    ------
    ValueError  if a value is not finite or the sizes differ.

    Source: Pardalos and Xue, Algorithmica 23, 1999: pooling of adjacent violators from the
    leaves to the root, O(N log N), here with pairing heaps.
    """
    source = np.asarray(values)
    kind = source.dtype if source.dtype == np.float32 else np.dtype(np.float64)
    reals = as_finite("values", source).reshape(-1)
    tree = as_parent(parent, reals.size)
    sequence = topological_order(tree) if order is None else as_order(order, reals.size)
    ordered, above = _renumber(reals, tree, sequence)
    nodes, absorbed = _pool(ordered, above)
    fitted, block = _spread(nodes, absorbed, above, sequence)
    return fitted.astype(kind, copy=False).reshape(source.shape), block.reshape(source.shape)


def block_mean(values: NDArray[Any], block: Indices) -> NDArray[Any]:
    """Average the values over each block: the derivative of `tree_isotonic`, and its transpose.

    Parameters
    ----------
    values, block : same shape   block from `tree_isotonic_blocks`

    Returns
    -------
    means : as values   float32 stays float32, everything else becomes float64
    """
    source = np.asarray(values)
    numbers = np.ascontiguousarray(block, dtype=np.int32).reshape(-1)
    if source.size != numbers.size:
        raise ValueError(f"values has {source.size} pixels, block has {numbers.size}.")
    kind = source.dtype if source.dtype == np.float32 else np.dtype(np.float64)
    means = _mean_per_block(np.ascontiguousarray(source, dtype=np.float64).reshape(-1), numbers)
    return means.astype(kind, copy=False).reshape(source.shape)


@compiled
def _renumber(values: Reals, parent: Indices, order: Indices) -> tuple[Reals, Indices]:
    """Number the pixels by their place in the order: a ray then lies in consecutive memory."""
    size = len(values)
    place = np.zeros(size, np.int32)
    for step in range(size):
        place[order[step]] = step
    ordered, above = np.empty(size), np.empty(size, np.int32)
    for step in range(size):
        ordered[step] = values[order[step]]
        above[step] = place[parent[order[step]]]
    return ordered, above


@compiled
def _meld(first: int, second: int, nodes: NDArray[np.void]) -> int:
    """Join two heaps, the root with the larger mean on top; -1 is the empty heap."""
    if first < 0:
        return second
    if second < 0:
        return first
    if nodes[first].mean < nodes[second].mean:
        first, second = second, first
    nodes[second].sibling = nodes[first].child
    nodes[first].child = second
    return first


@compiled
def _without_top(top: int, nodes: NDArray[np.void]) -> int:
    """Remove the top of a pairing heap: meld its children in pairs, then the pairs."""
    node, paired = nodes[top].child, -1
    while node >= 0:
        first, second = node, nodes[node].sibling
        node = nodes[second].sibling if second >= 0 else -1
        joined = _meld(first, second, nodes)
        nodes[joined].sibling = paired
        paired = joined
    heap = -1
    while paired >= 0:
        following = nodes[paired].sibling
        heap = _meld(heap, paired, nodes)
        paired = following
    return heap


@compiled
def _pool(values: Reals, above: Indices) -> tuple[NDArray[np.void], Mask]:
    """Merge, leaves first, every block with the child blocks whose mean is larger.

    A block is named after its pixel next to the root; `below` is the heap of its child blocks.
    """
    size = len(values)
    nodes = np.empty(size, NODE)
    absorbed = np.zeros(size, np.bool_)
    for block in range(size):
        nodes[block].below = -1
    for block in range(size - 1, -1, -1):
        mean = total = values[block]
        pixels = 1
        largest = nodes[block].below
        while largest >= 0 and nodes[largest].mean > mean:
            absorbed[largest] = True
            total += nodes[largest].total
            pixels += nodes[largest].pixels
            mean = total / pixels
            rest = _without_top(largest, nodes)
            largest = _meld(rest, nodes[largest].below, nodes)
        nodes[block].mean, nodes[block].total, nodes[block].pixels = mean, total, pixels
        nodes[block].child, nodes[block].sibling, nodes[block].below = -1, -1, largest
        if above[block] != block:
            nodes[above[block]].below = _meld(nodes[above[block]].below, block, nodes)
    return nodes, absorbed


@compiled
def _spread(
    nodes: NDArray[np.void], absorbed: Mask, above: Indices, order: Indices
) -> tuple[Reals, Indices]:
    """Hand the mean of each block down to its pixels and number the blocks."""
    size = len(order)
    fitted, block = np.empty(size), np.empty(size, np.int32)
    number = np.empty(size, np.int32)
    blocks = 0
    for step in range(size):
        if absorbed[step]:
            nodes[step].mean = nodes[above[step]].mean
            number[step] = number[above[step]]
        else:
            number[step] = blocks
            blocks += 1
        fitted[order[step]] = nodes[step].mean
        block[order[step]] = number[step]
    return fitted, block


@compiled
def _mean_per_block(values: Reals, block: Indices) -> Reals:
    blocks = block.max() + 1 if len(block) else 0
    total, pixels = np.zeros(blocks), np.zeros(blocks, np.int64)
    for pixel in range(len(values)):
        total[block[pixel]] += values[pixel]
        pixels[block[pixel]] += 1
    means = np.empty(len(values))
    for pixel in range(len(values)):
        means[pixel] = total[block[pixel]] / pixels[block[pixel]]
    return means
