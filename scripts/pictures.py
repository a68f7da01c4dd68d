"""Draw the pictures of the documentation: every state of the panel, in a real window.

    xvfb-run -a -s "-screen 0 1400x950x24" python scripts/pictures.py docs/images/panel

Only photographs that come with scikit-image and images that priorseg makes itself are shown.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main() -> None:
    """Draw the states that are asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=sorted(STATES))
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.only or STATES:
        with tempfile.TemporaryDirectory() as sessions:  # a state never begins with another's work
            os.environ["PRIORSEG_SESSIONS"] = sessions
            draw(name, STATES[name], options.folder, options.theme)


def draw(name: str, state: Callable[[Any], None], folder: Path, theme: str = "dark") -> None:
    """Bring a new window into a state and save what it shows, in 256 colours."""
    from PIL import Image
    from tests.bench.windows import Window, rest

    window = Window()
    window.viewer.theme = theme
    state(window)
    rest(0.6)
    target = folder / f"{name}{'-light' if theme == 'light' else ''}.png"
    pixels = window.viewer.window.screenshot(canvas_only=False, flash=False)
    whole = Image.fromarray(pixels).convert("RGB")
    whole.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        target, optimize=True
    )
    print(target, flush=True)
    window.close()


def empty(window: Any) -> None:
    """Nothing is open."""


def no_model(window: Any) -> None:
    """An image is open, no model is chosen."""
    from skimage import data

    window.viewer.add_image(data.retina(), name="retina")


def retina(window: Any) -> None:
    """The disc and the cup of scikit-image's retina."""
    from tests.bench.windows import rest, until

    window.panel.open_sample("retina")
    window.desk.run()
    until(lambda: window.desk.shown is not None and window.desk.shown.final)
    rest(0.5)


def running(window: Any) -> None:
    """The network has just begun."""
    from tests.bench.windows import until

    window.panel.open_sample("retina")
    window.desk.run()
    until(lambda: window.desk.stage == "network", every_ms=1)


def objects(window: Any) -> None:
    """Objects are kept, one is locked, a stroke is painted."""
    from priorseg.annotation import edits as changes

    retina(window)
    annotator = window.desk.annotator
    annotator.keep()
    annotator.change(lambda state: changes.lock(state, state.things[-1].number))
    window.panel.tabs.turn("objects")
    window.panel.objects.paint_button.click()
    layer = window.desk.canvas.corrections.layer
    y, x = (round(value) for value in window.desk.pointing._middle())
    layer.brush_size = 12
    layer.paint((y - 70, x - 55), layer.selected_label)
    window.calm()


def measures(window: Any) -> None:
    """Cup and disc are measured."""
    from tests.bench.windows import until

    retina(window)
    window.panel.tabs.turn("measures")
    until(lambda: window.desk.measuring.found is not None)


def infeasible(window: Any) -> None:
    """The cup is asked to be larger than the disc."""
    from priorseg.plugin import edits

    retina(window)
    priors = window.panel.priors
    disc, cup = (window.desk.classes.counts(window.desk.plain.counts)[k] for k in (1, 2))
    wanted = edits.with_volume(edits.with_volume(priors.settings, 1, disc), 2, disc + cup)
    priors.edit(wanted)


def uncertainty(window: Any) -> None:
    """The view of the uncertainty."""
    retina(window)
    window.panel.live.toggle_uncertainty()


def difference(window: Any) -> None:
    """What the priors changed."""
    from priorseg.plugin import strings

    retina(window)
    view = window.panel.live.view
    view.setCurrentIndex(view.findText(strings.VIEWS["difference"]))
    window.panel.live._on_view(0)


def recovered(window: Any) -> None:
    """A session that was broken off is offered."""
    from tests.bench.windows import until

    for step in _broken_off(window):
        until(step)


def _broken_off(window: Any) -> Iterator[Callable[[], bool]]:
    """Keep objects, drop the session as a killed program does, and open another panel."""
    from priorseg.annotation.recovery import sessions

    retina(window)
    desk = window.desk
    desk.annotator.keep()
    desk.annotator.saving.flush(5)
    for saver in desk.annotator.saving._savers.values():
        saver.store.abandon()
    desk.annotator.saving._savers.clear()
    desk.annotator.saving._sessions = sessions(desk.annotator.saving.root)
    desk.recovering.offer()
    yield lambda: bool(window.panel.recovery.text)


STATES: dict[str, Callable[[Any], None]] = {
    "empty": empty,
    "no-model": no_model,
    "running": running,
    "retina": retina,
    "objects": objects,
    "measures": measures,
    "infeasible": infeasible,
    "uncertainty": uncertainty,
    "difference": difference,
    "recovered": recovered,
}

if __name__ == "__main__":
    main()
