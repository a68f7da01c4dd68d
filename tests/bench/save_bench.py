"""What it costs to save one small stroke in a large image.

Usage: python tests/bench/save_bench.py [--side 2048] [--strokes 200]
"""

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import date

import numpy as np

from priorseg.annotation import Candidate, History, Picture, State, Store, keep, load, paint
from priorseg.annotation.store import state_files
from priorseg.session import Settings


def nuclei(side: int) -> State:
    """Make a state with a draft of a big disc and a grid of kept objects."""
    y, x = np.ogrid[:side, :side]
    centre, state = side / 2, State.fresh(Picture("bench", None, "", (side, side)), Settings())
    draft = ((y - centre) ** 2 + (x - centre) ** 2 < (0.35 * side) ** 2).astype(np.uint8)
    state = replace(state, draft=state.draft.with_array(draft))
    objects = []
    small = np.hypot(*np.ogrid[-12:13, -12:13]) <= 12
    for top in range(20, side - 45, 100):
        for left in range(20, side - 45, 100):
            window = slice(top, top + 25), slice(left, left + 25)
            objects.append(Candidate(1, f"nucleus {len(objects) + 1}", small, window))
    return keep(state, objects)


def measure(side: int, strokes: int) -> dict[str, list[float]]:
    """Paint strokes of 15 pixels' width; milliseconds and bytes of each."""
    state, chance = nuclei(side), np.random.default_rng(0)
    brush = np.hypot(*np.ogrid[-7:8, -7:8]) <= 7
    found: dict[str, list[float]] = {key: [] for key in ("edit ms", "save ms", "bytes")}
    history = History(state)
    with tempfile.TemporaryDirectory() as root:
        store = Store(root, state.picture)
        begin = time.perf_counter()
        first = store.save(state)
        found["first save ms"] = [1e3 * (time.perf_counter() - begin)]
        found["first save bytes"] = [first.stat().st_size]
        for _ in range(strokes):
            top, left = (int(part) for part in chance.integers(0, side - 15, 2))
            begin = time.perf_counter()
            state = paint(state, brush, 1, (slice(top, top + 15), slice(left, left + 15)))
            history.push(state, "paint")
            found["edit ms"].append(1e3 * (time.perf_counter() - begin))
            begin = time.perf_counter()
            path = store.save(state)
            found["save ms"].append(1e3 * (time.perf_counter() - begin))
            found["bytes"].append(path.stat().st_size)
        sizes = [path.stat().st_size for _, path in state_files(store.folder)]
        found["folder bytes"] = [sum(sizes)]
        begin = time.perf_counter()
        assert load(store.folder).state == state
        found["load ms"] = [1e3 * (time.perf_counter() - begin)]
    found["history bytes"] = [history.bytes]
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--strokes", type=int, default=200)
    chosen = parser.parse_args(arguments)
    load_now = os.getloadavg()[0]
    print(f"{date.today()}, {chosen.side}², {chosen.strokes} strokes, load {load_now:.1f}\n")
    print("| | median | largest |\n|---|---|---|")
    for name, values in measure(chosen.side, chosen.strokes).items():
        print(f"| {name} | {statistics.median(values):,.4g} | {max(values):,.4g} |")


if __name__ == "__main__":
    main()
