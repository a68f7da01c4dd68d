"""What follows from the page of objects: strokes, kept objects, undo, the list."""

from typing import TYPE_CHECKING

import numpy as np

from ..annotation import edits as changes
from ..annotation.state import State
from ..annotation.thing import Thing
from ..annotation.things import areas, decided
from . import strings
from .deciding import Deciding
from .objects_section import Row

if TYPE_CHECKING:
    from ..session import Frame
    from .controller import Controller


class ObjectsFlow:
    """Connect the page of objects with the annotator and the canvas.

    Parameters
    ----------
    desk : Controller
    """

    def __init__(self, desk: "Controller") -> None:
        self.desk, self.section, self.annotator = desk, desk.panel.objects, desk.annotator
        section, annotator = self.section, self.annotator
        self.deciding = Deciding(desk)
        section.paint.connect(self.arm)
        section.stop.connect(self.disarm)
        section.wiped.connect(self.wipe)
        section.brush.connect(desk.canvas.corrections.set_brush)
        section.keep.connect(self.keep)
        section.lock.connect(lambda n, on: annotator.change(lambda s: changes.lock(s, n, on)))
        section.rename.connect(self.rename)
        section.delete.connect(self.deciding.delete)
        section.selected.connect(desk.canvas.kept.select)
        desk.panel.strip.undo.clicked.connect(annotator.undo)
        desk.panel.strip.redo.clicked.connect(annotator.redo)
        annotator.changed.connect(self.show)
        desk.canvas.viewer.layers.selection.events.active.connect(self._on_active)
        self.show()

    def close(self) -> None:
        """Stop watching the viewer."""
        self.desk.canvas.viewer.layers.selection.events.active.disconnect(self._on_active)

    def arm(self, label: int | None) -> None:
        """Let the mouse paint."""
        state = self.annotator.present
        if state is None:
            self.section.notice.say(strings.NEED_IMAGE)
        else:
            self.desk.pointing.disarm()
            self.desk.canvas.corrections.arm(label, state.picture.shape)
            self.desk.canvas.corrections.set_brush(self.section.size.value())
        self.show_painting()

    def disarm(self) -> None:
        """Let the mouse move the picture again."""
        self.desk.canvas.corrections.disarm()
        self.show_painting()

    def toggle(self) -> None:
        """Begin or stop painting with the class of the brush."""
        if self.desk.canvas.corrections.active:
            self.disarm()
        else:
            self.arm(self.section.brush_label)

    def wipe(self) -> None:
        """Set all painted pixels free."""

        def make(state: State) -> State:
            mask = state.painted.array() != 0
            return changes.paint(state, mask, None)

        self.annotator.change(make, strings.STEP_WIPE)

    def keep(self) -> None:
        """Keep imported objects while some wait, else those of the result."""
        if self.deciding.waiting:
            self.deciding.keep()
        else:
            self.annotator.keep()

    def rename(self, number: int, name: str) -> None:
        """Give a kept object another name; an empty one is not taken."""
        if not self.annotator.change(lambda state: changes.rename(state, number, name)):
            self.show()

    def paint_volume(self) -> None:
        """Ask for as many pixels of the selected class as are painted in the region."""
        priors, state, classes = self.desk.panel.priors, self.annotator.present, self.desk.classes
        if state is None or classes is None:
            return
        parts = classes.extents.get(priors.label, (priors.label,))
        painted = state.painted.array()[self.desk.session.region]
        count = int(np.isin(painted, [part + 1 for part in parts]).sum())
        if count:
            priors.details.volumes.wanted.emit(float(count), False)
        else:
            name = classes.objects.get(priors.label, "")
            priors.notice.say(strings.NOT_PAINTED.format(name=name))

    def show(self) -> None:
        """Bring the page in line with the present state."""
        self.show_painting()
        self.section.show_rows(self._rows())
        strip, history = self.desk.panel.strip, self.annotator.history
        strip.show_steps(
            history.undo_text if history is not None else "",
            history.redo_text if history is not None else "",
        )

    def show_painting(self) -> None:
        """Show whether the mouse paints, and how much is painted."""
        state = self.annotator.present
        text = strings.NOTHING_PAINTED
        if state is not None and state.painted.any():
            painted = state.painted.array()
            count = int(np.count_nonzero(painted))
            text = strings.PAINTED_PX.format(count=count)
            outside = count - int(np.count_nonzero(painted[self.desk.session.region]))
            text += strings.PAINTED_OUTSIDE.format(count=outside) if outside else ""
        self.section.show_painting(self.desk.canvas.corrections.active, text)

    def _on_active(self, _event: object = None) -> None:
        self.section.paint_button.setChecked(self.desk.canvas.corrections.active)

    def _rows(self) -> list[Row]:
        state = self.annotator.present
        if state is None:
            return []
        sizes = areas(state)
        rows = [
            Row(
                one.number, one.label, one.name, self.area(sizes[one.number]),
                strings.OBJECT_STATES[_stage(one)], one.inside,
            )
            for one in sorted(state.things, key=lambda thing: thing.inside is not None)
        ]  # fmt: skip
        return rows + self._drafts()

    def _drafts(self) -> list[Row]:
        frame, classes = self.desk.shown, self.desk.classes
        if frame is None or classes is None:
            return []
        word = strings.OBJECT_STATES["draft"]
        counts = classes.counts(frame.counts)
        return [
            Row(0, label, name, self.area(counts[label]), word)
            for label, name in classes.objects.items()
            if counts[label] and not self._is_kept(frame, label)
        ]

    def _is_kept(self, frame: "Frame", label: int) -> bool:
        """Say whether the kept objects of a class are those of the result."""
        state, classes = self.annotator.present, self.desk.classes
        state = decided(state) if state is not None else None
        if state is None or classes is None or not state.things:
            return False
        parts = classes.whole(label, frame.settings)
        table = np.zeros(1 + max(one.number for one in state.things), bool)
        for one in state.things:
            table[one.number] = one.label in parts
        return bool(np.array_equal(table[state.kept.array()], np.isin(frame.labels, parts)))

    def area(self, pixels: int) -> str:
        """Write a number of pixels as an area, if the size of a pixel is known."""
        info = self.desk.session.info
        if info is None or info.units == "px":
            return f"{pixels:,} px"
        y, x = info.spacing
        return f"{pixels * y * x:.4g} {info.units}²"


def _stage(one: Thing) -> str:
    if one.undecided:
        return "imported"
    return "locked" if one.locked else "kept"
