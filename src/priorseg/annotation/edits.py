"""What a person does to kept objects and painted pixels: each gives a new state."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from .raster import Window
from .state import State
from .thing import MOST_LABELS, Thing
from .things import Locked, containers


def _unlocked(state: State, number: int) -> Thing:
    thing = state.thing(number)
    if thing.locked:
        raise Locked(f"{thing.name} is locked. Unlock it first.")
    return thing


def _with(state: State, thing: Thing) -> State:
    things = tuple(thing if one.number == thing.number else one for one in state.things)
    return replace(state, things=things)


def rename(state: State, number: int, name: str) -> State:
    """Give a kept object another name."""
    return _with(state, replace(state.thing(number), name=name.strip()))


def relabel(state: State, number: int, label: int) -> State:
    """Give a kept object another class; a locked one is refused."""
    return _with(state, replace(_unlocked(state, number), label=label))


def decide(state: State, numbers: Iterable[int]) -> State:
    """Turn imported objects that were only looked at into kept ones."""
    chosen = set(numbers)
    things = tuple(
        replace(one, undecided=False) if one.number in chosen else one for one in state.things
    )
    return replace(state, things=things)


def lock(state: State, number: int, locked: bool = True) -> State:
    """Lock a kept object, or unlock it; one that is only imported is refused."""
    return _with(state, replace(state.thing(number), locked=locked))


def put_inside(state: State, number: int, inside: int | None) -> State:
    """Say which object a kept object lies in; locked containers, old and new, are refused.

    Raises
    ------
    ValueError  if it would lie in itself, or in an object that does not exist.
    """
    old = containers(state.things, number)[1:]
    new = () if inside is None else containers(state.things, inside)
    for outer in set(old) ^ set(new):
        if outer != number and any(thing.number == outer for thing in state.things):
            _unlocked(state, outer)
    return _with(state, replace(state.thing(number), inside=inside))


def delete(state: State, number: int) -> State:
    """Remove a kept object; its pixels, and objects inside it, go to the one that it lay in."""
    gone = _unlocked(state, number)
    kept = state.kept.array()
    things = tuple(
        replace(one, inside=gone.inside) if one.inside == number else one
        for one in state.things
        if one.number != number
    )
    raster = state.kept.with_array(np.where(kept == number, gone.inside or 0, kept))
    return replace(state, kept=raster, things=things)


def paint(state: State, where: ArrayLike, label: int | None, window: Window | None = None) -> State:
    """Paint pixels as a label that every solve has to keep, or set them free again.

    Parameters
    ----------
    state : State
    where : (y, x) bool            pixels under the brush
    label : int or None            0 = background; None = free
    window : two slices or None    where the mask lies; None = it covers the whole image

    Raises
    ------
    Locked      if a pixel belongs to a locked object, or to one inside it; nothing is painted.
    ValueError  if the mask does not fit, or the label is out of range.
    """
    if label is not None and not 0 <= label <= MOST_LABELS:
        raise ValueError(f"A label must be from 0 to {MOST_LABELS}, got {label}.")
    height, width = state.picture.shape
    window = window or (slice(0, height), slice(0, width))
    mask = np.asarray(where, bool)
    under = state.kept.crop(window)
    if mask.shape != under.shape:
        raise ValueError(f"The mask {mask.shape} does not fit its window {under.shape}.")
    if label is not None and any(thing.locked for thing in state.things):
        for number in np.unique(under[mask]):
            for outer in containers(state.things, int(number)) if number else ():
                if state.thing(outer).locked:
                    raise Locked(
                        f"{state.thing(outer).name} is locked and cannot be painted over. Unlock "
                        "it first."
                    )
    value = 0 if label is None else label + 1
    return replace(state, painted=state.painted.changed(window, value, mask))
