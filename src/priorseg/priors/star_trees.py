"""Centres of star-shaped objects, and the trees of their rays."""

from functools import lru_cache

import numpy as np

from ..geometry import ray_forest, topological_order
from ..prior import as_floats

Points = tuple[tuple[float, float], ...]


@lru_cache(maxsize=4)
def ray_trees(shape: tuple[int, int], centres: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give parents, order and owner of the forest of rays, each (Y * X,) int32.

    Without a centre every pixel is a root, which asks for nothing, and has the owner −1.
    """
    pixels = shape[0] * shape[1]
    if centres:
        parent, owner = ray_forest(shape, np.array(centres, dtype=np.float64))
    else:
        parent, owner = np.arange(pixels, dtype=np.int32), np.full(pixels, -1, np.int32)
    found = parent, topological_order(parent), owner.reshape(-1)
    for part in found:
        part.setflags(write=False)
    return found


def sample_centres(centres: object, batch: int, label: int) -> list[Points]:
    """Split star centres by sample.

    Parameters
    ----------
    centres : (N, 2) for all samples, or (B, N, 2) with nan rows for missing ones, N >= 1
    batch : int
    label : int   for the error message

    Returns
    -------
    list of points   one per sample; empty where all its rows are nan: its object is free

    Raises
    ------
    ValueError  if the shape is wrong, or N is 0.
    """
    points = as_floats(centres, f"scene.centres[{label}]").detach().cpu()
    if points.ndim == 1 and points.numel() == 2:
        points = points.unsqueeze(0)
    if points.ndim == 2:
        points = points.expand(batch, *points.shape)
    if points.ndim != 3 or points.shape[0] != batch or points.shape[2] != 2:
        raise ValueError(
            f"scene.centres[{label}] has shape {tuple(points.shape)}, it must be (N, 2) or "
            f"({batch}, N, 2) pixel coordinates (y, x); star shape is 2-D for now."
        )
    if points.shape[1] == 0:
        raise ValueError(
            f"Star(label={label}) needs at least one centre: click inside the object, or take the "
            "prior off the list. A row of nan leaves the object of a sample free."
        )
    found = []
    for rows in points:
        kept = rows[~rows.isnan().all(1)]
        found.append(tuple((float(y), float(x)) for y, x in kept))
    return found
