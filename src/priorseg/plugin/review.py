"""Looking at proposed centres one by one: accept, reject, the next one."""

from typing import TYPE_CHECKING

from . import edits, strings
from .proposing import Proposing

if TYPE_CHECKING:
    from .controller import Controller

Spot = tuple[int, tuple[float, float]]  # label and place (y, x) of a centre


class Review:
    """Walk through the centres that wait, in reading order.

    The one that is looked at is the selected point of the centres' layer, so that a click on a
    ring chooses it as well.

    Parameters
    ----------
    desk : Controller
    proposing : Proposing   knows which centres wait
    """

    def __init__(self, desk: "Controller", proposing: Proposing) -> None:
        self.desk, self.proposing = desk, proposing
        self.centres, self.priors = desk.canvas.centres, desk.panel.priors
        self.row = self.priors.details.proposals
        self._at: Spot | None = None  # looked at last
        self._shown: object = None
        self.centres.waiting = lambda: proposing.waiting
        self.priors.shown.connect(self.show)
        proposing.changed.connect(self.show)
        self.row.step.connect(self.step)
        self.row.accept.connect(self.accept)
        self.row.reject.connect(self.reject)
        self.row.accept_all.connect(self.accept_all)

    def show(self) -> None:
        """Show which centres wait: in the row, and by their symbols."""
        waiting = self.proposing.waiting
        now = waiting, self.proposing.count
        if now != self._shown:
            self._shown = now
            self.row.show_left(sum(map(len, waiting.values())), self.proposing.count)
            self.centres.mark()

    def forth(self) -> None:
        """Look at the next one."""
        self.step(1)

    def back(self) -> None:
        """Look at the one before."""
        self.step(-1)

    def step(self, by: int) -> None:
        """Look at the next one, or at that before; after the last comes the first."""
        order = self._order()
        if order:
            self._look(order[self._index(order, by)])

    def accept(self) -> None:
        """Make the one that is looked at the user's own; if none is, look at one first."""
        spot = self._current()
        if spot is None:
            return
        self.proposing.accept([spot])
        self.desk.annotator.record(strings.STEP_ACCEPT.format(name=self._name(spot)))
        self.step(1)

    def reject(self) -> None:
        """Remove the one that is looked at, and solve; if none is, look at one first."""
        spot = self._current()
        if spot is None:
            return
        label, place = spot
        centres = dict(self.priors.settings.centres)
        centres[label] = tuple(point for point in centres[label] if point != place)
        self.priors.set_settings(edits.with_centres(self.priors.settings, centres))
        self.centres.set(self.priors.settings.centres)
        self.desk.annotator.record(strings.STEP_REJECT.format(name=self._name(spot)))
        self.desk.on_edited(False)
        self.step(1)

    def accept_all(self) -> None:
        """Make all that wait the user's own."""
        order = self._order()
        if order:
            self.proposing.accept(order)
            self.desk.annotator.record(strings.STEP_ACCEPT_ALL.format(count=len(order)))

    def _name(self, spot: Spot) -> str:
        classes = self.desk.classes
        return classes.objects.get(spot[0], str(spot[0])) if classes else str(spot[0])

    def _order(self) -> list[Spot]:
        """List those that wait line by line, a line being as high as an object."""
        waiting = self.proposing.waiting
        if not waiting:
            return []
        found = [(label, place) for label, places in waiting.items() for place in places]
        return sorted(found, key=self._key)

    def _key(self, spot: Spot) -> tuple[float, ...]:
        label, (y, x) = spot
        return (y // self.proposing.diameter, x, y, label)

    def _index(self, order: list[Spot], by: int) -> int:
        at = self._chosen() or self._at
        if at is None:
            return 0 if by > 0 else -1
        key = self._key(at)
        if by > 0:
            return next((place for place, one in enumerate(order) if self._key(one) > key), 0)
        before = [place for place, one in enumerate(order) if self._key(one) < key]
        return before[-1] if before else -1

    def _chosen(self) -> Spot | None:
        """Give the selected centre if it waits."""
        spot = self.centres.chosen()
        return spot if spot is not None and self._waits(spot) else None

    def _waits(self, spot: Spot) -> bool:
        return spot[1] in self.proposing.waiting.get(spot[0], ())

    def _current(self) -> Spot | None:
        """Give the one that is looked at; look at one, and give none, if there is no such."""
        spot = self._chosen()
        if spot is not None:
            self._at = spot
        elif self._at is not None and self._waits(self._at):
            self._look(self._at)
        else:
            self.step(1)
        return spot

    def _look(self, spot: Spot) -> None:
        self._at = spot
        if self.desk.panel.priors.label != spot[0]:
            self.priors.table.select(spot[0])
        self.desk.canvas.look_at(spot[1], self.proposing.diameter)
        self.centres.choose(*spot)
