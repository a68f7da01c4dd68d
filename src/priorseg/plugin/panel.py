"""The dock widget: image, model, shape priors, result."""

from typing import TYPE_CHECKING

from napari.layers import Image, Layer
from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..bundle import models
from . import samples, strings
from .controller import Controller
from .files_section import FilesSection
from .image_section import ImageSection
from .keyed import PanelKeys
from .keymap import KEYMAP
from .live_section import LiveSection
from .measures_section import MeasuresSection
from .model_section import ModelSection
from .objects_section import ObjectsSection
from .priors_section import PriorsSection
from .recovery_bar import RecoveryBar
from .strip import Saved, Strip
from .tabs import Tabs
from .widgets import BAD, WARN, StatusStrip, button, row

if TYPE_CHECKING:
    import napari

WIDTH = 340


class SegmentationPanel(QWidget):
    """Segment an image layer by a network under shape priors, live.

    Parameters
    ----------
    viewer : napari viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__()
        self.viewer = viewer
        KEYMAP.follow()
        self.status, self.saved = StatusStrip(), Saved()
        self.strip = Strip(self.status, self.saved)
        self.help = self.strip.help
        self.recovery = RecoveryBar()
        self.image = ImageSection()
        self.model = ModelSection(models())
        self.priors = PriorsSection()
        self.live = LiveSection()
        self.objects = ObjectsSection()
        self.measures = MeasuresSection()
        self.files = FilesSection()
        self._samples = self._make_samples()
        self._lay_out()
        self.desk = Controller(self, viewer)
        self._bind_keys()
        desk = self.desk
        self.destroyed.connect(lambda *_: desk.close())
        self._first_look = QTimer(self)  # ends with the panel, other than a single shot
        self._first_look.setSingleShot(True)
        self._first_look.timeout.connect(desk.images.on_listed)
        self._first_look.start(0)

    def _make_samples(self) -> QWidget:
        holder = QWidget()
        made = []
        for name, text in strings.SAMPLES.items():
            made.append(button(text, strings.TIP_SAMPLE))
            made[-1].clicked.connect(lambda _=False, name=name: self.open_sample(name))
        holder.setLayout(row(*made))
        return holder

    def _lay_out(self) -> None:
        self.tabs = Tabs()
        steps = (self.image, self._samples, self.model, self.priors, self.live)
        self.tabs.add("segment", *strings.TABS["segment"], steps)
        self.tabs.add("objects", *strings.TABS["objects"], [self.objects])
        self.tabs.add("measures", *strings.TABS["measures"], [self.measures])
        self.tabs.add("files", *strings.TABS["files"], [self.files])
        self.tabs.add_tail(self.strip.undo, self.strip.redo)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 4, 0, 0)
        outer.setSpacing(4)
        outer.addWidget(self.strip)
        outer.addWidget(self.recovery)
        outer.addWidget(self.tabs, 1)
        self.setMinimumWidth(300)
        self.setMaximumWidth(WIDTH)

    def _bind_keys(self) -> None:
        desk, step = self.desk, self.objects.step
        acts = {
            "place": desk.pointing.place,
            "live": self.live.live_box.toggle,
            "keep": desk.objects.keep,
            "paint": desk.objects.toggle,
            "uncertainty": self.live.toggle_uncertainty,
            "next_image": lambda: step.emit(1),
            "previous_image": lambda: step.emit(-1),
            "hide": self.live.hide_box.toggle,
            "next_class": self.priors.table.select_next,
            "next_proposal": desk.pointing.review.forth,
            "previous_proposal": desk.pointing.review.back,
            "accept": desk.pointing.review.accept,
            "reject": desk.pointing.review.reject,
            "accept_all": desk.pointing.review.accept_all,
            "undo": desk.annotator.undo,
            "redo": desk.annotator.redo,
        }
        self.keys = PanelKeys(self, acts, {"network_only": desk.pointing.hold})

    def changeEvent(self, event: QEvent) -> None:
        """End once napari has taken the panel out of its dock: it will not come back."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.deleteLater()

    def sizeHint(self) -> QSize:
        """Ask for the full width; the height follows the window."""
        return QSize(WIDTH, super().sizeHint().height())

    def open_sample(self, name: str) -> None:
        """Open a sample of `samples` with the model and region that suit it."""
        try:
            found = [Layer.create(*data) for data in getattr(samples, name)()]
        except OSError as error:
            self.image.notice.say(str(error), BAD)
            return
        self.image.notice.clear()
        start = samples.STARTS[name]
        if start.model in self.model.cards and self.model.name != start.model:
            self.desk.choose_model(start.model)
        for layer in found:
            self.viewer.add_layer(layer)
        self.viewer.layers.selection.active = found[0]
        self.desk.images.choose(found[0])
        if start.invert:
            self.image.invert.setChecked(True)
        if start.centre is not None:
            self.desk.region.suggest(start.centre, start.side)
        if start.model not in self.model.cards:
            self.image.notice.say(strings.SAMPLE_WITHOUT_MODEL.format(start.model), WARN)

    def show_samples(self, shown: bool) -> None:
        """Offer the samples while there is no image."""
        self._samples.setVisible(shown)

    def recommend(self, layer: Image) -> None:
        """Choose the one model that takes the layer's channels, if none is chosen; else ask."""
        if self.model.name:
            return
        cards = self.model.cards
        fitting = [name for name, card in cards.items() if layer.rgb == (card.channels == "rgb")]
        names = fitting or [*cards]
        if len(names) == 1:
            self.desk.choose_model(names[0])
        elif names:
            self.model.notice.say(strings.CHOOSE_MODEL)
