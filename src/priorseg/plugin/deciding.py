"""Imported objects are looked at one by one: kept or discarded."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..annotation import edits as changes
from ..annotation.state import State
from ..annotation.thing import Thing
from ..annotation.things import decided
from . import strings
from .widgets import OK

if TYPE_CHECKING:
    from .controller import Controller


class Deciding:
    """Keep or discard imported objects that nobody has decided on.

    Parameters
    ----------
    desk : Controller
    """

    def __init__(self, desk: "Controller") -> None:
        self.desk, self.section, self.annotator = desk, desk.panel.objects, desk.annotator
        self.section.deciding.keep_all.connect(self.keep_all)
        self.section.deciding.discard_all.connect(self.discard_all)

    @property
    def waiting(self) -> list[Thing]:
        """Give the objects that wait, in the order of the list."""
        state = self.annotator.present
        known = {one.number: one for one in state.things} if state is not None else {}
        rows = [known[number] for number in self.section.numbers if number in known]
        return [one for one in rows if one.undecided]

    def begin(self) -> None:
        """Turn to the list and look at the first one."""
        self.desk.panel.tabs.turn("objects")
        self._look_on(0)

    def keep(self) -> None:
        """Keep the selected one and look at the next; with nothing selected keep all."""
        number, waiting = self.section.number, self.waiting
        if not number:
            self.keep_all()
        elif any(one.number == number for one in waiting):
            self._step(number, lambda state: changes.decide(state, [number]))
        else:
            name = self.annotator.present.thing(number).name
            self.section.notice.say(strings.KEPT_ALREADY.format(name=name))

    def delete(self, number: int) -> None:
        """Delete an object; after an imported one look at the next."""
        self._step(number, lambda state: changes.delete(state, number))

    def keep_all(self) -> None:
        """Keep all that wait, as one step."""
        numbers = [one.number for one in self.waiting]
        if self.annotator.change(lambda state: changes.decide(state, numbers)):
            self._tell()

    def discard_all(self) -> None:
        """Discard all that wait, as one step."""
        if self.annotator.change(decided):
            self._tell()

    def _step(self, number: int, make: Callable[[State], State]) -> None:
        """Change an object, and look at the next one that waits if this one did."""
        before = [one.number for one in self.waiting]
        if self.annotator.change(make) and number in before:
            self._look_on(before.index(number))

    def _look_on(self, place: int) -> None:
        """Look at one that waits, the first after the last; say so if none does."""
        waiting = self.waiting
        if waiting:
            self.section.select(waiting[place % len(waiting)].number)
        else:
            self._tell()

    def _tell(self) -> None:
        self.section.notice.say(strings.ALL_DECIDED, OK)
