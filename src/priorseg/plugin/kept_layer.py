"""The layer that shows the objects that are kept."""

import numpy as np
from napari.layers import Labels

from . import strings
from .layers import placement, take_out
from .own_layer import OwnLayer
from .pixels import OURS

LINE_PX = 2


class KeptLayer(OwnLayer):
    """Show kept objects as outlines; each number has a colour of its own.

    Parameters
    ----------
    viewer : napari viewer

    Set ``image`` to the layer that the objects belong to.
    """

    def set(self, kept: np.ndarray) -> None:
        """Show numbers of objects, (Y, X) int32; nothing kept leaves no layer."""
        layer = self.layer
        if layer is not None and layer.data.shape == kept.shape and kept.any():
            layer.editable = True
            layer.data = kept.copy()
            layer.editable = False
            return
        take_out(self.viewer, self.release())
        if kept.any():
            self._make(kept)

    def select(self, number: int) -> None:
        """Bring an object into view."""
        layer = self.layer
        if layer is None:
            return
        layer.selected_label = number
        place_yx = np.argwhere(layer.data == number)
        if not len(place_yx) or self.viewer.dims.ndisplay != 2:
            return
        world = layer.data_to_world(place_yx.mean(0))
        self.viewer.scene.camera.center = (0.0, *world[-2:])

    def _make(self, kept: np.ndarray) -> None:
        active = self.viewer.layers.selection.active
        layer = Labels(
            kept.copy(),
            name=strings.LAYERS["kept"],
            opacity=0.9,
            metadata={OURS: "kept"},
            **placement(self.image),
        )
        layer.contour = LINE_PX
        layer.editable = False
        self.viewer.add_layer(layer)
        self.layer = layer
        self.viewer.layers.selection.active = active
