"""The panel in a real window, on networks whose logits are known in closed form."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pictures import blob_image

os.environ["NAPARI_ENSURE_PLUGIN_MAIN_THREAD"] = "1"

CARDS = {
    "blobs": {"labels": {0: "background", 1: "ring", 2: "core"}, "channels": "grey"},
    "colours": {
        "labels": {0: "background", 1: "rim", 2: "cup"},
        "objects": {1: "disc"},
        "channels": "rgb",
        "roi": "disc",
    },
    "nuclei": {
        "labels": {0: "background", 1: "interior", 2: "border"},
        "objects": {2: "nucleus"},
        "channels": "rgb",
        "centres": "network",
        "inner": {2: 1},
        "object_px": 26.0,
    },
}
ORDERS = {"colours": (2, 1), "nuclei": (1, 2)}


@dataclass
class BrightIsInside:
    """A segmenter without a network: core above 0.7, ring above 0.4 of the range."""

    name: str = "blobs"
    runs: list[tuple[int, ...]] = field(default_factory=list)
    wait: Callable[[], object] = lambda: None
    sha256: str | None = None

    def __post_init__(self) -> None:
        from priorseg import VariationalHead, priors
        from priorseg.card import Card
        from priorseg.links import Ordered

        smooth = priors.ThresholdDynamics(0.5, 1.0)
        self.sha256 = self.name
        self.card = Card(self.name, title=self.name, **CARDS[self.name])
        self.labels = dict(self.card.labels)
        chosen = [smooth, priors.Star(2)] if self.name == "nuclei" else [smooth]
        order = ORDERS.get(self.name)
        self.preprocessing = SimpleNamespace(grey_to_rgb=True) if self.name == "nuclei" else None
        self.head = VariationalHead(chosen, sweeps=5, link=Ordered(order) if order else "softmax")

    def object_px(self, height: int, width: int) -> float:
        return float(self.card.object_px)

    def typical_px(self, logits: Any) -> float:
        return float(self.card.object_px)

    def logits(self, image: Any, *, progress: Any = None, cancelled: Any = None) -> Any:
        import torch

        self.runs.append(np.asarray(image).shape)
        grey = np.asarray(image, np.float64)
        grey = grey.mean(2) if grey.ndim == 3 else grey
        grey = torch.from_numpy(grey / max(grey.max(), 1e-9)).float()
        progress(1, 1)
        self.wait()
        inner, outer = 10 * (grey - 0.7), 10 * (grey - 0.4)
        if self.name == "colours":
            return torch.stack((outer, inner))[None]
        if self.name == "nuclei":
            return torch.stack((inner, outer))[None]
        return torch.stack((-outer, 0 * grey, inner))[None]


@pytest.fixture(autouse=True)
def sessions_folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Save what is annotated in a folder of the test's own."""
    folder = tmp_path / "sessions"
    monkeypatch.setenv("PRIORSEG_SESSIONS", str(folder))
    return folder


@pytest.fixture(autouse=True)
def own_preferences(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Read and write napari's preferences of plugins in a folder of the test's own."""
    import napari.settings as module

    monkeypatch.setattr(module, "_CFG_PATH", str(tmp_path / "settings.yaml"))
    module._clear_plugin_settings_cache()
    yield
    module._clear_plugin_settings_cache()


@pytest.fixture(scope="session")
def warm_kernels() -> None:
    """Compile what the solves need once, so that no test waits for it."""
    from priorseg import Session
    from priorseg.session import PriorChoice

    session = Session(BrightIsInside())
    session.set_image(blob_image())
    session.compute_logits()
    everything = replace(
        session.default_settings(),
        priors=(
            *session.default_settings().priors,
            PriorChoice("volume"),
            PriorChoice("star", {"label": 2}),
            PriorChoice("convex", {"labels": (1,)}),
        ),
        volumes={2: 900.0},
        centres={2: ((40.0, 48.0),)},
    )
    list(session.frames(everything))
    session.plain()


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> dict[str, BrightIsInside]:
    """Put the closed-form networks in the place of the shipped ones; loaded ones by name."""
    import priorseg.bundle
    import priorseg.plugin.panel as module
    from priorseg.card import Card

    loaded: dict[str, BrightIsInside] = {}

    def load(name: str) -> BrightIsInside:
        return loaded.setdefault(name, BrightIsInside(name))

    names = ("blobs", "colours")  # a sole one for grey images is chosen by itself
    cards = [(name, Card(name, title=name, **CARDS[name])) for name in names]
    monkeypatch.setattr(module, "models", lambda: cards)
    monkeypatch.setattr(priorseg.bundle, "load_bundle", load)
    return loaded


@pytest.fixture
def nuclei(networks: dict[str, BrightIsInside], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ship nothing but the network that proposes centres."""
    import priorseg.plugin.panel as module
    from priorseg.card import Card

    card = Card("nuclei", title="nuclei", **CARDS["nuclei"])
    monkeypatch.setattr(module, "models", lambda: [("nuclei", card)])


class Desk:
    """A panel in a window, and what a user does with it."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        from napari.utils._proxies import PublicOnlyProxy

        from priorseg.plugin.panel import SegmentationPanel

        self.viewer, self.qtbot = viewer, qtbot
        self.panel = SegmentationPanel(PublicOnlyProxy(viewer))  # as napari gives it to plugins
        viewer.window.add_dock_widget(self.panel, name="Shape priors")
        self.controller = self.panel.desk

    def until(self, done: Callable[[], bool], timeout: int = 20000) -> None:
        self.qtbot.waitUntil(done, timeout=timeout)

    def calm(self) -> Any:
        """Wait for the last solve and give its frame."""
        desk = self.controller
        self.until(lambda: not desk.worker.busy and desk.shown is not None and desk.shown.final)
        self.qtbot.wait(20)
        return desk.shown

    def open(self, image: np.ndarray | None = None, **options: Any) -> Any:
        """Add an image, wait for its model and run it."""
        layer = self.viewer.add_image(blob_image() if image is None else image, **options)
        self.until(lambda: self.controller.classes is not None)
        return layer

    def run(self) -> Any:
        self.panel.model.run_button.click()
        return self.calm()

    def layer(self, kind: str) -> Any:
        return self.controller.canvas.results.layer(kind)

    def activate(self) -> Any:
        """Give the keyboard to the canvas, as a click on it does, and give the canvas."""
        from qtpy.QtWidgets import QApplication

        window = self.viewer.window._qt_window
        canvas = self.viewer.window._qt_viewer.canvas.native
        window.activateWindow()
        canvas.setFocus()
        self.until(lambda: QApplication.activeWindow() is window, timeout=5000)
        return canvas

    def canvas_point(self, y: float, x: float) -> Any:
        """Give the place on the canvas widget of a pixel of the image."""
        from qtpy.QtCore import QPoint

        canvas = self.viewer.window._qt_viewer.canvas.native
        camera = self.viewer.scene.camera
        image = self.controller.canvas.image
        world = np.asarray(
            image.data_to_world((y, x)) if image.ndim == 2 else image.data_to_world((0, y, x))[-2:]
        )
        shift = (world - np.asarray(camera.center)[-2:]) * camera.zoom
        return QPoint(round(canvas.width() / 2 + shift[1]), round(canvas.height() / 2 + shift[0]))

    def click(self, y: float, x: float) -> None:
        """Click on a pixel of the image with the mouse."""
        self.drag((y, x), (y, x))

    def drag(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        halfway: Callable[[], bool] | None = None,
    ) -> None:
        """Press on one pixel of the image, move to another and release there.

        halfway : what to wait for with the button held
        """
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        canvas = self.viewer.window._qt_viewer.canvas.native
        places = [self.canvas_point(*start)]
        if start != end:
            middle = tuple((a + b) / 2 for a, b in zip(start, end, strict=True))
            places += [self.canvas_point(*middle), self.canvas_point(*end)]
        QTest.mouseMove(canvas, places[0])
        self.qtbot.wait(30)
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=places[0])
        for place in places[1:]:
            self._move_pressed(canvas, place)
            self.qtbot.wait(30)
            if halfway is not None and place is not places[-1]:
                self.until(halfway)
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=places[-1])
        self.qtbot.wait(30)

    def _move_pressed(self, canvas: Any, place: Any) -> None:
        from qtpy.QtCore import QEvent, QPointF, Qt
        from qtpy.QtGui import QMouseEvent
        from qtpy.QtWidgets import QApplication

        left = Qt.MouseButton.LeftButton
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(place),
            QPointF(canvas.mapToGlobal(place)),
            left,
            left,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(canvas, event)


@pytest.fixture
def desk(
    warm_kernels: None, networks: dict[str, BrightIsInside], make_napari_viewer: Any, qtbot: Any
) -> Iterator[Desk]:
    """Give an open window with the panel docked."""
    made = Desk(make_napari_viewer(show=True), qtbot)
    made.viewer.window.resize(1200, 900)
    qtbot.wait(50)
    yield made
    made.controller.close()
