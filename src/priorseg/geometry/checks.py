"""Turn what callers pass into the arrays the compiled loops expect, or say what is wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Mask = NDArray[np.bool_]
Indices = NDArray[np.int32]
Reals = NDArray[np.float64]


def as_mask(mask: ArrayLike) -> Mask:
    """Return a contiguous boolean image.

    Raises
    ------
    ValueError  if it is not two-dimensional.
    """
    image = np.ascontiguousarray(mask, dtype=np.bool_)
    if image.ndim != 2:
        raise ValueError(
            f"mask has {image.ndim} axes (shape {image.shape}); pass one (H, W) slice at a time."
        )
    return image


def as_parent(parent: ArrayLike, size: int) -> Indices:
    """Return the tree as contiguous flat indices of `size` pixels.

    Raises
    ------
    ValueError  if the tree was built for another image.
    """
    tree = np.ascontiguousarray(parent, dtype=np.int32).reshape(-1)
    if tree.size != size:
        raise ValueError(
            f"parent has {tree.size} pixels, the image has {size}. Build the tree for this image."
        )
    return tree


def as_order(order: ArrayLike, size: int) -> Indices:
    """Return a cached topological order as contiguous flat indices of `size` pixels.

    Raises
    ------
    ValueError  if the order belongs to another image.
    """
    sequence = np.ascontiguousarray(order, dtype=np.int32).reshape(-1)
    if sequence.size != size:
        raise ValueError(
            f"order has {sequence.size} pixels, the image has {size}. "
            "Recompute it with topological_order(parent)."
        )
    return sequence


def as_finite(name: str, values: ArrayLike) -> Reals:
    """Return contiguous float64 values of any shape.

    Raises
    ------
    ValueError  if one of them is not a number or infinite.
    """
    reals = np.ascontiguousarray(values, dtype=np.float64)
    bad = reals.size - int(np.count_nonzero(np.isfinite(reals)))
    if bad:
        raise ValueError(f"{name} holds {bad} values that are nan or infinite; all must be finite.")
    return reals
