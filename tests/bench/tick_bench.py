"""Time a slider tick in a real window: slider event -> solved frame -> painted canvas.

Usage: xvfb-run -a -s "-screen 0 1400x950x24" python tests/bench/tick_bench.py [ticks]
Opens the panel on the 512² cup and disc phantom with the model cup-disc, holds the strength
slider down and moves it step by step; then releases. Prints a Markdown table.
"""

import os
import sys
import time
from datetime import date

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from priorseg.plugin.demo import wait
from priorseg.plugin.panel import SegmentationPanel


def until(done, patience=20.0):
    """Run the event loop until something holds; give the seconds it took."""
    start = time.perf_counter()
    while not done():
        QApplication.processEvents()
        time.sleep(0.001)  # as an event loop does that waits
        if time.perf_counter() - start > patience:
            raise TimeoutError("nothing happened")
    return time.perf_counter() - start


def tick(panel, slider, canvas, place):
    """Move the slider to a place; give the seconds until the frame, in it and for painting."""
    before, start = panel.desk.shown, time.perf_counter()
    slider.setValue(place)
    sent = time.perf_counter() - start
    framed = until(lambda: panel.desk.shown is not before)
    start = time.perf_counter()
    canvas.update()
    canvas.repaint()
    QApplication.processEvents()
    return sent, framed, time.perf_counter() - start


def open_panel():
    """Open the window on the phantom and solve it once."""
    viewer = napari.Viewer(show=True)
    panel = SegmentationPanel(viewer)
    viewer.window.add_dock_widget(panel, name="bench", area="right")
    viewer.window.resize(1400, 950)
    panel.open_sample("cup_disc_phantom")
    panel.desk.run()
    wait(panel, lambda: panel.desk.shown is not None and panel.desk.shown.final)
    wait(panel, lambda: not panel.desk.worker.busy)
    return viewer, panel


def main():
    """Print the table."""
    ticks = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    load = os.getloadavg()[0]
    viewer, panel = open_panel()
    slider = panel.priors.forms["threshold_dynamics"].rows["weight"].bar
    canvas = viewer.window._qt_viewer.canvas.native
    slider.setSliderDown(True)
    places = [600 + 40 * (-1) ** k + 3 * (k % 7) for k in range(ticks)]
    times = [tick(panel, slider, canvas, place) for place in places]
    start = time.perf_counter()
    slider.setSliderDown(False)
    until(lambda: not panel.desk.worker.busy and panel.desk.shown.final)
    released = 1e3 * (time.perf_counter() - start)
    columns = 1e3 * np.array(times[5:]).T
    print(
        f"{date.today()}, load {load:.1f}, {len(columns[0])} ticks at {panel.desk.shown.region}\n"
    )
    print("| part of a tick | median ms | 95 % ms |\n|---|---|---|")
    names = ("control", "solve and hand over", "paint")
    for name, column in [*zip(names, columns, strict=True), ("event to painted", columns.sum(0))]:
        print(f"| {name} | {np.median(column):.1f} | {np.percentile(column, 95):.1f} |")
    print(f"\nrelease to certified full solve: {released:.0f} ms")
    panel.desk.close(timeout=10)
    viewer.close()


if __name__ == "__main__":
    main()
