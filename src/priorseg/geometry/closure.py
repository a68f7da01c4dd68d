"""Sets of pixels that contain the whole ray of each of their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import Indices, Mask, Reals, as_finite, as_mask, as_order, as_parent
from .compiled import compiled
from .rays import topological_order


def max_weight_closure(
    weights: NDArray[Any], parent: ArrayLike, order: ArrayLike | None = None
) -> Mask:
    """Find the set, closed under parent, whose weights have the largest sum.

    Parameters
    ----------
    weights : (H, W)   finite, any sign
    parent : (H*W,)    tree of `ray_tree`
    order : (H*W,)     `topological_order(parent)`, computed if absent

    Returns
    -------
    mask : (H, W)   x in mask implies parent[x] in mask; of several best sets the smallest,
                    empty if no set has a positive sum

    Raises
    ------
    ValueError  if a weight is not finite or the sizes differ.

    Source: dynamic programme g(x) = w(x) + sum of max(0, g(child)), O(N).
    """
    reals = as_finite("weights", weights)
    tree = as_parent(parent, reals.size)
    sequence = topological_order(tree) if order is None else as_order(order, reals.size)
    return _best_closure(reals.reshape(-1), tree, sequence).reshape(reals.shape)


def star_violations(mask: ArrayLike, parent: ArrayLike) -> int:
    """Count the pixels of the mask whose parent is missing; 0 proves a digital star shape."""
    image = as_mask(mask)
    return int(_count_orphans(image.reshape(-1), as_parent(parent, image.size)))


def ancestor_closure(mask: ArrayLike, parent: ArrayLike, order: ArrayLike | None = None) -> Mask:
    """Add the rays of all pixels: the smallest closed superset of the mask.

    Parameters
    ----------
    mask : (H, W)
    parent : (H*W,)   tree of `ray_tree`
    order : (H*W,)    checked if given; this pass does not need it
    """
    image = as_mask(mask)
    tree = as_parent(parent, image.size)
    if order is not None:
        as_order(order, image.size)
    return _add_rays(image.reshape(-1), tree).reshape(image.shape)


def closed_subset(mask: ArrayLike, parent: ArrayLike, order: ArrayLike | None = None) -> Mask:
    """Keep the pixels whose whole ray is in the mask: its largest closed subset.

    Parameters
    ----------
    mask : (H, W)
    parent : (H*W,)   tree of `ray_tree`
    order : (H*W,)    `topological_order(parent)`, computed if absent
    """
    image = as_mask(mask)
    tree = as_parent(parent, image.size)
    sequence = topological_order(tree) if order is None else as_order(order, image.size)
    return _drop_cut_rays(image.reshape(-1), tree, sequence).reshape(image.shape)


@compiled
def _best_closure(weights: Reals, parent: Indices, order: Indices) -> Mask:
    gain = weights.copy()
    for step in range(len(order) - 1, -1, -1):
        pixel = order[step]
        above = parent[pixel]
        if above != pixel and gain[pixel] > 0.0:
            gain[above] += gain[pixel]
    mask = np.zeros(len(weights), np.bool_)
    for pixel in order:
        above = parent[pixel]
        mask[pixel] = gain[pixel] > 0.0 and (above == pixel or mask[above])
    return mask


@compiled
def _count_orphans(mask: Mask, parent: Indices) -> int:
    orphans = 0
    for pixel in range(len(mask)):
        orphans += mask[pixel] and not mask[parent[pixel]]
    return orphans


@compiled
def _add_rays(mask: Mask, parent: Indices) -> Mask:
    closed = mask.copy()
    for start in range(len(mask)):
        if mask[start]:
            pixel = parent[start]
            while not closed[pixel]:
                closed[pixel] = True
                pixel = parent[pixel]
    return closed


@compiled
def _drop_cut_rays(mask: Mask, parent: Indices, order: Indices) -> Mask:
    closed = mask.copy()
    for pixel in order:
        closed[pixel] = mask[pixel] and closed[parent[pixel]]
    return closed
