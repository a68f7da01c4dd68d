"""Compare with what people use today, on the same logits: time, accuracy, components.

Usage: python tests/bench/peers_bench.py [--side 512] [--tests 3] [--images 4 10]
       [--problems noise network]
Every method gets a grid of six settings. The one with the best mIoU on problems drawn for tuning
(another noise seed, other images) is run on the test problems. Real images come from the folder
PRIORSEG_DATA (shared/data beside the checkout); without it their problems are left out.
Peers that are no dependency: pip install pydensecrf2 (MIT), pip install PyMaxflow (GPL).
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from common import DATA, machine, print_table
from peers import METHODS, Absent, Problem
from skimage.io import imread
from skimage.measure import label as components

from priorseg import load_bundle, metrics, phantoms


def noise(side: int, counts: tuple[int, int], tests: int) -> tuple[list[Problem], list[Problem]]:
    """Draw a blood smear's true labels under noise that hides them: one-hot + N(0, 1)."""

    def draw(seed: int) -> Problem:
        truth = phantoms.blood_smear(side, seed=seed).labels.astype(np.int64)
        clean = np.moveaxis(np.eye(3)[truth], -1, 0)
        noisy = clean + np.random.default_rng(seed).normal(size=clean.shape)
        return Problem(torch.as_tensor(noisy, dtype=torch.float32)[None], truth, None)

    return [draw(1000)], [draw(seed) for seed in range(tests)]


def cells(split: str, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read images in [0, 1] and labels of white blood cells; raises Absent without the folder."""
    folder = DATA / "cells_wbc2"
    if not (folder / "manifest.json").is_file():
        raise Absent("the real images are not here")
    items = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["items"]
    items = [item for item in items if item["split"] == split][:count]
    return [
        (imread(folder / item["image"])[..., :3] / 255.0, imread(folder / item["mask"]).astype(int))
        for item in items
    ]


def network(side: int, counts: tuple[int, int], tests: int) -> tuple[list[Problem], list[Problem]]:
    """Take the logits of the shipped network for real cells; it was trained on the tuning set."""
    segmenter = load_bundle("cells")

    def draw(image: np.ndarray, truth: np.ndarray) -> Problem:
        return Problem(segmenter.logits(image.astype(np.float32)), truth, image)

    pairs = cells("train", counts[0]), cells("val", counts[1])
    return [draw(*pair) for pair in pairs[0]], [draw(*pair) for pair in pairs[1]]


PROBLEMS: dict[str, Callable[[int, tuple[int, int], int], tuple[list[Problem], list[Problem]]]] = {
    "noise": noise,
    "network": network,
}


@dataclass
class Score:
    """Hold one figure for each problem."""

    miou: list[float]
    accuracy: list[float]
    parts: list[int]
    wall: list[float]
    cpu: list[float]


def score(method: Callable[..., np.ndarray], problems: Sequence[Problem], setting: Any) -> Score:
    """Run a method on problems."""
    found = Score([], [], [], [], [])
    for problem in problems:
        wall, cpu = time.perf_counter(), time.process_time()
        labels = method(problem, *setting)
        found.wall.append(1e3 * (time.perf_counter() - wall))
        found.cpu.append(1e3 * (time.process_time() - cpu))
        counts = metrics.confusion(labels, problem.truth, problem.logits.shape[1])
        found.miou.append(100 * metrics.mean_iou(counts))
        found.accuracy.append(100 * metrics.accuracy(labels, problem.truth))
        found.parts.append(int(components(labels, background=-1, connectivity=2).max()))
    return found


def tuned(method: Callable[..., np.ndarray], grid: Sequence[Any], tuning: Sequence[Problem]) -> Any:
    """Give the setting with the best mIoU."""
    return max(grid, key=lambda setting: float(np.mean(score(method, tuning, setting).miou)))


def spread(values: Sequence[float]) -> str:
    """Write mean ± standard deviation."""
    return f"{np.mean(values):.2f} ± {np.std(values):.2f}"


def compare(name: str, tuning: list[Problem], testing: list[Problem]) -> None:
    """Print the table of one kind of problem."""
    sizes = " × ".join(map(str, testing[0].truth.shape))
    row = print_table(
        [
            f"{name}: {len(testing)} of {sizes}",
            "wall ms",
            "CPU ms",
            "mIoU %",
            "accuracy %",
            "components",
            "setting",
        ]
    )
    for title, method in METHODS.items():
        try:
            method.load()
            setting = tuned(method.run, method.grid, tuning)
            found = score(method.run, testing, setting)
        except Absent as reason:
            row(title, *["–"] * 5, f"left out: {reason}")
            continue
        chosen = ", ".join(f"{k} = {v}" for k, v in zip(method.names, setting, strict=True))
        end = " (end of its grid)" if method.at_end(setting) else ""
        row(
            title,
            f"{np.median(found.wall):.3g}",
            f"{np.median(found.cpu):.3g}",
            spread(found.miou),
            spread(found.accuracy),
            f"{np.median(found.parts):.0f}",
            (chosen or "–") + end,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each kind of problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--tests", type=int, default=3, help="noise seeds to test on")
    parser.add_argument("--images", type=int, nargs=2, default=(3, 10), help="to tune, to test on")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    chosen = parser.parse_args(arguments)
    print(machine())
    for name in chosen.problems:
        print()
        try:
            tuning, testing = PROBLEMS[name](chosen.side, tuple(chosen.images), chosen.tests)
        except Absent as reason:
            print(f"{name}: left out, {reason}")
            continue
        with torch.no_grad():
            compare(name, tuning, testing)


if __name__ == "__main__":
    main()
