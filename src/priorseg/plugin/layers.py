"""The layers that show a result: labels, outlines and overlays. Updated in place."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Points
from napari.utils import CyclicLabelColormap
from napari.utils.transforms import Affine
from psygnal import Signal

from . import strings
from .overlays import CHANGE_COLOURS, changes, uncertainty
from .patch import difference, outline, refresh, write
from .pixels import OURS

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ..session import Frame

# Okabe and Ito's palette: told apart by colour-blind eyes; the background is transparent
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
VIEWS = ("both", "filled", "outline", "probability", "uncertainty", "difference")
FIELDS = {"probability": "inferno", "uncertainty": "viridis"}  # shares from 0 to 1, and colours


def colour(label: int) -> str:
    """Give the colour of a label, > 0."""
    return COLOURS[(label - 1) % len(COLOURS)]


def colormap(colours: Iterable[str] = COLOURS) -> CyclicLabelColormap:
    """Give the colours of a label map; 0 is transparent.

    A cycle, other than a table per label, costs no compilation when it is first shown.
    """
    return CyclicLabelColormap(colors=["transparent", *colours])


def load_units() -> None:
    """Fill napari's table of units, which two threads must not do at once."""
    import pint

    pint.get_application_registry().pixel  # noqa: B018 - looking it up fills the table


def warm_up() -> None:
    """Load what napari loads with the first layers, so that a window need not wait for it.

    Meant for the worker's thread; the layers are never shown.
    """
    labels = np.ones((8, 8), np.uint8)
    Labels(labels, colormap=colormap())
    difference(labels, outline(labels))
    Points(np.zeros((1, 2)), features={"label": [1]})


def placement(image: Layer, corner: tuple[float, float] = (0, 0)) -> dict[str, Any]:
    """Give the arguments that lay a 2-D layer on an image, its origin on a pixel of it.

    Parameters
    ----------
    image : Layer   its last two axes are Y, X
    corner : (y, x) in pixels of the image

    Returns
    -------
    dict with scale, translate, rotate, shear, affine, units and axis_labels; layers made by a
    program inherit none of them
    """
    own = {
        "scale": np.asarray(image.scale)[-2:],
        "translate": np.asarray(image.translate)[-2:],
        "rotate": np.asarray(image.rotate)[-2:, -2:],
        "shear": np.asarray(image.shear)[-1:],
    }
    return {
        **own,
        "translate": np.asarray(Affine(**own)(np.asarray(corner, float))),
        "affine": np.asarray(image.affine.affine_matrix)[-3:, -3:],
        "units": image.units[-2:],
        "axis_labels": image.axis_labels[-2:],
    }


def place(layer: Layer, image: Layer, corner: tuple[float, float] = (0, 0)) -> None:
    """Move a 2-D layer onto an image after the image was moved."""
    for name, value in placement(image, corner).items():
        setattr(layer, name, value)


def take_out(viewer: "Viewer", layers: Iterable[Layer]) -> None:
    """Remove the layers that are still in the viewer."""
    for layer in layers:
        with suppress(ValueError, RuntimeError):  # gone, or the window is
            if layer in viewer.layers:
                viewer.layers.remove(layer)


class ResultLayers:
    """Show frames of one image; makes a layer when there is something to show on it.

    Parameters
    ----------
    viewer : napari viewer
    image : Layer       the image that is segmented
    names : mapping     label -> name
    """

    painted = Signal(str)  # a layer that someone has painted in was put aside; its name

    def __init__(self, viewer: "Viewer", image: Layer, names: Mapping[int, str]) -> None:
        self.viewer, self.image, self.names = viewer, image, dict(names)
        self.view, self.label = "both", max(names, default=1)
        self.hidden = False  # out of sight, whatever the view
        self.plain: np.ndarray | None = None  # (Y, X), the network's own labels
        self._frame: Frame | None = None
        self._written: dict[str, np.ndarray] = {}
        self._held: np.ndarray | None = None
        self._layers: dict[str, Layer] = {}
        self._corner: dict[str, tuple[float, float]] = {}

    def layer(self, kind: str) -> Layer | None:
        """Give the layer of a kind (labels, outline, probability) if it is in the viewer."""
        found = self._layers.get(kind)
        return found if found is not None and found in self.viewer.layers else None

    def show(self, frame: "Frame") -> bool:
        """Show a frame; say whether that changes the picture."""
        self._frame = frame
        return self._draw()

    def hold(self, labels: np.ndarray | None) -> None:
        """Show other labels (Y, X) for a while; None = the frame again."""
        self._held = labels
        self._draw()
        if self.hidden:
            self._show_view()

    def hide(self, hidden: bool) -> None:
        """Take the result out of sight, or show it again."""
        self.hidden = hidden
        self._draw()
        self._show_view()

    def set_view(self, view: str, label: int) -> None:
        """Choose what is seen: one of `VIEWS`, and whose probability."""
        self.view, self.label = view, label
        self._draw()
        self._show_view()

    def follow(self) -> None:
        """Lie on the image again after it was moved, scaled or rotated."""
        for kind in list(self._layers):
            layer = self.layer(kind)
            if layer is not None:
                place(layer, self.image, self._corner[kind])

    def set_names(self, names: Mapping[int, str]) -> None:
        """Take the classes of another model; layers are made anew with its colours."""
        self.names = dict(names)
        self.view, self.label = "both", max(names, default=1)

    def blank(self) -> None:
        """Show nothing until the next frame: what is shown belongs to another plane."""
        self._frame = self._held = None
        for kind in list(self._layers):
            self._put_aside(kind)
            layer = self.layer(kind)
            if layer is not None:
                layer.data[...] = 0
                self._written[kind] = np.zeros_like(layer.data)
                refresh(layer)

    def leave(self, name: str) -> tuple[Layer | None, list[Layer]]:
        """Go: give the labels, kept under the image's name, and what can be made again."""
        layers = {kind: layer for kind in self._layers if (layer := self.layer(kind)) is not None}
        kept = layers.get("labels")
        if kept is not None and name and np.any(kept.data):
            kept.name = strings.KEPT.format(name=name)
            kept.editable = kept.visible = True
            del layers["labels"]
        else:
            kept = None
        self._layers.clear()
        self._frame = self._held = None
        return kept, list(layers.values())

    def release(self) -> list[Layer]:
        """Let go of the layers, and give them."""
        layers = [layer for kind in self._layers if (layer := self.layer(kind)) is not None]
        self._layers.clear()
        return layers

    def _put_aside(self, kind: str) -> None:
        """Leave a layer to the user who has painted in it; the next frame makes another one."""
        layer, written = self.layer(kind), self._written.get(kind)
        if not isinstance(layer, Labels) or not layer.editable or written is None:
            return
        if not np.array_equal(layer.data, written):
            del self._layers[kind]
            layer.name = strings.PAINTED_COPY.format(name=self.image.name)
            layer.visible = False
            self.painted.emit(layer.name)

    def _draw(self) -> bool:
        """Write the frame to the layers; say whether that changes the picture."""
        frame = self._frame
        if frame is None:
            return False
        labels = frame.labels if self._held is None else self._held
        corner = (float(frame.region[0].start or 0), float(frame.region[1].start or 0))
        changed = self._put("labels", np.asarray(labels, np.uint8), (0.0, 0.0))
        if self._sees("outline"):
            lines = outline(np.asarray(labels[frame.region], np.uint8))
            changed |= self._put("outline", lines, corner)
        overlay = self._overlay(frame, labels)
        return changed if overlay is None else changed | self._put(self.view, overlay, corner)

    def _overlay(self, frame: "Frame", labels: np.ndarray) -> np.ndarray | None:
        """Give the picture of the view, if it has one."""
        if self.view == "probability":
            return np.asarray(frame.probs[min(self.label, len(frame.probs) - 1)], np.float32)
        if self.view == "uncertainty":
            return uncertainty(frame.probs)
        if self.view == "difference" and self.plain is not None:
            return changes(labels[frame.region], self.plain[frame.region]).codes
        return None

    def _sees(self, kind: str) -> bool:
        if self.hidden and self._held is None:
            return False
        views = {"labels": ("both", "filled"), "outline": ("both", "outline", "difference")}
        return self.view in views.get(kind, (kind,))

    def _show_view(self) -> None:
        for kind in self._layers:
            layer = self.layer(kind)
            if layer is not None:
                layer.visible = self._sees(kind)

    def _put(self, kind: str, data: np.ndarray, corner: tuple[float, float]) -> bool:
        self._put_aside(kind)
        layer, changed = self.layer(kind), True
        if layer is None or layer.data.shape != data.shape:
            if layer is not None:
                self.viewer.layers.remove(layer)
            self._layers[kind] = self._add(kind, data.copy(), corner)
        else:
            if corner != self._corner[kind]:
                place(layer, self.image, corner)
            changed = _change(layer, data) or corner != self._corner[kind]
        self._corner[kind], self._written[kind] = corner, data
        return changed

    def _add(self, kind: str, data: np.ndarray, corner: tuple[float, float]) -> Layer:
        active = self.viewer.layers.selection.active
        options = {
            "name": strings.LAYERS[kind], "metadata": {OURS: kind}, "visible": self._sees(kind),
            **placement(self.image, corner),
        }  # fmt: skip
        layer: Layer
        if kind in FIELDS:
            colours = FIELDS[kind]
            layer = Image(data, colormap=colours, contrast_limits=(0, 1), opacity=0.7, **options)
        else:
            palette = CHANGE_COLOURS if kind == "difference" else COLOURS
            layer = Labels(data, colormap=colormap(palette), **options)
            layer.opacity = {"labels": 0.35, "difference": 0.6}.get(kind, 1.0)
            layer.editable = False  # undo would write old pixels into a newer frame
        self.viewer.add_layer(layer)
        self._lift_centres()
        if active is not None and active in self.viewer.layers:
            self.viewer.layers.selection.active = active
        return layer

    def _lift_centres(self) -> None:
        """Keep the centres above the results, where they are seen and can be taken hold of."""
        layers = self.viewer.layers
        for layer in list(layers):
            if layer.metadata.get(OURS) == "centres" and layers[-1] is not layer:
                layers.move(layers.index(layer), len(layers))


def _change(layer: Layer, data: np.ndarray) -> bool:
    """Show other data of the same shape; say whether they differ."""
    if not isinstance(layer, Labels):
        layer.data[...] = data
        refresh(layer)
        return True
    box = difference(layer.data, data)
    if box is not None:
        write(layer, box, data[box])
    return box is not None
