"""Compare instances: maps in which every object has its own number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry import label_components

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


def components(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the 8-connected components, 0 outside: instances where nothing better is known."""
    return np.asarray(label_components(mask)[0], np.int32)


def overlaps(found: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.float64]:
    """Give the IoU of every found with every wanted instance, (found, wanted).

    Parameters
    ----------
    found, wanted : (Y, X)   whole numbers, 0 = no instance, gaps in the numbers are allowed

    Raises
    ------
    ValueError  for unequal shapes or negative numbers.
    """
    found, wanted = np.asarray(found), np.asarray(wanted)
    if found.shape != wanted.shape:
        raise ValueError(
            f"The instance maps have shapes {found.shape} and {wanted.shape}; they must be equal."
        )
    if found.size and min(int(found.min()), int(wanted.min())) < 0:
        raise ValueError("Instance numbers must be >= 0; 0 is no instance.")
    first, at_first = np.unique(found, return_inverse=True)
    second, at_second = np.unique(wanted, return_inverse=True)
    code = at_first.ravel() * len(second) + at_second.ravel()
    table = np.bincount(code, minlength=len(first) * len(second)).reshape(len(first), len(second))
    union = table.sum(1, keepdims=True) + table.sum(0, keepdims=True) - table
    rows, columns = first != 0, second != 0
    return np.asarray((table / np.maximum(union, 1))[rows][:, columns])


def instance_counts(
    found: NDArray[Any], wanted: NDArray[Any], thresholds: tuple[float, ...] = THRESHOLDS
) -> NDArray[np.int64]:
    """Count hits, false alarms and misses at each threshold, (thresholds, 3).

    A found and a wanted instance match if their IoU exceeds the threshold. Instances of one map
    do not overlap, so above 0.5 no instance has two partners and no assignment has to be solved.

    Raises
    ------
    ValueError  if a threshold is below 0.5.
    """
    if min(thresholds) < 0.5:
        raise ValueError(f"thresholds must be >= 0.5 for unique matches, got {min(thresholds)}.")
    table = overlaps(found, wanted)
    hits = [int((table > threshold).sum()) for threshold in thresholds]
    return np.array([(hit, table.shape[0] - hit, table.shape[1] - hit) for hit in hits], np.int64)


def instance_scores(counts: NDArray[np.int64]) -> dict[str, float]:
    """Turn counts, of one image or summed over many, into scores in [0, 1].

    Parameters
    ----------
    counts : (thresholds, 3)   of `instance_counts`; the first threshold is 0.5

    Returns
    -------
    'F1', 'precision', 'recall' at IoU 0.5 and 'mean AP', hits / (hits + false alarms + misses)
    averaged over the thresholds (the score of the Data Science Bowl 2018). All are 1 where there
    is nothing to find and nothing was found.
    """
    hit, alarm, miss = (float(value) for value in counts[0])
    every = counts.sum(1)
    shares = np.where(every > 0, counts[:, 0] / np.maximum(every, 1), 1.0)
    return {
        "F1": _share(2 * hit, 2 * hit + alarm + miss),
        "precision": _share(hit, hit + alarm, empty=float(miss == 0)),
        "recall": _share(hit, hit + miss, empty=float(alarm == 0)),
        "mean AP": float(shares.mean()),
    }


def _share(part: float, whole: float, *, empty: float = 1.0) -> float:
    return part / whole if whole else empty
