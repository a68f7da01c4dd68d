"""Work through a set of images in the real window as a person would, and count what it takes.

Usage: xvfb-run -a -s "-screen 0 1400x950x24" python tests/bench/interaction_bench.py fundus cells
           [--data ../shared/data] [--images 10] [--clicks 3] [--out interaction.json]
fundus: full frames of Drishti-GS1, model cup-disc, the disc is found by the program.
cells: white blood cells (CellaVision), model cells. Both are the first images of the val part.

The images lie in a folder; the first is opened, N goes to the next. A person who knows the truth
looks at the result, goes to the largest piece that is wrong, and puts one dab of the brush into
its middle, as wide as the piece is there, with the class that belongs there; the rest is solved
around it under all the priors. Everything is done by events of mouse and keyboard. Counted are
presses of the mouse (choosing the class of the brush is one, setting its width is one, the dab is
one) and of keys; seconds are those that the program makes the person wait, thinking not counted.
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from scipy import ndimage
from windows import SIZE, Window, machine, rest, until

from priorseg.metrics import dice

ROOT = Path(__file__).resolve().parents[2]
SETS = {
    "fundus": ("fundus_drishti", "full_", "cup-disc", {"disc": (1, 2), "cup": (2,)}),
    "cells": ("cells_wbc2", "", "cells", {"cell": (1, 2), "nucleus": (2,)}),
}
SMALLEST = 4  # pixels of a wrong piece that is worth a dab


@dataclass
class Work:
    """What happened on one image."""

    name: str
    dice: dict = field(default_factory=dict)  # stage -> object -> Dice
    waited: dict = field(default_factory=dict)  # stage -> seconds
    mouse: int = 0
    keys: int = 0
    held: dict = field(default_factory=dict)  # stage -> whether every certificate holds


def chosen(data, kind, count):
    """Give (image, mask) of the first images of the val part."""
    folder, prefix, _, _ = SETS[kind]
    items = json.loads((data / folder / "manifest.json").read_text())["items"]
    found = sorted((i for i in items if i["split"] == "val"), key=lambda i: i["id"])[:count]
    return [
        (data / folder / i[f"{prefix}image"], data / folder / i[f"{prefix}mask"]) for i in found
    ]


def worst(labels, truth):
    """Find the largest piece of one kind of error: its middle, its half width, the true label."""
    best = (0, None)
    for label in np.unique(truth):
        pieces, _ = ndimage.label((truth == label) & (labels != label))
        sizes = np.bincount(pieces.ravel())[1:]
        if len(sizes) and sizes.max() > best[0]:
            best = (int(sizes.max()), (pieces == 1 + sizes.argmax(), int(label)))
    if best[0] < SMALLEST:
        return None
    piece, label = best[1]
    depth = ndimage.distance_transform_edt(np.pad(piece, 1))[1:-1, 1:-1]
    place = np.unravel_index(depth.argmax(), depth.shape)
    return tuple(map(int, place)), float(depth.max()), label


class Person:
    """Press keys and mouse buttons in a window, and count them."""

    def __init__(self, window):
        self.window, self.work = window, None

    @property
    def desk(self):
        return self.window.desk

    def key(self, key):
        main = self.window.viewer.window._qt_window
        main.activateWindow()
        self.window.canvas.native.setFocus()
        rest(0.02)
        self.work.keys += 1
        QTest.keyClick(self.window.canvas.native, key)

    def press(self, widget, place=None):
        self.work.mouse += 1
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place or widget.rect().center())

    def choose(self, box, text):
        """Choose an entry of a box: one press, then its first letters."""
        if box.currentText() == text:
            return
        self.work.mouse += 1
        place = box.findText(text)
        box.setFocus()
        while box.currentIndex() != place:
            key = Qt.Key.Key_Down if box.currentIndex() < place else Qt.Key.Key_Up
            QTest.keyClick(box, key)

    def point(self, y, x):
        canvas, camera = self.window.canvas.native, self.window.viewer.scene.camera
        world = np.asarray(self.desk.canvas.image.data_to_world((y, x)))[-2:]
        shift = (world - np.asarray(camera.center)[-2:]) * camera.zoom
        return QPoint(round(canvas.width() / 2 + shift[1]), round(canvas.height() / 2 + shift[0]))

    def click(self, y, x):
        canvas, place = self.window.canvas.native, self.point(y, x)
        if not canvas.rect().contains(place):
            self.window.viewer.scene.camera.center = (y, x)
            rest(0.1)
            place = self.point(y, x)
        QTest.mouseMove(canvas, place)
        rest(0.03)
        self.press(canvas, place)
        rest(0.03)

    def dab(self, place, half_width, label):
        """Put the right class into a piece that is wrong."""
        section = self.window.panel.objects
        at = next(i for i in range(section.brush_class.count())
                  if section.brush_class.itemData(i) == label)  # fmt: skip
        self.choose(section.brush_class, section.brush_class.itemText(at))
        width = int(np.clip(round(2 * half_width), 1, section.size.maximum()))
        if width != section.size.value():
            self.work.mouse += 1
            section.size.setValue(width)
        if not section.paint_button.isChecked():
            self.press(section.paint_button)
        before = self.desk.shown
        start = time.perf_counter()
        self.click(*place)
        until(lambda: self.desk.shown is not before, patience=30)
        self.window.calm()
        return time.perf_counter() - start


def objects_dice(kind, labels, truth):
    """Give the Dice of every object in per cent."""
    return {name: 100 * dice(labels, truth, part) for name, part in SETS[kind][3].items()}


def note(work, stage, kind, desk, labels, truth, waited):
    """Write down how good a label map is."""
    work.dice[stage] = objects_dice(kind, labels, truth)
    work.waited[stage] = waited
    if stage != "network":
        work.held[stage] = all(one.satisfied for one in desk.shown.certificates.values())


def settled(window, layer_before):
    """Wait for the result of another image."""
    desk = window.desk
    until(lambda: desk.canvas.image is not None and desk.canvas.image is not layer_before
          and desk.plain is not None and not desk.folder._steps)  # fmt: skip
    window.calm()


def one_image(person, kind, work, truth, clicks, waited):
    """Correct one image and write down every stage."""
    desk = person.desk
    note(work, "network", kind, desk, desk.plain.labels, truth, waited)
    note(work, "priors", kind, desk, desk.shown.labels, truth, 0.0)
    person.window.panel.tabs.turn("objects")
    for number in range(1, clicks + 1):
        found = worst(desk.shown.labels, truth)
        seconds = person.dab(*found) if found is not None else 0.0
        note(work, f"{number} dabs", kind, desk, desk.shown.labels, truth,
             seconds)  # fmt: skip
    person.key(Qt.Key.Key_K)
    until(lambda: desk.annotator.present.kept.array().any(), patience=30)


def run(kind, data, count, clicks):
    """Work through a set; give what happened on every image."""
    window = Window(SIZE)
    desk, person, works = window.desk, Person(window), []
    with tempfile.TemporaryDirectory() as folder:
        pairs = chosen(data, kind, count)
        for number, (image, _) in enumerate(pairs):
            Path(folder, f"{number:02d}{image.suffix}").symlink_to(image.resolve())
        for number, (image, mask) in enumerate(pairs):
            person.work = work = Work(image.stem)
            truth = np.asarray(Image.open(mask))
            start, before = time.perf_counter(), desk.canvas.image
            if number:
                person.key(Qt.Key.Key_N)
            else:
                window.viewer.open(str(Path(folder, f"00{image.suffix}")), plugin="napari")
                desk.choose_model(SETS[kind][2])
                until(lambda: desk.classes is not None and not desk.worker.busy)
                person.press(window.panel.model.run_button)
            settled(window, before)
            rest(0.5)
            one_image(person, kind, work, truth, clicks, time.perf_counter() - start)
            works.append(work)
            print(json.dumps(asdict(work)), flush=True)
            window.panel.tabs.turn("segment")
        window.close()
    return works


def report(kind, works):
    """Print a Markdown table: mean and the worst image."""
    print(f"\n{kind}: {len(works)} images, {machine()}")
    names = list(SETS[kind][3])
    print("| after | " + " | ".join(f"Dice {n}, mean (worst)" for n in names)
          + " | seconds of waiting, median (longest) | every certificate holds |")  # fmt: skip
    print("|---" * (len(names) + 3) + "|")
    for stage in works[0].dice:
        cells = []
        for name in names:
            values = [work.dice[stage][name] for work in works]
            cells.append(f"{np.mean(values):.1f} ({min(values):.1f})")
        waits = [work.waited[stage] for work in works]
        held = [work.held[stage] for work in works if stage in work.held]
        print(f"| {stage} | " + " | ".join(cells) + f" | {np.median(waits):.1f} ({max(waits):.1f})"
              + f" | {f'{sum(held)} of {len(held)}' if held else '–'} |")  # fmt: skip
    print(f"presses of the mouse per image: {np.mean([w.mouse for w in works]):.1f}; "
          f"of keys: {np.mean([w.keys for w in works]):.1f}; seconds of waiting per image: "
          f"{np.mean([sum(w.waited.values()) for w in works]):.1f}")  # fmt: skip


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="+", choices=sorted(SETS))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--clicks", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as sessions:
        os.environ["PRIORSEG_SESSIONS"] = sessions
        for kind in options.sets:
            works = run(kind, options.data, options.images, options.clicks)
            report(kind, works)
            found[kind] = [asdict(work) for work in works]
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
