"""Kill the annotating program many times at random moments, and count what comes back.

Usage: nice python tests/bench/kill_bench.py [--kills 500] [--workers 2] [--row 5]
Each session is killed `row` times in a row; every program goes on where the last was cut off. Half
of them save without any pause, so that many kills fall into a write.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "annotation"))

from common import machine, print_table
from kills import Verdict, kill_in_a_row


def session(first: int, row: int) -> list[Verdict]:
    """Kill one session in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return kill_in_a_row(Path(folder), list(range(first, first + row)))


def show(verdicts: list[Verdict]) -> None:
    """Print the counts as Markdown."""
    losses = [one.lost_s for one in verdicts]
    hit = sum(one.given > one.durable and one.lost_s > 0 for one in verdicts)
    rows = {
        "kills": len(verdicts),
        "survived: whole, nothing durable lost, at most 2 s old": sum(
            one.survived for one in verdicts
        ),
        "states given": sum(one.given for one in verdicts),
        "of them reported as durable": sum(one.durable for one in verdicts),
        "kills with a state in memory only": hit,
        "worst loss s": f"{max(losses):.2f}",
        "mean loss s": f"{sum(losses) / len(losses):.2f}",
        "damaged files met": sum(one.passed_over for one in verdicts),
    }
    print(machine() + "\n")
    tell = print_table(["", ""])
    for name, value in rows.items():
        tell(name, value)


def main(arguments: list[str] | None = None) -> list[Verdict]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--row", type=int, default=5)
    chosen = parser.parse_args(arguments)
    firsts = range(0, chosen.kills, chosen.row)
    with ThreadPoolExecutor(chosen.workers) as pool:
        rows = pool.map(lambda n: session(n, min(chosen.row, chosen.kills - n)), firsts)
        verdicts = [one for row in rows for one in row]
    show(verdicts)
    return verdicts


if __name__ == "__main__":
    sys.exit(0 if all(one.survived for one in main()) else 1)
