"""Measure what is seen or kept, in a thread of its own; only the newest wish counts."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QApplication, QFileDialog

from .. import measures
from ..annotation.things import decided, mask_of
from . import strings
from .files_flow import not_kept
from .measures_section import as_text
from .widgets import BAD, OK, WARN

if TYPE_CHECKING:
    from .controller import Controller

PAGE = "measures"


@dataclass(frozen=True)
class Measured:
    """Hold the measures of one image."""

    image: str
    objects: list[measures.ObjectMeasures]
    cup_disc: measures.CupDisc | None


class Measuring(QObject):
    """Keep the page of measures true while it is seen.

    Parameters
    ----------
    desk : Controller
    """

    ready = Signal(int, object)

    def __init__(self, desk: "Controller") -> None:
        super().__init__(desk.panel)
        self.desk, self.section = desk, desk.panel.measures
        self.found: Measured | None = None
        self._wish = 0
        self._later = QTimer(self)  # several changes at once are one
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._begin)
        self.ready.connect(self._show)
        self.section.asked.connect(self.renew)
        self.section.copied.connect(self.copy)
        self.section.saved.connect(self.save)
        desk.annotator.changed.connect(self.renew)
        desk.panel.tabs.turned.connect(lambda _name: self.renew())

    def renew(self, *_: object) -> None:
        """Measure again, if the page is seen."""
        if self.desk.panel.tabs.page == PAGE:
            self._later.start(30)

    def _begin(self) -> None:
        self._wish += 1
        wish, job = self._wish, self._job()
        if job is None:
            self._show(wish, None)
            return
        self.section.say(strings.MEASURING)

        def work() -> None:
            try:
                found: object = job()
            except ValueError as error:
                found = str(error)
            try:
                self.ready.emit(wish, found)
            except RuntimeError:  # the window is gone
                return

        threading.Thread(target=work, name="priorseg-measures", daemon=True).start()

    def _job(self) -> Callable[[], Measured] | None:
        """Give the work for the thread; None if there is nothing to measure."""
        info, classes = self.desk.session.info, self.desk.classes
        self.section.offer_eye(self._has_disc())
        if info is None or classes is None:
            return None
        kept = self.section.source.currentData() == "kept"
        collect = self._kept() if kept else self._result()
        eye = self.section.eye.currentData() or None
        if collect is None:
            return None
        size: Any = {"spacing": info.spacing, "units": info.units}
        size["region"] = self.desk.session.region
        has_disc, image = self._has_disc(), info.name

        def job() -> Measured:
            numbers, names, titles, inside, disc, cup = collect()
            found = measures.measure(numbers, names=names, classes=titles, inside=inside, **size)
            ratios = measures.measure_cup_disc(disc, cup, eye=eye, **size) if has_disc else None
            return Measured(image, found, ratios)

        return job

    def _has_disc(self) -> bool:
        card, classes = self.desk.panel.model.card, self.desk.classes
        disc = card is not None and card.roi == "disc"
        return bool(disc and classes is not None and len(classes.nesting) == 2)

    def _result(self) -> Callable[[], tuple] | None:
        frame, classes = self.desk.shown, self.desk.classes
        if frame is None or not frame.final:
            return None
        titles = classes.objects

        def collect() -> tuple:
            pieces = classes.objects_in(frame)
            numbers = np.zeros(frame.labels.shape, np.int32)
            known = {id(piece): place for place, piece in enumerate(pieces, 1)}
            for place, piece in enumerate(pieces, 1):  # outer ones first
                numbers[piece.window][np.asarray(piece.mask)] = place
            return (
                numbers,
                {place: piece.name for place, piece in enumerate(pieces, 1)},
                {place: titles[piece.label] for place, piece in enumerate(pieces, 1)},
                {known[id(p)]: known[id(p.inside)] for p in pieces if p.inside is not None},
                *self._pair(
                    lambda label: np.isin(frame.labels, classes.whole(label, frame.settings))
                ),
            )

        return collect

    def _kept(self) -> Callable[[], tuple] | None:
        state, classes = self.desk.annotator.present, self.desk.classes
        state = decided(state) if state is not None else None
        if state is None or not state.things:
            return None
        things, titles = state.things, classes.objects

        def of(label: int) -> np.ndarray:
            masks = [mask_of(state, one.number) for one in things if one.label == label]
            return np.logical_or.reduce(masks) if masks else np.zeros(state.picture.shape, bool)

        def collect() -> tuple:
            return (
                state.kept.array(),
                {one.number: one.name for one in things},
                {one.number: titles.get(one.label, str(one.label)) for one in things},
                {one.number: one.inside for one in things if one.inside is not None},
                *self._pair(of),
            )

        return collect

    def _pair(self, of: Callable[[int], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Give the masks of disc and cup, or two empty ones."""
        if not self._has_disc():
            return np.zeros((1, 1), bool), np.zeros((1, 1), bool)
        inner, outer = self.desk.classes.nesting
        return of(outer), of(inner)

    def _show(self, wish: int, found: object) -> None:
        if wish != self._wish:
            return
        self.found = found if isinstance(found, Measured) else None
        self._say(found)
        self.section.show_objects(self.found.objects if self.found else [])
        self.section.show_cup_disc(self.found.cup_disc if self.found else None)

    def _say(self, found: object) -> None:
        """Say what went wrong, or which objects are not measured."""
        kept = self.section.source.currentData() == "kept"
        left_out = not_kept(self.desk.annotator.present) if kept else []
        if isinstance(found, str):
            self.section.notice.say(found, BAD)
        else:
            self.section.notice.say(" ".join(left_out), WARN)

    def copy(self) -> None:
        """Put the table on the clipboard."""
        QApplication.clipboard().setText(as_text(self.section.table))

    def save(self) -> None:
        """Ask for a file and save all tables there."""
        image = self.desk.folder.path
        start = str(image.with_name(f"{image.stem}_measures.csv")) if image else "measures.csv"
        path, _ = QFileDialog.getSaveFileName(
            self.desk.panel, strings.SAVE_TABLE, start, strings.TABLE_KINDS
        )
        if path:
            self.write(Path(path))

    def write(self, path: Path) -> None:
        """Save all tables: one file of sheets (.xlsx), or the objects beside the others (.csv)."""
        found, notice = self.found, self.section.notice
        if found is None:
            return
        tables = [measures.object_table([(found.image, found.objects)])]
        if found.cup_disc is not None:
            pair = [(found.image, found.cup_disc)]
            tables += [measures.cup_disc_table(pair), measures.profile_table(pair)]
        try:
            if path.suffix.lower() == ".xlsx":
                measures.write_xlsx(path, tables)
            else:
                path = path if path.suffix else path.with_suffix(".csv")
                measures.write_csv(path, tables[0])
                for one in tables[1:]:
                    ending = one.name.replace(" ", "_")
                    measures.write_csv(path.with_name(f"{path.stem}_{ending}{path.suffix}"), one)
        except (OSError, ValueError, ImportError) as error:
            notice.say(strings.TABLE_FAILED.format(reason=error), BAD)
            return
        notice.say(strings.TABLE_SAVED.format(path=path.name), OK)
