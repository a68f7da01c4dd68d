"""Offer to go on with work that a crash or a power cut has left."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtWidgets import QFrame

from ..annotation.recovery import SessionFolder, load_picture
from . import strings
from .widgets import BAD, OK, TINTS, WARN, Wrapped, button, column, row

if TYPE_CHECKING:
    from .controller import Controller


class RecoveryBar(QFrame):
    """One session at a time: recover it, discard it, or leave it for later."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("recovery")
        self._text = Wrapped()
        self.recover = button(strings.RECOVER, strings.TIP_RECOVER)
        self.discard = button(strings.DISCARD, strings.TIP_DISCARD)
        self.later = button(strings.LATER, strings.TIP_LATER)
        layout = column(self)
        layout.setContentsMargins(8, 2, 0, 2)
        layout.addWidget(self._text)
        layout.addLayout(row(self.recover, self.discard, self.later))
        self.hide()

    @property
    def text(self) -> str:
        """Give what is said; empty if the bar is hidden."""
        return "" if self.isHidden() else self._text.text()

    def offer(self, session: SessionFolder | None) -> None:
        """Offer a session; None hides the bar."""
        self.setVisible(session is not None)
        self._dress(strings.LATER, WARN)
        if session is not None:
            self._text.setText(
                strings.RECOVERABLE.format(
                    name=session.name,
                    time=when(session),
                    objects=session.objects,
                    clicks=session.clicks,
                )
            )

    def tell(self, text: str, level: str = OK) -> None:
        """Say how it went; OK hides the bar."""
        self._text.setText(text)
        self._dress(strings.FINE, level)
        self.show()

    def _dress(self, last: str, level: str) -> None:
        for made in (self.recover, self.discard):
            made.setVisible(last == strings.LATER)
        self.later.setText(last)
        self.setStyleSheet(f"QFrame#recovery {{ border-left: 3px solid {TINTS[level]}; }}")


def when(session: SessionFolder) -> str:
    """Write when a session was saved last, in local time."""
    return datetime.fromtimestamp(session.loaded.time).strftime("%d %b %H:%M")


class Recovering:
    """Connect the bar with the sessions that were broken off.

    Parameters
    ----------
    desk : Controller
    """

    def __init__(self, desk: "Controller") -> None:
        self.desk, self.bar = desk, desk.panel.recovery
        self._later: set[Path] = set()
        self._offered: SessionFolder | None = None
        self.bar.recover.clicked.connect(self.recover)
        self.bar.discard.clicked.connect(self.discard)
        self.bar.later.clicked.connect(self.later)
        desk.annotator.saving.found.connect(self.offer)
        desk.annotator.saving.look()

    def offer(self) -> None:
        """Offer the newest session that was broken off."""
        left = [
            one for one in self.desk.annotator.saving.broken_off if one.folder not in self._later
        ]
        self._offered = left[0] if left else None
        self.bar.offer(self._offered)

    def later(self) -> None:
        """Offer the next one; this one stays."""
        if self._offered is not None:
            self._later.add(self._offered.folder)
        self.offer()

    def discard(self) -> None:
        """Delete what was saved of the one that is offered."""
        notice = self.desk.panel.image.notice
        if self._offered is not None:
            try:
                self.desk.annotator.saving.discard(self._offered)
            except (OSError, RuntimeError) as error:
                notice.say(strings.DISCARD_FAILED.format(reason=error), BAD)
                self._later.add(self._offered.folder)
        self.offer()

    def recover(self) -> None:
        """Open the image again; its state comes back with it."""
        session, desk = self._offered, self.desk
        if session is None or session.loaded.state is None:
            return
        self._later.add(session.folder)
        picture = session.loaded.state.picture
        layer = self._open(session)
        present = desk.annotator.present
        if layer is None or present is None or present.picture.digest != picture.digest:
            where = picture.path or session.folder
            self.bar.tell(strings.IMAGE_GONE.format(path=where), BAD)
        else:
            self.bar.tell(strings.RECOVERED.format(name=session.name, time=when(session)))

    def _open(self, session: SessionFolder) -> Image | None:
        desk, picture = self.desk, session.loaded.state.picture
        try:
            if picture.path is not None and Path(picture.path).is_file():
                found = desk.canvas.viewer.open(picture.path, plugin="napari")
            else:
                pixels = load_picture(session.folder)
                if pixels is None:
                    return None
                rgb = pixels.ndim == 3
                found = [desk.canvas.viewer.add_image(pixels, rgb=rgb, name=picture.name)]
        except (OSError, ValueError) as error:
            desk.panel.image.notice.say(str(error), BAD)
            return None
        layer = next((one for one in found if isinstance(one, Image)), None)
        if layer is not None:
            if picture.plane:
                desk.canvas.viewer.dims.set_current_step(0, picture.plane)
            desk.images.choose(layer)
        return layer
