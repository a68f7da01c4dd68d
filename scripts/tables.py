"""Train and measure the rows of a table; start it again after a stop and it goes on.

    python scripts/tables.py wbc --data ../shared/data --runs runs --minutes 60
    python scripts/tables.py wbc --data ../shared/data --runs runs --evaluate

configs/tables/NAME.toml says what is trained: [train] is a configuration of `priorseg train`, every
[variants.X] changes some of its keys, `trunk = "Y"` starts from the network of variant Y of the
same seed. configs/tables/NAME.protocol.toml says what is measured. Seeds come one after the other,
so that a stop leaves whole seeds; --seeds lets several processes share the work. A network that was
trained with other settings than the file now gives is refused, never measured in its place.
"""

import argparse
import csv
import json
import sys
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLES, RESULTS = ROOT / "configs" / "tables", ROOT / "docs" / "results"
LAST, WRONG, STOPPED = "model.priorseg", 2, 3


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Change some keys of nested tables; lists are replaced."""
    found = dict(base)
    for key, value in change.items():
        inner = found.get(key)
        both = isinstance(value, Mapping) and isinstance(inner, Mapping)
        found[key] = merged(inner, value) if both else value  # type: ignore[arg-type]
    return found


def configurations(table: Mapping[str, Any], runs: Path, seed: int) -> dict[str, dict[str, Any]]:
    """Give the configuration of every variant, in the order of the file.

    Raises
    ------
    ValueError  if `like` or `trunk` names no variant above it.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, told in table["variants"].items():
        unknown = [told[key] for key in ("like", "trunk") if key in told and told[key] not in found]
        if unknown:
            raise ValueError(f"variants.{name}: there are no variants {unknown} above it.")
        change = {key: value for key, value in told.items() if key not in ("trunk", "like")}
        base = found[told["like"]] if "like" in told else table["train"]
        config = merged(base, change)
        if "trunk" in told:
            weights = str((runs / f"{told['trunk']}-{seed}" / LAST).resolve())
            config = merged(config, {"network": {"weights": weights}})
        card = {"name": name, **config.get("card", {})}
        found[name] = {**config, "seed": seed, "card": {**card, "name": name}}
    return found


def train_all(table: Mapping[str, Any], runs: Path, options: argparse.Namespace) -> bool:
    """Train what is missing; say whether everything is done."""
    from priorseg.training.config import TrainConfig
    from priorseg.training.run import train

    ends, data = time.monotonic() + 60 * options.minutes, options.data.resolve()
    for seed in options.seeds or table["seeds"]:
        for name, config in configurations(table, runs, seed).items():
            out = runs / f"{name}-{seed}"
            if options.only and name not in options.only:
                continue
            told = TrainConfig.from_dict(merged(config, {"data": {"root": str(data)}}))
            if is_done(out, told.to_dict()):
                continue
            left = (ends - time.monotonic()) / 60
            if left <= 0:
                return False
            print(f"{name}, seed {seed}", flush=True)
            if train(told, out, minutes=left, progress=options.report) is None:
                return False
    return True


def is_done(out: Path, wanted: Mapping[str, Any]) -> bool:
    """Say whether a folder holds the network of a configuration; where files lie does not count.

    One that started from a trunk with other weights than the trunk has now is not; runs that did
    not note what they started from go by the trunk's name. What differs only in `card` or `ship` is
    written again from the checkpoint, in no time; `train` refuses a folder whose training differs.
    """
    from priorseg.training.origin import changed

    kept = out / "config.json"
    if not (out / LAST).exists() or not kept.exists():
        return False
    rootless = {"data": {"root": None}}
    return not changed(merged(json.loads(kept.read_text()), rootless), merged(wanted, rootless))


def outdated(table: Mapping[str, Any], runs: Path) -> list[str]:
    """Name the folders whose network is not what the table now says."""
    from priorseg.training.config import TrainConfig

    return [
        f"{name}-{seed}"
        for seed in table["seeds"]
        for name, config in configurations(table, runs, seed).items()
        if (runs / f"{name}-{seed}" / LAST).exists()
        and not is_done(runs / f"{name}-{seed}", TrainConfig.from_dict(config).to_dict())
    ]


def times(table: Mapping[str, Any], runs: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Read how long each training took, from its log."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name in table["variants"]:
        for seed in table["seeds"]:
            log = runs / f"{name}-{seed}" / "log.csv"
            if (log.parent / LAST).exists():
                rows = list(csv.DictReader(log.read_text().splitlines()))
                minutes = sum(float(row["seconds"]) for row in rows) / 60
                entry = {"epochs": len(rows), "minutes": round(minutes, 1)}
                found.setdefault(name, {})[str(seed)] = entry
    return found


def evaluate(name: str, table: Mapping[str, Any], runs: Path, options: argparse.Namespace) -> int:
    """Measure the networks that are there, and write the table beside the papers' figures."""
    from priorseg.cli import main as priorseg

    if old := outdated(table, runs):
        print(f"{', '.join(old)}: trained otherwise than the table says. Train them first.")
        return WRONG
    RESULTS.mkdir(parents=True, exist_ok=True)
    out = RESULTS / f"{name}.json"
    command = ["evaluate", str(TABLES / f"{name}.protocol.toml"), "--data", str(options.data)]
    command += ["--runs", str(runs), "-o", str(out), "--available"]
    command += ["--threads", str(options.threads)] + (["--resume"] if out.exists() else [])
    code = priorseg(command)
    note(times(table, runs), RESULTS / f"{name}.training.json")
    return code


def note(found: Mapping[str, Any], kept: Path) -> None:
    """Add the times of trainings to a file; those of networks that lie elsewhere stay."""
    known = json.loads(kept.read_text()) if kept.exists() else {}
    kept.write_text(json.dumps(merged(known, found), indent=1) + "\n")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", choices=sorted(p.stem for p in TABLES.glob("*[!l].toml")))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--only", nargs="+", help="names of variants")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--evaluate", action="store_true", help="measure instead of training")
    options = parser.parse_args()
    options.report = lambda line: print(line, flush=True)
    table = tomllib.loads((TABLES / f"{options.table}.toml").read_text(encoding="utf-8"))
    runs = options.runs / options.table
    if options.evaluate:
        return evaluate(options.table, table, runs, options)
    import torch

    torch.set_num_threads(options.threads)
    if train_all(table, runs, options):
        return 0
    print("Time is up. Run the same command again to go on.")
    return STOPPED


if __name__ == "__main__":
    sys.exit(main())
