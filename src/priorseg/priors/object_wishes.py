"""What volumes of objects ask for, and why no label map may have them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..prior import as_floats
from .reachable import Group

SLACK = 0.5  # pixels that rounding may have cost
Row = NDArray[np.float64]


def asked_volumes(given: object, centres: object, batch: int, label: int) -> Tensor:
    """Give the volumes of the centres that there are, in front, (B, M).

    Raises
    ------
    ValueError  for volumes that are no numbers > 0, or not one for each centre.
    """
    name = f"scene.object_volumes[{label}]"
    volumes = as_floats(given, name)
    points = as_floats(centres, f"scene.centres[{label}]").detach().reshape(-1, 2)
    count = points.shape[0] if as_floats(centres, name).ndim < 3 else points.shape[0] // batch
    missing = points.isnan().all(1).reshape(-1, count).expand(batch, count)
    if volumes.ndim not in (1, 2) or tuple(volumes.shape) not in ((count,), (batch, count)):
        raise ValueError(
            f"{name} has shape {tuple(volumes.shape)}, it must be ({count},) or ({batch}, "
            f"{count}): a number of pixels for each of the {count} centres, nan = free."
        )
    volumes = volumes.expand(batch, count)
    bad = ~volumes.isnan() & (missing.to(volumes.device) | ~(volumes > 0) | volumes.isinf())
    if bool(bad.any()):
        sample, at = bad.nonzero()[0].tolist()
        raise ValueError(
            f"{name}: object {at + 1} of sample {sample} shall have {float(volumes[sample, at]):g} "
            "px. A volume is a finite number > 0 of an object that has a centre; nan = free."
        )
    first = missing.to(torch.uint8).argsort(dim=1, stable=True)
    return volumes.gather(1, first.to(volumes.device))


def whole_bounds(
    groups: Sequence[Group], extent: Sequence[int], pixels: int
) -> tuple[float, float]:
    """Give the fewest and the most pixels that the volumes of classes leave to an object."""
    own = set(extent)
    inside = [volume for labels, volume in groups if set(labels) <= own]
    outside = [volume for labels, volume in groups if not set(labels) & own]
    least = sum(max(volume, 0) for volume in inside)
    most = pixels - sum(max(volume, 0) for volume in outside)
    if len(inside) + len(outside) == len(groups):  # no group lies across the border
        if min(inside, default=0) >= 0:
            most = least
        elif min(outside, default=0) >= 0:
            least = most
    return least, most


def misfit(name: str, wanted: Row, sizes: Row, least: Row, most: Row) -> str:
    """Say which object cannot have its volume; empty if each can."""
    for at, (goal, size, low, high) in enumerate(zip(wanted, sizes, least, most, strict=True), 1):
        which = f"object {at} of {name}"
        if goal > size + SLACK:
            return (
                f"The volume of {which} is {goal:g} px, but only {size:g} px of the image belong "
                "to its centre; the others are nearer to another one. Lower the volume, or move "
                "or remove a centre."
            )
        if goal < low - SLACK:
            return (
                f"{low:g} px are painted as {which}, more than its volume of {goal:g} px. Raise "
                f"the volume to {low:g} px, or erase some of the paint."
            )
        if goal > high + SLACK:
            return (
                f"The paint leaves {high:g} px for {which}, its volume is {goal:g} px. Lower the "
                f"volume to {high:g} px, or erase some of the paint."
            )
    return ""


def disagreement(name: str, wanted: Row, least: Row, most: Row, bounds: tuple[float, float]) -> str:
    """Say how volumes of objects contradict those of classes; empty if they do not."""
    free = np.isnan(wanted)
    low, high = (float(np.where(free, part, wanted).sum()) for part in (least, most))
    if low <= bounds[1] + SLACK and high >= bounds[0] - SLACK:
        return ""
    total, limit = (low, bounds[1]) if low > bounds[1] else (high, bounds[0])
    what = "at least" if low > bounds[1] else "at most"
    what = "" if not free.any() else what + " "
    return (
        f"The objects of {name} add up to {what}{total:g} px, but the volumes of the classes "
        f"leave {limit:g} px for them. Change one of the volumes, or leave one free."
    )
