"""Time the shipped networks, compare their number types, and segment a huge image.

    python tests/bench/network_bench.py speed
    python tests/bench/network_bench.py scores --data ../shared/data [--count 20]
    python tests/bench/network_bench.py huge --model cells --side 8192

Run `huge` in a fresh process: the peak of its memory is that of the process.
"""

import argparse
import os
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

from priorseg import Segmenter, load_bundle, phantoms
from priorseg.bundle import models
from priorseg.metrics import confusion, dice, mean_iou
from priorseg.tiles import number_type

KINDS = ("float32", "bfloat16")
SETS = {
    "cells": ("cells_wbc2", "cells_wbc1"),
    "cup-disc": ("fundus_refuge", "fundus_drishti", "fundus_origa30"),
}


def speed(repeats: int) -> None:
    """Time the network alone, interleaved, at its working size and on one full tile."""
    for name, _ in models():
        segmenter = load_bundle(name)
        network, rule = segmenter.backbone.eval(), segmenter.preprocessing
        for side in (rule.size, rule.tile):
            planes = torch.randn(1, 3, side, side)
            rows = {}
            for half in (False, True):
                for layout in (torch.contiguous_format, torch.channels_last):
                    rows[half, layout] = planes.contiguous(memory_format=layout), []
            with torch.inference_mode():
                for turn in range(repeats + 2):
                    for (half, _), (image, times) in rows.items():
                        began = time.perf_counter()
                        with torch.autocast("cpu", torch.bfloat16, enabled=half):
                            network(image)
                        if turn > 1:
                            times.append(1e3 * (time.perf_counter() - began))
            for (half, layout), (_, times) in rows.items():
                kind = "bfloat16" if half else "float32"
                found = f"median {statistics.median(times):7.1f} ms, least {min(times):7.1f} ms"
                print(f"{name:9} {side:4} px  {kind:8} {str(layout)[6:]:18} {found}")
        calls(segmenter, name, repeats)


def calls(segmenter: Segmenter, name: str, repeats: int) -> None:
    """Time `Segmenter.logits` on a crop of 512 px."""
    image = np.random.default_rng(0).integers(0, 256, (512, 512, 3)).astype(np.uint8)
    times: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    for turn in range(repeats + 2):
        for precision, row in times.items():
            began = time.perf_counter()
            segmenter.logits(image, precision=precision)
            if turn > 1:
                row.append(1e3 * (time.perf_counter() - began))
    for precision, row in times.items():
        print(f"{name:9} logits of 512 px  {precision:8} median {statistics.median(row):7.1f} ms")


def scores(data: Path, count: int) -> None:
    """Compare the decoded result of the two number types with the annotations (val split)."""
    from priorseg.training.data import load_samples

    for name, folders in SETS.items():
        segmenter = load_bundle(name)
        labels = len(segmenter.labels)
        for folder in folders:
            samples = load_samples(data, folder, "val")[: count or None]
            totals = {kind: np.zeros((labels, labels), np.int64) for kind in KINDS}
            dices: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
            changed = []
            for sample in samples:
                image, wanted = sample.image.permute(1, 2, 0).numpy(), sample.labels.numpy()
                maps = {
                    kind: segmenter.segment(image, precision=kind).labels[0].numpy()
                    for kind in KINDS
                }
                for kind, found in maps.items():
                    totals[kind] += confusion(found, wanted, labels)
                    dices[kind].append([dice(found, wanted, p) for p in ((1, 2), (2,))])
                changed.append(float((maps["float32"] != maps["bfloat16"]).mean()))
            for kind, table in totals.items():
                outer, inner = np.mean(dices[kind], 0)
                print(
                    f"{name:9} {folder:15} ({len(samples):3}) {kind:8} mIoU {mean_iou(table):.4f}  "
                    f"Dice of labels 1+2 {outer:.4f}, of label 2 {inner:.4f}"
                )
            print(f"{name:9} {folder:15} pixels changed: {np.mean(changed):.2%}", flush=True)


def picture(kind: str, side: int) -> np.ndarray:
    """Draw a huge image: one disc that fills it, or many cells."""
    small = (phantoms.cup_disc if kind == "cup-disc" else phantoms.blood_smear)(512, seed=1).image
    times = side // 512
    if kind == "cup-disc":
        return np.asarray(small.repeat(times, 0).repeat(times, 1))
    return np.tile(small, (times, times, 1))


def huge(name: str, side: int, precision: str, plain: bool) -> None:
    """Segment one huge image and tell seconds and peak memory."""
    segmenter, image = load_bundle(name), picture(name, side)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name} {image.shape} {image.dtype}; before: {peak:.2f} GiB")
    began, processor, told = time.perf_counter(), time.process_time(), [0.0]
    longest = [began, 0.0]

    def progress(done: int, total: int) -> None:
        now = time.perf_counter()
        told[0], longest[1], longest[0] = done / total, max(longest[1], now - longest[0]), now

    decoded = segmenter.segment(image, precision=precision, plain=plain, progress=progress)
    wall, spent = time.perf_counter() - began, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    kind = str(number_type(precision, torch.device("cpu")))[6:]
    print(f"{kind}: {wall:.1f} s wall, {spent:.1f} s CPU, load {os.getloadavg()[0]:.1f}")
    print(f"peak memory {peak:.2f} GiB; longest step without news {longest[1]:.1f} s")
    print(f"after the last step {time.perf_counter() - longest[0]:.1f} s; progress {told[0]:.0%}")
    shares = np.bincount(decoded.labels[0].flatten().numpy(), minlength=len(segmenter.labels))
    print("share of each label:", (shares / shares.sum()).round(4).tolist())
    print({key: found.message for key, found in decoded.certificates.items()})


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("speed", "scores", "huge"))
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--count", type=int, default=0, help="images of each set; 0 = all")
    parser.add_argument("--model", default="cells")
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    if options.what == "speed":
        speed(options.repeats)
    elif options.what == "scores":
        scores(options.data, options.count)
    else:
        huge(options.model, options.side, options.precision, options.plain)
    return 0


if __name__ == "__main__":
    sys.exit(main())
