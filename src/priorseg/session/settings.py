"""Everything a person can set, as one immutable value."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .painted import Painted

K = TypeVar("K")
V = TypeVar("V")
Point = tuple[float, float]


class FrozenMap(Mapping[K, V]):
    """Hold a mapping that cannot change, so that settings can be compared and hashed."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[K, V] | None = None) -> None:
        self._entries = dict(entries or {})

    def __getitem__(self, key: K) -> V:
        return self._entries[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __hash__(self) -> int:
        return hash(frozenset(self._entries.items()))

    def __repr__(self) -> str:
        return repr(self._entries)

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenMap, (dict(self._entries),)


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return FrozenMap({key: _frozen(entry) for key, entry in value.items()})
    if isinstance(value, list | tuple):
        return tuple(_frozen(entry) for entry in value)
    return value


@dataclass(frozen=True)
class PriorChoice:
    """Choose a prior by its registered name.

    Parameters
    ----------
    name : str           e.g. 'threshold_dynamics'; see `priorseg.spec.registered`
    settings : mapping   arguments of its constructor; missing ones take their defaults
    on : bool            off means absent from the solve, whatever its settings
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=FrozenMap)
    on: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", _frozen(self.settings))


@dataclass(frozen=True)
class Settings:
    """Hold what one solve depends on besides the logits; change it by `dataclasses.replace`.

    Parameters
    ----------
    priors : tuple of PriorChoice
    temperature : float   weight of the entropy, > 0
    sweeps : int          largest number of sweeps, >= 0
    tol : float           stop once no probability changes by more; 0 = do all sweeps
    centres : mapping     label -> ((y, x), ...), pixels of the full image
    volumes : mapping     label -> wanted pixels of its object, > 0; an absent label is free
    object_volumes : mapping   label -> wanted pixels of the object of each of its centres, in
                          their order, > 0; None = free. Of labels without a centre they are
                          dropped
    replay : bool         True: every full solve starts cold and does exactly `sweeps` sweeps, as
                          the trained network does, whatever was solved before.
                          False: go on from the last solution until `tol`.
    painted : Painted     pixels of the full image that keep their labels; None = none
    scale : float         pixels of the image over those of training that the lengths of the priors
                          are meant for, > 0; no solve reads it, see `Session.suited`

    Raises
    ------
    ValueError  for a value out of range; says which.
    """

    priors: tuple[PriorChoice, ...] = ()
    temperature: float = 1.0
    sweeps: int = 50
    tol: float = 1e-3
    centres: Mapping[int, tuple[Point, ...]] = field(default_factory=FrozenMap)
    volumes: Mapping[int, float] = field(default_factory=FrozenMap)
    replay: bool = False
    painted: Painted | None = None
    scale: float = 1.0
    object_volumes: Mapping[int, tuple[float | None, ...]] = field(default_factory=FrozenMap)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"temperature must be a finite number > 0, got {self.temperature}.")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"scale must be a finite number > 0, got {self.scale}.")
        if self.sweeps < 0 or not (math.isfinite(self.tol) and self.tol >= 0):
            raise ValueError(f"sweeps and tol must be >= 0, got {self.sweeps} and {self.tol}.")
        for label, pixels in self.volumes.items():
            if not (math.isfinite(pixels) and pixels > 0):
                raise ValueError(
                    f"The volume of label {label} must be a finite number of pixels > 0, got "
                    f"{pixels}. Remove it to leave the label free."
                )
        centres = {
            int(label): tuple((float(y), float(x)) for y, x in points)
            for label, points in self.centres.items()
            if len(points)
        }
        volumes = {int(label): float(pixels) for label, pixels in self.volumes.items()}
        object.__setattr__(self, "priors", tuple(self.priors))
        object.__setattr__(self, "centres", FrozenMap(centres))
        object.__setattr__(self, "volumes", FrozenMap(volumes))
        objects = _checked_objects(self.object_volumes, centres)
        object.__setattr__(self, "object_volumes", FrozenMap(objects))


def _checked_objects(
    given: Mapping[int, Sequence[float | None]], centres: Mapping[int, tuple[Point, ...]]
) -> dict[int, tuple[float | None, ...]]:
    """Give the volumes of objects, without labels that have no centre or ask for nothing."""
    found = {}
    for label, row in given.items():
        points = centres.get(int(label), ())
        if points and len(row) != len(points):
            raise ValueError(
                f"Label {label} has {len(points)} centres, but volumes of {len(row)} objects: "
                "give one for each centre, None = free."
            )
        for number, pixels in enumerate(row, 1):
            if pixels is not None and not (math.isfinite(pixels) and pixels > 0):
                raise ValueError(
                    f"The volume of object {number} of label {label} must be a finite number of "
                    f"pixels > 0, got {pixels}. None leaves it free."
                )
        if points and any(pixels is not None for pixels in row):
            found[int(label)] = tuple(None if one is None else float(one) for one in row)
    return found
