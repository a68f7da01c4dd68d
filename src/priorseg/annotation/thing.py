"""One kept object, without its pixels."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from ..evaluation.strict import flag, read_table, required, text, whole

MOST_LABELS = 254  # painted pixels hold label + 1 in one byte


@dataclass(frozen=True)
class Thing:
    """Describe a kept object, or an imported one that nobody has decided on yet.

    Parameters
    ----------
    number : int           its pixels in the `kept` raster, >= 1
    label : int            its class, 0 to 254
    name : str
    locked : bool          nothing changes its pixels
    inside : int or None   number of the object that it lies in, as a cup lies in a disc; an
                           object's area counts those inside it
    undecided : bool       imported to be looked at first: not kept yet, so that nothing follows
                           from it

    Raises
    ------
    ValueError  for numbers out of range, an empty name, or a lock on what is not kept.
    """

    number: int
    label: int
    name: str
    locked: bool = False
    inside: int | None = None
    undecided: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.number < 2**31:
            raise ValueError(f"The number of an object must be from 1 to 2**31, got {self.number}.")
        if not 0 <= self.label <= MOST_LABELS:
            raise ValueError(f"A label must be from 0 to {MOST_LABELS}, got {self.label}.")
        if not self.name.strip():
            raise ValueError(f"Object {self.number} needs a name.")
        if self.locked and self.undecided:
            raise ValueError(f"{self.name} is imported: keep it before you lock it.")

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain data for JSON; what is kept, as it was written before."""
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        if not self.undecided:
            del plain["undecided"]
        return plain

    @classmethod
    def from_dict(cls, table: Any, where: str) -> "Thing":
        """Read what `to_dict` wrote.

        Raises
        ------
        ValueError  if a key is unknown or missing, or a value is wrong; says which.
        """
        return cls(**read_table(table, _KEYS, where))


def check_things(things: Iterable[Thing]) -> None:
    """Refuse objects that contradict each other.

    Raises
    ------
    ValueError  for a number that two have, and for one inside itself or inside none that exists.
    """
    things = tuple(things)
    containers = {thing.number: thing.inside for thing in things}
    if len(containers) != len(things):
        raise ValueError("Two kept objects have the same number.")
    for thing in things:
        seen, outer = {thing.number}, thing.inside
        while outer is not None:
            if outer not in containers or outer in seen:
                why = "does not exist" if outer not in containers else "lies in it in turn"
                raise ValueError(f"Object {thing.number} lies inside object {outer}, which {why}.")
            seen.add(outer)
            outer = containers[outer]


def _number_or_none(value: Any, where: str) -> int | None:
    return None if value is None else whole(1, 2**31 - 1)(value, where)


_KEYS = {
    "number": required(whole(1, 2**31 - 1)),
    "label": required(whole(0, MOST_LABELS)),
    "name": required(text),
    "locked": required(flag),
    "inside": required(_number_or_none),
    "undecided": (flag, False),  # only in files that have such objects
}
