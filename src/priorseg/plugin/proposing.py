"""Centres that the network proposes: used as ordinary ones, renewed with the image."""

from collections.abc import Iterable, Mapping
from math import dist
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QTimer

from . import edits, strings
from .widgets import IDLE, WARN

if TYPE_CHECKING:
    from ..annotation.state import State
    from .controller import Controller

Points = tuple[tuple[float, float], ...]
SIZE = 0.4  # of a proposed centre, typical diameters of an object


class Proposing:
    """Put the centres of `LiveSession.proposed` among those of the user, once per image.

    A centre that was accepted, moved, placed by hand or given a volume is the user's: it is never
    changed, and no other is proposed within half a typical diameter of it. What was proposed on
    another image, plane or region goes when the network runs again.

    Parameters
    ----------
    desk : Controller   not yet connected: its `on_computed` solves what was added here
    """

    changed = Signal()  # others wait

    def __init__(self, desk: "Controller") -> None:
        self.desk, self.panel, self.centres = desk, desk.panel, desk.canvas.centres
        self._made: dict[int, Points] = {}
        self._epoch = -1  # of the session when they were proposed
        self._expects: object = None  # region whose centres were restored before it is run
        self._later = QTimer(self.panel)  # ends with the panel, other than a single shot
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._tell)
        desk.worker.computed.connect(self.on_computed)
        desk.canvas.plane.connect(self.begin)
        self.panel.priors.clear.connect(self.on_cleared)

    @property
    def fresh(self) -> bool:
        """Say whether the last proposals are for what the session works on."""
        return self._epoch == self.desk.session.epoch

    @property
    def waiting(self) -> dict[int, Points]:
        """Give the proposed centres that nobody has accepted, moved, removed or given a volume."""
        if not self._made:
            return {}
        settings = self.panel.priors.settings
        there = {label: set(edits.without_volume(settings, label)) for label in self._made}
        found = {
            label: tuple(point for point in points if point in there[label])
            for label, points in self._made.items()
        }
        return {label: points for label, points in found.items() if points}

    @property
    def count(self) -> int:
        """Count all centres proposed for what is shown, also those dealt with."""
        result = self.fresh and self.desk.plain is not None
        proposed = self.desk.session.proposed if result else {}
        return max(sum(map(len, proposed.values())), sum(map(len, self.waiting.values())))

    def accept(self, spots: Iterable[tuple[int, tuple[float, float]]]) -> None:
        """Make proposed centres, label and place, the user's own."""
        gone = set(spots)
        self._made = {
            label: tuple(point for point in points if (label, point) not in gone)
            for label, points in self._made.items()
        }
        self.changed.emit()

    def restore(self, state: "State", *, anew: bool) -> None:
        """Let those wait that wait in a state; anew = the network must run for it first."""
        self._made = dict(state.proposed)
        self.expect(state.region if anew else None)
        if not anew:
            self._epoch = self.desk.session.epoch

    def expect(self, region: object) -> None:
        """Propose nothing new when the network has run on a region that was restored."""
        self._expects = region

    def begin(self, *_: object) -> None:
        """Take away what was proposed on another image, plane or region."""
        if self._expects is not None and self._expects == self.desk.session.region:
            return
        self._expects = None
        if self._made and not self.fresh:
            own = self._own()
            self._made = {}
            if own != self.panel.priors.settings.centres:
                self._show(own)

    def on_computed(self) -> None:
        """Show the proposals for the logits that are there now."""
        desk = self.desk
        if desk.classes is None or self.fresh:
            return
        own, restored = self._own(), self._expects is not None
        settings = self.panel.priors.settings
        self._epoch, self._expects = desk.session.epoch, None
        self._made = self.waiting if restored else self._apart(desk.session.proposed, own)
        if self._made:
            self._show(settings.centres if restored else _joined(own, self._made))
            self.centres.offer()
        self.changed.emit()
        if self._made or self._missing():
            self._later.start(0)  # the solve that follows clears what is said

    def on_cleared(self, label: int) -> None:
        """Offer the proposals again after Clear."""
        if self.fresh and self.desk.session.proposed.get(label):
            self.panel.priors.notice.say(
                strings.CLEARED, IDLE, strings.PROPOSE_AGAIN, lambda: self.again(label)
            )

    def again(self, label: int) -> None:
        """Add the proposals of a class to its centres, and solve."""
        own = dict(self.panel.priors.settings.centres)
        if not self.fresh:
            return
        wanted = {label: self.desk.session.proposed.get(label, ())}
        added = self._apart(wanted, own)
        self._made = _joined(self.waiting, added)
        self._show(_joined(own, added))
        self.centres.offer()
        self.desk.pointing.on_centres(False)

    def _own(self) -> dict[int, Points]:
        """Give the centres that are the user's."""
        waiting = {label: set(points) for label, points in self.waiting.items()}
        kept = {
            label: tuple(point for point in points if point not in waiting.get(label, ()))
            for label, points in self.panel.priors.settings.centres.items()
        }
        return {label: points for label, points in kept.items() if points}

    def _apart(
        self, proposed: Mapping[int, Points], own: Mapping[int, Points]
    ) -> dict[int, Points]:
        """Leave out proposals in objects that the user has pointed at."""
        if not proposed:
            return {}
        near = self.diameter / 2
        return {
            label: tuple(
                point
                for point in points
                if all(dist(point, other) >= near for other in own.get(label, ()))
            )
            for label, points in proposed.items()
        }

    @property
    def diameter(self) -> float:
        """Give the typical diameter of an object in pixels of the image."""
        session = self.desk.session
        height, width = (part.stop - part.start for part in session.region)
        return float(session.segmenter.object_px(height, width))

    def _show(self, centres: Mapping[int, Points]) -> None:
        priors = self.panel.priors
        if self._made:
            self.centres.size = max(3.0, SIZE * self.diameter)
        priors.set_settings(edits.with_centres(priors.settings, centres))
        self.centres.set(centres)

    def _missing(self) -> list[int]:
        """List the star-shaped labels in which a network that proposes found nothing."""
        card, settings = self.panel.model.card, self.panel.priors.settings
        if card is None or card.centres != "network":
            return []
        return [label for label in edits.star_labels(settings) if label not in settings.centres]

    def _tell(self) -> None:
        """Say what was proposed, or that nothing was."""
        notice, classes = self.panel.priors.notice, self.desk.classes
        if notice.text or classes is None or not self.fresh:
            return
        count = sum(map(len, self._made.values()))
        missing = self._missing()
        if count:
            notice.say(strings.PROPOSED.format(count=count), IDLE)
        elif missing:
            names = ", ".join(classes.objects[label] for label in missing)
            notice.say(strings.NONE_PROPOSED.format(name=names), WARN)


def _joined(first: Mapping[int, Points], second: Mapping[int, Points]) -> dict[int, Points]:
    """Give the points of both for each label."""
    labels = sorted({*first, *second})
    found = {label: (*first.get(label, ()), *second.get(label, ())) for label in labels}
    return {label: points for label, points in found.items() if points}
