"""A window that is worked in until it is killed: python window_killed.py IMAGES SEED [look]

Once a line comes in, it recovers what the last one left, by clicks on Recover, or opens the first
image; then mouse and keys work in it at random times. With `look` it ends properly after it has
recovered. Every line:

    G | D  time  image  state    given to be saved | durable
    R      time  image  state    what the window holds after Recover was pressed
    B | A  time  image  state    the same without the result: at once | after it is solved again
    ready | closed               at work | ended properly
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "annotation"))

from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from works import fingerprint

from conftest import CARDS, BrightIsInside, Desk
from priorseg.annotation.raster import Raster
from priorseg.annotation.saver import Saver
from priorseg.annotation.state import State

PATIENCE_S = 120.0  # kernels may have to be compiled first
OFFERED_S = 20.0
LEFT = Qt.MouseButton.LeftButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def report(kind: str, state: State) -> None:
    line = f"{kind} {time.monotonic():.6f} {state.picture.digest} {fingerprint(state)}\n"
    os.write(1, line.encode())  # one call: a line is never cut in two


class Reporting(Saver):
    """Tell what is given and what is durable."""

    def __init__(self, store: Any, on_saved: Callable[[State], object], **rest: Any) -> None:
        def saved(state: State) -> None:
            report("D", state)
            on_saved(state)

        super().__init__(store, on_saved=saved, **rest)

    def give(self, state: State) -> None:
        report("G", state)
        super().give(state)


class Patience:
    """Wait as pytest-qt does, in a program without it."""

    def wait(self, milliseconds: float) -> None:
        QTest.qWait(round(milliseconds))

    def waitUntil(self, done: Callable[[], bool], timeout: float) -> None:
        end = time.monotonic() + max(PATIENCE_S, timeout / 1000)
        while not done():
            if time.monotonic() > end:
                raise TimeoutError("nothing happened")
            QTest.qWait(10)


class Person:
    """Work in a window with mouse and keys, at random."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk, self.panel = desk, desk.panel
        self.chance = np.random.default_rng(seed)

    def press(self, widget: Any, place: QPoint | None = None) -> None:
        """Click on a widget that is seen."""
        if widget.isVisible() and widget.isEnabled():
            QTest.mouseClick(widget, LEFT, pos=place or widget.rect().center())

    def key(self, key: Qt.Key, held: Any = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.desk.activate(), key, held)

    def somewhere(self) -> tuple[float, float]:
        height, width = self.desk.controller.annotator.present.picture.shape
        y, x = self.chance.uniform(0.2, 0.8, 2)
        return float(y * height), float(x * width)

    def centre(self) -> None:
        self.key(Qt.Key.Key_G)
        self.desk.click(*self.somewhere())

    def slide(self) -> None:
        """Drag the handle of a slider."""
        self.press(self.panel.tabs.tab("segment"))
        bar = self.panel.priors.forms["threshold_dynamics"].rows["weight"].bar
        places = self.chance.uniform(0.1, 0.9, 4) * bar.width()
        y = bar.height() // 2
        QTest.mousePress(bar, LEFT, pos=QPoint(int(places[0]), y))
        for x in places[1:]:
            QTest.mouseMove(bar, QPoint(int(x), y))
            QTest.qWait(20)
        QTest.mouseRelease(bar, LEFT, pos=QPoint(int(places[-1]), y))

    def number(self) -> None:
        """Type another weight."""
        self.press(self.panel.tabs.tab("segment"))
        field = self.panel.priors.forms["threshold_dynamics"].rows["weight"].field
        field.setFocus()
        field.selectAll()
        QTest.keyClicks(field, f"{self.chance.uniform(0.1, 3):.2f}")
        QTest.keyClick(field, Qt.Key.Key_Return)

    def stroke(self) -> None:
        self.key(Qt.Key.Key_W)
        if self.desk.controller.canvas.corrections.active:
            self.desk.drag(self.somewhere(), self.somewhere())
            self.key(Qt.Key.Key_W)

    def lock(self) -> None:
        """Lock an object, or unlock it."""
        self.press(self.panel.tabs.tab("objects"))
        section = self.panel.objects
        QTest.qWait(20)
        if section.list.topLevelItemCount():
            place = int(self.chance.integers(section.list.topLevelItemCount()))
            item = section.list.topLevelItem(place)
            section.list.scrollToItem(item)
            self.press(section.list.viewport(), section.list.visualItemRect(item).center())
            self.press(section.lock_button)

    def go(self) -> None:
        """Go to another image of the folder, and wait until it has come."""
        folder = self.desk.controller.folder
        self.key(Qt.Key.Key_N, SHIFT if self.chance.random() < 0.5 else Qt.KeyboardModifier(0))
        self.desk.until(lambda: not folder._steps)

    def act(self) -> None:
        acts = {
            self.centre: 3, self.slide: 3, self.number: 3, self.stroke: 4, self.lock: 3, self.go: 2,
            lambda: self.key(Qt.Key.Key_K): 3,
            lambda: self.key(Qt.Key.Key_Z, CTRL): 3,
            lambda: self.key(Qt.Key.Key_Z, CTRL | SHIFT): 2,
        }  # fmt: skip
        shares = np.array([*acts.values()], float)
        [*acts][self.chance.choice(len(acts), p=shares / shares.sum())]()


def install() -> None:
    """Put the network in closed form in the place of the shipped ones; report what is saved."""
    import priorseg.bundle
    import priorseg.plugin.panel as panel
    import priorseg.plugin.saving as saving
    from priorseg.card import Card

    panel.models = lambda: [("blobs", Card("blobs", title="blobs", **CARDS["blobs"]))]
    priorseg.bundle.load_bundle = BrightIsInside
    saving.Saver = Reporting


def bare(state: State) -> State:
    """Leave the result out: it follows from the rest."""
    return replace(state, draft=Raster.zeros(state.draft.shape, state.draft.dtype))


def settled(desk: Desk) -> bool:
    """Say whether a recovered state has its model and, if it had one, its result."""
    work, state = desk.controller, desk.controller.annotator.present
    has_result = work.shown is not None and work.shown.final
    return (
        work.classes is not None
        and not work.worker.busy
        and (has_result or not state.draft.array().any())
    )


def recover(person: Person) -> int:
    """Press Recover for all that the window offers, the oldest last; give how many that was."""
    desk, bar = person.desk, person.panel.recovery
    annotator, count = desk.controller.annotator, 0
    listed: list[bool] = []
    opened: list[State] = []  # before a solve goes on with it, which may be within the click
    annotator.changed.connect(lambda: opened.extend([annotator.present] * bool(annotator.present)))
    annotator.saving.found.connect(lambda: listed.append(True))
    desk.until(lambda: bool(listed) or bool(bar.text), 1000 * OFFERED_S)
    while bar.recover.isVisible():
        opened.clear()
        person.press(bar.recover)
        count += 1
        if not opened:
            raise RuntimeError(f"Nothing was recovered: {bar.text}")
        report("R", opened[0])
        report("B", bare(opened[0]))
        desk.until(lambda: settled(desk))
        report("A", bare(annotator.present))
        person.press(bar.later)
        QTest.qWait(500)  # layers must not come and go in one paint of software OpenGL
    return count


def begin(desk: Desk, person: Person, first: Path) -> None:
    desk.viewer.open(str(first), plugin="napari")
    desk.until(lambda: desk.controller.classes is not None)
    person.press(person.panel.model.run_button)
    desk.calm()


def main(images: Path, seed: int, look: bool) -> None:
    import napari
    import torch  # noqa: F401  what takes long comes first

    install()
    sys.stdin.readline()
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1200, 900)
    desk = Desk(viewer, Patience())
    person = Person(desk, seed)
    if not recover(person):
        begin(desk, person, min(images.iterdir()))
    os.write(1, b"ready\n")
    while not look:
        person.act()
        QTest.qWait(round(1000 * min(person.chance.exponential(0.1), 2.5)))
    if desk.controller.close():
        os.write(1, b"closed\n")
    viewer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), "look" in sys.argv[3:])
