"""What follows from the page of files: labels written, paths suggested."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import exchange
from ..annotation.state import State
from ..annotation.things import decided
from . import strings
from .aside import Aside, reason
from .file_names import plain, same, stem_of
from .import_flow import ImportFlow
from .layers import colour
from .path_row import PathRow
from .recipe_flow import RecipeFlow
from .widgets import BAD, BUSY, OK, WARN, Notice

if TYPE_CHECKING:
    from .controller import Controller


class FilesFlow:
    """Connect the page of files with the annotator and the disk.

    Parameters
    ----------
    desk : Controller
    """

    def __init__(self, desk: "Controller") -> None:
        self.desk, self.section, self.annotator = desk, desk.panel.files, desk.annotator
        self.aside = Aside(desk.panel)
        self.recipes = RecipeFlow(desk, self)
        self.imports = ImportFlow(desk, self)
        self._picture: tuple[str, str | None, int] | None = ("", None, -1)
        section = self.section
        section.save.connect(self.save)
        section.formatted.connect(self.change_ending)
        section.labels.typed.connect(self.follow_ending)
        for made, notice in ((section.labels, section.notice),
                             (section.recipe_row, section.recipe_notice)):  # fmt: skip
            made.appeared.connect(partial(self._appeared, notice))
        desk.annotator.changed.connect(self.show)
        desk.annotator.saving.saved.connect(self.show_session)
        desk.annotator.saving.trouble.connect(self.show_session)
        desk.worker.loaded.connect(self._on_loaded)
        self.show()

    def show(self) -> None:
        """Suggest files for the image in use, and say where its session is."""
        state = self.annotator.present
        picture = state.picture if state is not None else None
        known = (picture.digest, picture.path, picture.plane) if picture is not None else None
        if known != self._picture:
            self._picture = known
            for notice in (self.section.notice, self.section.mask_notice):
                notice.clear()
            self.section.labels.suggest(self._suggested("_labels", self.section.chosen.endings[0]))
            self.section.recipe_row.suggest(self._suggested("", ".recipe.toml"))
        self.show_session()

    def show_session(self, *_: str) -> None:
        """Say where every step is saved, and whether it is."""
        folder, saved = self.annotator.saving.folder(), self.desk.panel.saved
        text = strings.SESSION_FOLDER.format(folder=folder) if folder else strings.SESSION_NONE
        if folder and saved.level == BAD:
            text = strings.SESSION_TROUBLE.format(text=saved.toolTip())
        self.section.session.setText(text)

    def _on_loaded(self, _segmenter: Any) -> None:
        self.section.set_classes(self.desk.classes.objects if self.desk.classes else {})

    def _suggested(self, mark: str, ending: str) -> Path:
        """Name a file beside the image; where it has none, in the user's folder."""
        state = self.annotator.present
        if state is None:
            return Path.home() / f"labels{ending}"
        path = Path(state.picture.path) if state.picture.path else None
        folder = path.parent if path is not None and path.parent.is_dir() else Path.home()
        stem = stem_of(path.name) if path is not None else plain(state.picture.name)
        info = self.desk.session.info
        plane = f"_plane{state.picture.plane + 1}" if info is not None and info.planes > 1 else ""
        return folder / f"{stem}{plane}{mark}{ending}"

    def change_ending(self) -> None:
        """Give the path the ending of the format that was chosen."""
        made = self.section.labels
        path, edited = made.path, made.edited
        if path is not None:
            made.suggest(path.with_name(stem_of(path.name) + self.section.chosen.endings[0]))
            made.edited = edited

    def follow_ending(self, text: str) -> None:
        """Choose the format of an ending that was typed."""
        try:
            found = exchange.format_of(text)
        except ValueError:
            return
        if found.endings != self.section.chosen.endings:
            self.section.choose_format(found.name)

    def _appeared(self, notice: Notice, path: str) -> None:
        notice.say(strings.APPEARED.format(name=Path(path).name), WARN)

    def target(self, made: PathRow, notice: Notice) -> Path | None:
        """Give the file that is to be written, unless there is none or it is the image."""
        path, state = made.path, self.annotator.present
        if path is None:
            notice.say(strings.NO_PATH)
            return None
        own = state.picture.path if state is not None else None
        if own and same(path, Path(own)):
            notice.say(strings.OWN_IMAGE.format(name=path.name), BAD)
            return None
        return path

    def begin(
        self,
        work: Callable[[], Any],
        notice: Notice,
        text: str,
        path: Path,
        then: Callable[[Any], None],
    ) -> None:
        """Read or write in the background; an error is said, else `then` goes on."""

        def ended(found: Any, error: Exception | None) -> None:
            self.section.allow(True)
            for made in (self.section.labels, self.section.recipe_row):
                made.look()
            if error is not None:
                notice.say(reason(error, path.name), BAD)
            else:
                then(found)

        if not self.aside.start(work, ended):
            notice.say(strings.BUSY_FILES)
            return
        self.section.allow(False)
        notice.say(text.format(name=path.name), BUSY)

    def save(self) -> None:
        """Write the labels that are chosen."""
        notice = self.section.notice
        path = self.target(self.section.labels, notice)
        if path is None:
            return
        try:
            labels, names, colours = self.labels()
        except ValueError as error:
            notice.say(str(error))
            return
        left_out = self.left_out()
        info, state = self.desk.session.info, self.annotator.present
        source = state.picture.path if state is not None else None
        format = self.section.chosen.name
        measured = info.units != "px" or info.spacing != (1.0, 1.0)

        def write() -> exchange.Written:
            return exchange.write(
                path,
                labels,
                spacing=info.spacing if measured else None,
                units=info.units,
                names=names,
                colours=colours,
                source=source,
                format=format,
            )

        def told(written: exchange.Written) -> None:
            said = [strings.WRITTEN.format(path=written.path), *written.notes, *left_out]
            notice.say("\n".join(said), OK)

        self.begin(write, notice, strings.WRITING, path, told)

    def labels(self) -> tuple[np.ndarray, dict[int, str], dict[int, exchange.Colour]]:
        """Give what is to be saved, the names of its numbers and their colours.

        Raises
        ------
        ValueError  if there is nothing; says what to do.
        """
        desk, state, what = self.desk, self.annotator.present, self.section.what.currentData()
        classes = dict(desk.classes.names) if desk.classes is not None else {}
        if what == "result":
            frame = desk.shown
            if frame is None or not frame.final:
                raise ValueError(strings.NO_RESULT_YET)
            return frame.labels, _named(classes), _colours(classes)
        state = decided(state) if state is not None else None
        if state is None or not state.things:
            raise ValueError(" ".join([strings.NOTHING_KEPT, *self.left_out()]))
        kept = state.kept.array()
        if what == "objects":
            return kept, {one.number: one.name for one in state.things}, {}
        for one in state.things:
            classes.setdefault(one.label, strings.OBJECT)
        return classes_of(state), _named(classes), _colours(classes)

    def left_out(self) -> list[str]:
        """Say how many imported objects are not saved, as nobody has decided on them."""
        state, what = self.annotator.present, self.section.what.currentData()
        return [] if what == "result" else not_kept(state)


def not_kept(state: State | None) -> list[str]:
    """Say in a sentence how many imported objects are left out; nothing if none are."""
    count = sum(one.undecided for one in state.things) if state is not None else 0
    return (
        [strings.LEFT_OUT.format(count=strings.counted(count, "imported object"))] if count else []
    )


def classes_of(state: State) -> np.ndarray:
    """Give the class of every pixel of a kept object, (Y, X) uint8."""
    numbers, places = np.unique(state.kept.array(), return_inverse=True)
    labels = {one.number: one.label for one in state.things}
    found = np.array([labels.get(int(number), 0) for number in numbers], np.uint8)
    return found[places].reshape(state.picture.shape)


def _named(names: Mapping[int, str]) -> dict[int, str]:
    return {label: name for label, name in names.items() if label}


def _colours(names: Mapping[int, str]) -> dict[int, exchange.Colour]:
    def parts(text: str) -> exchange.Colour:
        return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)

    return {label: parts(colour(label)) for label in names if label}
