"""Masks of other programs become objects: kept at once, or to be looked at first."""

from typing import TYPE_CHECKING

from .. import exchange
from ..annotation.drafting import keep_result
from ..annotation.importing import of_classes, of_objects, to_look_at
from ..annotation.keeping import Candidate
from . import strings
from .files_section import CLASSES, LOOK
from .widgets import BAD, OK, WARN

if TYPE_CHECKING:
    from .controller import Controller
    from .files_flow import FilesFlow


class ImportFlow:
    """Import masks.

    Parameters
    ----------
    desk : Controller
    files : FilesFlow
    """

    def __init__(self, desk: "Controller", files: "FilesFlow") -> None:
        self.desk, self.files, self.section = desk, files, desk.panel.files
        self.annotator = desk.annotator
        self.section.load.connect(self.load)

    def load(self) -> None:
        """Read a mask of the image and take its objects."""
        notice, path = self.section.mask_notice, self.section.mask.path
        state, info = self.annotator.present, self.desk.session.info
        if state is None or info is None:
            notice.say(strings.NEED_IMAGE)
            return
        if path is None:
            notice.say(strings.NO_PATH)
            return
        digest, shape, plane = state.picture.digest, state.picture.shape, state.picture.plane

        def read() -> exchange.Masks:
            try:
                return exchange.read(path, shape=shape)
            except ValueError:
                if info.planes == 1:
                    raise
                return exchange.read(path, shape=shape, plane=plane)

        def go_on(masks: exchange.Masks) -> None:
            present = self.annotator.present
            if present is None or present.picture.digest != digest:
                notice.say(strings.OTHER_IMAGE.format(name=path.name), WARN)
            else:
                self.take(masks, path.name)

        self.files.begin(read, notice, strings.READING, path, go_on)

    def take(self, masks: exchange.Masks, name: str) -> None:
        """Take the objects of a mask, as one step: keep them, or only show them for now."""
        notice, before = self.section.mask_notice, self.annotator.present
        if before is None:
            return
        first_looked_at, left_out = self.section.imported_as.currentData() == LOOK, 0
        try:
            found = self._found(masks)
            if first_looked_at:
                after, left_out = to_look_at(before, found)
            else:
                after = keep_result(before, found, self.desk.panel.objects.overlap)
        except ValueError as error:
            notice.say(str(error), BAD)
            return
        self.annotator.change(lambda _state: after, strings.STEP_IMPORT.format(name=name))
        said = strings.TO_LOOK_AT if first_looked_at else strings.IMPORTED
        text = [said.format(count=strings.counted(len(found) - left_out, "object"), name=name)]
        if left_out:
            text.append(strings.IMPORT_LEFT_OUT.format(count=strings.counted(left_out, "object")))
        text += masks.notes
        if first_looked_at:
            notice.say("\n".join(text), OK, strings.LOOK_NOW, self.desk.objects.deciding.begin)
        else:
            notice.say("\n".join(text), OK)

    def _found(self, masks: exchange.Masks) -> list[Candidate]:
        classes, meaning = self.desk.classes, int(self.section.numbers.currentData())
        if meaning != CLASSES:
            objects = classes.objects if classes is not None else {}
            title = objects.get(meaning, strings.OBJECT)
            return of_objects(masks.labels, meaning, title, masks.names)
        if classes is None:
            names = {one: masks.names.get(one, f"{strings.OBJECT} {one}") for one in masks.present}
            return of_classes(masks.labels, names, {one: (one,) for one in names})
        settings = self.desk.settings
        wholes = {label: classes.whole(label, settings) for label in classes.objects}
        return of_classes(masks.labels, classes.objects, wholes)
