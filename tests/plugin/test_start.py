"""Opening the panel, in a process of its own: what it must not do."""

import subprocess
import sys

OPEN = """
import sys, threading, time

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print("torch", threading.current_thread() is threading.main_thread())

sys.meta_path.insert(0, Watch())
import napari
from qtpy.QtWidgets import QApplication
from priorseg.plugin.panel import SegmentationPanel

viewer = napari.Viewer(show=False)
panel = SegmentationPanel(viewer)
viewer.window.add_dock_widget(panel)
QApplication.processEvents()
assert "torch" not in sys.modules
print("open")
panel.open_sample("cup_disc_phantom")
panel.desk.run()
assert "torch" not in sys.modules or panel.desk.worker.busy
print("asked")
while panel.desk.classes is None:
    QApplication.processEvents()
    time.sleep(0.01)
assert "torch" in sys.modules
print("loaded")
panel.desk.close(timeout=20)
viewer.close()
print("closed", flush=True)
"""


def test_the_panel_opens_without_torch_and_loads_it_beside_the_window() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OPEN], capture_output=True, text=True, timeout=200, check=False
    )
    lines = done.stdout.splitlines()
    assert lines[:1] == ["open"], done.stderr[-1000:]
    assert "torch True" not in lines
    assert "torch False" in lines[lines.index("open") :]
    assert lines[-1] == "closed", done.stderr[-1000:]
