"""Convex components beside pixels that are taken."""

from __future__ import annotations

import numpy as np

from .checks import Mask
from .components import label_components, largest_component
from .hull import convex_hull_mask, hull_deficit

CUTS = 8  # rounds of cutting hulls apart before only the largest part is kept


def hulls_beside(mask: Mask, taken: Mask) -> Mask:
    """Make components convex without touching pixels that are taken.

    Each component keeps the part of its hull beyond a line past the taken pixels; a part of a
    convex set on one side of a line is convex. If parts merge again and again, only the largest
    is kept.

    Parameters
    ----------
    mask, taken : (Y, X) bool

    Returns
    -------
    (Y, X) bool   disjoint from `taken`; every 8-connected component digitally convex
    """
    for _ in range(CUTS):
        parts, count = label_components(mask)
        mask = np.zeros_like(mask)
        for part in range(1, count + 1):
            mask |= _beyond(convex_hull_mask(parts == part), taken)
        if hull_deficit(mask) == 0:
            return mask
    return _beyond(convex_hull_mask(largest_component(mask)), taken)


def _beyond(hull: Mask, taken: Mask) -> Mask:
    """Keep the part of a hull on the far side of a line past its taken pixels."""
    inner = np.argwhere(hull & taken)
    if len(inner) == 0:
        return hull
    pixels = np.argwhere(hull)
    free = np.argwhere(hull & ~taken)
    toward = (free.mean(0) if len(free) else pixels.mean(0)) - inner.mean(0)
    direction = np.round(1024 * toward / max(np.abs(toward).max(), 1e-9)).astype(np.int64)
    kept = pixels[pixels @ direction > (inner @ direction).max()]
    part = np.zeros_like(hull)
    part[kept[:, 0], kept[:, 1]] = True
    return part
