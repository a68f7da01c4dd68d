"""One stack of states for one image: undo and redo of everything alike."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from .state import State
from .tile import Tile

STEPS, BYTES = 500, 256 * 2**20
ENTRY_COST = 4096  # of settings, things and tuples; a round guess


@dataclass(frozen=True)
class _Entry:
    state: State
    what: str  # led to it
    merge: str | None


class History:
    """Hold the states of one image in the order in which they were made.

    Not for several threads at once.

    Parameters
    ----------
    state : State    the first; undo ends there
    steps : int      most steps that can be undone, >= 1
    limit : int      bytes that all states together may take; the oldest go first, the present
                     one always stays. Tiles that states share count once.

    Raises
    ------
    ValueError  if steps is less than 1.
    """

    def __init__(self, state: State, steps: int = STEPS, limit: int = BYTES) -> None:
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}.")
        self._steps, self._limit = steps, limit
        self._entries = [_Entry(state, "", None)]
        self._place = 0
        self._uses: Counter[int] = Counter()  # id of a tile -> rasters that hold it
        self._bytes = 0
        self._count(state)

    @property
    def present(self) -> State:
        """Give the state that is seen now."""
        return self._entries[self._place].state

    @property
    def can_undo(self) -> bool:
        """Say whether there is an earlier state."""
        return self._place > 0

    @property
    def can_redo(self) -> bool:
        """Say whether a step was undone that can be done again."""
        return self._place + 1 < len(self._entries)

    @property
    def undo_text(self) -> str:
        """Say what the next `undo` takes back; empty if nothing."""
        return self._entries[self._place].what if self.can_undo else ""

    @property
    def redo_text(self) -> str:
        """Say what the next `redo` does again; empty if nothing."""
        return self._entries[self._place + 1].what if self.can_redo else ""

    @property
    def bytes(self) -> int:
        """Estimate the memory of all states; tiles that they share count once."""
        return self._bytes + ENTRY_COST * len(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, state: State, what: str, merge: str | None = None) -> None:
        """Enter a new present; what was undone is forgotten.

        Parameters
        ----------
        state : State
        what : str            said beside undo, like 'paint disc'
        merge : str or None   steps that follow each other with the same token become one, as those
                              of a dragged slider do; `seal`, `undo` and `redo` end that
        """
        for entry in self._entries[self._place + 1 :]:
            self._discount(entry.state)
        del self._entries[self._place + 1 :]
        last = self._entries[-1]
        self._count(state)
        if merge is not None and last.merge == merge:
            self._discount(last.state)
            self._entries[-1] = _Entry(state, what, merge)
        else:
            self._entries.append(_Entry(state, what, merge))
        self._place = len(self._entries) - 1
        self._forget()

    def seal(self) -> None:
        """Let the next step be one of its own, whatever its token."""
        here = self._entries[self._place]
        self._entries[self._place] = _Entry(here.state, here.what, None)

    def undo(self) -> State:
        """Go back one step and give the state there; at the first one, stay."""
        self._place = max(0, self._place - 1)
        self.seal()
        return self.present

    def redo(self) -> State:
        """Go forward one step and give the state there; at the last one, stay."""
        self._place = min(len(self._entries) - 1, self._place + 1)
        self.seal()
        return self.present

    def _forget(self) -> None:
        while self._place and (self._place > self._steps or self.bytes > self._limit):
            self._discount(self._entries.pop(0).state)
            self._place -= 1

    def _count(self, state: State) -> None:
        for piece in _packed(state):
            if not self._uses[id(piece)]:
                self._bytes += piece.cost
            self._uses[id(piece)] += 1

    def _discount(self, state: State) -> None:
        for piece in _packed(state):
            self._uses[id(piece)] -= 1
            if not self._uses[id(piece)]:
                self._bytes -= piece.cost
                del self._uses[id(piece)]


def _packed(state: State) -> Iterator[Tile]:
    """Give the tiles that take memory; the state keeps them alive, so that ids stay theirs."""
    for raster in state.rasters().values():
        for piece in raster.pieces:
            if piece.value is None:
                yield piece
