"""One click on the canvas, in pixels of an image."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer
from psygnal import Signal

if TYPE_CHECKING:
    from napari.viewer import Viewer

DRAG_PX = 5  # a press that moves further pans the image instead


class Picker:
    """Wait for one click and hand its place on.

    Parameters
    ----------
    viewer : napari viewer
    """

    switched = Signal()  # a click is awaited, or no longer

    def __init__(self, viewer: "Viewer") -> None:
        self.viewer = viewer
        self._image: Layer | None = None
        self._act: Callable[[tuple[float, float]], None] | None = None

    @property
    def armed(self) -> bool:
        """Say whether a click is awaited."""
        return self._act is not None

    def arm(self, image: Layer, act: Callable[[tuple[float, float]], None]) -> None:
        """Hand the next click's place (y, x), in pixels of the image, to a function."""
        self.disarm()
        self._image, self._act = image, act
        self.viewer.layers.selection.active = image  # else a click might draw in its layer
        self.viewer.cursor.style = "crosshair"
        self.viewer.mouse_drag_callbacks.append(self._on_press)
        self.switched.emit()

    def disarm(self) -> None:
        """Stop waiting."""
        if self._act is not None:
            self._image = self._act = None
            self.viewer.cursor.style = "standard"
            with suppress(ValueError):
                self.viewer.mouse_drag_callbacks.remove(self._on_press)
            self.switched.emit()

    def _on_press(self, _viewer: Any, event: Any) -> Iterator[None]:
        start = np.asarray(event.pos, float)
        place = self._image.world_to_data(event.position)[-2:] if self._image else None
        yield
        while event.type == "mouse_move":
            yield
        act = self._act
        if act is None or place is None:
            return
        if np.linalg.norm(np.asarray(event.pos, float) - start) <= DRAG_PX:
            self.disarm()
            act((float(place[0]), float(place[1])))
