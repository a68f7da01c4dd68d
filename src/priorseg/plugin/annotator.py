"""What a person does to the image: one history for everything, saved in the background."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from ..annotation import edits as changes
from ..annotation.describe import describe
from ..annotation.drafting import keep_result
from ..annotation.history import History
from ..annotation.keeping import Overlap
from ..annotation.state import Picture, State
from ..annotation.things import Locked, fixed_pixels
from ..session import Frame, Painted
from . import strings
from .restoring import Restoring
from .saving import Saving
from .widgets import BAD, WARN

if TYPE_CHECKING:
    from ..session import ImageInfo
    from .controller import Controller


class Annotator:
    """Keep the history of the image in use; its present is what the panel shows.

    Parameters
    ----------
    desk : Controller
    """

    changed = Signal()  # another present, or another image

    def __init__(self, desk: "Controller") -> None:
        self.desk = desk
        self.history: History | None = None
        self._histories: dict[str, History] = {}
        self._token, self._serial = "", 0
        self._fixed: tuple[Any, Painted | None] | None = None
        self.saving = Saving(desk)
        self.restoring = Restoring(desk, self)
        corrections = desk.canvas.corrections
        corrections.stroked.connect(self.on_stroke)
        corrections.lost.connect(self.on_lost)

    @property
    def present(self) -> State | None:
        """Give the state that is seen."""
        return self.history.present if self.history is not None else None

    @property
    def painted(self) -> Painted | None:
        """Give the pixels that every solve has to keep: painted ones and locked objects."""
        state = self.present
        if state is None:
            return None
        if self._fixed is None or self._fixed[0] != (state.painted, state.kept, state.things):
            values = fixed_pixels(state)
            found = Painted(values) if values.any() else None
            self._fixed = (state.painted, state.kept, state.things), found
        return self._fixed[1]

    def open(self, picture: Picture, pixels: Callable[[], np.ndarray]) -> None:
        """Begin or go on with an image; what was done to it before comes back."""
        known = self._histories.get(picture.digest)
        if known is None:
            stored = self.saving.find(picture)
            state = stored or self._fresh(picture)
            known = self._histories[picture.digest] = History(state)
        self.saving.open(picture, pixels)
        self.history, self._token = known, ""
        self.restoring.begin(known.present)
        self.changed.emit()

    def _fresh(self, picture: Picture) -> State:
        state = State.fresh(picture, self.desk.panel.priors.settings)
        return replace(state, inverted=self.desk.images.inverted)

    def measured_in(self, info: "ImageInfo") -> None:
        """Take another size of a pixel for the image in use."""
        if self.history is not None:
            old = self.history.present
            picture = replace(old.picture, spacing=info.spacing, units=info.units)
            self.record(strings.PIXEL_SIZE, replace(old, picture=picture))

    def redraw(self) -> None:
        """Show kept objects and painted pixels in layers that were made anew."""
        if self.history is not None:
            self.restoring.draw(self.history.present)

    def leave(self) -> None:
        """Work on no image."""
        self.history, self._token = None, ""
        self.changed.emit()

    def record(self, what: str = "", state: State | None = None) -> None:
        """Enter what the panel says now, or a given state, as one step; nothing new is none."""
        if self.history is None or self.restoring.busy:
            return
        state = self._now(self.history.present if state is None else state)
        names = self.desk.classes.objects if self.desk.classes else {}
        text = what or describe(self.history.present, state, names)
        if not text:
            return
        if state.model and not self.history.present.model and not self.history.can_undo:
            self._start_at(state)  # with the first model there is nothing to go back to
            return
        self._serial += 1
        self._token = f"step {self._serial}"
        self.history.push(state, text, self._token)
        self._told(state)

    def _start_at(self, state: State) -> None:
        self.history = self._histories[state.picture.digest] = History(state)
        self.changed.emit()

    def _now(self, state: State) -> State:
        session, panel = self.desk.session, self.desk.panel
        region = session.region if self.desk.plain is not None else state.region
        return replace(
            state,
            model=panel.model.name if self.desk.classes is not None else state.model,
            model_sha256=getattr(session.segmenter, "sha256", None) or "",
            region=region,
            settings=replace(panel.priors.settings, painted=None),
            proposed=self.desk.pointing.proposing.waiting,
            inverted=self.desk.images.inverted,
        )

    def on_final(self, frame: Frame) -> None:
        """Keep the labels of a result with the step that led to it."""
        if self.history is None or self.restoring.busy:
            return
        present = self.history.present
        if frame.labels.shape != present.picture.shape:
            return
        if self.history.undo_text and not self._token:
            return  # of undo or redo: the step has its labels already
        state = self._now(replace(present, draft=present.draft.with_array(frame.labels)))
        if state == present:
            return
        if not self._token:
            self._serial += 1
            self._token = f"step {self._serial}"
        self.history.push(state, self.history.undo_text or strings.STEP_RUN, self._token)
        self._told(state)

    def _told(self, state: State) -> None:
        self.saving.give(state)
        self.changed.emit()

    def undo(self) -> None:
        """Take the last step back."""
        if self.history is not None and self.history.can_undo:
            self._go(self.history.undo())

    def redo(self) -> None:
        """Do the step that was taken back again."""
        if self.history is not None and self.history.can_redo:
            self._go(self.history.redo())

    def _go(self, state: State) -> None:
        self._token = ""
        self._told(state)
        self.restoring.show(state)

    def change(self, make: Callable[[State], State], what: str = "") -> bool:
        """Change the kept objects or the painted pixels; say whether that was possible."""
        notice = self.desk.panel.objects.notice
        if self.history is None:
            notice.say(strings.NEED_IMAGE)
            return False
        before = self.history.present
        try:
            after = make(before)
        except (ValueError, KeyError) as error:
            level = WARN if isinstance(error, Locked) else BAD
            notice.say(str(error.args[0] if error.args else error), level)
            return False
        notice.clear()
        if after == before:
            return True
        fixed = self.painted
        self.record(what, after)
        self.restoring.draw(after)
        if self.painted != fixed:
            self.desk.on_edited(False)
        return True

    def on_stroke(self, mask: np.ndarray, label: int | None) -> None:
        """Take a stroke of the brush as a constraint."""
        names = {0: strings.GROUND, **(self.desk.classes.names if self.desk.classes else {})}
        what = strings.STEP_FREED if label is None else strings.STEP_PAINT.format(
            name=names.get(label, label)
        )  # fmt: skip
        if label is not None and label not in names:
            self.desk.panel.objects.notice.say(strings.NO_SUCH_CLASS.format(label=label), WARN)
            self.desk.canvas.corrections.take_back()
        elif not self.change(lambda state: changes.paint(state, mask, label), what):
            self.desk.canvas.corrections.take_back()

    def on_lost(self) -> None:
        """Say that what was painted holds, though its layer was deleted."""
        self.desk.panel.objects.notice.say(
            strings.CORRECTIONS_LOST, WARN, strings.SHOW_AGAIN,
            self.desk.canvas.corrections.show_again,
        )  # fmt: skip

    def keep(self) -> None:
        """Keep the objects of the result that is seen."""
        frame, classes, notice = self.desk.shown, self.desk.classes, self.desk.panel.objects.notice
        if frame is None or not frame.final or classes is None:
            notice.say(strings.NOTHING_TO_KEEP)
            return
        overlap: Overlap = self.desk.panel.objects.overlap

        def make(state: State) -> State:
            found = classes.objects_in(frame)
            if not found:
                raise ValueError(strings.NOTHING_TO_KEEP)
            return keep_result(state, found, overlap)

        self.change(make)

    def close(self) -> bool:
        """Save what is left; say whether all is saved."""
        return self.saving.close()
