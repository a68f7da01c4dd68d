"""What follows from the choice of a model: it is loaded, its classes and settings are shown."""

from typing import TYPE_CHECKING, Any

from . import strings
from .layers import load_units, warm_up
from .model import Classes
from .widgets import BUSY

if TYPE_CHECKING:
    from .controller import Controller


class ModelFlow:
    """Load the model that the panel names, and show what it finds.

    Parameters
    ----------
    desk : Controller   its `classes` are None until the model is there
    """

    def __init__(self, desk: "Controller") -> None:
        self.desk, self.panel = desk, desk.panel
        self._name = ""
        self.panel.model.chosen.connect(self.choose)
        desk.worker.loaded.connect(self.on_loaded)

    def choose(self, name: str) -> None:
        """Load a model in the worker's thread, unless it is the one in use."""
        desk = self.desk
        if not name or (name == self._name and desk.classes is not None):
            return
        self._name = name
        desk.worker.cancel()
        self.panel.model.choose(name)
        self.panel.model.notice.clear()
        desk.classes = None
        desk.sizing.forget()
        desk.images.fresh = False  # colours or grey, as the model wants
        desk.forget_result(keep_marks=False)
        if desk.canvas.image is not None:
            desk.canvas.use(desk.canvas.image, {})
            desk.annotator.redraw()
            desk.pointing.show_view()
        desk.region.suit_model()
        self.panel.status.say(BUSY, strings.STATE_LOADING)
        self.load()

    def load(self) -> None:
        """Load the chosen model in the worker's thread."""
        name = self.panel.model.name

        def warm_and_load() -> Any:
            from ..bundle import load_bundle

            segmenter = load_bundle(name)
            warm_up()
            return segmenter

        load_units()
        self.desk.worker.load(warm_and_load)

    def on_loaded(self, segmenter: Any) -> None:
        """Show the classes and the trained settings of the model."""
        desk, panel = self.desk, self.panel
        if desk.region.take_found():
            desk.run()
            desk.region.tell_found()
            return
        if desk.classes is not None:
            return  # a search for the disc that was cancelled at its end
        classes = desk.classes = Classes.of(segmenter)
        panel.priors.set_model(classes, desk.session.default_settings())
        panel.live.set_classes(classes)
        panel.live.set_converged(not desk.settings.replay)
        panel.objects.set_classes(classes.objects)
        if desk.canvas.results is not None:
            desk.canvas.results.set_names(classes.names)
            desk.pointing.show_view()
        desk.say_ready()
        if desk.annotator.restoring.on_loaded():
            return
        desk.annotator.record()
        if desk.wants_run:
            desk.run()
