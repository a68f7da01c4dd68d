"""Compare label maps: accuracy, Dice, IoU."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[Any]


def _check(found: Labels, wanted: Labels) -> tuple[Labels, Labels]:
    found, wanted = np.asarray(found), np.asarray(wanted)
    if found.shape != wanted.shape:
        raise ValueError(
            f"The label maps have shapes {found.shape} and {wanted.shape}; they must be equal."
        )
    if found.size == 0:
        raise ValueError("The label maps are empty.")
    return found, wanted


def accuracy(found: Labels, wanted: Labels) -> float:
    """Give the share of pixels whose labels agree, in [0, 1]."""
    found, wanted = _check(found, wanted)
    return float((found == wanted).mean())


def dice(found: Labels, wanted: Labels, members: Sequence[int]) -> float:
    """Give 2|A ∩ B| / (|A| + |B|) of the object made of some labels; 1 if both lack it.

    Parameters
    ----------
    found, wanted : label maps of equal shape
    members : labels that make up the object, for instance (1, 2) for disc = rim and cup
    """
    found, wanted = _check(found, wanted)
    a, b = np.isin(found, members), np.isin(wanted, members)
    total = int(a.sum()) + int(b.sum())
    return 1.0 if total == 0 else float(2 * (a & b).sum() / total)


def iou(found: Labels, wanted: Labels, members: Sequence[int]) -> float:
    """Give |A ∩ B| / |A ∪ B| of the object made of some labels; 1 if both lack it."""
    found, wanted = _check(found, wanted)
    a, b = np.isin(found, members), np.isin(wanted, members)
    union = int((a | b).sum())
    return 1.0 if union == 0 else float((a & b).sum() / union)


def confusion(found: Labels, wanted: Labels, labels: int) -> NDArray[np.int64]:
    """Count pixels by wanted (rows) and found label (columns), (labels, labels).

    Raises
    ------
    ValueError  if a label lies outside 0 .. labels - 1.
    """
    found, wanted = _check(found, wanted)
    for name, array in (("found", found), ("wanted", wanted)):
        if array.min() < 0 or array.max() >= labels:
            raise ValueError(
                f"The {name} labels go from {array.min()} to {array.max()}; "
                f"0 to {labels - 1} is allowed."
            )
    code = wanted.astype(np.int64).ravel() * labels + found.astype(np.int64).ravel()
    return np.bincount(code, minlength=labels**2).reshape(labels, labels)


def mean_iou(counts: NDArray[np.int64]) -> float:
    """Average the IoU of the labels over a confusion matrix pooled over images.

    Labels that occur neither as wanted nor as found are left out.
    """
    both = np.diag(counts).astype(float)
    union = counts.sum(0) + counts.sum(1) - both
    present = union > 0
    if not present.any():
        raise ValueError("The confusion matrix counts no pixels.")
    return float((both[present] / union[present]).mean())
