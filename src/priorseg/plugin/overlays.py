"""Pictures made from a frame: how sure the network is, and what the priors have changed."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ADDED, REMOVED, SWAPPED = 1, 2, 3
CHANGE_COLOURS = ("#0072B2", "#D55E00", "#F0E442")  # in the order of the codes above


def uncertainty(probs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the entropy of each pixel's probabilities, as a share of the largest possible one.

    Parameters
    ----------
    probs : (K, Y, X)   probabilities, K >= 2

    Returns
    -------
    (Y, X) float32   0 = sure, 1 = all labels equally likely
    """
    shares = np.clip(probs, np.finfo(np.float32).tiny, 1)
    entropy = -(shares * np.log(shares)).sum(0) / math.log(len(probs))
    return np.clip(entropy, 0, 1).astype(np.float32)


class Changes(NamedTuple):
    """What the priors changed: a code for each pixel, and how many pixels have each code."""

    codes: NDArray[np.uint8]  # 0 = the same
    added: int
    removed: int
    swapped: int


def changes(labels: NDArray[np.uint8], plain: NDArray[np.uint8]) -> Changes:
    """Compare a label map with the network's own.

    Parameters
    ----------
    labels, plain : (Y, X)   of one shape; 0 is the background

    Returns
    -------
    Changes   added: background became an object; removed: the other way; swapped: another object
    """
    differs = labels != plain
    codes = np.where(plain == 0, ADDED, np.where(labels == 0, REMOVED, SWAPPED))
    codes = np.where(differs, codes, 0).astype(np.uint8)
    counts = np.bincount(codes.ravel(), minlength=4)
    return Changes(codes, int(counts[ADDED]), int(counts[REMOVED]), int(counts[SWAPPED]))
