"""Measure a slider under the mouse in a real window: slider event -> painted frame.

Usage: xvfb-run -a -s "-screen 0 1400x950x24" python tests/bench/drag_bench.py
           [case ...] [--seconds 8] [--size 1400 950] [--csv FILE]
Cases: disc-512, cells-512, cells-2048 (three classes each, the whole picture). A mouse holds the
strength slider and moves it at 60 Hz; the network has run before. For every move: the time from
when it was due until a frame that answers it, or a later move, was on screen (`frameSwapped` of
the canvas). Prints Markdown tables; the CSV has one line per move.
"""

import argparse
import csv
import time
from datetime import date
from itertools import pairwise

import numpy as np
from windows import CASES, SIZE, Clock, Mouse, Window, core_seconds, machine

BINS_MS = (0, 20, 30, 40, 50, 60, 80, 100, 120, 160, 240, np.inf)


def painted_at(moves, frames):
    """Give when each move was answered on screen, by itself or a later one; nan = never."""
    own = [frames.get(id(move.settings), np.nan) for move in moves]
    times = np.asarray(own)[::-1]
    return np.asarray(own), np.fmin.accumulate(times)[::-1]


def statistics(name, values):
    values = 1e3 * np.asarray([value for value in values if np.isfinite(value)])
    if not len(values):
        return f"| {name} | 0 | - | - | - |"
    middle, high = np.percentile(values, (50, 95))
    return f"| {name} | {len(values)} | {middle:.1f} | {high:.1f} | {values.max():.1f} |"


def gaps(clock):
    """Give each gap of the heartbeat, and the longest kind of work that lay in it."""
    beats = np.asarray(clock.beats)
    found = []
    for start, end in pairwise(beats):
        inside = {}
        for low, high, kind in clock.spans:
            share = min(high, end) - max(low, start)
            if share > 0:
                inside[kind] = inside.get(kind, 0.0) + share
        found.append((end - start, inside))
    return found


def report(moves, clock, released, final, cpu, wall):
    """Print what was measured."""
    own, painted = painted_at(moves, clock.frames)
    due = np.asarray([move.due for move in moves])
    moved = painted < released + 0.5
    swaps = [at for at in clock.swaps if at <= released]
    frames = sum(np.isfinite(own))
    spans = {kind: [b - a for a, b, k in clock.spans if k == kind] for kind in ("frame", "paint")}
    parts = [[], [], [], []]
    for move, shown in zip(moves, own, strict=True):
        arrived = clock.arrivals.get(id(move.settings), np.nan)
        layered = clock.shown.get(id(move.settings), np.nan)
        marks = (move.due, move.controlled, arrived, layered, shown)
        for part, (start, end) in zip(parts, pairwise(marks), strict=True):
            part.append(end - start)
    print("| | n | median ms | 95 % ms | max ms |\n|---|---|---|---|---|")
    print(statistics("**event to painted, every event**", (painted - due)[moved]))
    print(statistics("event to painted, events with a frame of their own", own - due))
    for name, part in zip(
        ("- control", "- solve and hand over", "- panel and layers", "- upload and paint"), parts,
        strict=True,
    ):  # fmt: skip
        print(statistics(name, part))
    print(statistics("all handling of frames by the panel", spans["frame"]))
    print(statistics("all paints of the canvas", spans["paint"]))
    print(statistics("between frames on screen", np.diff(sorted(clock.frames.values()))))
    found = gaps(clock)
    print(statistics("gaps of the GUI thread's heartbeat", [gap for gap, _ in found]))
    late = [(gap, inside) for gap, inside in found if gap > 0.05]
    ours = [gap for gap, inside in late if inside.get("frame", 0) > 0.05]
    print(
        f"\n{frames / (released - due[0]):.1f} new frames/s ({len(swaps) / (released - due[0]):.1f}"
        f" paints/s) for {len(moves) / (released - due[0]):.1f} events/s; "
        f"{len(late)} gaps > 50 ms, {len(ours)} of them in the panel's code, "
        f"{sum(inside.get('paint', 0) > 0.05 for _, inside in late)} in one paint of the canvas; "
        f"our threads had {cpu[0] / wall:.2f} cores "
        f"and waited for {cpu[1] / wall:.2f} more.\n\n"
        f"Release to certified labels: {1e3 * final:.0f} ms.\n"
    )
    counts, _ = np.histogram(1e3 * (painted - due)[moved], BINS_MS)
    edges = [f"{low:g}-{high:g}" for low, high in pairwise(BINS_MS)]
    print("| event to painted, ms | " + " | ".join(edges) + " |")
    print("|---" * (1 + len(edges)) + "|")
    print("| events | " + " | ".join(map(str, counts)) + " |\n")
    return own, painted


def measure(window, case, seconds):
    """Drag on one picture; give the lines of the CSV."""
    model, picture = CASES[case]
    window.show(model, picture(), case)
    window.calm()
    row = window.slider()
    mouse, clock = Mouse(row.bar), Clock(window)
    window.panel.priors.edited.connect(lambda _: mouse.edited(window.panel.priors.settings))
    with clock.running():
        begin, used = time.perf_counter(), core_seconds()
        moves, released = mouse.drag(seconds)
        wall, used = time.perf_counter() - begin, core_seconds() - used
        final = time.perf_counter() - released + window.calm()
    rows, columns = window.desk.shown.region
    print(
        f"## {case}: {rows.stop - rows.start} × {columns.stop - columns.start}, {model}, "
        f"{date.today()}, {machine()}, canvas {window.canvas.native.width()} × "
        f"{window.canvas.native.height()}\n"
    )
    own, painted = report(moves, clock, released, final, used, wall)
    return [
        (case, move.due - moves[0].due, move.controlled - move.due, one - move.due, any_ - move.due)
        for move, one, any_ in zip(moves, own, painted, strict=True)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=[*CASES])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--size", type=int, nargs=2, default=SIZE)
    parser.add_argument("--csv")
    chosen = parser.parse_args()
    lines = []
    for case in chosen.cases:
        window = Window(chosen.size)
        lines += measure(window, case, chosen.seconds)
        window.close()
    if chosen.csv:
        with open(chosen.csv, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("case", "due_s", "control_s", "own_frame_s", "painted_s"))
            writer.writerows(lines)


if __name__ == "__main__":
    main()
