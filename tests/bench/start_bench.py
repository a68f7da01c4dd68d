"""Measure opening the panel, and a cold start of the program until the first result on retina.

Usage: xvfb-run -a -s "-screen 0 1400x950x24" python tests/bench/start_bench.py [runs]
Every run is a process of its own; "cold" is a new process, not an empty disk cache. The clock
of the program starts before Python does. Prints a Markdown table, the best and the worst run.
"""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import date
from itertools import pairwise

PANEL, PROGRAM = "panel", "program"


class TorchWatch:
    """Note in which threads a module was first looked for; meant for `sys.meta_path`."""

    def __init__(self, name):
        self.name, self.threads = name, set()

    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            self.threads.add(threading.current_thread().name)


def watched():
    watch = TorchWatch("torch")
    sys.meta_path.insert(0, watch)
    return watch


def measure_panel():
    """Open the panel in a window that is already there."""
    import napari
    from windows import rest

    watch = watched()
    viewer = napari.Viewer(show=True)
    rest(1)
    start = time.perf_counter()
    from priorseg.plugin.panel import SegmentationPanel

    imported = time.perf_counter()
    panel = SegmentationPanel(viewer)
    made = time.perf_counter()
    viewer.window.add_dock_widget(panel, name="bench", area="right")
    docked = time.perf_counter()
    rest(0.5)
    found = {"import": imported - start, "make": made - imported, "dock": docked - made,
             "open": docked - start, "torch": sorted(watch.threads)}  # fmt: skip
    panel.desk.close(timeout=10)
    return found


def measure_program(born):
    """Start the program on retina as its own command does; `born` = time of its start."""
    watch = watched()
    from priorseg.plugin.ahead import fetch_ahead

    fetch_ahead()
    import napari
    from qtpy.QtCore import QTimer

    from priorseg.plugin.panel import SegmentationPanel

    marks = {"imports": time.time() - born}
    viewer = napari.Viewer(show=True)
    marks["window"] = time.time() - born
    panel = SegmentationPanel(viewer)
    viewer.window.add_dock_widget(panel, name="bench", area="right")
    viewer.window.resize(1400, 950)
    marks["panel"] = time.time() - born
    panel.open_sample("retina")
    panel.desk.run()
    marks["asked"] = time.time() - born
    texts, beats = [], []

    def look():
        beats.append(time.time() - born)
        if not texts or texts[-1][1] != panel.status.text:
            texts.append((round(beats[-1], 2), panel.status.text))
        shown = panel.desk.shown
        if shown is not None and shown.final and not panel.desk.worker.busy:
            marks["result"] = beats[-1]
            timer.stop()
            viewer.close()

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(5)
    panel.desk.worker.progress.connect(lambda *_: marks.setdefault("progress", time.time() - born))
    napari.run()
    marks["blocked"] = max(b - a for a, b in pairwise(beats))
    return {**marks, "torch": sorted(watch.threads), "said": texts}


def run_once(kind):
    """Run one measurement in a process of its own."""
    command = [sys.executable, __file__, "--child", kind, str(time.time())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(lines[-1])


def main():
    if sys.argv[1:2] == ["--child"]:
        found = measure_panel() if sys.argv[2] == PANEL else measure_program(float(sys.argv[3]))
        print(json.dumps(found), flush=True)
        os._exit(0)  # napari's own end is not measured
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print(f"{date.today()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| | best s | worst s |\n|---|---|---|")
    for kind in (PANEL, PROGRAM):
        found = [run_once(kind) for _ in range(runs)]
        for name in found[0]:
            values = [one.get(name) for one in found]
            if all(isinstance(value, float) for value in values):
                print(f"| {kind}: {name} | {min(values):.2f} | {max(values):.2f} |")
        print(f"| {kind}: torch imported in | {', '.join(found[0]['torch']) or 'no thread'} | |")
    print("\nSaid meanwhile: " + "; ".join(f"{at:.1f} s {text}" for at, text in found[0]["said"]))


if __name__ == "__main__":
    main()
