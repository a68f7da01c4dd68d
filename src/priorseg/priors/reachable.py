"""Volumes that prescribed pixels leave within reach."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..links import Link, Ordered

Group = tuple[tuple[int, ...], int]  # labels that have a volume together; below 0 = free


@dataclass(frozen=True)
class Reach:
    """What one sample can have.

    Parameters
    ----------
    groups : tuple of (labels, volume)   the volumes nearest to the wanted ones
    targets : (K,) float64               for the sweeps: nan where nothing is left to find
    left : (labels, N) bool              labels that the volumes leave to every pixel
    """

    groups: tuple[Group, ...]
    targets: NDArray[np.float64]
    left: NDArray[np.bool_]


def check_painted(fixed: NDArray[np.int64], groups: Sequence[Group]) -> None:
    """Raise ValueError if prescribed pixels alone contradict the volumes of one sample.

    Parameters
    ----------
    fixed : (N,)   labels, below 0 = free
    groups : tuple of (labels, volume)   volumes below 0 = free
    """
    given = fixed[fixed >= 0]
    total = unbound = 0
    for labels, volume in groups:
        painted = int(np.isin(given, labels).sum())
        named = "label" if len(labels) == 1 else "labels"
        which = f"{named} {', '.join(map(str, labels))}"
        if 0 <= volume < painted:
            raise ValueError(
                f"{painted} px are painted as {which}, whose volume is {volume} px. Raise the "
                "volume, or erase some of them."
            )
        total += max(volume, 0)
        unbound += painted if volume < 0 else 0
    if total + unbound > len(fixed):
        raise ValueError(
            f"The volumes add up to {total} px and {unbound} px are painted as other labels; the "
            f"image has {len(fixed)}. Lower a volume, or erase some of them."
        )


def reachable(
    left: NDArray[np.bool_], groups: Sequence[Group], targets: NDArray[np.float64], link: Link
) -> Reach:
    """Find the volumes nearest to the wanted ones that prescribed pixels leave within reach.

    Parameters
    ----------
    left : (labels, N) bool   labels that every pixel may take, at least one
    groups : tuple of (labels, volume)   wanted; volumes below 0 = free
    targets : (K,)            wanted volume of each channel, nan = free
    link : Link
    """
    if left.all():
        return Reach(tuple(groups), targets, left)
    left, targets = left.copy(), targets.copy()
    found = _chained(left, groups) if isinstance(link, Ordered) else _volumes(left, groups)
    changed = found != [volume for _, volume in groups]
    tight = False
    total = 0
    for (labels, wanted), volume in zip(groups, found, strict=True):
        total += volume
        channel = labels[-1] - 1 if isinstance(link, Ordered) else labels[0]
        if channel < 0 or wanted < 0:
            continue  # the background of nested objects; a free class
        inside = link.extents(len(targets))[labels[-1]] if isinstance(link, Ordered) else labels
        size = total if isinstance(link, Ordered) else volume
        if changed:
            targets[channel] = size
        if _settle(left, inside, size):
            targets[channel], tight = np.nan, True
    if tight and not isinstance(link, Ordered) and min(found) >= 0 and not np.isnan(targets).all():
        targets[np.nanargmax(targets)] = np.nan  # what the others leave
    return Reach(
        tuple((labels, volume) for (labels, _), volume in zip(groups, found, strict=True)),
        targets,
        left,
    )


def _settle(left: NDArray[np.bool_], inside: Sequence[int], size: int) -> bool:
    """Settle all pixels of an object that has no choice, in place; say whether it has none."""
    member = np.isin(np.arange(len(left)), inside)
    may, must = left[member].any(0), ~left[~member].any(0)
    if size == np.count_nonzero(must):
        left[np.ix_(member, ~must)] = False
        return True
    if size == np.count_nonzero(may):
        left[np.ix_(~member, may)] = False
        return True
    return False


def _bounds(left: NDArray[np.bool_], labels: Sequence[int]) -> tuple[int, int]:
    """Count the pixels that must take one of some labels, and those that may."""
    member = np.isin(np.arange(len(left)), labels)
    may = left[member].any(0)
    return int(np.count_nonzero(~left[~member].any(0))), int(np.count_nonzero(may))


def _chained(left: NDArray[np.bool_], groups: Sequence[Group]) -> list[int]:
    """Move the volumes of nested objects into their bounds; a group lies between two objects."""
    least = [_bounds(left, labels)[0] for labels, _ in groups]
    sizes: list[int] = []
    inner: list[int] = []
    whole = 0
    for labels, volume in groups:
        inner += labels
        whole += volume
        low, high = _bounds(left, inner)
        sizes.append(min(max(whole, low, (sizes or [0])[-1] + least[len(sizes)]), high))
    for at in range(len(sizes) - 1, 0, -1):
        sizes[at - 1] = min(sizes[at - 1], sizes[at] - least[at])
    return [int(size) for size in np.diff([0, *sizes])]


def _volumes(left: NDArray[np.bool_], groups: Sequence[Group]) -> list[int]:
    """Move volumes of groups into their bounds, and their sum to the pixels there are."""
    least, most = zip(*(_bounds(left, labels) for labels, _ in groups), strict=True)
    found = [
        volume if volume < 0 else min(max(volume, low), high)
        for (_, volume), low, high in zip(groups, least, most, strict=True)
    ]
    fixed = [at for at, volume in enumerate(found) if volume >= 0]
    rest = [at for at, volume in enumerate(found) if volume < 0]
    free = [label for at in rest for label in groups[at][0]]
    needed, room = _bounds(left, free)
    over = sum(found[at] for at in fixed) - (left.shape[1] - needed)
    under = left.shape[1] - room - sum(found[at] for at in fixed)
    for at in sorted(fixed, key=lambda place: least[place] - found[place]):
        step = min(max(over, 0), found[at] - least[at])
        found[at], over = found[at] - step, over - step
    for at in sorted(fixed, key=lambda place: found[place] - most[place]):
        step = min(max(under, 0), most[at] - found[at])
        found[at], under = found[at] + step, under - step
    return found
