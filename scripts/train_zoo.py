"""Train a network of the zoo; start it again after an interruption and it goes on.

    python scripts/train_zoo.py cells --data ../shared/data --minutes 60

The checkpoint lies in runs/; the finished bundle is written to src/priorseg/zoo/.
"""

import argparse
import dataclasses
import logging
import sys
from pathlib import Path

import torch

from priorseg.training.recipes import RECIPES

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=sorted(RECIPES))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument(
        "--minutes",
        type=float,
        default=float("inf"),
        help="stop after the epoch that ends later than this",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    parser.add_argument("--out", type=Path, default=None, help="bundle file to write")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    recipe = RECIPES[options.model]
    checkpoint = options.runs / f"{options.model}-{options.seed}.pt"
    try:
        trainer = recipe.trainer(options.data, checkpoint, options.seed)
    except FileNotFoundError as missing:
        print(missing, file=sys.stderr)
        return 2
    if not trainer.run(minutes=options.minutes):
        print(f"Stopped after epoch {trainer.epoch}. Run the same command again to go on.")
        return 3
    from priorseg.bundle import save_bundle
    from priorseg.segmenter import Segmenter

    card = dataclasses.replace(recipe.card, seeds=(options.seed,))
    head = recipe.ship(trainer.head.requires_grad_(False))
    segmenter = Segmenter(trainer.backbone.eval(), head, card, preprocessing=recipe.preprocessing)
    target = options.out or ROOT / "src" / "priorseg" / "zoo" / f"{options.model}.priorseg"
    print(f"Held-out mIoU {trainer.best_score:.4f}; wrote {save_bundle(target, segmenter)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
