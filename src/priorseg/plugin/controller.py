"""What the panel does: from the controls and the viewer to the session, and back."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..session import Frame, Settings
from . import edits, strings
from .annotator import Annotator
from .canvas import Canvas
from .files_flow import FilesFlow
from .folder import Folder
from .frames import FrameFlow
from .image_flow import ImageFlow
from .keys import bind
from .live_session import LiveSession
from .measuring import Measuring
from .model import Classes
from .model_flow import ModelFlow
from .objects_flow import ObjectsFlow
from .pixel_size import PixelSizing
from .pointing import Pointing
from .recovery_bar import Recovering
from .region import RegionChoice
from .sizing import Sizing
from .turns import Turns
from .widgets import BAD, BUSY, IDLE, OK, WARN
from .worker import LiveWorker

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from .panel import SegmentationPanel

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
        self.turns = Turns(panel, self.worker)
        self.canvas = Canvas(viewer)
        self.region = RegionChoice(self)
        self.classes: Classes | None = None
        self.plain: Frame | None = None
        self._asked: Settings | None = None
        self.stage = "idle"
        self.wants_run = False  # once the model is there
        self.dragging = False  # a control is held
        self.frames = FrameFlow(self)
        self.escape = bind(panel, "Escape", self.cancel)
        self.refresh_escape()
        self.images = ImageFlow(self)
        self.models = ModelFlow(self)
        self.annotator = Annotator(self)
        self.objects = ObjectsFlow(self)
        self.folder = Folder(self)
        self.recovering = Recovering(self)
        self.measuring = Measuring(self)
        self.files = FilesFlow(self)
        self.sizing = Sizing(self)
        self.pixel_size = PixelSizing(self)
        self.pointing = Pointing(self)
        self._connect()

    def _connect(self) -> None:
        panel, worker = self.panel, self.worker
        panel.model.run.connect(self.run)
        panel.status.cancelled.connect(self.cancel)
        panel.priors.edited.connect(self.on_edited)
        panel.live.converge.connect(self.on_converge)
        worker.computed.connect(self.on_computed)
        worker.progress.connect(panel.status.progress)
        worker.failed.connect(self.frames.on_failed)
        worker.state.connect(self.on_state)
        self.canvas.picker.switched.connect(self.refresh_escape)
        self.canvas.painted.connect(self.pointing.on_painted)

    def close(self, timeout: float = 2.0) -> bool:
        """Save, stop the worker, let go of the viewer; say whether the thread has ended."""
        self.objects.close()
        self.annotator.close()
        self.canvas.close()
        self.frames.quiet = True
        self.turns.close()
        return self.worker.stop(timeout)

    @property
    def settings(self) -> Settings:
        """Give what the controls say, and what is painted."""
        return replace(self.panel.priors.settings, painted=self.annotator.painted)

    @property
    def shown(self) -> Frame | None:
        """Give the frame that is seen."""
        return self.frames.shown

    def refresh_escape(self) -> None:
        """Take the Esc key only while there is something to cancel: napari wants it too."""
        canvas = self.canvas
        waits = canvas.picker.armed or canvas.centres.armed
        self.escape.setEnabled(waits or self.stage != "idle" or self.frames.sketched)

    def forget_result(self, *, keep_marks: bool) -> None:
        """Show no result; marks are centres and volumes."""
        self.plain, self.dragging = None, False  # the control may be gone with the result
        self.turns.take(self.stage != "idle")
        self.frames.forget()
        self.panel.priors.notice.clear()
        if not keep_marks:
            settings = self.sizing.with_locked(replace(self.settings, centres={}))
            self.panel.priors.set_network({})
            self.panel.priors.set_settings(settings)

    def choose_model(self, name: str) -> None:
        """Load a model in the worker's thread, unless it is the one in use."""
        self.models.choose(name)

    def run(self) -> None:
        """Run the network, and before it whatever is missing."""
        panel = self.panel
        panel.model.notice.clear()
        self.wants_run = False
        if self.canvas.image is None or not panel.model.name:
            missing = strings.NEED_MODEL if self.canvas.image is not None else strings.NEED_IMAGE
            panel.model.notice.say(missing)
            return
        if not self.images.fresh and not self.images.take_pixels():
            return
        panel.image.notice.clear()
        if self.classes is None:
            self.wants_run = True
            if not self.worker.busy:
                self.models.load()
        elif not self.region.known:
            self.region.find()
        else:
            self._solve_region()

    def _solve_region(self) -> None:
        if self.images.repeated:
            self.panel.image.notice.say(strings.GREY)
        if self.region.apply():
            self.canvas.zoom_to(self.session.region)
        self.panel.priors.suit(self.session)
        self.pointing.begin()
        rows, columns = self.session.region
        pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
        if self.session.ready and self.plain is not None:
            self._request()
        else:  # what contradicts itself is refused when the network has run, with a way out
            allowed = self._contradiction(pixels) is None
            self._asked, self.frames.quiet = (self.settings if allowed else None), False
            self.worker.compute(self._asked)

    def _request(self, *, preview: bool = False) -> None:
        self._asked, self.frames.quiet = self.settings, False
        self.worker.request(self.settings, preview)

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
            if self.canvas.results is not None:
                self.canvas.results.plain = self.plain.labels
            if self.settings != self._asked:  # edited while the network ran
                self.on_edited(False)

    def on_edited(self, dragging: bool) -> None:
        """Solve the settings again, unless they contradict themselves."""
        priors = self.panel.priors
        if not dragging:
            self.annotator.record()
        self.dragging = dragging
        self.turns.take(self.stage != "idle" or dragging)
        self.panel.live.set_converged(not self.settings.replay)
        if self.plain is None or self.classes is None:
            if self.shown is not None and not self.worker.busy:
                self.frames.tell()
                priors.notice.say(strings.NOT_APPLIED, WARN, strings.RUN, self.run)
            return
        found = self._contradiction(int(self.plain.probs[0].size))
        if found is not None:
            self._refuse(*found)
            return
        priors.notice.clear()
        self.pointing.draw_guides()
        if not dragging:
            self._request()
        elif self.panel.live.live_box.isChecked():
            self._request(preview=True)

    def _contradiction(self, pixels: int) -> tuple[str, int] | None:
        classes = self.classes
        assert classes is not None
        order = classes.nesting if classes.ordered else ()
        return edits.conflict(self.settings, classes.objects, order, pixels, self.sizing.locked)

    def _refuse(self, text: str, label: int) -> None:
        """Say which volumes contradict, with a way out; show the last result that was allowed."""
        assert self.classes is not None
        self.worker.cancel()
        self.frames.restore()
        self.panel.status.say(BAD, strings.STATE_REFUSED)
        self.panel.priors.notice.say(
            text, BAD, strings.FREE.format(name=self.classes.objects[label]),
            lambda: self.panel.priors.edit(edits.with_volume(self.settings, label, None)),
        )  # fmt: skip

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
            self.models.load()

    def cancel(self) -> None:
        """Stop what runs and what waits for a click; show the last result."""
        busy, self.frames.quiet = self.worker.busy or self.frames.sketched, True
        self.wants_run = self.region.searching = False
        self.worker.cancel()
        self.pointing.disarm()
        if busy:
            self.frames.restore()
            empty = self.shown is None
            text = strings.STATE_CANCELLED_EMPTY if empty else strings.STATE_CANCELLED
            self.panel.status.say(WARN, text)
        self.refresh_escape()

    def on_state(self, state: str) -> None:
        """Say what the worker does."""
        self.stage = state
        self.turns.take(state != "idle" or self.dragging)
        self.refresh_escape()
        if self.dragging and state in ("solving", "idle"):  # the frames say enough
            return
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

    def reset(self) -> None:
        """Go back to the trained settings; centres and locked volumes stay."""
        trained = self.panel.priors.trained
        kept = replace(trained, centres=self.settings.centres)
        self.panel.priors.edit(self.sizing.with_locked(kept))

    def say_ready(self) -> None:
        """Say that Run can be pressed, or that there is no image."""
        if self.canvas.image is None:
            self.panel.status.say(IDLE, strings.STATE_IDLE)
        elif not self.panel.model.name:
            self.panel.status.say(IDLE, strings.STATE_NO_MODEL)
        else:
            self.panel.status.say(OK, strings.STATE_READY)
