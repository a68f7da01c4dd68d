"""What napari sees: the manifest, the samples, a panel that opens without torch; the demo."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import priorseg.bundle
from priorseg.plugin import demo, samples

MANIFEST = Path(samples.__file__).with_name("napari.yaml")
OPEN = """
import sys
import napari
viewer = napari.Viewer(show=False)
from priorseg.plugin.panel import SegmentationPanel
panel = SegmentationPanel(viewer)
viewer.window.add_dock_widget(panel)
assert "torch" not in sys.modules, "opening the panel imported torch"
assert panel.desk.close()
viewer.close()
"""


def test_the_manifest_is_valid_and_its_names_exist() -> None:
    from npe2 import PluginManifest

    done = subprocess.run(
        [sys.executable, "-m", "npe2", "validate", str(MANIFEST)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    commands = PluginManifest.from_file(MANIFEST).contributions.commands
    assert len(commands) == 6
    for command in commands:
        module, name = command.python_name.split(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_the_panel_opens_without_torch() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", OPEN], capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["retina", "cell", "cup_disc_phantom", "blood_smear_phantom",
                                  "nuclei_phantom"])  # fmt: skip
def test_samples_are_images_with_truth_where_we_made_them(name: str) -> None:
    layers = getattr(samples, name)()
    assert layers[0][2] == "image"
    if "phantom" in name:
        truth = layers[1]
        assert truth[2] == "labels"
        assert truth[0].shape == layers[0][0].shape[:2]
        assert set(np.unique(truth[0])) == ({0, 1} if "nuclei" in name else {0, 1, 2})


@pytest.mark.skipif(
    "cup-disc" not in dict(priorseg.bundle.models()), reason="this checkout has no model file"
)
def test_the_demo_leaves_a_picture_labels_and_certificates_and_ends(tmp_path: Path) -> None:
    program = (
        "import sys; from priorseg.plugin.demo import run;"
        f"run('cup-disc-phantom', {str(tmp_path)!r}, show=False)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          check=False, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "cup-disc-phantom-labels.png") as picture:
        labels = np.asarray(picture)
    assert set(np.unique(labels)) == {0, 1, 2}
    facts = json.loads((tmp_path / "cup-disc-phantom-certificates.json").read_text())
    assert facts["certificates"]["star"]["satisfied"]
    with Image.open(tmp_path / "cup-disc-phantom.png") as picture:
        assert picture.size[0] >= 1000


def test_the_demo_knows_its_samples() -> None:
    with pytest.raises(ValueError, match="retina"):
        demo.run("moon")
