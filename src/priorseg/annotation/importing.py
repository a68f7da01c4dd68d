"""From a mask of another program to objects that can be kept, or looked at first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .drafting import MOST_OBJECTS, candidates, same_as
from .keeping import Candidate, keep, outer_first
from .state import State
from .thing import MOST_LABELS
from .things import areas


def of_classes(
    labels: NDArray[Any], objects: Mapping[int, str], wholes: Mapping[int, Sequence[int]]
) -> list[Candidate]:
    """Find the objects of a mask whose numbers are classes; see `drafting.candidates`.

    Parameters
    ----------
    labels : (Y, X)     0 is background
    objects : mapping   label -> name of its object
    wholes : mapping    label -> the labels that make up its object

    Raises
    ------
    ValueError  for an empty mask and for numbers that are no class; says what to do.
    """
    present = [int(one) for one in np.unique(labels) if one]
    unknown = [one for one in present if one not in objects]
    if unknown:
        known = ", ".join(f"{label} {name}" for label, name in objects.items())
        raise ValueError(
            f"The mask holds {_few(unknown)}; the classes are {known or 'not known yet'}. If its "
            "numbers count objects, say so."
        )
    if not present:
        raise ValueError("The mask is empty: it holds nothing but 0.")
    return candidates(labels.astype(np.uint8), objects, wholes)


def of_objects(
    labels: NDArray[Any], label: int, title: str, names: Mapping[int, str] | None = None
) -> list[Candidate]:
    """Take every number of a mask as one object, whether or not it is in one piece.

    Parameters
    ----------
    labels : (Y, X)   0 is background
    label : int       the class of all objects
    title : str       what they are called, with their number
    names : mapping   number -> name of its own

    Raises
    ------
    ValueError  for an empty mask, and for more objects than can be listed.
    """
    if not 0 <= label <= MOST_LABELS:
        raise ValueError(f"A label must be from 0 to {MOST_LABELS}, got {label}.")
    numbers, small = np.unique(labels, return_inverse=True)
    if numbers[0] != 0:  # no background at all
        numbers, small = np.concatenate(([0], numbers)), small + 1
    if len(numbers) == 1:
        raise ValueError("The mask is empty: it holds nothing but 0.")
    if len(numbers) - 1 > MOST_OBJECTS:
        raise ValueError(
            f"The mask holds {len(numbers) - 1:,} numbers; at most {MOST_OBJECTS:,} objects are "
            "kept of one image."
        )
    places = small.reshape(labels.shape).astype(np.int32)
    found = []
    for place, window in enumerate(ndimage.find_objects(places), 1):
        number = int(numbers[place])
        name = (names or {}).get(number) or f"{title} {number}"
        found.append(Candidate(label, name, places[window] == place, window))
    return found


def to_look_at(state: State, objects: Sequence[Candidate]) -> tuple[State, int]:
    """Import objects that a person decides on later; what is there already stays as it is.

    An object that is there already is left out (class and more than half of the pixels are the
    same), and so is one that has no pixel of its own beside the others.

    Returns
    -------
    state : State
    left_out : int   how many objects were left out

    Raises
    ------
    ValueError  if all are left out.
    """
    sizes = areas(state)
    fresh: dict[int, Candidate | int | None] = {}  # id -> itself, or who is there in its place
    grounds: dict[int, int] = {}  # id -> the object whose pixels it takes; 0 = free ones
    wanted = []
    for one in (objects[place] for place in outer_first(objects)):
        inside = fresh[id(one.inside)] if isinstance(one.inside, Candidate) else one.inside
        free = grounds[id(one.inside)] if isinstance(inside, Candidate) else inside or 0
        old = same_as(state, one, sizes)
        assert one.window is not None  # said by `same_as`
        mask = np.asarray(one.mask, bool) & (state.kept.crop(one.window) == free)
        if old is not None or not mask.any():
            fresh[id(one)] = old.number if old is not None else inside
            grounds[id(one)] = free
            continue
        new = replace(one, mask=mask, inside=inside, undecided=True)
        fresh[id(one)], grounds[id(one)] = new, free
        wanted.append(new)
    if not wanted:
        raise ValueError("All objects of the mask are here already, or lie where others are.")
    return keep(state, wanted), len(objects) - len(wanted)


def _few(numbers: Sequence[int]) -> str:
    listed = ", ".join(map(str, numbers[:5]))
    return listed if len(numbers) <= 5 else f"{listed} and {len(numbers) - 5} more"
