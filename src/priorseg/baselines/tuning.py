"""Choose the settings of a baseline on images that were held out of the training part."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .inputs import Baseline, Labels

Case = tuple[ArrayLike, ArrayLike | None, Labels]


@dataclass(frozen=True)
class Tuned:
    """Hold the best candidate and what all of them scored.

    Parameters
    ----------
    best : str         name of the candidate with the highest mean score, the first of equal ones
    scores : mapping   name -> mean score over the samples, in the order of the candidates
    """

    best: str
    scores: Mapping[str, float]


def grid(method: Baseline, settings: Mapping[str, Sequence[Any]]) -> dict[str, Baseline]:
    """Make a candidate of every combination of settings.

    Parameters
    ----------
    method : call        one of `BASELINES`
    settings : mapping   keyword of the method -> values to try

    Returns
    -------
    candidates by name, such as 'weight=2, sigma=3', ready for `tune`
    """
    candidates: dict[str, Baseline] = {}
    for values in product(*settings.values()):
        chosen = dict(zip(settings, values, strict=True))
        name = ", ".join(f"{key}={value}" for key, value in chosen.items())
        if name in candidates:
            raise ValueError(f"The setting {name!r} is in the grid twice; give each value once.")
        candidates[name] = partial(method, **chosen)
    return candidates


def tune(
    candidates: Mapping[str, Baseline],
    samples: Iterable[Case],
    score: Callable[[Labels, Labels], float],
) -> Tuned:
    """Try every candidate on every sample.

    Give it images held out of the training part and nothing else: whatever is chosen by the
    images it is reported on reports too much. If the best one is at an end of its grid, the grid
    was too short.

    Parameters
    ----------
    candidates : mapping   name -> baseline; see `grid`
    samples : iterable     (probs (K, Y, X), image (Y, X, 3) or None, true labels (Y, X))
    score : call           (found, wanted) -> number, higher is better

    Raises
    ------
    ValueError  if there are no candidates or samples, or a score is not finite.
    """
    totals = dict.fromkeys(candidates, 0.0)
    count = 0
    for probs, image, truth in samples:
        count += 1
        for name, method in candidates.items():
            value = float(score(method(probs, image), np.asarray(truth)))
            if not math.isfinite(value):
                raise ValueError(
                    f"The score of {name!r} on sample {count} is {value}; a mean needs finite "
                    "numbers. Leave out images on which the score does not exist."
                )
            totals[name] += value
    if not totals or not count:
        raise ValueError(f"Cannot tune {len(totals)} candidates on {count} samples.")
    scores = {name: total / count for name, total in totals.items()}
    return Tuned(max(scores, key=lambda name: scores[name]), scores)
