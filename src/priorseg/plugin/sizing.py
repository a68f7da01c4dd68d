"""Sizes that follow from the image: areas of pixels, locked volumes, radii that suit an object."""

from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np

from ..geometry import label_components
from ..session import Settings
from . import edits, strings
from .widgets import WARN

if TYPE_CHECKING:
    from ..session import ImageInfo
    from .controller import Controller

SHARES = (1 / 60, 1 / 30, 1 / 15, 1 / 10, 2 / 15)  # of a diameter; 2 to 16 px at 120 px


def suitable_radii(area: float) -> tuple[float, ...]:
    """Give the radii of the convexity test that suit an object, whole pixels from 1 to 200.

    Parameters
    ----------
    area : float   of the object in pixels, > 0
    """
    diameter = 2 * sqrt(area / pi)
    return tuple(sorted({float(min(max(1, round(share * diameter)), 200)) for share in SHARES}))


class Sizing:
    """Connect what is said about sizes with the settings.

    Parameters
    ----------
    desk : Controller
    """

    def __init__(self, desk: "Controller") -> None:
        self.desk, self.priors = desk, desk.panel.priors
        self._locked: set[int] = set()
        details = self.priors.details
        details.volumes.locked.connect(self.on_locked)
        details.volumes.painted.connect(desk.objects.paint_volume)
        details.auto.connect(self.choose_radii)
        self.priors.selected.connect(self.show)
        self.priors.edited.connect(self.show)

    @property
    def locked(self) -> set[int]:
        """Give the labels whose volume stays."""
        return self._locked & set(self.priors.settings.volumes)

    def with_locked(self, settings: Settings) -> Settings:
        """Give settings in which the locked volumes are as they are now, and no others."""
        now = self.priors.settings.volumes
        for label in set(settings.volumes) | self.locked:
            settings = edits.with_volume(
                settings, label, now[label] if label in self.locked else None
            )
        return settings

    def forget(self) -> None:
        """Lock nothing: the labels belong to another model."""
        self._locked = set()
        self.show()

    def on_locked(self, on: bool) -> None:
        """Lock or release the volume of the selected class."""
        self._locked = self._locked - {self.priors.label} | ({self.priors.label} if on else set())
        self.show()

    def show(self, *_: object) -> None:
        """Show whether the volume of the selected class is locked."""
        self.priors.details.volumes.lock.setChecked(self.priors.label in self.locked)

    def show_pixel(self, info: "ImageInfo | None") -> None:
        """Tell the volume's row the area of a pixel."""
        known = info is not None and info.units not in ("px", "pixel")
        area = info.spacing[0] * info.spacing[1] if known else 0.0
        self.priors.details.volumes.set_pixel(area, info.units if known else "")

    def choose_radii(self) -> None:
        """Take the radii that suit the largest piece of the selected class."""
        frame, classes, label = self.desk.shown, self.desk.classes, self.priors.label
        if classes is None or not label:
            return
        area = 0
        if frame is not None:
            inside = np.isin(frame.labels[frame.region], classes.whole(label, frame.settings))
            area = int(np.bincount(label_components(inside)[0].ravel())[1:].max(initial=0))
        if not area:
            text = strings.NO_OBJECT.format(name=classes.objects[label])
            self.priors.notice.say(text, WARN)
            return
        labels = {*edits.convex_labels(self.priors.settings), label}
        settings = edits.with_convex(self.priors.settings, labels, suitable_radii(area))
        self.priors.edit(settings)
