"""What the user points at: star centres."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer, Points
from psygnal import Signal
from qtpy.QtCore import QTimer

from . import strings
from .layers import colour, place, placement
from .pixels import OURS

if TYPE_CHECKING:
    from napari.viewer import Viewer

TAKEN, WAITING = "cross", "ring"  # symbols of a centre of the user and of one only proposed
Centres = dict[int, tuple[tuple[float, float], ...]]


class CentreLayer:
    """Keep star centres as points of a Points layer; each point carries its label.

    Parameters
    ----------
    viewer : napari viewer

    Set ``image`` to the layer whose pixels (y, x) the centres are given in.
    """

    changed = Signal(bool)  # True while a point is dragged
    placed = Signal(int)  # a point was added for this label
    picked = Signal(int, int)  # a point was selected: its label, its place among those of the label
    lost = Signal()  # the layer was deleted
    refused = Signal()  # a point was put where `allowed` says no, and taken back

    def __init__(self, viewer: "Viewer") -> None:
        self.viewer = viewer
        self.image: Layer | None = None
        self.layer: Points | None = None
        self.allowed: Callable[[tuple[float, float]], bool] = lambda _place: True
        self.waiting: Callable[[], Centres] = dict  # proposed, not accepted yet
        self.size = 14.0  # of a centre, pixels of the image
        self._last: Centres = {}
        self._good: Centres = {}  # the last that were allowed
        self._label = 1
        self._quiet = False

    def centres(self) -> Centres:
        """Give the centres (y, x) of each label that has any."""
        if self.layer is None or not len(self.layer.data):
            return {}
        found: dict[int, list[tuple[float, float]]] = {}
        labels = self.layer.features["label"]
        for label, point in zip(labels, self.layer.data, strict=True):
            found.setdefault(int(label), []).append((float(point[-2]), float(point[-1])))
        return {label: tuple(points) for label, points in sorted(found.items())}

    def set(self, centres: Mapping[int, Sequence[tuple[float, float]]]) -> None:
        """Replace all centres, without telling anyone."""
        points = [point for label in centres for point in centres[label]]
        labels = [label for label in centres for _ in centres[label]]
        if self.layer is None:
            if not points:
                return
            self._make()
        layer = self.layer
        self._quiet = True
        layer.selected_data = set()  # else they would change their size now
        layer.current_size = self.size
        layer.data = np.asarray(points, float).reshape(-1, 2)
        layer.size = self.size
        layer.features = {"label": np.asarray(labels, int)}
        if points:
            layer.face_color = [colour(label) for label in labels]
        self._quiet = False
        self.mark()
        self._last = self._good = self.centres()

    def mark(self) -> None:
        """Draw the centres that wait to be looked at as rings, the others as crosses."""
        layer = self.layer
        if layer is None or not len(layer.data):
            return
        waiting = {label: set(points) for label, points in self.waiting().items()}
        rows = zip(layer.features["label"], layer.data.tolist(), strict=True)
        waits = ((at[-2], at[-1]) in waiting.get(int(label), ()) for label, at in rows)
        wanted = [WAITING if one else TAKEN for one in waits]
        if [getattr(one, "value", one) for one in layer.symbol] != wanted:
            self._quiet = True
            layer.symbol = wanted
            self._quiet = False

    def chosen(self) -> tuple[int, tuple[float, float]] | None:
        """Give label and place (y, x) of the centre that is selected, if it is one."""
        layer = self.layer
        if layer is None or len(layer.selected_data) != 1:
            return None
        (row,) = layer.selected_data
        at = layer.data[row]
        return int(layer.features["label"][row]), (float(at[-2]), float(at[-1]))

    def choose(self, label: int, place: tuple[float, float]) -> None:
        """Select one centre."""
        self.offer()
        for row, one in enumerate(self.layer.data if self.layer is not None else ()):
            same = int(self.layer.features["label"][row]) == label
            if same and (float(one[-2]), float(one[-1])) == place:
                self.layer.selected_data = {row}

    def arm(self, label: int) -> None:
        """Let the next click on the canvas place a centre of this label."""
        if self.layer is None:
            self._make()
        self._label = label
        layer = self.layer
        layer.visible = True
        layer.selected_data = set()  # else the colour and label of that point would change
        layer.feature_defaults = {"label": label}
        layer.current_face_color = colour(label)
        layer.current_symbol = TAKEN
        self.viewer.layers.selection.active = layer
        layer.mode = "add"

    def disarm(self) -> None:
        """Let clicks select and drag centres again."""
        if self.layer is not None and self.layer.mode == "add":
            self.layer.mode = "select"

    def offer(self) -> None:
        """Let clicks select and drag the centres that are there."""
        if self.layer is not None and self.layer.mode != "add":
            self.viewer.layers.selection.active = self.layer
            self.layer.mode = "select"

    @property
    def armed(self) -> bool:
        """Say whether the next click places a centre."""
        return self.layer is not None and self.layer.mode == "add"

    def clear(self, label: int) -> None:
        """Remove the centres of a label."""
        self.set({key: points for key, points in self.centres().items() if key != label})
        self.changed.emit(False)

    def follow(self) -> None:
        """Lie on the image again after it was moved."""
        if self.layer is not None:
            place(self.layer, self.image)

    def release(self) -> list[Layer]:
        """Let go of the layer, and give it."""
        layer, self.layer = self.layer, None
        self._last = self._good = {}
        return [] if layer is None else [layer]

    def unwatch(self) -> None:
        """Leave the layer alone from now on."""
        if self.layer is not None:
            self.layer.events.data.disconnect(self._on_data)
            self.layer.events.set_data.disconnect(self._on_drawn)
            self.layer.selected_data.events.items_changed.disconnect(self._on_selected)

    def on_removed(self, layer: Layer) -> None:
        """React to a layer that someone deleted."""
        if layer is self.layer:
            self.layer, self._last, self._good = None, {}, {}
            self.lost.emit()

    def _make(self) -> None:
        layer = Points(
            np.empty((0, 2)),
            name=strings.LAYERS["centres"],
            size=self.size,
            symbol=TAKEN,
            border_color="white",
            border_width=0.12,
            features={"label": np.empty(0, int)},
            metadata={OURS: "centres"},
            ndim=2,
            **placement(self.image),
        )
        self.viewer.add_layer(layer)
        layer.events.data.connect(self._on_data)
        layer.events.set_data.connect(self._on_drawn)
        layer.selected_data.events.items_changed.connect(self._on_selected)
        self.layer = layer

    def _on_data(self, event: Any) -> None:
        action = str(getattr(event, "action", "changed")).rsplit(".", 1)[-1].lower()
        if self._quiet or action not in ("added", "removed", "changed"):
            return  # each change is announced twice: before and after
        if self._strays(self.centres()):
            self._take_back(again=action == "added")
            return
        if action == "added":
            self.layer.mode = "select"
            QTimer.singleShot(0, self._unselect)  # napari selects the point after this event
            self.placed.emit(self._label)
        self._last = self._good = self.centres()
        self.changed.emit(False)

    def _strays(self, centres: Centres) -> bool:
        """Say whether a centre that is new lies where none is allowed."""
        known = {point for points in self._good.values() for point in points}
        new = {point for points in centres.values() for point in points} - known
        return not all(self.allowed(point) for point in new)

    def _take_back(self, *, again: bool) -> None:
        """Put the centres back to where they were; the next click may try again."""
        self.set(self._good)
        if again:
            self.arm(self._label)
        else:
            self.changed.emit(False)  # what was seen while it was dragged
        self.refused.emit()

    def _unselect(self) -> None:
        if self.layer is not None:
            self.layer.selected_data = set()

    def _on_selected(self, _event: Any = None) -> None:
        if not self._quiet:
            QTimer.singleShot(0, self._pick)  # a point that is placed is unselected by then

    def _pick(self) -> None:
        chosen = [] if self.layer is None else list(self.layer.selected_data)
        if len(chosen) == 1 and len(self.layer.features) == len(self.layer.data):
            labels = self.layer.features["label"].to_numpy()
            label = int(labels[chosen[0]])
            self.picked.emit(label, int((labels[: chosen[0]] == label).sum()))

    def _on_drawn(self) -> None:
        if self._quiet or self.layer is None or len(self.layer.features) != len(self.layer.data):
            return
        now = self.centres()
        same = {key: len(points) for key, points in now.items()} == {
            key: len(points) for key, points in self._last.items()
        }
        if same and now != self._last and not self._strays(now):
            self._last = now
            self.changed.emit(True)
