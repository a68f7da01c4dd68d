"""The window on a sample image; also without anyone watching, for pictures and checks."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep

import napari
import numpy as np
from qtpy.QtWidgets import QApplication
from scipy import ndimage

from ..io import write_labels
from . import samples, strings
from .ahead import fetch_ahead
from .panel import SegmentationPanel

SAMPLES = ("retina", "cell", "cup-disc-phantom", "blood-smear-phantom", "nuclei-phantom")
PATIENCE_S = 60.0
LARGE = 0.25  # of the largest piece: smaller pieces get no centre
SIZE = (1400, 950)


def run(
    sample: str = "retina", out: str | Path | None = None, show: bool = True
) -> tuple[Path, ...]:
    """Open napari with the panel on a sample, and segment it.

    Parameters
    ----------
    sample : str   one of `SAMPLES`
    out : folder   for the picture, the label image and the certificates if not shown
    show : bool    True: leave the window to the user until it is closed.
                   False: press what a user would press, write the files and close.

    Returns
    -------
    tuple of Path   the files written: screenshot, labels, certificates; empty if shown

    Raises
    ------
    ValueError    for an unknown sample.
    RuntimeError  if there is no result; says what the panel says.
    """
    if sample not in SAMPLES:
        raise ValueError(f"There is no sample {sample!r}. Use one of {', '.join(SAMPLES)}.")
    fetch_ahead()
    viewer = napari.Viewer(show=True)
    window = viewer.window
    panel = SegmentationPanel(viewer)
    window.add_dock_widget(panel, name=strings.TITLE, area="right")
    window.resize(*SIZE)
    panel.open_sample(sample.replace("-", "_"))
    panel.desk.run()
    try:
        if show:
            napari.run()
            return ()
        return _unattended(viewer, panel, sample, Path(out or "."))
    finally:
        if not show:
            panel.desk.close(timeout=10)
            viewer.close()


def _unattended(
    viewer: napari.Viewer, panel: SegmentationPanel, sample: str, folder: Path
) -> tuple[Path, ...]:
    """Wait for the result, place star centres as a user would, write the files."""
    desk = panel.desk
    wait(panel, lambda: desk.shown is not None and desk.shown.final)
    if panel.priors.nested.isVisible() and panel.priors.nested.isEnabled():
        panel.priors.nested.setChecked(True)
        panel.priors.nested.clicked.emit(True)
        wait(panel, lambda: not desk.worker.busy)
    label = min(desk.classes.objects)
    for centre in _clicks(panel, sample, label):
        desk.pointing.place(label)  # the next click places a centre
        desk.canvas.centres.layer.add(centre)
        _settle(0.05)
    wait(panel, lambda: not desk.worker.busy and desk.shown.final)
    _settle(0.5)
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / f"{sample}.png"
    viewer.screenshot(str(picture), canvas_only=False, flash=False)
    labels = write_labels(folder / f"{sample}-labels.png", desk.shown.labels)
    return picture, labels, _write_certificates(folder / f"{sample}-certificates.json", panel)


def _clicks(panel: SegmentationPanel, sample: str, label: int) -> Sequence[tuple[float, float]]:
    """Give the star centres that a user would place; none where the network proposes them."""
    if panel.model.card is not None and panel.model.card.centres == "network":
        return ()
    desk, chosen = panel.desk, samples.STARTS[sample.replace("-", "_")].clicks
    return chosen or middles(desk.shown.labels, desk.classes.whole(label, desk.settings))


def middles(labels: np.ndarray, parts: tuple[int, ...]) -> list[tuple[float, float]]:
    """Give a place inside each large piece of an object: its pixel nearest to the centroid."""
    pieces, _ = ndimage.label(np.isin(labels, parts), np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel())[1:]
    found = []
    for number in 1 + np.flatnonzero(sizes > LARGE * sizes.max(initial=0)):
        places = np.argwhere(pieces == number)
        nearest = np.square(places - places.mean(0)).sum(1).argmin()
        found.append((float(places[nearest, 0]), float(places[nearest, 1])))
    return found


def _write_certificates(path: Path, panel: SegmentationPanel) -> Path:
    desk = panel.desk
    rows, columns = desk.shown.region
    facts = {
        "model": panel.model.name,
        "region": {"rows": [rows.start, rows.stop], "columns": [columns.start, columns.stop]},
        "sweeps": desk.shown.sweeps,
        "objects": desk.classes.counts(desk.shown.counts),
        "names": desk.classes.objects,
        "centres": {key: list(points) for key, points in desk.shown.settings.centres.items()},
        "certificates": {
            key: {
                "violations": one.violations,
                "satisfied": one.satisfied,
                "message": desk.classes.named(one.message),
            }
            for key, one in desk.shown.certificates.items()
        },
    }
    path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return path


def wait(panel: SegmentationPanel, done: Callable[[], bool]) -> None:
    """Let the window live until something is done.

    Raises
    ------
    RuntimeError  after `PATIENCE_S`, or when the panel says that it failed.
    """
    end = monotonic() + PATIENCE_S
    while not done():
        _settle(0.01)
        notices = (panel.image.notice, panel.model.notice, panel.priors.notice)
        if panel.status.text == strings.STATE_FAILED:
            panel.desk.worker.cancel()
            end = 0.0
        if monotonic() > end:
            said = " ".join(notice.text for notice in notices if notice.text)
            raise RuntimeError(f"No result: {panel.status.text}. {said}".strip())


def _settle(seconds: float) -> None:
    end = monotonic() + seconds
    while True:
        QApplication.processEvents()
        if monotonic() >= end:
            return
        sleep(0.005)
