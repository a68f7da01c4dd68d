"""Kill the real window many times while mouse and keys work in it, and count what comes back.

Usage: xvfb-run -a -s "-screen 0 1400x950x24" python tests/bench/window_kill_bench.py [--kills 60]
One window after another works on a folder of phantoms; each recovers what the last one left by
clicks on Recover, works on and is killed. A new session begins every `row` kills.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "plugin"))

from common import machine, print_table
from window_kills import Verdict, kill_windows, phantom_folder


def session(first: int, row: int) -> list[Verdict]:
    """Kill the windows of one folder of sessions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images, verdicts = phantom_folder(folder / "images"), []
        for one in kill_windows(folder / "sessions", images, row, seed=first):
            verdicts.append(one)
            print(first + len(verdicts), one, file=sys.stderr, flush=True)
        return verdicts


def show(verdicts: list[Verdict]) -> None:
    """Print the counts as Markdown."""
    losses = [one.lost_s for one in verdicts]
    rows = {
        "kills": len(verdicts),
        "survived: offered, whole, nothing durable lost, at most 2 s old": sum(
            one.survived for one in verdicts
        ),
        "sessions recovered by clicks": sum(one.images for one in verdicts),
        "states given / reported as durable": (
            f"{sum(one.given for one in verdicts)} / {sum(one.durable for one in verdicts)}"
        ),
        "kills with a state in memory only": sum(loss > 0 for loss in losses),
        "oldest change lost, s: worst / mean": (
            f"{max(losses):.2f} / {sum(losses) / len(losses):.2f}"
        ),
        "damaged files met": sum(one.passed_over for one in verdicts),
        "windows that had ended by themselves": sum(one.died for one in verdicts),
    }
    print(machine() + "\n")
    tell = print_table(["", ""])
    for name, value in rows.items():
        tell(name, value)


def main(arguments: list[str] | None = None) -> list[Verdict]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--row", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    verdicts: list[Verdict] = []
    for first in range(0, chosen.kills, chosen.row):
        verdicts += session(chosen.seed + first, min(chosen.row, chosen.kills - first))
    show(verdicts)
    return verdicts


if __name__ == "__main__":
    sys.exit(0 if all(one.survived for one in main()) else 1)
