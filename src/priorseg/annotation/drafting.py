"""From a result to the objects in it that a person may keep."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import label_components
from .edits import delete
from .keeping import Candidate, Overlap, keep
from .state import State
from .thing import Thing
from .things import areas, containers, members

MOST_OBJECTS = 5000  # of one result; more are specks
SAME = 0.5  # intersection over union from which on an object is the one that was kept before

Points = Sequence[tuple[float, float]]
_Numbers = NDArray[np.int32]


def candidates(
    labels: NDArray[np.uint8],
    objects: Mapping[int, str],
    wholes: Mapping[int, Sequence[int]],
    centres: Mapping[int, Points] | None = None,
) -> list[Candidate]:
    """Find the objects in a label map, outer ones first.

    Objects of a class with star centres are told apart by them, those of other classes are the
    8-connected pieces.

    Parameters
    ----------
    labels : (Y, X) uint8
    objects : mapping   label -> name of its object
    wholes : mapping    label -> the labels that make up its object (cup and rim: the disc)
    centres : mapping   label -> its star centres (y, x)

    Raises
    ------
    ValueError  if there are more than `MOST_OBJECTS`; says what to do.
    """
    found: list[Candidate] = []
    maps: dict[int, tuple[_Numbers, list[Candidate | None]]] = {}
    for label in sorted(objects, key=lambda one: -len(wholes[one])):
        numbers = _numbered(labels, wholes[label], (centres or {}).get(label, ()))
        outer = [key for key in maps if set(wholes[label]) < set(wholes[key])]
        pieces = _pieces(numbers, label, objects[label], [maps[key] for key in outer])
        maps[label] = numbers, pieces
        found += [piece for piece in pieces if piece is not None]
        if len(found) > MOST_OBJECTS:
            raise ValueError(
                f"The result has more than {MOST_OBJECTS:,} separate objects. Smooth it more, or "
                "place centres, before you keep it."
            )
    return found


def _numbered(labels: NDArray[np.uint8], whole: Sequence[int], centres: Points) -> _Numbers:
    if len(centres):
        from ..guidance import instances

        return instances(labels, np.asarray(centres, float), list(whole))
    numbers: _Numbers = label_components(np.isin(labels, whole))[0].astype(np.int32)
    return numbers


def _pieces(
    numbers: _Numbers,
    label: int,
    name: str,
    outer: Sequence[tuple[_Numbers, Sequence[Candidate | None]]],
) -> list[Candidate | None]:
    """Make a candidate of each number, in its smallest window; None for a number without pixels."""
    windows = ndimage.find_objects(numbers)[: MOST_OBJECTS + 1]
    many = sum(window is not None for window in windows) > 1
    found: list[Candidate | None] = []
    for number, window in enumerate(windows, 1):
        if window is None:
            found.append(None)
            continue
        mask = numbers[window] == number
        title = f"{name} {number}" if many else name
        inside = next((held for one in outer if (held := _holder(mask, window, *one))), None)
        found.append(Candidate(label, title, mask, window, inside))
    return found


def _holder(
    mask: NDArray[np.bool_],
    window: tuple[slice, slice],
    numbers: _Numbers,
    pieces: Sequence[Candidate | None],
) -> Candidate | None:
    """Give the outer object that most pixels of a mask lie in."""
    under = np.bincount(numbers[window][mask])
    number = int(under.argmax())
    return pieces[number - 1] if number else None


def keep_result(state: State, objects: Sequence[Candidate], overlap: Overlap = "keep") -> State:
    """Keep objects; those that were kept before and not locked are renewed, under their old name.

    An object counts as the same if class and more than half of the pixels are. What is locked
    stays, and is not kept a second time.

    Raises
    ------
    ValueError  see `keep`; also if there is nothing to keep but what is locked.
    """
    sizes = areas(state)
    matches = {id(one): same_as(state, one, sizes) for one in objects}
    fresh: dict[int, Candidate | int] = {}
    wanted = []
    for one in objects:
        old = matches[id(one)]
        if old is not None and old.locked:
            fresh[id(one)] = old.number
            continue
        outer = fresh.get(id(one.inside)) if isinstance(one.inside, Candidate) else one.inside
        new = replace(one, name=old.name if old is not None else one.name, inside=outer)
        fresh[id(one)] = new
        wanted.append(new)
    if not wanted:
        raise ValueError("All objects of this result are locked already. Unlock one to renew it.")
    for old in sorted(
        (one for one in matches.values() if one is not None and not one.locked),
        key=lambda thing: -len(containers(state.things, thing.number)),
    ):
        state = delete(state, old.number)
    return keep(state, wanted, overlap)


def same_as(state: State, one: Candidate, sizes: Mapping[int, int]) -> Thing | None:
    """Find the kept object that a candidate would be again; `sizes` are the areas of all.

    Raises
    ------
    ValueError  if the candidate has no window.
    """
    if one.window is None:
        raise ValueError("A candidate of a result needs its window.")
    under, mask = state.kept.crop(one.window), np.asarray(one.mask, bool)
    for number in np.unique(under[mask]).tolist():
        for outer in containers(state.things, number) if number else ():
            thing = state.thing(outer)
            if thing.label != one.label:
                continue
            common = int(np.isin(under[mask], members(state.things, outer)).sum())
            if common > SAME * (int(mask.sum()) + sizes[outer] - common):
                return thing
    return None
