"""The recipe of what is shown: as a file, and as Python."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QApplication

from ..annotation.recipe import Recipe, write_recipe
from ..annotation.replaying import made_with
from ..annotation.script import as_python
from ..annotation.state import State
from ..session import Frame
from . import strings
from .pixels import read
from .widgets import BAD, BUSY, OK, WARN

if TYPE_CHECKING:
    from .controller import Controller
    from .files_flow import FilesFlow


class RecipeFlow:
    """Make recipes of finished results.

    A recipe begins where nothing was solved before. So a result that went on from an earlier one
    (until converged) is solved once more from the beginning, and that one is shown and written.

    Parameters
    ----------
    desk : Controller
    files : FilesFlow
    """

    def __init__(self, desk: "Controller", files: "FilesFlow") -> None:
        self.desk, self.files, self.section = desk, files, desk.panel.files
        self._waiting: Callable[[Recipe], None] | None = None
        self.section.recipe.connect(self.save)
        self.section.copied.connect(self.copy)
        desk.worker.finished.connect(self._on_finished)
        desk.worker.failed.connect(self._on_failed)
        desk.worker.state.connect(self._on_state)

    def save(self) -> None:
        """Write the recipe of what is shown."""
        notice = self.section.recipe_notice
        path = self.files.target(self.section.recipe_row, notice)
        if path is None:
            return
        if path.suffix.lower() != ".toml":
            notice.say(strings.NOT_TOML)
            return

        def go_on(recipe: Recipe) -> None:
            self.files.begin(
                lambda: write_recipe(path, recipe), notice, strings.WRITING, path,
                lambda written: notice.say(strings.WRITTEN.format(path=written), OK),
            )  # fmt: skip

        self._with_recipe(go_on)

    def copy(self) -> None:
        """Put a program that makes the same labels on the clipboard."""

        def go_on(recipe: Recipe) -> None:
            notice = self.section.recipe_notice
            try:
                text = as_python(recipe)
            except (TypeError, ValueError) as error:
                notice.say(str(error), BAD)
                return
            QApplication.clipboard().setText(text)
            notice.say(strings.COPIED_PYTHON, OK)

        self._with_recipe(go_on)

    def _with_recipe(self, go_on: Callable[[Recipe], None]) -> None:
        """Go on with the recipe of the result that is shown, at once or once it is solved anew."""
        desk, notice = self.desk, self.section.recipe_notice
        frame = desk.shown
        self._waiting = None
        state = desk.annotator.present
        if frame is None or state is None:
            notice.say(strings.NO_RESULT_YET)
        elif desk.plain is None:
            notice.say(strings.NOT_APPLIED, WARN, strings.RUN, desk.run)
        elif desk.stage != "idle" or desk.worker.busy or frame.settings != desk.settings:
            notice.say(strings.STILL_SOLVING)
        elif desk.settings.replay:
            go_on(self._recipe(frame, state))
        else:
            notice.say(strings.REPLAYING, BUSY)
            self._waiting = go_on
            desk.session.start_cold()
            desk.on_edited(False)

    def _on_finished(self, frame: Frame) -> None:
        go_on, self._waiting = self._waiting, None
        state = self.desk.annotator.present
        if go_on is None or state is None:
            return
        if frame.final and frame.settings == self.desk.settings:
            go_on(self._recipe(frame, state))
        else:
            self.section.recipe_notice.say(strings.STILL_SOLVING, WARN)

    def _on_failed(self, message: str, _trace: str) -> None:
        if self._waiting is not None:
            self._waiting = None
            self.section.recipe_notice.say(message, BAD)

    def _on_state(self, state: str) -> None:
        if state == "idle" and self._waiting is not None:  # cancelled, or another image
            self._waiting = None
            self.section.recipe_notice.say(strings.STOPPED_SOLVING, WARN)

    def _recipe(self, frame: Frame, state: State) -> Recipe:
        """Put together what the pixels of a result depend on."""
        desk, session = self.desk, self.desk.session
        layer, info = desk.canvas.image, session.info
        state = replace(
            state,
            picture=replace(state.picture, spacing=info.spacing, units=info.units),
            model=desk.panel.model.name,
            model_sha256=getattr(session.segmenter, "sha256", None) or "",
            region=frame.region,
            settings=frame.settings,
            draft=state.draft.with_array(frame.labels),
            inverted=desk.images.inverted,
        )
        return Recipe(state, read(layer)["axes"], made_with(session.segmenter))
