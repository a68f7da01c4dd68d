"""Painted pixels as a solve takes them: cut to the region, or pooled to blocks for a preview."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .painted import Painted

if TYPE_CHECKING:
    from .problem import Problem


def fixed_labels(painted: Painted | None, problem: "Problem") -> Tensor | None:
    """Give the label that painted pixels of the region must have, (1, y, x) int16, −1 = free.

    None where nothing is painted.

    Raises
    ------
    ValueError  for another image's size, or a label that does not exist.
    """
    if painted is None:
        return None
    shape = painted.pixels.shape
    if shape != problem.shape:
        raise ValueError(
            f"The painted pixels are of an image of {shape[0]} × {shape[1]} px, this one has "
            f"{problem.shape[0]} × {problem.shape[1]}."
        )
    crop = painted.pixels[problem.region]
    highest = int(crop.max(initial=0))
    if highest > problem.kinds:
        known = ", ".join(f"{key} {name}" for key, name in sorted(problem.names.items()))
        raise ValueError(f"Label {highest - 1} is painted, but there are only: {known}.")
    return torch.from_numpy(crop.astype(np.int16) - 1)[None] if highest else None


@lru_cache(maxsize=4)
def _blocks(painted: Painted, top: int, bottom: int, left: int, right: int, stride: int) -> Painted:
    crop = painted.pixels[top:bottom, left:right]
    wide = np.pad(crop, [(0, -size % stride) for size in crop.shape])
    inside = np.pad(np.ones(crop.shape, np.uint8), [(0, -size % stride) for size in crop.shape])
    count = _sums(inside, stride)
    found = np.zeros(count.shape, np.uint8)
    for value in np.flatnonzero(np.bincount(crop.ravel(), minlength=2)[1:]) + 1:
        found[2 * _sums(wide == value, stride) > count] = value
    return Painted(found)


def _sums(values: np.ndarray, stride: int) -> np.ndarray:
    rows, columns = (size // stride for size in values.shape)
    return np.asarray(values.reshape(rows, stride, columns, stride).sum((1, 3), dtype=np.int64))


def pooled_paint(painted: Painted, rows: slice, columns: slice, stride: int) -> Painted:
    """Paint the blocks of a region of which more than half is painted as one label.

    Returns
    -------
    Painted   of ceil(y / stride) × ceil(x / stride) blocks
    """
    return _blocks(painted, rows.start, rows.stop, columns.start, columns.stop, stride)


def _counts(fixed: Tensor, label: int, problem: "Problem") -> tuple[int, int]:
    """Count the pixels that are painted as a part of an object, and as something else."""
    extent = problem.link.extents(int(problem.logits.shape[1])).get(label, (label,))
    inside = int(torch.isin(fixed, torch.tensor(extent, dtype=fixed.dtype)).sum())
    return inside, int((fixed >= 0).sum()) - inside


def check_painted_volumes(fixed: Tensor, volumes: Mapping[int, float], problem: "Problem") -> None:
    """Raise ValueError, with names, where painted pixels alone contradict a volume."""
    for label, wanted in volumes.items():
        inside, outside = _counts(fixed, label, problem)
        name, most = problem.named(label), fixed.numel() - outside
        if inside > wanted + 0.5:
            raise ValueError(
                f"{inside} px are painted as {name}, more than its volume of {wanted:g} px. "
                f"Raise the volume to {inside} px, or erase some of the paint."
            )
        if wanted > most + 0.5:
            raise ValueError(
                f"The paint leaves {most} px for {name}, its volume is {wanted:g} px. Lower the "
                f"volume to {most} px, or erase some of the paint."
            )


def volumes_with_room(
    fixed: Tensor | None, volumes: Mapping[int, float], problem: "Problem"
) -> Mapping[int, float]:
    """Move volumes of a preview to what its painted blocks leave, which are rounded."""
    if fixed is None:
        return volumes
    found = {}
    for label, wanted in volumes.items():
        inside, outside = _counts(fixed, label, problem)
        found[label] = min(max(wanted, inside), fixed.numel() - outside)
    return {label: pixels for label, pixels in found.items() if pixels > 0}
