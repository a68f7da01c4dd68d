"""Means over images, spread over seeds, and paired bootstrap intervals.

A table of one measure has the shape (seeds, images), nan where an image has no value. A pooled
measure is computed from counts summed over images, (seeds, images, ...). The bootstrap draws
images with replacement, the same draw for every seed and for both rows of a difference, averages
over the seeds, and takes percentiles, a little wider ones where images are few. It tells how far
the difference depends on the images that happen to be in the set; the spread over seeds tells how
far it depends on the training run.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from ..metrics import label_iou

Values = NDArray[np.float64]
Score = Callable[[Values], Values]
LEAST_IMAGES = 6  # with fewer an interval excludes 0 too often where there is no effect
_BLOCK = 500  # draws at a time, so that pooled counts stay small


@dataclass(frozen=True)
class Summary:
    """Hold what a table says about one row.

    Parameters
    ----------
    mean : float           over images, then seeds
    deviation : float      standard deviation over seeds (n - 1 in the denominator); nan for one
    low, high : float      range over seeds
    seeds : tuple          the value of each seed
    images : int           images that have a value for at least one seed
    """

    mean: float
    deviation: float
    low: float
    high: float
    seeds: tuple[float, ...]
    images: int


@dataclass(frozen=True)
class Interval:
    """Hold a paired difference with its bootstrap interval.

    Parameters
    ----------
    difference : float   row minus baseline
    low, high : float    ends of the interval; nan if fewer than six images have a value in both
    level : float        0.95 = 95 %
    seeds : tuple        the difference in each seed, if the rows have the same several
    """

    difference: float
    low: float
    high: float
    level: float = 0.95
    seeds: tuple[float, ...] = ()

    @property
    def excludes_zero(self) -> bool:
        """Say whether 0 lies outside."""
        return self.low > 0 or self.high < 0

    @property
    def certain(self) -> bool:
        """Say whether the interval excludes 0 and every seed differs in that direction.

        The interval is one over images; it says nothing of other trainings.
        """
        return self.excludes_zero and all(each * self.difference > 0 for each in self.seeds)


def per_seed(values: Values, score: Score | None = None) -> Values:
    """Give one number per seed, (seeds,): the mean over images, or a score of summed counts."""
    return _weighted(values, np.ones((1, values.shape[1])), score)[:, 0]


def summarise(values: Values, score: Score | None = None) -> Summary:
    """Summarise one row.

    Parameters
    ----------
    values : (seeds, images), or counts (seeds, images, ...) with a score
    score : call   counts (..., *count shape) to values (...), for pooled measures

    Raises
    ------
    ValueError  without seeds or images.
    """
    values = _table(values)
    each = per_seed(values, score)
    known = each[~np.isnan(each)]
    if known.size == 0:
        return Summary(np.nan, np.nan, np.nan, np.nan, tuple(each.tolist()), 0)
    return Summary(
        mean=float(known.mean()),
        deviation=float(known.std(ddof=1)) if known.size > 1 else np.nan,
        low=float(known.min()),
        high=float(known.max()),
        seeds=tuple(each.tolist()),
        images=int(_valued(values).sum()),
    )


def paired_bootstrap(
    row: Values,
    baseline: Values,
    score: Score | None = None,
    *,
    draws: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Give the difference of two rows and its percentile interval over images.

    Only images and seeds count that have a value in both rows. Equally many seeds are taken for the
    same ones in the same order; of others each stands against each.

    Parameters
    ----------
    row, baseline : (seeds, images) or counts (seeds, images, ...)   the same images in the same
                    order
    score : call    see `summarise`
    draws : int     >= 100
    level : float   in (0, 1)
    seed : int      of the draws

    Raises
    ------
    ValueError  if the rows have different images, or too few draws.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; percentiles of
    `percentiles`.
    """
    row, baseline = _table(row), _table(baseline)
    if row.shape[1:] != baseline.shape[1:]:
        raise ValueError(
            f"The rows have {row.shape[1:]} and {baseline.shape[1:]} images (and counts); a "
            "paired comparison needs the same images."
        )
    if draws < 100 or not 0 < level < 1:
        raise ValueError(f"draws {draws} must be >= 100 and level {level} between 0 and 1.")
    several = len(row) == len(baseline) > 1
    row, baseline, images = _shared(row, baseline, score)
    each = tuple((per_seed(row, score) - per_seed(baseline, score)).tolist()) if several else ()
    weights = _draws(row.shape[1], draws, seed)
    found = [
        _difference(row, baseline, weights[start : start + _BLOCK], score)
        for start in range(0, draws, _BLOCK)
    ]
    sampled = np.concatenate(found)
    sampled = sampled[~np.isnan(sampled)]
    middle = float(_difference(row, baseline, np.ones((1, row.shape[1])), score)[0])
    if sampled.size == 0 or images < LEAST_IMAGES:
        return Interval(middle, np.nan, np.nan, level, each)
    low, high = np.percentile(sampled, percentiles(images, level))
    return Interval(middle, float(low), float(high), level, each)


def percentiles(images: int, level: float) -> tuple[float, float]:
    """Say which percentiles of the draws bound an interval.

    The plain ones, 2.5 and 97.5 for 95 %, are too narrow where images are few: draws spread less
    than means do, by sqrt(1 - 1/n), and know nothing of the uncertainty of that spread. For a mean
    of normal values these give Student's interval.

    Parameters
    ----------
    images : int    >= 2
    level : float   in (0, 1)

    Source: the expanded percentile interval of Hesterberg, What Teachers Should Know About the
    Bootstrap, The American Statistician 69, 2015.
    """
    wide = math.sqrt(images / (images - 1)) * float(stdtrit(images - 1, (1 + level) / 2))
    return 100 * float(ndtr(-wide)), 100 * float(ndtr(wide))


def _valued(values: Values) -> NDArray[np.bool_]:
    """Mark the images that have a value for at least one seed, (images,)."""
    return np.asarray(_known(values).any(0))


def _known(values: Values) -> NDArray[np.bool_]:
    """Mark the values, (seeds, images)."""
    return np.asarray((~np.isnan(values.reshape(*values.shape[:2], -1))).all(-1))


def _shared(row: Values, baseline: Values, score: Score | None) -> tuple[Values, Values, int]:
    """Keep what both rows have a value of; gives the number of images too, see `paired_bootstrap`.

    Counts that one row lacks become 0 in both, other values nan.
    """
    if len(row) != len(baseline):  # each seed of one against each of the other
        times = (len(row), *[1] * (row.ndim - 1))
        row, baseline = np.repeat(row, len(baseline), 0), np.tile(baseline, times)
    known = _known(row) & _known(baseline)
    wide, lost = known.reshape(*known.shape, *[1] * (row.ndim - 2)), 0.0 if score else np.nan
    row, baseline = np.where(wide, row, lost), np.where(wide, baseline, lost)
    kept = ~np.isnan(per_seed(row, score) - per_seed(baseline, score))
    kept |= not kept.any()  # then the difference is nan
    return row[kept], baseline[kept], int(known[kept].any(0).sum())


@lru_cache(maxsize=4)
def _draws(images: int, draws: int, seed: int) -> Values:
    """Say how often each image occurs in each draw, (draws, images); tables ask many times."""
    random = np.random.default_rng(seed)
    weights = random.multinomial(images, np.full(images, 1 / images), size=draws).astype(float)
    weights.setflags(write=False)
    return weights


def _table(values: Any) -> Values:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim < 2 or 0 in table.shape[:2]:
        raise ValueError(f"A table has shape {table.shape}; (seeds, images, ...) is needed.")
    return table


def _difference(row: Values, baseline: Values, weights: Values, score: Score | None) -> Values:
    """Give the difference of the seeds' averages for every draw, (draws,)."""
    ours, theirs = (_weighted(values, weights, score) for values in (row, baseline))
    return np.asarray(ours.mean(0) - theirs.mean(0))


def _weighted(values: Values, weights: Values, score: Score | None) -> Values:
    """Give the mean over weighted images, or the score of weighted sums, (seeds, draws)."""
    if score is not None:
        return score(np.tensordot(weights, values, (1, 1)).swapaxes(0, 1))
    known = ~np.isnan(values)
    total = np.where(known, values, 0) @ weights.T
    count = known.astype(np.float64) @ weights.T
    return _share(total, count)


def _share(part: Values, whole: Values) -> Values:
    """Divide; nan where the whole is 0."""
    found = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def pooled_mean_iou(counts: Values) -> Values:
    """Give the mean IoU of confusion matrices, (..., labels, labels) to (...); a `Score`.

    nan where they count no pixel.
    """
    each = label_iou(counts)
    known = ~np.isnan(each)
    return _share(np.where(known, each, 0).sum(-1), known.sum(-1))


def pooled_accuracy(counts: Values) -> Values:
    """Give the accuracy of confusion matrices, (..., labels, labels) to (...); a `Score`.

    nan where they count no pixel.
    """
    return _share(np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1)))


def pooled_object_iou(members: Sequence[int]) -> Score:
    """Make the score that gives the IoU of an object made of some labels; nan if it never occurs.

    Returns
    -------
    call   confusion matrices (..., labels, labels) to (...)
    """

    def score(counts: Values) -> Values:
        inside = np.zeros(counts.shape[-1])
        inside[list(members)] = 1
        both = np.einsum("...ij,i,j->...", counts, inside, inside)
        union = counts.sum(-1) @ inside + counts.sum(-2) @ inside - both
        return _share(both, union)

    return score


def pooled_f1(counts: Values) -> Values:
    """Give F1 of instance counts (..., thresholds, 3) at the first threshold; a `Score`."""
    hit, alarm, miss = np.moveaxis(counts[..., 0, :], -1, 0)
    whole = 2 * hit + alarm + miss
    return np.where(whole > 0, 2 * hit / np.maximum(whole, 1), 1.0)
