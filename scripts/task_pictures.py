"""Draw the pictures of the pages in docs/tasks, in a real window.

    xvfb-run -a -s "-screen 0 1400x950x24" python scripts/task_pictures.py docs/images/tasks

Only photographs that come with scikit-image and images that priorseg makes itself are shown.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import pictures
from pictures import draw, infeasible, retina


def painted(window: Any) -> None:
    """Put a dab of cup below the cup."""
    retina(window)
    panel, desk = window.panel, window.desk
    panel.tabs.turn("objects")
    brush = panel.objects.brush_class
    brush.setCurrentIndex(brush.findData(2))
    panel.objects.paint_button.click()
    rows, columns = (desk.shown.labels == 2).nonzero()
    layer = desk.canvas.corrections.layer
    layer.brush_size = 14
    layer.paint((rows.max() + 8, columns[rows.argmax()]), layer.selected_label)
    settle(window)


def measured(window: Any) -> None:
    """Measure cup and disc of a left eye."""
    pictures.measures(window)
    eye = window.panel.measures.eye
    eye.setCurrentIndex(eye.findText("left eye"))
    eye.activated.emit(eye.currentIndex())
    pause(1.0)


def sampled(window: Any, name: str) -> None:
    """Open a sample and run its model."""
    window.panel.open_sample(name)
    window.desk.run()
    settle(window, first=True)


def proposed(window: Any) -> None:
    """Show the centres that the network proposes."""
    sampled(window, "nuclei_phantom")


def reviewed(window: Any) -> None:
    """Look at the second proposal."""
    proposed(window)
    for _ in range(2):
        window.panel.priors.details.proposals.forth.click()
        pause(0.3)


def listed(window: Any) -> None:
    """List the kept nuclei."""
    proposed(window)
    window.desk.annotator.keep()
    window.panel.tabs.turn("objects")


def parted(window: Any) -> None:
    """Part two white cells by two points."""
    from priorseg.plugin import samples

    sampled(window, "blood_smear_phantom")
    nested = window.panel.priors.nested
    nested.setChecked(True)
    nested.clicked.emit(True)
    settle(window)
    for centre in samples.STARTS["blood_smear_phantom"].clicks:
        window.desk.pointing.place(1)
        window.desk.canvas.centres.layer.add(centre)
        pause(0.2)
    settle(window)


def prescribed(window: Any) -> None:
    """Give the nucleus of a cell an area."""
    from priorseg.plugin import edits

    sampled(window, "cell")
    priors = window.panel.priors
    priors.edit(edits.with_volume(priors.settings, 2, 7500.0))
    priors.table.select(2)
    settle(window)


def settle(window: Any, *, first: bool = False) -> None:
    """Wait for the last solve."""
    from tests.bench.windows import until

    if first:
        until(lambda: window.desk.shown is not None and window.desk.shown.final)
    pause(0.5)
    window.calm()
    pause(1.5)


def pause(seconds: float) -> None:
    """Let the window live for a while."""
    from tests.bench.windows import rest

    rest(seconds)


PICTURES: dict[str, Callable[[Any], None]] = {
    "cup-disc-1": retina,
    "cup-disc-2": painted,
    "cup-disc-3": measured,
    "touching-1": proposed,
    "touching-2": reviewed,
    "touching-3": listed,
    "touching-4": parted,
    "known-area-1": prescribed,
    "known-area-2": infeasible,
}


def main() -> None:
    """Draw the pictures that are asked for, or all; each with sessions of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=sorted(PICTURES))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.only or PICTURES:
        with tempfile.TemporaryDirectory() as sessions:
            os.environ["PRIORSEG_SESSIONS"] = sessions
            draw(name, PICTURES[name], options.folder)


if __name__ == "__main__":
    main()
