"""Measure the models of the zoo on the validation images and print a table.

    python scripts/evaluate_zoo.py cells --data ../shared/data --write

With --write the scores and the recipe's texts go into the card of the bundle; the weights stay as
they are.
"""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from priorseg import Segmenter, load_bundle, save_bundle
from priorseg.decode import Decoded
from priorseg.metrics import accuracy, confusion, dice, mean_iou
from priorseg.solver import solve
from priorseg.training.config import TrainConfig
from priorseg.training.data import Sample, load_samples

ROOT = Path(__file__).resolve().parent.parent
SETS = {
    "cells": ("cells_wbc2", "cells_wbc1"),
    "cup-disc": ("fundus_refuge", "fundus_drishti", "fundus_origa30"),
}
NOISE = {"cells": ("gaussian 0.09", 0.09), "cup-disc": ("gaussian 15/255", 15 / 255)}
Row = dict[str, dict[str, float]]


def noisy(image: np.ndarray, level: float, seed: int) -> np.ndarray:
    """Add white noise of a standard deviation to an image in [0, 1] and cut at both ends."""
    if level == 0:
        return image
    noise = np.random.default_rng(seed).normal(0, level, image.shape)
    return np.clip(image + noise, 0, 1).astype(np.float32)


def both(segmenter: Segmenter, image: np.ndarray) -> dict[str, Decoded]:
    """Decode the same logits without and with the priors of the model."""
    from priorseg import Scene

    logits, head = segmenter.logits(image, precision="float32"), segmenter.head
    found = {}
    with torch.no_grad():
        for name, priors in (("plain", []), ("priors", list(head.priors))):
            found[name] = solve(
                logits,
                priors,
                Scene(),
                sweeps=head.sweeps,
                temperature=head.temperature,
                link=head.link,
            ).decode()
    return found


def measure(segmenter: Segmenter, samples: list[Sample], level: float) -> Row:
    """Average the scores over images; mIoU pools the pixels of all images."""
    count = len(segmenter.labels)
    totals = {name: np.zeros((count, count), np.int64) for name in ("plain", "priors")}
    lists: dict[str, dict[str, list[float]]] = {name: {} for name in totals}
    for number, sample in enumerate(samples):
        image = sample.image.permute(1, 2, 0).numpy().astype(np.float32) / 255
        wanted = sample.labels.numpy()
        for name, decoded in both(segmenter, noisy(image, level, number)).items():
            labels = decoded.labels[0].numpy()
            totals[name] += confusion(labels, wanted, count)
            for key, value in scores_of(segmenter, labels, wanted).items():
                lists[name].setdefault(key, []).append(value)
    row: Row = {}
    for name in totals:
        row[name] = {"mIoU": round(mean_iou(totals[name]), 4)} if not segmenter.card.roi else {}
        row[name] |= {key: round(float(np.mean(values)), 4) for key, values in lists[name].items()}
    return row


def scores_of(segmenter: Segmenter, labels: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """Give the scores of one image."""
    if segmenter.card.roi == "disc":
        return {"disc Dice": dice(labels, wanted, (1, 2)), "cup Dice": dice(labels, wanted, (2,))}
    return {"accuracy": accuracy(labels, wanted)}


def table(scores: dict[str, dict[str, Row]], counts: dict[str, int]) -> str:
    """Write the scores as a Markdown table, in per cent."""
    measures = list(next(iter(next(iter(scores.values())).values()))["plain"])
    head = [f"{name} {kind}" for name in measures for kind in ("plain", "with priors")]
    lines = ["| images | condition | " + " | ".join(head) + " |", "|" + "---|" * (2 + len(head))]
    for folder, conditions in scores.items():
        for condition, row in conditions.items():
            cells = [
                f"{100 * row[kind][name]:.2f}" for name in measures for kind in ("plain", "priors")
            ]
            lines.append(
                f"| {folder} val ({counts[folder]}) | {condition} | " + " | ".join(cells) + " |"
            )
    return "\n".join(lines)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=sorted(SETS))
    parser.add_argument("--bundle", type=Path, default=None, help="file; default: the shipped one")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--write", action="store_true", help="put the scores into the card")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    path = options.bundle or ROOT / "src" / "priorseg" / "zoo" / f"{options.model}.priorseg"
    segmenter = load_bundle(path)
    name, level = NOISE[options.model]
    scores: dict[str, Any] = {}
    counts = {}
    for folder in SETS[options.model]:
        try:
            samples = load_samples(options.data, folder, "val")
        except FileNotFoundError as missing:
            print(missing, file=sys.stderr)
            return 2
        counts[folder] = len(samples)
        scores[folder] = {
            "clean": measure(segmenter, samples, 0.0),
            name: measure(segmenter, samples, level),
        }
    print(table(scores, counts))
    print(f"seed {segmenter.card.seeds}, sha256 {segmenter.sha256}")
    if options.write:
        config = TrainConfig.from_toml(ROOT / "configs" / "zoo" / f"{options.model}.toml")
        card = dataclasses.replace(config.make_card(), seeds=segmenter.card.seeds, scores=scores)
        save_bundle(path, segmenter, card)
        print(f"wrote the scores into {path}; sha256 {load_bundle(path).sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
