"""Keep objects: each gets a number and its pixels, whatever was kept before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .raster import Raster, Window
from .state import State
from .thing import Thing
from .things import Locked, containers, members, own_areas

Overlap = Literal["keep", "replace", "refuse"]
_Cut = tuple[Window, NDArray[np.bool_]]


class Overlapping(ValueError):
    """Say which kept objects are in the way."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """Describe an object that is to be kept.

    Parameters
    ----------
    label : int                           its class
    name : str
    mask : (y, x) bool                    its pixels, with or without those of objects inside it
    window : two slices or None           where the mask lies; None = it covers the whole image
    inside : Candidate, number or None    the object it lies in: of the same call, or kept before
    undecided : bool                      only to be looked at, see `Thing`
    """

    label: int
    name: str
    mask: ArrayLike
    window: Window | None = None
    inside: "Candidate | int | None" = None
    undecided: bool = False


def keep(state: State, objects: Sequence[Candidate], overlap: Overlap = "keep") -> State:
    """Keep objects: give each a number and its pixels.

    An object may take pixels of the object that it lies in, whose area goes on counting them.
    Where it meets other kept objects, `overlap` decides.

    Parameters
    ----------
    state : State
    objects : one or more candidates    those inside others may come in any order
    overlap : 'keep'       kept objects stay, the new ones get what is left
              'replace'    the new ones win; kept objects that lose every pixel are removed
              'refuse'     nothing is kept, the error names the rivals

    Raises
    ------
    Overlapping  if objects of this call overlap, rivals are refused, or nothing of one is left.
    Locked       if a locked object would change.
    ValueError   for empty masks, wrong shapes and unknown containers.
    """
    if overlap not in get_args(Overlap):
        raise ValueError(f"overlap must be one of {get_args(Overlap)}, got {overlap!r}.")
    if not objects:
        raise ValueError("There is no object to keep.")
    cuts = _cuts(objects, state.picture.shape)
    window = _around(cuts)
    kept, things = state.kept.crop(window), list(state.things)
    numbers: dict[int, int] = {}  # id of a candidate -> number
    first = 1 + max((thing.number for thing in things), default=0)
    for place in outer_first(objects):
        one, number = objects[place], first + len(numbers)
        inside = numbers[id(one.inside)] if isinstance(one.inside, Candidate) else one.inside
        if inside is not None and inside not in {thing.number for thing in things}:
            raise ValueError(f"{one.name} is to lie inside object {inside}, which does not exist.")
        numbers[id(one)] = number
        made = Thing(number, one.label, one.name, inside=inside, undecided=one.undecided)
        things.append(made)
        (here, mask) = cuts[place]
        there = _shifted(here, -window[0].start, -window[1].start)
        _place(kept[there], mask, tuple(things), first, overlap)
    raster = state.kept.changed(window, kept)
    return replace(state, kept=raster, things=_those_left(raster, things, first))


def outer_first(objects: Sequence[Candidate]) -> list[int]:
    """Give the places of objects in an order in which those that hold others come first.

    Raises
    ------
    ValueError  if one is listed twice, or they lie inside each other.
    """
    known = {id(one) for one in objects}
    if len(known) != len(objects):
        raise ValueError("An object is listed twice.")
    order: list[int] = []
    done: set[int] = set()
    while len(order) < len(objects):
        ready = [
            place
            for place, one in enumerate(objects)
            if id(one) not in done
            and (not isinstance(one.inside, Candidate) or id(one.inside) in done)
        ]
        if not ready:
            raise ValueError("Objects lie inside each other, or inside one that is not listed.")
        order += ready
        done |= {id(objects[place]) for place in ready}
    return order


def _cuts(objects: Sequence[Candidate], shape: tuple[int, int]) -> list[_Cut]:
    """Give the smallest mask of each object, with its place in the image."""
    cuts = []
    for one in objects:
        mask = np.asarray(one.mask, bool)
        rows, columns = one.window or (slice(0, shape[0]), slice(0, shape[1]))
        top, left = rows.start or 0, columns.start or 0
        fits = mask.ndim == 2 and top >= 0 and left >= 0
        if not fits or top + mask.shape[0] > shape[0] or left + mask.shape[1] > shape[1]:
            raise ValueError(
                f"The mask of {one.name}, {mask.shape} at ({top}, {left}), does not fit the image "
                f"of {shape} pixels."
            )
        y, x = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not y.size:
            raise ValueError(f"{one.name} has no pixels.")
        here = slice(int(y[0]), int(y[-1]) + 1), slice(int(x[0]), int(x[-1]) + 1)
        cuts.append((_shifted(here, top, left), mask[here]))
    return cuts


def _around(cuts: Sequence[_Cut]) -> Window:
    return (
        slice(min(rows.start for (rows, _), _ in cuts), max(rows.stop for (rows, _), _ in cuts)),
        slice(min(part.start for (_, part), _ in cuts), max(part.stop for (_, part), _ in cuts)),
    )


def _shifted(window: Window, down: int, right: int) -> Window:
    rows, columns = window
    return (
        slice(rows.start + down, rows.stop + down),
        slice(columns.start + right, columns.stop + right),
    )


def _place(
    kept: NDArray[Any],
    mask: NDArray[np.bool_],
    things: tuple[Thing, ...],
    first: int,
    overlap: Overlap,
) -> None:
    """Write the last of the things into kept pixels (y, x), in place."""
    new = things[-1]
    own = set(containers(things, new.number))
    rivals = [n for n in np.unique(kept[mask]).tolist() if n and n not in own]
    names = {thing.number: thing.name for thing in things}
    fresh = [names[number] for number in rivals if number >= first]
    if fresh:
        raise Overlapping(
            f"{new.name} and {', '.join(fresh)} overlap. Say which lies inside the other, or keep "
            "them one after the other."
        )
    if rivals and overlap == "refuse":
        listed = ", ".join(f"{names[number]} ({number})" for number in rivals)
        raise Overlapping(f"{new.name} overlaps what is kept already: {listed}.")
    if overlap == "keep":
        mask = mask & ~np.isin(kept, rivals)
        if not mask.any():
            listed = ", ".join(names[number] for number in rivals)
            raise Overlapping(f"Nothing of {new.name} is left beside {listed}, kept before.")
        rivals = []
    locked = {thing.number for thing in things if thing.locked}
    broken = locked & {outer for number in rivals for outer in containers(things, number)} - own
    grown = {
        outer for outer in locked & own if (mask & ~np.isin(kept, members(things, outer))).any()
    }
    if broken | grown:
        listed = ", ".join(names[number] for number in sorted(broken | grown))
        raise Locked(f"{new.name} would change what is locked: {listed}. Unlock it first.")
    kept[mask] = new.number


def _those_left(kept: Raster, things: Sequence[Thing], first: int) -> tuple[Thing, ...]:
    """Leave out older things that have no pixel left, neither of their own nor inside them."""
    alive = {outer for number in own_areas(kept) if number for outer in containers(things, number)}
    return tuple(thing for thing in things if thing.number in alive or thing.number >= first)
