"""The viewer's side of the panel: one image, its result layers and marks, and their fate."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer
from psygnal import Signal
from qtpy.QtCore import QTimer

from . import strings
from .corrections import Corrections
from .guides import Guides
from .kept_layer import KeptLayer
from .layers import ResultLayers, placement, take_out
from .marks import CentreLayer
from .picker import Picker
from .pixels import OURS, is_candidate, plane_index

if TYPE_CHECKING:
    from napari.viewer import Viewer

ZOOM_SHARE = 0.8  # of the canvas that a region fills when it is brought into view
SEEN_PX = 60.0  # of the canvas, diameter of an object that is looked at, at least
_MOVES = ("scale", "translate", "rotate", "shear", "affine", "units")


class Canvas:
    """Watch the viewer and own what the panel draws in it.

    Parameters
    ----------
    viewer : napari viewer
    """

    listed = Signal(object)  # layers came (the new one), went or were renamed (None)
    lost = Signal(str)  # the image was deleted; its name
    swapped = Signal()  # the image has other pixels
    painted = Signal(str)  # strokes on a result were put aside; the layer's name
    plane = Signal(int)  # another plane of the stack is shown

    def __init__(self, viewer: "Viewer") -> None:
        self.viewer = viewer
        self.image: Image | None = None
        self.results: ResultLayers | None = None
        self.left: list[Layer] = []  # result layers that the last image has left to the user
        self.centres = CentreLayer(viewer)
        self.guides = Guides(viewer)
        self.corrections = Corrections(viewer)
        self.kept = KeptLayer(viewer)
        self._marks = (self.centres, self.guides, self.corrections, self.kept)
        self.picker = Picker(viewer)
        self._plane = 0
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.current_step.connect(self._on_step)
        for layer in viewer.layers:
            layer.events.name.connect(self._on_named)

    def candidates(self) -> list[Image]:
        """Give the layers that can be segmented, top one first."""
        return [layer for layer in reversed(list(self.viewer.layers)) if is_candidate(layer)]

    def use(self, image: Image | None, names: Mapping[int, str]) -> None:
        """Work on an image; what was drawn for another one is taken away, its labels are kept."""
        self.release()
        self.image = image
        if image is None:
            return
        for name in _MOVES:
            getattr(image.events, name).connect(self._on_moved)
        image.events.data.connect(self._on_data)
        self.results = ResultLayers(self.viewer, image, names)
        self.results.painted.connect(self.painted)
        for marks in self._marks:
            marks.image = image
        self._plane = self.shown_plane()

    def release(self, *, deleted: bool = False) -> None:
        """Let go of the image; deleted = napari is removing it, perhaps with other layers."""
        image, self.image = self.image, None
        self.picker.disarm()
        if image is not None:
            for name in _MOVES:
                getattr(image.events, name).disconnect(self._on_moved)
            image.events.data.disconnect(self._on_data)
        results, self.results = self.results, None
        gone = self.centres.release() + self.guides.release()
        gone += self.corrections.forget() + self.kept.release()
        if results is not None:
            kept, spare = results.leave(image.name if image is not None else "")
            self.left = [] if kept is None else [kept]
            gone += spare
        if deleted:
            QTimer.singleShot(0, partial(take_out, self.viewer, gone))
        else:
            take_out(self.viewer, gone)

    def shown_plane(self) -> int:
        """Give the number of the plane that the viewer shows."""
        if self.image is None or self.image not in self.viewer.layers:
            return self._plane  # a deleted stack takes its axis along before anyone is told
        return plane_index(self.image, self.viewer.dims.point)

    def zoom_to(self, region: tuple[slice, slice]) -> None:
        """Bring a region of the image into view, with a margin."""
        if self.image is None or self.viewer.dims.ndisplay != 2:
            return
        corners = np.array([[p.start for p in region], [p.stop for p in region]], float)
        matrix = placement(self.image)
        scale = np.abs(np.asarray(matrix["scale"]))
        front = list(self.viewer.dims.point)[: self.image.ndim - 2]
        middle = self.image.data_to_world([*front, *corners.mean(0)])
        self.viewer.scene.camera.center = (0.0, *middle[-2:])
        height, width = (corners[1] - corners[0]) * scale
        size = self.viewer.canvas.size
        self.viewer.scene.camera.zoom = ZOOM_SHARE * min(size[0] / height, size[1] / width)

    def look_at(self, place: tuple[float, float], diameter: float) -> None:
        """Bring a pixel of the image into the middle; objects there get large enough to see."""
        if self.image is None or self.viewer.dims.ndisplay != 2:
            return
        front = list(self.viewer.dims.point)[: self.image.ndim - 2]
        camera = self.viewer.scene.camera
        camera.center = (0.0, *self.image.data_to_world([*front, *place])[-2:])
        step = float(np.abs(np.asarray(placement(self.image)["scale"])).max())
        camera.zoom = max(camera.zoom, SEEN_PX / (diameter * step))

    def close(self) -> None:
        """Stop watching; the layers stay and belong to the user."""
        with suppress(Exception):
            self.picker.disarm()
        events = self.viewer.layers.events
        for emitter, slot in (
            (events.inserted, self._on_inserted),
            (events.removed, self._on_removed),
            (self.viewer.dims.events.current_step, self._on_step),
        ):
            emitter.disconnect(slot)
        self.centres.unwatch()
        for layer in self.viewer.layers:
            layer.events.name.disconnect(self._on_named)
        if self.image is not None:
            for name in _MOVES:
                getattr(self.image.events, name).disconnect(self._on_moved)
            self.image.events.data.disconnect(self._on_data)
        for part in (self.results, *self._marks):
            for layer in part.release() if part is not None else ():
                with suppress(RuntimeError):  # the window is gone
                    _give(layer, self.image.name if self.image is not None else "")
        self.image = self.results = None

    def draw_guides(
        self, region: tuple[slice, slice] | None, circles: Sequence[tuple[float, float, float]]
    ) -> None:
        """Draw the region and circles (y, x, radius), if there is an image."""
        if self.image is not None:
            self.guides.draw(region, circles)

    def _on_inserted(self, event: Any) -> None:
        event.value.events.name.connect(self._on_named)
        if is_candidate(event.value):
            self.listed.emit(event.value)

    def _on_removed(self, event: Any) -> None:
        layer: Layer = event.value
        layer.events.name.disconnect(self._on_named)
        for marks in self._marks:
            marks.on_removed(layer)
        if layer is self.image:
            name = layer.name
            self.release(deleted=True)
            self.lost.emit(name)
        if is_candidate(layer):
            self.listed.emit(None)

    def _on_named(self, event: Any) -> None:
        if is_candidate(event.source):
            self.listed.emit(None)

    def _on_data(self, _event: Any = None) -> None:
        self.swapped.emit()

    def _on_moved(self, _event: Any = None) -> None:
        for part in (self.results, *self._marks):
            if part is not None:
                part.follow()

    def _on_step(self, _event: Any = None) -> None:
        if self.image is None or self.image.ndim < 3:
            return
        shown = self.shown_plane()
        if shown != self._plane:
            self._plane = shown
            self.plane.emit(shown)


def _give(layer: Layer, name: str) -> None:
    """Leave a layer of the panel to the user, under the image's name."""
    layer.name = strings.KEPT_PART.format(name=name, kind=layer.metadata[OURS])
    layer.editable = True
