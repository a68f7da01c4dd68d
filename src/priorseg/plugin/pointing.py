"""What the user points at or looks at: centres, circles, views, the network's own result."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QTimer

from . import edits, strings
from .overlays import changes
from .proposing import Proposing
from .review import Review
from .widgets import WARN

if TYPE_CHECKING:
    from .controller import Controller


REGION_PER_CENTRE = 25.0  # side of the region over the size of a centre in it


class Pointing:
    """Connect the marks on the canvas with the settings.

    Parameters
    ----------
    desk : Controller
    """

    def __init__(self, desk: "Controller") -> None:
        self.desk, self.panel, self.canvas = desk, desk.panel, desk.canvas
        priors, live, centres = self.panel.priors, self.panel.live, self.canvas.centres
        priors.place.connect(self.place)
        priors.clear.connect(centres.clear)
        priors.circles.connect(self.draw_guides)
        priors.selected.connect(self.draw_guides)
        live.viewed.connect(self.on_viewed)
        live.held.connect(self.hold)
        live.hiding.connect(self.on_hiding)
        centres.changed.connect(self.on_centres)
        centres.placed.connect(self.on_placed)
        centres.picked.connect(priors.choose_object)
        centres.lost.connect(self.on_lost)
        self.proposing = Proposing(desk)  # hears of Clear when the centres are gone
        self.review = Review(desk, self.proposing)

    def place(self, label: int = 0) -> None:
        """Let the next click place a centre of a class; once more: no longer."""
        priors, centres = self.panel.priors, self.canvas.centres
        label = label or priors.label
        if self.desk.classes is None or self.canvas.image is None or not label:
            return
        if centres.armed:
            self.disarm()
            return
        self.canvas.picker.disarm()
        if not centres.centres():
            sides = [part.stop - part.start for part in self.desk.session.region]
            centres.size = max(3.0, min(sides) / REGION_PER_CENTRE)
        centres.arm(label)
        priors.set_armed(label)
        self.desk.refresh_escape()
        name = self.desk.classes.objects[label]
        priors.notice.say(strings.CLICK_INSIDE.format(name=name))

    def disarm(self) -> None:
        """Wait for no click."""
        self.canvas.picker.disarm()
        if self.canvas.centres.armed:
            self.panel.priors.notice.clear()
        self.canvas.centres.disarm()
        self.panel.priors.set_armed(0)
        self.desk.region.show()
        self.desk.refresh_escape()

    def on_placed(self, label: int) -> None:
        """Switch the star prior on where a centre was placed."""
        priors = self.panel.priors
        priors.set_armed(0)
        self.desk.refresh_escape()
        priors.notice.clear()
        text = self._remark(label)
        priors.set_settings(edits.with_star(priors.settings, label, True))
        if text:  # the solve that follows clears what is said
            QTimer.singleShot(0, partial(priors.notice.say, text, WARN))

    def _remark(self, label: int) -> str:
        """Say if the newest centre of a class lies in another class of the result."""
        frame, classes = self.desk.shown, self.desk.classes
        points = self.canvas.centres.centres().get(label, ())
        if frame is None or classes is None or not points:
            return ""
        place = tuple(round(at) for at in points[-1])
        if not all(0 <= at < side for at, side in zip(place, frame.labels.shape, strict=True)):
            return ""
        found = int(frame.labels[place])
        if found in classes.whole(label, frame.settings):
            return ""
        other = classes.objects.get(found, strings.GROUND)
        return strings.CENTRE_IN_OTHER.format(other=other, name=classes.objects[label])

    def on_centres(self, dragging: bool) -> None:
        """Solve with the centres where they are now."""
        priors = self.panel.priors
        priors.edit(edits.with_centres(priors.settings, self.canvas.centres.centres()), dragging)
        if not dragging:
            self.canvas.centres.mark()

    def remove_centres(self) -> None:
        """Remove every centre, and solve without them."""
        self.canvas.centres.set({})
        self.on_centres(False)

    def on_lost(self) -> None:
        """Go on without centres once napari has deleted what it deletes."""
        QTimer.singleShot(0, self._do_without_centres)

    def _do_without_centres(self) -> None:
        if self.canvas.image is None:
            return
        priors = self.panel.priors
        priors.set_armed(0)
        if priors.settings.centres:
            priors.edit(replace(priors.settings, centres={}))
            priors.notice.say(strings.CENTRES_LOST)

    def on_viewed(self, view: str, label: int) -> None:
        """Show labels, outlines or a probability."""
        if self.canvas.results is not None:
            self.canvas.results.set_view(view, label)
        self.explain()

    def explain(self) -> None:
        """Say what the colours of the view mean, for the result that is seen."""
        view, frame = self.panel.live.view.currentData()[0], self.desk.shown
        text = ""
        if view == "uncertainty":
            text = strings.LEGEND_UNCERTAINTY
        elif view == "difference" and frame is not None and self.desk.plain is not None:
            if not frame.final:
                return  # the numbers of the last result stay; nobody reads faster
            found = changes(frame.labels, self.desk.plain.labels)
            text = strings.LEGEND_DIFFERENCE.format(
                added=found.added, removed=found.removed, swapped=found.swapped
            )
        self.panel.live.explain(text)

    def show_view(self) -> None:
        """Show what the view box says, in layers that were made anew; nothing is hidden."""
        self.panel.live.hide_box.setChecked(False)
        self.on_viewed(*self.panel.live.view.currentData())

    def on_hiding(self, hidden: bool) -> None:
        """Take the result out of sight, or show it again."""
        if self.canvas.results is not None:
            self.canvas.results.hide(hidden)

    def on_painted(self, name: str) -> None:
        """Say where strokes on a result went."""
        self.panel.live.notice.say(strings.PAINTED.format(name=name))

    def hold(self, down: bool) -> None:
        """Show the network's own labels while a key or button is down."""
        plain, results = self.desk.plain, self.canvas.results
        if results is not None and plain is not None:
            results.hold(plain.labels if down else None)

    def begin(self) -> None:
        """Draw the guides of a region that is to be solved; drop what was proposed elsewhere."""
        self.proposing.begin()
        self.draw_guides()

    def draw_guides(self, *_: object) -> None:
        """Draw the region of interest, and the radii if they are wanted."""
        region = self.desk.session.region
        info = self.desk.session.info
        if info is None or self.canvas.image is None:
            return
        whole = all(
            part.stop - part.start == size for part, size in zip(region, info.shape, strict=True)
        )
        circles = []
        if self.panel.priors.details.circles_button.isChecked() and self.desk.classes:
            y, x = self._middle()
            radii = edits.convex_radii(self.desk.settings)
            circles = [(y, x, radius) for radius in radii]
        self.canvas.draw_guides(None if whole else region, circles)

    def _middle(self) -> tuple[float, float]:
        """Give the middle of the selected class, or of the region."""
        frame, label = self.desk.shown, self.panel.priors.label
        region = self.desk.session.region
        if frame is not None and self.desk.classes is not None and label:
            parts = self.desk.classes.whole(label, frame.settings)
            y, x = np.nonzero(np.isin(frame.labels[frame.region], parts))
            if len(y):
                rows, columns = frame.region
                return float(y.mean() + rows.start), float(x.mean() + columns.start)
        return tuple((part.start + part.stop - 1) / 2 for part in region)
