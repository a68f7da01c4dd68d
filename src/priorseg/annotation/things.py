"""Kept objects: which lies in which, their masks and areas, which are decided on."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .raster import Raster, tile_windows
from .state import State
from .thing import Thing


class Locked(ValueError):
    """Say that an object is locked and what would have changed it."""


def containers(things: Iterable[Thing], number: int) -> tuple[int, ...]:
    """Give an object's number and those of all objects that it lies in, outwards."""
    outer = {thing.number: thing.inside for thing in things}
    chain, here = [number], outer.get(number)
    while here is not None:
        chain.append(here)
        here = outer.get(here)
    return tuple(chain)


def members(things: Sequence[Thing], number: int) -> tuple[int, ...]:
    """Give an object's number and those of all objects inside it."""
    return tuple(one.number for one in things if number in containers(things, one.number))


def mask_of(state: State, number: int) -> NDArray[np.bool_]:
    """Give the pixels of a kept object with all objects inside it, (Y, X).

    Raises
    ------
    KeyError  if there is none of this number.
    """
    state.thing(number)
    return np.isin(state.kept.array(), members(state.things, number))


def own_areas(kept: Raster) -> dict[int, int]:
    """Count the pixels of every number of a raster; objects inside others count apart."""
    counts: dict[int, int] = {}
    for window, piece in zip(tile_windows(kept.shape), kept.pieces, strict=True):
        rows, columns = window
        if piece.value is None:
            numbers, pixels = np.unique(kept.crop(window), return_counts=True)
            found = dict(zip(numbers.tolist(), pixels.tolist(), strict=True))
        else:
            found = {piece.value: (rows.stop - rows.start) * (columns.stop - columns.start)}
        for number, count in found.items():
            counts[number] = counts.get(number, 0) + count
    return counts


def areas(state: State) -> dict[int, int]:
    """Count the pixels of each kept object with all objects inside it; number -> pixels."""
    total = {thing.number: 0 for thing in state.things}
    for number, pixels in own_areas(state.kept).items():
        for outer in containers(state.things, number) if number in total else ():
            total[outer] += pixels
    return total


def decided(state: State) -> State:
    """Leave out imported objects that nobody has decided on.

    Their pixels go to the kept object around them, or to none.
    """
    outer = {thing.number: thing.inside for thing in state.things if thing.undecided}
    if not outer:
        return state

    def holder(number: int | None) -> int | None:
        while number in outer:
            number = outer[number]
        return number

    things = tuple(
        replace(thing, inside=holder(thing.inside)) for thing in state.things if not thing.undecided
    )
    numbers = np.array(sorted(outer), np.int32)
    holders = np.array([holder(number) or 0 for number in sorted(outer)], np.int32)
    kept = state.kept.array().copy()
    where = np.isin(kept, numbers)
    kept[where] = holders[np.searchsorted(numbers, kept[where])]
    return replace(state, things=things, kept=state.kept.with_array(kept))


def fixed_pixels(state: State) -> NDArray[np.uint8]:
    """Give the pixels that no solve may change: painted ones, and those of locked objects.

    A locked object shall neither shrink nor grow: the pixels around it are fixed too, to the label
    of the object that it lies in or to the background, unless they belong to another object or are
    painted. Imported objects that nobody has decided on fix nothing.

    Returns
    -------
    (Y, X) uint8   0 = free, label + 1 = must have that label; in a locked object that of the
                   innermost object, which may be one inside it
    """
    values = state.painted.array()
    locked = [thing for thing in state.things if thing.locked]
    if not locked:
        return values
    state = decided(state)
    values, kept = values.copy(), state.kept.array()
    for thing in state.things:
        if any(state.thing(one).locked for one in containers(state.things, thing.number)):
            values[kept == thing.number] = thing.label + 1
    for thing in locked:
        mask = np.isin(kept, members(state.things, thing.number))
        around = containers(state.things, thing.number)[1:]
        ring = ndimage.binary_dilation(mask, np.ones((3, 3), bool)) & ~mask & (values == 0)
        ring &= np.isin(kept, (0, *around))
        values[ring] = 1 + (state.thing(around[0]).label if around else 0)
    return values
