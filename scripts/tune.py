"""Choose the settings of the post-processing rows of a table.

    python scripts/tune.py wbc --data ../shared/data --runs runs

Every row of configs/tables/NAME.protocol.toml whose name ends in ", tuned" is tried with all
settings of its grid (priorseg.evaluation.tuning.GRIDS), after the network of one seed, on the
clean images of the training part that this network was not trained on. The best settings and the
scores of all go into docs/results/NAME.tuned.json; put the modes it prints into the protocol (a
test compares them). Nothing here sees the images that the table reports on.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from priorseg.evaluation.places import Places
from priorseg.evaluation.protocol import Protocol, load_protocol
from priorseg.evaluation.tuning import held_out, plain_score, tune_row

ROOT = Path(__file__).resolve().parent.parent
TABLES, RESULTS = ROOT / "configs" / "tables", ROOT / "docs" / "results"
ENDING = ", tuned"


def tuned(protocol: Protocol, places: Places, seed: int, images: int | None) -> dict[str, Any]:
    """Tune all rows that ask for it, on the first so many images, and say on what.

    Raises
    ------
    ValueError  if no row does, or they have different networks.
    """
    rows = [row for row in protocol.rows if row.name.endswith(ENDING)]
    if len({row.bundle for row in rows}) != 1:
        raise ValueError(f"Rows named '…{ENDING}' of one network are needed, not {len(rows)}.")
    segmenter = places.load(rows[0], seed, "cpu")
    examples = held_out(protocol, places, rows[0], seed)[:images]
    one = protocol.sets[0]
    found: dict[str, Any] = {
        "images": f"held out of the train part of {one.folder}, seed {seed}; without noise",
        "names": [example.name for example in examples],
        "network": rows[0].bundle.replace("{seed}", str(seed)),
        "sha256": segmenter.sha256,
        "score": f"{protocol.measures[0]} of an image, the mean over its objects, then over images",
        "plain": round(plain_score(segmenter, examples, protocol), 5),
        "rows": {},
    }
    print(f"{len(examples)} images, plain {found['plain']:.5f}", flush=True)
    for row in rows:
        choice = tune_row(row, segmenter, examples, protocol)
        scores = {mode: round(value, 5) for mode, value in choice.tuned.scores.items()}
        told = {"mode": choice.mode, "at the end of the grid": list(choice.at_end)}
        found["rows"][row.name] = {**told, "scores": scores}
        print(f"{row.name}: {scores[choice.mode]:.5f}  mode = {choice.mode!r}", flush=True)
        if choice.at_end:
            print(f"  at the end of the grid: {', '.join(choice.at_end)}", flush=True)
    return found


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", choices=sorted(p.name.split(".")[0] for p in TABLES.glob("*.p*")))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, help="only so many of the images held out")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    protocol = load_protocol(TABLES / f"{options.table}.protocol.toml")
    places = Places(options.data, options.runs / options.table)
    found = tuned(protocol, places, options.seed, options.images)
    out = RESULTS / f"{options.table}.tuned.json"
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
