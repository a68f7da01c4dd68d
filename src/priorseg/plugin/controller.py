"""What the panel does: from the controls and the viewer to the session, and back."""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..session import Frame, Settings
from . import edits, strings
from .canvas import Canvas
from .image_flow import ImageFlow
from .layers import warm_up
from .live_session import LiveSession
from .model import Classes
from .pointing import Pointing
from .region import RegionChoice
from .widgets import BAD, BUSY, IDLE, OK, WARN
from .worker import LiveWorker

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from .panel import SegmentationPanel

log = logging.getLogger(__name__)
CONVERGED_SWEEPS, CONVERGED_TOL = 400, 1e-3


class Controller:
    """Connect one panel and one viewer with a session and its worker.

    Parameters
    ----------
    panel : SegmentationPanel
    viewer : napari viewer
    """

    def __init__(self, panel: "SegmentationPanel", viewer: "Viewer") -> None:
        self.panel = panel
        self.session = LiveSession()
        self.worker = LiveWorker(self.session, panel)
        self.canvas = Canvas(viewer)
        self.region = RegionChoice(self)
        self.classes: Classes | None = None
        self.plain: Frame | None = None
        self.shown: Frame | None = None
        self._wants_run = False
        self._stage = "idle"
        self.images = ImageFlow(self)
        self.pointing = Pointing(self)
        self._connect()

    def _connect(self) -> None:
        panel, worker = self.panel, self.worker
        panel.model.chosen.connect(self.choose_model)
        panel.model.run.connect(self.run)
        panel.status.cancelled.connect(self.cancel)
        panel.priors.edited.connect(self.on_edited)
        panel.live.converge.connect(self.on_converge)
        worker.loaded.connect(self.on_loaded)
        worker.computed.connect(self.on_computed)
        worker.frame.connect(self.on_frame)
        worker.finished.connect(self.on_finished)
        worker.progress.connect(panel.status.progress)
        worker.failed.connect(self.on_failed)
        worker.state.connect(self.on_state)

    def close(self, timeout: float = 2.0) -> bool:
        """Stop the worker and let go of the viewer; say whether the thread has ended."""
        self.canvas.close()
        return self.worker.stop(timeout)

    @property
    def settings(self) -> Settings:
        """Give what the controls say."""
        return self.panel.priors.settings

    def forget_result(self, *, keep_marks: bool) -> None:
        """Show no result; marks are centres and volumes."""
        self.plain = self.shown = None
        self.panel.priors.show_frame(None)
        self.panel.live.clear()
        self.panel.priors.notice.clear()
        if not keep_marks:
            settings = replace(self.settings, centres={}, volumes={})
            self.panel.priors.set_network({})
            self.panel.priors.set_settings(settings)

    def choose_model(self, name: str) -> None:
        """Load a model in the worker's thread."""
        if not name:
            return
        self.worker.cancel()
        self.panel.model.choose(name)
        self.panel.model.notice.clear()
        self.classes = None
        self.images.fresh = False  # colours or grey, as the model wants
        self.forget_result(keep_marks=False)
        if self.canvas.image is not None:
            self.canvas.use(self.canvas.image, {})
        self.region.suit_model()
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

        self.worker.load(warm_and_load)

    def on_loaded(self, segmenter: Any) -> None:
        """Show the classes and the trained settings of the model."""
        if self.region.take_found():
            self.run()
            self.region.tell_found()
            return
        if self.classes is not None:
            return  # a search for the disc that was cancelled at its end
        self.classes = Classes.of(segmenter)
        self.panel.priors.set_model(self.classes, self.session.default_settings())
        self.panel.live.set_classes(self.classes)
        if self.canvas.results is not None:
            self.canvas.results.set_names(self.classes.names)
        self.say_ready()
        if self._wants_run:
            self.run()

    def run(self) -> None:
        """Run the network, and before it whatever is missing."""
        panel = self.panel
        panel.model.notice.clear()
        self._wants_run = False
        if self.canvas.image is None or not panel.model.name:
            missing = strings.NEED_MODEL if self.canvas.image is not None else strings.NEED_IMAGE
            panel.model.notice.say(missing)
            return
        if not self.images.fresh and not self.images.take_pixels():
            return
        panel.image.notice.clear()
        if self.classes is None:
            self._wants_run = True
            if not self.worker.busy:
                self.load()
        elif not self.region.known:
            self.region.find()
        else:
            self._solve_region()

    def _solve_region(self) -> None:
        if self.images.repeated:
            self.panel.image.notice.say(strings.GREY)
        if self.region.apply():
            self.canvas.zoom_to(self.session.region)
        self.pointing.draw_guides()
        if self.session.ready and self.plain is not None:
            self.worker.request(self.settings)
        else:
            self.worker.compute(self.settings)

    def run_again(self, *, always: bool = False) -> None:
        """Run if there was a result before, or always."""
        if always or self.plain is not None:
            self.plain = None
            self.run()

    def on_computed(self) -> None:
        """Keep the network's own result for comparison and as a start for volumes."""
        self.plain = self.session.alone
        if self.classes is not None and self.plain is not None:
            self.panel.priors.set_network(self.classes.counts(self.plain.counts))

    def on_edited(self, dragging: bool) -> None:
        """Solve the settings again, unless they contradict themselves."""
        priors = self.panel.priors
        if self.plain is None or self.classes is None:
            return
        pixels = int(self.plain.probs[0].size)
        order = self.classes.nesting if self.classes.ordered else ()
        found = edits.conflict(self.settings, self.classes.objects, order, pixels)
        if found is not None:
            text, label = found
            self.worker.cancel()
            self.panel.status.say(BAD, strings.STATE_REFUSED)
            priors.notice.say(
                text, BAD, strings.FREE.format(name=self.classes.objects[label]),
                lambda: priors.edit(edits.with_volume(self.settings, label, None)),
            )  # fmt: skip
            return
        priors.notice.clear()
        self.pointing.draw_guides()
        if not dragging:
            self.worker.request(self.settings)
        elif self.panel.live.live_box.isChecked():
            self.worker.request(self.settings, preview=True)

    def on_converge(self, on: bool) -> None:
        """Solve until converged, or as often as trained."""
        trained = self.panel.priors.trained
        changes: dict[str, Any] = {"replay": trained.replay, "sweeps": trained.sweeps,
                                   "tol": trained.tol}  # fmt: skip
        if on:
            changes = {"replay": False, "sweeps": CONVERGED_SWEEPS, "tol": CONVERGED_TOL}
        self.panel.priors.edit(replace(self.settings, **changes))

    def halt(self) -> None:
        """Stop work on the image; a model that is being loaded is still wanted."""
        self.worker.cancel()
        self.region.searching = False
        if self.classes is None and self.panel.model.name:
            self.load()

    def cancel(self) -> None:
        """Stop what runs and what waits for a click."""
        busy = self.worker.busy
        self._wants_run = self.region.searching = False
        self.worker.cancel()
        self.pointing.disarm()
        if busy:
            self.panel.status.say(WARN, strings.STATE_CANCELLED)

    def on_frame(self, frame: Frame) -> None:
        """Show a frame."""
        if self.canvas.results is None:
            return
        self.shown = frame
        self.canvas.results.show(frame)
        self.panel.priors.show_frame(frame)
        self.panel.live.show_frame(frame)
        text = strings.STATE_DONE if frame.final else strings.STATE_PREVIEW
        if not frame.final:
            self.panel.status.say(BUSY, text.format(ms=1000 * frame.seconds, sweeps=frame.sweeps))

    def on_finished(self, frame: Frame) -> None:
        """Say how long a solve took."""
        text = strings.STATE_DONE if frame.final else strings.STATE_PREVIEW
        self.panel.status.say(OK, text.format(ms=1000 * frame.seconds, sweeps=frame.sweeps))

    def on_state(self, state: str) -> None:
        """Say what the worker does."""
        self._stage = state
        status = self.panel.status
        if state == "idle":
            if status.level == BUSY:
                self.say_ready()
            return
        texts = {"loading": strings.STATE_LOADING, "network": strings.STATE_NETWORK,
                 "solving": strings.STATE_SOLVING}  # fmt: skip
        text = strings.STATE_LOCATING if self.region.searching else texts[state]
        status.say(BUSY, text)
        if state == "network" or state == "loading":
            status.progress(0, 0)

    def on_failed(self, message: str, trace: str) -> None:
        """Show an error next to its cause."""
        if message.startswith("Cancelled"):
            return
        log.error("%s\n%s", message, trace)
        self.panel.status.say(BAD, strings.STATE_FAILED)
        if self.region.searching:
            self.region.failed(message)
        elif self._stage == "loading":
            self.panel.model.notice.say(message, BAD, strings.RETRY, self._load_again)
        elif self._stage == "network":
            self.panel.model.notice.say(message, BAD, strings.RETRY, self.run)
        elif "outside the region" in message:
            self.panel.priors.notice.say(
                message, BAD, strings.REMOVE_CENTRES, self.pointing.remove_centres
            )
        else:
            self.panel.priors.notice.say(message, BAD, strings.TRAINED, self.reset)

    def _load_again(self) -> None:
        self.choose_model(self.panel.model.name)

    def reset(self) -> None:
        """Go back to the trained settings; centres stay."""
        trained = self.panel.priors.trained
        self.panel.priors.edit(replace(trained, centres=self.settings.centres))

    def say_ready(self) -> None:
        """Say that Run can be pressed, or that there is no image."""
        if self.canvas.image is None:
            self.panel.status.say(IDLE, strings.STATE_IDLE)
        else:
            self.panel.status.say(OK, strings.STATE_READY)
