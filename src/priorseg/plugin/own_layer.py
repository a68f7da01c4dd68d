"""What all marks share: at most one layer of their own, which lies on the image."""

from typing import TYPE_CHECKING, Any

from napari.layers import Layer

from .layers import place

if TYPE_CHECKING:
    from napari.viewer import Viewer


class OwnLayer:
    """Own a layer that is made when there is something to show.

    Parameters
    ----------
    viewer : napari viewer

    Set ``image`` to the layer whose pixels it is drawn in.
    """

    def __init__(self, viewer: "Viewer") -> None:
        self.viewer = viewer
        self.image: Layer | None = None
        self.layer: Any = None

    def release(self) -> list[Layer]:
        """Let go of the layer, and give it."""
        layer, self.layer = self.layer, None
        return [] if layer is None else [layer]

    def on_removed(self, layer: Layer) -> None:
        """React to a layer that someone deleted."""
        if layer is self.layer:
            self.layer = None

    def follow(self) -> None:
        """Lie on the image again after it was moved."""
        if self.layer is not None:
            place(self.layer, self.image)
