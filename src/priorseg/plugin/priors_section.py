"""Section 3 of the panel: which shape priors are on, per class, and how strong."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QWidget

from ..session import Settings
from ..spec import registered
from . import edits, strings
from .class_table import ClassTable
from .details import ClassDetails
from .forms import PriorForm
from .widgets import WARN, Notice, Wrapped, column, combo, describe, heading

if TYPE_CHECKING:
    from ..session import Frame, Session
    from .model import Classes


class PriorsSection(QWidget):
    """Edit settings: every control makes new settings and announces them.

    Signals: ``edited(dragging)``; ``place(label)`` and ``clear(label)`` for star centres;
    ``circles(shown)`` for the convex radii; ``selected(label)``; ``shown()`` with other settings.
    """

    edited = Signal(bool)
    place = Signal(int)
    clear = Signal(int)
    circles = Signal(bool)
    selected = Signal(int)
    shown = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.settings = self.trained = Settings()
        self.classes: Classes | None = None
        self.forms: dict[str, PriorForm] = {}
        self._network: dict[int, int] = {}
        self._frame: Frame | None = None
        self._armed = 0
        self._empty = Wrapped(strings.PRIORS_WAIT)
        self._body = QWidget()
        self.notice = Notice()
        layout = column(self)
        for widget in (heading(strings.PRIORS), self._empty, self._body, self.notice):
            layout.addWidget(widget)
        self._build()
        self._body.hide()

    def _build(self) -> None:
        layout = column(self._body)
        self.smoother = combo(strings.SMOOTHNESS, strings.TIP_SMOOTHNESS)
        for name, title in strings.SMOOTHERS.items():
            self.smoother.addItem(title, name)
        self.smoother.activated.connect(self._on_smoother)
        self._forms = QWidget()
        column(self._forms)
        self.table = ClassTable()
        self.table.toggled.connect(self._on_cell)
        self.table.selected.connect(self._on_selected)
        self.details = ClassDetails()
        self.nested = QCheckBox()
        self.nested.clicked.connect(self._on_nested)
        for widget in (self.smoother, self._forms, self.table, self.details, self.nested):
            layout.addWidget(widget)
        details = self.details
        details.volume.connect(self._on_volume)
        details.freed.connect(lambda: self._ask(None))
        details.objects.chosen.connect(self._show_details)
        details.place.connect(lambda: self.place.emit(self.label))
        details.clear.connect(lambda: self.clear.emit(self.label))
        details.radii.connect(self._on_radii)
        details.circles.connect(self.circles)
        details.wrong.connect(lambda text: self.notice.say(text))

    @property
    def label(self) -> int:
        """Give the selected class."""
        return self.table.label

    def set_model(self, classes: "Classes", trained: Settings) -> None:
        """Show the classes and the trained settings of a model."""
        self.classes = classes
        self.settings = self.trained = trained
        self._network, self._frame, self._armed = {}, None, 0
        self._make_forms()
        self.table.set_classes(classes.objects)
        self.table.select(next(iter(edits.star_labels(trained)), 0))
        order = classes.nesting
        self.nested.setVisible(bool(order) and not classes.ordered)
        if order:
            names = [classes.names[label] for label in order]
            text = strings.NESTED.format(inner=names[0], outer=names[-1])
            self.nested.setText(text)
            describe(self.nested, text, strings.TIP_NESTED)
        self._order_tabs()
        self._empty.hide()
        self._body.show()
        self.notice.clear()
        self.show_settings()

    def _make_forms(self) -> None:
        layout = self._forms.layout()
        for form in self.forms.values():
            form.native.setParent(None)
            form.native.deleteLater()
        kinds = registered()
        self.forms = {
            name: PriorForm(kinds[name], edits.smoother_values(self.trained, name))
            for name in edits.SMOOTHERS
            if name in kinds
        }
        for form in self.forms.values():
            layout.addWidget(form.native)
            form.moved.connect(self._on_form)

    def _order_tabs(self) -> None:
        """Let Tab follow the eye: widgets made for a model would come last."""
        rows = [row for form in self.forms.values() for row in form.rows.values()]
        chain = [self.smoother, *(part for row in rows for part in (row.bar, row.field))]
        chain += [*self.table.controls(), *self.details.controls(), self.nested]
        for before, after in pairwise(chain):
            self.setTabOrder(before, after)

    def suit(self, session: "Session") -> None:
        """Fit lengths to a region of another size; trained ones are those of its own size."""
        self.trained, settings = session.default_settings(), session.suited(self.settings)
        for name, form in self.forms.items():
            form.set_trained(edits.smoother_values(self.trained, name))
        if settings != self.settings:
            self.set_settings(settings)

    def set_settings(self, settings: Settings) -> None:
        """Show other settings without announcing them."""
        self.settings = settings
        self.show_settings()

    def set_network(self, counts: Mapping[int, int]) -> None:
        """Tell how many pixels each object has by the network alone."""
        self._network = dict(counts)
        self.show_settings()

    def set_armed(self, label: int) -> None:
        """Tell which class the next click places a centre of; 0 = none."""
        self._armed = label
        self._show_details()

    def show_frame(self, frame: "Frame | None") -> None:
        """Show the certificates and volumes of a frame."""
        self._frame = frame
        self._show_cells()
        self._show_details()
        if frame is not None and frame.final:
            self._warn(frame)

    def _warn(self, frame: "Frame") -> None:
        """Say what the frame does not hold to, with a way out."""
        rivals = self._rivals(frame)
        if rivals:
            names = ", ".join(self.classes.objects[label] for label in rivals)
            self.notice.say(
                strings.CONVEX_FIRST.format(names=names), WARN, strings.CONVEX_OFF,
                lambda: self._drop_convex(rivals),
            )  # fmt: skip
        elif not frame.reached:
            text = strings.NOT_CONVERGED.format(sweeps=frame.sweeps, seconds=frame.seconds)
            self.notice.say(text, WARN, strings.MORE_SWEEPS, self._double_sweeps)

    def _rivals(self, frame: "Frame") -> set[int]:
        """Find convex labels that share pixels with an object whose volume is not met."""
        classes, settings = self.classes, frame.settings
        missed = {
            label
            for key, certificate in frame.certificates.items()
            if edits.family(key)[0] == "volume" and not certificate.satisfied
            for label in settings.volumes
            if certificate.parts.get(label, certificate.violations)
        }
        if classes is None:
            return set()
        held = {part for label in missed for part in classes.whole(label, settings)}
        convex = edits.convex_labels(settings)
        return {label for label in convex if held & {*classes.whole(label, settings)}}

    def _drop_convex(self, labels: set[int]) -> None:
        rest = {*edits.convex_labels(self.settings)} - labels
        self.edit(edits.with_convex(self.settings, rest))

    def _double_sweeps(self) -> None:
        self.edit(replace(self.settings, sweeps=2 * self.settings.sweeps))

    def show_settings(self) -> None:
        """Bring every control in line with the settings."""
        if self.classes is None:
            return
        name = edits.smoother(self.settings)
        self.smoother.setCurrentIndex(self.smoother.findData(name))
        for key, form in self.forms.items():
            form.native.setVisible(key == name)
            form.set(edits.smoother_values(self.settings, key))
        self.nested.setChecked(self.classes.ordered or bool(edits.nested_order(self.settings)))
        self._show_cells()
        self._show_details()
        self.shown.emit()

    def _show_cells(self) -> None:
        if self.classes is None:
            return
        settings = self.settings
        on = {
            "volume": set(settings.volumes),
            "star": set(edits.star_labels(settings)),
            "convex": set(edits.convex_labels(settings)),
        }
        marks = self.classes.marks(self._frame)
        for label in self.classes.objects:
            for kind, labels in on.items():
                mark, message = marks.get((kind, label), ("", ""))
                if kind == "star" and label in labels and label not in settings.centres:
                    mark, message = "?", strings.STAR_HINT.format(name=self.classes.objects[label])
                self.table.show_state(kind, label, label in labels, mark, message)

    def _show_details(self) -> None:
        if self.classes is None:
            return
        label, settings, frame = self.label, self.settings, self._frame
        points = settings.centres.get(label, ())
        stars = points if label in edits.star_labels(settings) else ()  # only they keep volumes
        wanted = settings.object_volumes.get(label, ()) if stars else ()
        self.details.objects.show_points(label, stars, wanted)
        shown = self.classes.volume_shown(
            settings, frame, label, self._network.get(label, 0), self.details.objects.place
        )
        self.details.volumes.show_target(**shown)
        self.details.show_centres(points, self._armed == label)
        self.details.show_radii(edits.convex_radii(settings))

    def edit(self, settings: Settings, dragging: bool = False) -> None:
        """Take new settings and announce them."""
        self.set_settings(settings)
        self.edited.emit(dragging)

    def _on_smoother(self, _index: int) -> None:
        name = self.smoother.currentData()
        values = self.forms[name].values() if name else None
        self.edit(edits.with_smoother(self.settings, name, values))

    def _on_form(self, dragging: bool) -> None:
        name = edits.smoother(self.settings)
        values = self.forms[name].values()
        self.edit(edits.with_smoother(self.settings, name, values), dragging)

    def _on_cell(self, kind: str, label: int, on: bool) -> None:
        settings = self.settings
        if kind == "volume":
            start = max(1, self._network.get(label, 0) or 1)
            settings = edits.with_volume(settings, label, start if on else None)
        elif kind == "star":
            settings = edits.with_star(settings, label, on)
        else:
            labels = {*edits.convex_labels(settings)} - {label} | ({label} if on else set())
            settings = edits.with_convex(settings, labels)
        self.edit(settings)
        if kind == "star" and on and label not in settings.centres:
            self.place.emit(label)

    def _on_selected(self, label: int) -> None:
        self._show_details()
        self.selected.emit(label)

    def _on_volume(self, pixels: float, dragging: bool) -> None:
        self._ask(round(pixels), dragging)

    def _ask(self, pixels: int | None, dragging: bool = False) -> None:
        """Ask for a volume of the class, or of the object that is chosen; None = free."""
        place = self.details.objects.place
        self.edit(edits.with_volume_of(self.settings, self.label, place, pixels), dragging)

    def free_objects(self) -> None:
        """Ask for no volume of any single object."""
        self.edit(replace(self.settings, object_volumes={}))

    def choose_object(self, label: int, place: int) -> None:
        """Show the volume of the object of a centre."""
        self.table.select(label)
        self._show_details()
        self.details.objects.choose(place)

    def _on_radii(self, radii: tuple[float, ...]) -> None:
        labels = {*edits.convex_labels(self.settings), self.label}
        self.edit(edits.with_convex(self.settings, labels, radii))

    def _on_nested(self, on: bool) -> None:
        order = self.classes.nesting if on and self.classes else ()
        self.edit(edits.with_nested(self.settings, order))
