"""Bring a state back into the panel: after undo, for an image seen before, after a crash."""

from typing import TYPE_CHECKING

from ..annotation.state import State
from . import strings
from .image_section import PICK, WHOLE
from .widgets import WARN

if TYPE_CHECKING:
    from .annotator import Annotator
    from .controller import Controller


class Restoring:
    """Show states; while it does, nothing is recorded.

    Parameters
    ----------
    desk : Controller
    annotator : Annotator
    """

    def __init__(self, desk: "Controller", annotator: "Annotator") -> None:
        self.desk, self.annotator = desk, annotator
        self.busy = False
        self._waiting: State | None = None  # for its model

    def begin(self, state: State) -> None:
        """Show what was done to an image that is opened."""
        self._waiting = None
        self.desk.pointing.proposing.expect(None)
        marked = state.draft.any() or state.painted.any() or state.settings.centres
        if marked or state.things or state.inverted:
            self.show(state)
        else:
            self.draw(state)

    def show(self, state: State) -> None:
        """Bring the panel to a state, with its model, and solve it."""
        desk = self.desk
        known = state.model in desk.panel.model.cards
        if state.model and known and (
            state.model != desk.panel.model.name or desk.classes is None
        ):  # fmt: skip
            self._waiting = state
            desk.choose_model(state.model)
            return
        if state.model and not known:
            text = strings.MODEL_MISSING.format(name=state.model)
            desk.panel.model.notice.say(text, WARN)
        self._apply(state)

    def on_loaded(self) -> bool:
        """Go on once the model is there; say whether a state had waited for it."""
        state, self._waiting = self._waiting, None
        if state is not None:
            self._apply(state)
        return state is not None

    def draw(self, state: State) -> None:
        """Show kept objects and painted pixels."""
        canvas = self.desk.canvas
        if canvas.image is None:
            return
        canvas.kept.set(state.kept.array())
        canvas.corrections.set(state.painted.array())

    def _apply(self, state: State) -> None:
        desk = self.desk
        self.busy = True
        try:
            self.draw(state)
            desk.images.restore_inversion(state.inverted)
            fits = desk.classes is not None and state.model == desk.panel.model.name
            if fits:
                moved = self._place_region(state)
                desk.pointing.proposing.restore(state, anew=moved or desk.plain is None)
                desk.panel.priors.set_settings(state.settings)
                desk.panel.live.set_converged(not state.settings.replay)
                desk.canvas.centres.set(state.settings.centres)
        finally:
            self.busy = False
        if fits and state.draft.any():
            if moved or desk.plain is None:
                desk.run()
            else:
                desk.on_edited(False)
        elif fits and desk.canvas.results is not None:
            desk.canvas.results.blank()
            desk.frames.forget()

    def _place_region(self, state: State) -> bool:
        """Take the region of a state; say whether it is another one."""
        desk = self.desk
        region, shape = state.region, state.picture.shape
        if region is None or region == desk.session.region:
            return False
        sides = [part.stop - part.start for part in region]
        if tuple(sides) == shape:
            desk.region.mode, desk.region.centre = WHOLE, None
        else:
            middle = [(part.start + part.stop - 1) / 2 for part in region]
            desk.region.mode, desk.region.side = PICK, max(sides)
            desk.region.centre = (float(middle[0]), float(middle[1]))
        desk.region.show()
        return True
