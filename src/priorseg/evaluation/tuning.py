"""Choose the settings of rows of post-processing on images that no network was trained on."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ..baselines import Tuned, tune
from ..training.config import TrainConfig
from ..training.data import hold_out, load_samples
from .examples import Example, as_example
from .measures import Found, measure
from .modes import Mode, mode_text, parse_mode
from .places import Places, cut
from .predictor import Network, Predictor
from .protocol import Protocol, Row

if TYPE_CHECKING:
    from ..segmenter import Segmenter

HIGHER_IS_BETTER = ("mIoU", "accuracy", "Dice", "IoU")
GRIDS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "total-variation": {"weight": (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)},
    "threshold-dynamics": {
        "weight": (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0),
        "sigma": (1.0, 2.0, 4.0, 8.0, 16.0, 32.0),
    },
    "tv-l1": {"fidelity": (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)},
    "dense-crf": {
        "bilateral_weight": (1.0, 3.0, 10.0, 30.0),
        "bilateral_sigma_px": (5.0, 10.0, 30.0),
        "colour_sigma": (5.0, 13.0, 30.0, 60.0, 120.0),
    },
    "median": {"width": (3, 5, 7, 11, 15)},
}


@dataclass(frozen=True)
class Choice:
    """Hold what was chosen for a row.

    Parameters
    ----------
    mode : str         the best candidate
    at_end : tuple     settings whose best value is the lowest or highest that was tried
    tuned : Tuned      the scores of all candidates, by mode
    """

    mode: str
    at_end: tuple[str, ...]
    tuned: Tuned


def candidates(text: str) -> dict[str, Mode]:
    """Vary the settings of the first prior or baseline of a mode over its grid.

    Parameters
    ----------
    text : str   see `parse_mode`; other settings and other priors stay

    Returns
    -------
    modes by their texts

    Raises
    ------
    ValueError  if there is no grid for it.
    """
    mode = parse_mode(text)
    first, *others = mode.calls or (None,)
    grid = GRIDS.get(first.name.replace("_", "-")) if first else None
    if first is None or grid is None:
        raise ValueError(f"mode {text!r} cannot be tuned; there are grids for {', '.join(GRIDS)}.")
    found = {}
    for values in product(*grid.values()):
        settings = {**first.settings, **dict(zip(grid, values, strict=True))}
        one = Mode(mode.kind, (replace(first, settings=settings), *others))
        found[mode_text(one)] = one
    return found


def tune_row(
    row: Row,
    segmenter: "Segmenter",
    examples: Sequence[Example],
    protocol: Protocol,
) -> Choice:
    """Try every candidate of a row on clean images, and keep the best.

    The score is the protocol's first measure, per image, the mean over its objects if it has
    several.

    Parameters
    ----------
    row : Row                 its mode, sweeps and temperature
    segmenter : Segmenter     the network of the row
    examples : sequence       images that it was not trained on, and that nothing is reported on

    Raises
    ------
    ValueError  if the mode has no grid, the first measure is an error or a time, or an image has
                no score.
    """
    modes = candidates(row.mode)
    predictors = {name: _predictor(segmenter, one, row, protocol) for name, one in modes.items()}

    def labels(name: str) -> Any:
        return lambda logits, image: predictors[name].finish(logits, image).labels

    tuned = tune(
        {name: labels(name) for name in modes},
        _cases(segmenter, examples, protocol),
        lambda found, wanted: score(found, wanted, protocol),
    )
    return Choice(tuned.best, _at_end(modes[tuned.best]), tuned)


def plain_score(segmenter: "Segmenter", examples: Sequence[Example], protocol: Protocol) -> float:
    """Give the score of the network alone, for comparison."""
    alone = Predictor(segmenter, "plain", task=protocol.task)
    return tune(
        {"plain": lambda logits, image: alone.finish(logits, image).labels},
        _cases(segmenter, examples, protocol),
        lambda found, wanted: score(found, wanted, protocol),
    ).scores["plain"]


def score(found: Any, wanted: Any, protocol: Protocol) -> float:
    """Score one label map by the first measure of a protocol, higher is better."""
    first = protocol.measures[0]
    if first not in HIGHER_IS_BETTER:
        raise ValueError(
            f"The first measure is {first!r}; to tune by it must be one of {HIGHER_IS_BETTER}."
        )
    scores, _ = measure(Found(found), wanted, protocol.task, (first,))
    return float(np.mean(list(scores.values())))


def held_out(protocol: Protocol, places: Places, row: Row, seed: int) -> list[Example]:
    """Read the images of the training part that the network of a row was not trained on.

    They are those of its own configuration, which lies beside it, cut as the first set of the
    protocol is (`longest`, `about`, `ratio`), and as many at most (`limit`).

    Raises
    ------
    FileNotFoundError  if there is no configuration beside the network.
    ValueError         if the network was not trained on the first set of the protocol, or an image
                       lacks the object to cut about.
    """
    one = protocol.sets[0]
    path = places.bundle(row, seed).parent / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: train the network of {row.name!r} first.")
    config = TrainConfig.from_dict(json.loads(path.read_text(encoding="utf-8")))
    if one.folder not in {told.folder for told in config.data.sets}:
        raise ValueError(f"{row.name!r} was not trained on {one.folder!r}; see {Path(path).name}.")
    samples = load_samples(places.data, one.folder, "train", longest=one.longest)
    _, out = hold_out(samples, config.data.held_out, config.seed)
    return cut([as_example(sample) for sample in out], one, protocol)


def _predictor(segmenter: "Segmenter", mode: Mode, row: Row, protocol: Protocol) -> Predictor:
    return Predictor(
        segmenter, mode, task=protocol.task, sweeps=row.sweeps, temperature=row.temperature
    )


def _cases(
    segmenter: "Segmenter", examples: Sequence[Example], protocol: Protocol
) -> Iterator[tuple[Tensor, Any, Any]]:
    network = Network(segmenter, protocol.precision)  # type: ignore[arg-type]
    for example in examples:
        yield network(example.unit)[0], example.unit, example.labels


def _at_end(mode: Mode) -> tuple[str, ...]:
    first = mode.calls[0]
    grid = GRIDS[first.name.replace("_", "-")]
    return tuple(
        name for name, values in grid.items() if first.settings[name] in (values[0], values[-1])
    )
