"""The layer in which a person paints what every solve has to keep."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer
from psygnal import Signal
from qtpy.QtCore import QTimer

from . import strings
from .layers import COLOURS, colormap, placement, take_out
from .own_layer import OwnLayer
from .patch import difference, write
from .pixels import OURS

if TYPE_CHECKING:
    from napari.viewer import Viewer

FREE = 0  # value of a pixel that nothing is painted on; label + 1 = painted as that label
GROUND = "#FFFFFF"  # colour of the background, painted


class Corrections(OwnLayer):
    """Show painted pixels in a layer of their own, and hear of every stroke.

    Parameters
    ----------
    viewer : napari viewer

    Set ``image`` to the layer whose pixels are painted on.
    """

    stroked = Signal(object, object)  # pixels (Y, X) bool, and the label; None = set free
    lost = Signal()  # the layer was deleted

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__(viewer)
        self._known: np.ndarray | None = None  # (Y, X) uint8, read-only; what is drawn
        self._quiet = False

    @property
    def active(self) -> bool:
        """Say whether the mouse paints."""
        layer = self.layer
        chosen = self.viewer.layers.selection.active
        return layer is not None and chosen is layer and layer.mode in ("paint", "erase", "fill")

    def set(self, painted: np.ndarray) -> None:
        """Show painted pixels, (Y, X) uint8; an empty layer is not made."""
        self._known = painted
        if self.layer is None or self.layer.data.shape != painted.shape:
            take_out(self.viewer, self.release())
            if not painted.any():
                return
            self._make(painted)
            return
        self._write(painted)

    def arm(self, label: int | None, shape: tuple[int, int]) -> None:
        """Let the mouse paint a label, or set pixels free (None)."""
        if self.layer is None:
            if self._known is None or self._known.shape != shape:
                self._known = np.zeros(shape, np.uint8)
            self._make(self._known)
        layer = self.layer
        layer.visible = True
        self.viewer.layers.selection.active = layer
        if label is None:
            layer.mode = "erase"
        else:
            layer.selected_label = label + 1
            layer.mode = "paint"

    def disarm(self) -> None:
        """Let the mouse move the picture again."""
        if self.layer is not None and self.layer.mode != "pan_zoom":
            self.layer.mode = "pan_zoom"

    def set_brush(self, size: int) -> None:
        """Choose the brush's diameter in pixels."""
        if self.layer is not None:
            self.layer.brush_size = size

    def take_back(self) -> None:
        """Show what was painted before the last stroke."""
        if self.layer is not None and self._known is not None:
            self._write(self._known)

    def release(self) -> list[Layer]:
        """Let go of the layer, and give it."""
        if self.layer is not None:
            with suppress(Exception):
                self.layer.events.paint.disconnect(self._on_event)
        return super().release()

    def forget(self) -> list[Layer]:
        """Know nothing painted any more, and give the layer."""
        self._known = None
        return self.release()

    def on_removed(self, layer: Layer) -> None:
        """React to a layer that someone deleted; what is painted stays in force."""
        if layer is self.layer:
            self.layer = None
            if self._known is not None and self._known.any():
                self.lost.emit()

    def show_again(self) -> None:
        """Make the layer anew after it was deleted."""
        if self.layer is None and self._known is not None and self.image is not None:
            self._make(self._known)

    def _make(self, painted: np.ndarray) -> None:
        active = self.viewer.layers.selection.active
        layer = Labels(
            painted.copy(),
            name=strings.LAYERS["corrections"],
            colormap=colormap((GROUND, *COLOURS)),
            opacity=0.8,
            metadata={OURS: "corrections"},
            **placement(self.image),
        )
        layer.brush_size = max(1, round(min(painted.shape) / 40))
        self.viewer.add_layer(layer)
        layer.events.paint.connect(self._on_event)
        self.layer = layer
        self.viewer.layers.selection.active = active

    def _write(self, painted: np.ndarray) -> None:
        layer, self._quiet = self.layer, True
        box = difference(layer.data, np.ascontiguousarray(painted))
        if box is not None:
            write(layer, box, painted[box])
        layer._reset_history()  # its own undo would write old pixels over these
        self._quiet = False

    def _on_event(self, _event: Any = None) -> None:
        if not self._quiet:
            QTimer.singleShot(0, self._on_paint)  # a fill is announced before it is done

    def _on_paint(self) -> None:
        layer, before = self.layer, self._known
        if layer is None or before is None:
            return
        box = difference(np.ascontiguousarray(before), layer.data)
        if box is None:
            return
        mask = np.zeros(before.shape, bool)
        mask[box] = layer.data[box] != before[box]
        values = np.unique(layer.data[mask])
        if len(values) != 1 or values[0] > max(255, len(COLOURS) + 1):
            self.take_back()  # several values: a paste by hand, not a stroke
            return
        self.stroked.emit(mask, None if values[0] == FREE else int(values[0]) - 1)
