"""Which frame is seen: the newest on the way, or the last final one when work stops."""

import logging
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from ..session import Frame
from . import strings
from .widgets import BAD, BUSY, IDLE, OK

if TYPE_CHECKING:
    from .controller import Controller

log = logging.getLogger(__name__)
SAY_S = 0.25  # between two words on sketches: nobody reads faster


class FrameFlow:
    """Show frames, with no certificate beside labels that it does not belong to.

    Parameters
    ----------
    desk : Controller
    """

    def __init__(self, desk: "Controller") -> None:
        self.desk, self.panel, self.canvas = desk, desk.panel, desk.canvas
        self.shown: Frame | None = None
        self.last: Frame | None = None  # final
        self._said_at = float("-inf")
        self.quiet = False  # work was stopped: sketches that are still on their way are dropped
        desk.worker.frame.connect(self.on_frame)
        desk.worker.finished.connect(self.on_finished)

    @property
    def sketched(self) -> bool:
        """Say whether what is shown is only on the way to a result."""
        return self.shown is not None and not self.shown.final

    def on_frame(self, frame: Frame) -> None:
        """Show a frame."""
        if self.canvas.results is None or (self.quiet and not frame.final):
            return
        if frame.final:
            self.last = frame
            self.desk.annotator.on_final(frame)
        elif monotonic() >= self._said_at + SAY_S:
            self._said_at = monotonic()
            text = strings.STATE_PREVIEW.format(ms=1000 * frame.seconds)
            self.panel.status.say(BUSY, text)
        self._show(frame)

    def on_finished(self, frame: Frame) -> None:
        """Say how long a solve took."""
        if self.quiet or (self.desk.dragging and not frame.final):
            return
        text = strings.STATE_DONE if frame.final else strings.STATE_PREVIEW
        level = OK if frame.final else IDLE
        self.panel.status.say(level, text.format(ms=1000 * frame.seconds, sweeps=frame.sweeps))

    def on_failed(self, message: str, trace: str) -> None:
        """Show an error next to its cause, and the last result."""
        if message.startswith("Cancelled"):
            return
        log.error("%s\n%s", message, trace)
        desk, panel = self.desk, self.panel
        self.restore()
        panel.status.say(BAD, strings.STATE_FAILED)
        if desk.region.searching:
            desk.region.failed(message)
        elif desk.stage == "loading":
            again = partial(desk.choose_model, panel.model.name)
            panel.model.notice.say(message, BAD, strings.RETRY, again)
        elif desk.stage == "network":
            panel.model.notice.say(message, BAD, strings.RETRY, desk.run)
        elif "outside the region" in message:
            remove = desk.pointing.remove_centres
            panel.priors.notice.say(message, BAD, strings.REMOVE_CENTRES, remove)
        elif desk.settings.object_volumes and "object" in message:
            panel.priors.notice.say(message, BAD, strings.FREE_OBJECTS, panel.priors.free_objects)
        else:
            panel.priors.notice.say(message, BAD, strings.TRAINED, desk.reset)

    def restore(self) -> None:
        """Show the last final frame again, or nothing if there is none; drop later sketches."""
        self.quiet = True
        if self.last is not None and self.sketched:
            self._show(self.last)
        elif self.sketched:
            if self.canvas.results is not None:
                self.canvas.results.blank()
            self.forget()
        else:
            self.tell()

    def forget(self) -> None:
        """Know no frame."""
        self.shown = self.last = None
        self.panel.priors.show_frame(None)
        self.panel.live.clear()

    def tell(self) -> None:
        """Show the numbers of the frame; ✓ stands beside a control only if it was solved."""
        frame = self.shown
        if frame is None:
            return
        solved = frame.settings == self.desk.settings
        self.panel.priors.show_frame(frame if solved else replace(frame, certificates={}))
        self.panel.live.show_frame(frame, solved=solved)
        self.desk.pointing.explain()

    def _show(self, frame: Frame) -> None:
        self.shown = frame
        if self.canvas.results is not None:
            self.desk.turns.shown(frame, changed=self.canvas.results.show(frame))
        self.tell()
        if frame.final:
            self.desk.objects.show()
        self.desk.refresh_escape()
