"""What is drawn to be looked at: the region of interest, circles of the radii."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes

from . import strings
from .layers import placement, take_out
from .own_layer import OwnLayer
from .pixels import OURS

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Guides(OwnLayer):
    """Draw the region of interest and the circles of the convex radii; not editable.

    Parameters
    ----------
    viewer : napari viewer

    Set ``image`` to the layer whose pixels the shapes are given in.
    """

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__(viewer)
        self._drawn: tuple[Any, ...] = ()

    def draw(
        self,
        region: tuple[slice, slice] | None,
        circles: Sequence[tuple[float, float, float]] = (),
    ) -> None:
        """Draw a rectangle and circles (y, x, radius); nothing drawn leaves no layer."""
        wanted = (region, tuple(circles))
        if wanted == self._drawn and (self.layer is None) == (region is None and not circles):
            return
        self._drawn = wanted
        take_out(self.viewer, self.release())
        shapes = [] if region is None else [_rectangle(region)]
        shapes += [_box(*circle) for circle in circles]
        if not shapes:
            return
        kinds = ["rectangle"] * (region is not None) + ["ellipse"] * len(circles)
        active = self.viewer.layers.selection.active
        self.layer = Shapes(
            shapes,
            shape_type=kinds,
            name=strings.LAYERS["guides"],
            edge_color="white",
            edge_width=1,
            face_color="transparent",
            opacity=0.8,
            metadata={OURS: "guides"},
            **placement(self.image),
        )
        self.layer.editable = False
        self.viewer.add_layer(self.layer)
        self.viewer.layers.selection.active = active


def _rectangle(region: tuple[slice, slice]) -> np.ndarray:
    (top, bottom), (left, right) = ((part.start - 0.5, part.stop - 0.5) for part in region)
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)])


def _box(y: float, x: float, radius: float) -> np.ndarray:
    low, high = np.array([y, x]) - radius, np.array([y, x]) + radius
    return np.array([low, (low[0], high[1]), high, (high[0], low[1])])
