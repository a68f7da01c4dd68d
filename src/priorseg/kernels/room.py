"""Memory that the sweeps of one solve write to in turn, so that no sweep allocates."""

import numpy as np
from numpy.typing import NDArray


class Room:
    """Lend float32 arrays by name, two of each in turn.

    An array stays untouched until the same name has been asked for twice more: a sweep may read
    what the sweep before it wrote. Fresh pages cost more than the arithmetic of a sweep, which is
    why they are lent again. Without a room every result gets memory of its own.
    """

    def __init__(self) -> None:
        self._lent: dict[str, list[NDArray[np.float32]]] = {}
        self._parts: dict[str, Room] = {}

    def part(self, name: str) -> "Room":
        """Give a room of its own to a user who takes each name at most once a sweep."""
        return self._parts.setdefault(name, Room())

    def take(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Give an array with unknown content.

        Parameters
        ----------
        name : str      of the result, for example "variation.xi"
        shape : sizes   another shape than before gets new memory
        """
        pair = self._lent.setdefault(name, [])
        if len(pair) < 2 or pair[0].shape != shape:
            pair.append(np.empty(shape, np.float32))
            del pair[:-2]
            return pair[-1]
        pair.reverse()
        return pair[-1]


def room_for(room: Room | None, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Take an array from the room, or a new one if there is no room."""
    return np.empty(shape, np.float32) if room is None else room.take(name, shape)
