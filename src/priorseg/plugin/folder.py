"""The images of a folder, one after the other."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget

from ..io import PICTURES, TIFF, read_image
from . import strings
from .layers import take_out
from .turns import main_window
from .widgets import WARN

if TYPE_CHECKING:
    from .controller import Controller

ENDINGS = (*PICTURES, *TIFF)
SETTLE_MS = 400  # software OpenGL fails where layers go and come in one paint; 60 was too short
MOST_WAITS = 10  # a window that nobody sees is not painted


def neighbours(path: Path) -> list[Path]:
    """List the images of a file's folder by name, as a person counts: 2 before 10."""
    found = [one for one in path.parent.iterdir() if one.suffix.lower() in ENDINGS]
    return sorted((one for one in found if not one.name.startswith(".")), key=_counted)


def _counted(path: Path) -> list[tuple[int, str]]:
    parts: list[tuple[int, str]] = []
    digits = ""
    for letter in path.name.lower() + "\0":
        if letter.isdecimal():
            digits += letter
            continue
        if digits:
            parts.append((int(digits), ""))
            digits = ""
        parts.append((-1, letter))
    return parts


class Folder:
    """Go to the next and the previous image of the folder of the image in use.

    Parameters
    ----------
    desk : Controller
    """

    def __init__(self, desk: "Controller") -> None:
        self.desk, self.section = desk, desk.panel.objects
        self.section.step.connect(self.step)
        desk.annotator.changed.connect(self.show)
        self._steps: list[Callable[[], object]] = []
        self._paints = self._waits = 0
        self._watched: list[QOpenGLWidget] = []
        self._timer = QTimer(desk.panel)  # ends with the panel, other than a single shot
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._go_on)
        self.show()

    @property
    def path(self) -> Path | None:
        """Give the file of the image in use; None if it has none."""
        image = self.desk.canvas.image
        path = getattr(image.source, "path", None) if image is not None else None
        return Path(path) if path and Path(path).is_file() else None

    def show(self) -> None:
        """Say which image of the folder is open."""
        path = self.path
        if path is None:
            self.section.show_step(strings.NO_FOLDER, False, False)
            return
        files = neighbours(path)
        place = files.index(path) if path in files else 0
        text = strings.PLACE_IN_FOLDER.format(
            place=place + 1, count=len(files), folder=path.parent.name
        )
        self.section.show_step(text, place > 0, place + 1 < len(files))

    def step(self, by: int) -> None:
        """Open another image of the folder; what cannot be read is passed over and named."""
        path = self.path
        notice = self.section.images_notice
        if self._steps:
            return  # the last one is still on its way
        if path is None:
            notice.say(strings.NO_FOLDER)
            return
        files = neighbours(path)
        place = (files.index(path) if path in files else -1) + by
        passed = []
        while 0 <= place < len(files):
            try:
                self._open(files[place])
            except Exception as error:  # any reader may fail in its own way
                reason = " ".join(str(error).split())[:120]
                passed.append(strings.UNREADABLE.format(name=files[place].name, reason=reason))
                place += by
                continue
            notice.say("\n".join(passed), WARN)
            return
        end = strings.LAST_IMAGE.format(end="last" if by > 0 else "first")
        notice.say("\n".join([*passed, end]))

    def _open(self, path: Path) -> None:
        """Put an image in the place of the one in use, and run the model on it.

        It is added at once, so that what cannot be read is known; the rest follows paint by paint.
        """
        desk, viewer = self.desk, self.desk.canvas.viewer
        read_image(path)  # says clearly what is wrong, and leaves no file open
        old, had_result = desk.canvas.image, desk.plain is not None
        self._watch()
        found = viewer.open(str(path), plugin="napari")
        new = next((layer for layer in found if isinstance(layer, Image)), None)
        if new is None:
            take_out(viewer, found)
            raise ValueError("it holds no image")
        self._steps = [
            lambda: desk.images.choose(new),
            lambda: self._look_at(new, had_result),
            lambda: take_out(viewer, [*desk.canvas.left, *([] if old is None else [old])]),
        ]
        self._settle()

    def _watch(self) -> None:
        """Count how often the picture is painted from now on."""
        for canvas in main_window(self.desk.panel).findChildren(QOpenGLWidget):
            if canvas not in self._watched:
                canvas.frameSwapped.connect(self._on_paint)
                self._watched.append(canvas)

    def _on_paint(self) -> None:
        self._paints += 1

    def _settle(self) -> None:
        self._paints = self._waits = 0
        self._timer.start(SETTLE_MS)

    def _go_on(self) -> None:
        """Do the next of the steps that must not meet in one paint; old layers go last.

        They lie below the new image, and software OpenGL fails if they go before its first result.
        On a busy machine a paint may come later than the clock says.
        """
        busy = self.desk.worker.busy or self.desk.frames.sketched
        self._waits += 1
        painted = self._paints > 0 or self._waits >= MOST_WAITS
        if not painted or (len(self._steps) == 1 and busy):
            self._timer.start(SETTLE_MS)
            return
        self._steps.pop(0)()
        if self._steps:
            self._settle()

    def _look_at(self, new: Image, had_result: bool) -> None:
        desk = self.desk
        if desk.canvas.image is not new:
            return
        desk.canvas.viewer.reset_view()
        if had_result and desk.plain is None and not desk.worker.busy:
            desk.run()
