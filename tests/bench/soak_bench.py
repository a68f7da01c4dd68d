"""Drag, switch images and models for minutes in a real window, and watch what grows.

Usage: xvfb-run -a -s "-screen 0 1400x950x24" python tests/bench/soak_bench.py [minutes] [--csv F]
Prints resident memory, threads, Qt objects, layers and live arrays at equal intervals, and the
slope of memory over the last two thirds of the time. Rounds of work come first: one round through
all pictures before the clock starts, so that caches are full.
"""

import argparse
import csv
import gc
import os
import threading
import time
from datetime import date
from itertools import cycle
from pathlib import Path

import numpy as np
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication
from windows import Mouse, Window, machine, rest

from priorseg import phantoms

SIDE, DRAG_S, ROWS = 384, 1.5, 30
STEADY_MB_PER_HOUR = 60.0


def pictures():
    """Make what is switched between: (model, name, image)."""
    discs = [("cup-disc", f"disc {n}", phantoms.cup_disc(SIDE, seed=n).image) for n in range(3)]
    smears = [("cells", f"smear {n}", phantoms.blood_smear(SIDE, seed=n).image) for n in range(2)]
    return [*discs[:2], smears[0], discs[2], smears[1]]


def resident_mb():
    """Give the memory that the process holds now; MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def look(window, start):
    """Give one row of the table."""
    gc.collect()
    alive = gc.get_objects()
    return {
        "minutes": (time.perf_counter() - start) / 60,
        "MB": resident_mb(),
        "threads": threading.active_count(),
        "tasks": len(list(Path("/proc/self/task").iterdir())),
        "widgets": len(QApplication.allWidgets()),
        "objects": len(window.viewer.window._qt_window.findChildren(QObject)),
        "layers": len(window.viewer.layers),
        "layers alive": sum(type(one).__name__ in ("Labels", "Image") for one in alive),
        "tracked": len(alive),
    }


def work(window, model, name, image):
    """Switch to a picture, drag the slider, edit a prior and look at it in another way."""
    window.show(model, image, name)
    Mouse(window.slider().bar).drag(DRAG_S)
    window.calm()
    table, view = window.panel.priors.table, window.panel.live.view
    table.cell("convex", 1).click()
    window.calm()
    for place in (view.count() - 1, 0):
        view.setCurrentIndex(place)
        view.activated.emit(place)
        rest(0.05)
    table.cell("convex", 1).click()
    window.calm()


def verdict(rows):
    """Say how fast memory grows, by a line through the last two thirds."""
    tail = rows[len(rows) // 3 :]
    hours = np.array([row["minutes"] for row in tail]) / 60
    memory = np.array([row["MB"] for row in tail])
    slope, _ = np.polyfit(hours, memory, 1)
    rest_of = memory - np.polyval(np.polyfit(hours, memory, 1), hours)
    error = rest_of.std(ddof=2) / (hours.std() * len(hours) ** 0.5)
    grown = {key: tail[-1][key] - tail[0][key] for key in rows[0] if key not in ("minutes", "MB")}
    flat = slope - 2 * error < STEADY_MB_PER_HOUR
    return (
        f"{'Flat' if flat else 'Grows'}: {slope:+.0f} ± {2 * error:.0f} MB/h over the last "
        f"{60 * (hours[-1] - hours[0]):.1f} min; changes since: {grown}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("minutes", nargs="?", type=float, default=30.0)
    parser.add_argument("--csv")
    chosen = parser.parse_args()
    window, rows = Window(), []
    for scene in pictures():
        work(window, *scene)
    print(f"{date.today()}, {machine()}, {chosen.minutes:g} min, {SIDE}² pictures\n", flush=True)
    start, switches = time.perf_counter(), 0
    scenes, next_row = cycle(pictures()), 0.0
    while True:
        passed = time.perf_counter() - start
        if passed >= next_row:
            rows.append(look(window, start))
            next_row += 60 * chosen.minutes / ROWS
            if len(rows) == 1:
                print("| " + " | ".join(rows[0]) + " |\n" + "|---" * len(rows[0]) + "|")
            print(
                "| " + " | ".join(f"{value:.5g}" for value in rows[-1].values()) + " |", flush=True
            )
        if passed > 60 * chosen.minutes:
            break
        work(window, *next(scenes))
        switches += 1
    print(f"\n{switches} pictures. {verdict(rows)}")
    window.close()
    left = [t.name for t in threading.enumerate() if t.name.startswith("priorseg")]
    print(f"Threads of ours after closing: {left or 'none'}.")
    if chosen.csv:
        with open(chosen.csv, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
