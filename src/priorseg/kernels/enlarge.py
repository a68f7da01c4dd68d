"""Likeliest labels of enlarged scores, without the enlarged scores."""

import numpy as np
import torch
from torch import Tensor

from ..geometry.compiled import compiled
from .threads import over_rows


@compiled
def _between(place: int, stride: int, count: int) -> tuple[int, int, np.float32]:
    """Find the two blocks whose centres lie about a pixel, and the share of the second."""
    along = (place + 0.5) / stride - 0.5
    first = int(np.floor(along))
    share = np.float32(along - first)
    return max(first, 0), min(max(first, 0) + (1 if first >= 0 else 0), count - 1), share


@compiled
def _label_rows(scores: np.ndarray, stride: int, low: int, high: int, labels: np.ndarray) -> None:
    """Label rows low..high of the large image; scores (K, y, x)."""
    channels, height, narrow = scores.shape
    width = labels.shape[1]
    row, wide = np.empty(narrow + 2, np.float32), np.empty(narrow * stride, np.float32)
    best = np.empty(narrow * stride, np.float32)
    shares, shift = np.empty(stride, np.float32), np.empty(stride, np.int64)
    for place in range(stride):
        along = (place + 0.5) / stride - 0.5
        shift[place] = 1 if along >= 0 else 0
        shares[place] = np.float32(along - np.floor(along))
    for y in range(low, high):
        above, below, part = _between(y, stride, height)
        target = labels[y]
        for k in range(channels):
            one, two = scores[k, above], scores[k, below]
            for x in range(narrow):
                row[x + 1] = one[x] + part * (two[x] - one[x])
            row[0], row[narrow + 1] = row[1], row[narrow]
            for place in range(stride):
                share, at = shares[place], shift[place]
                for x in range(narrow):
                    left = row[x + at]
                    wide[x * stride + place] = left + share * (row[x + at + 1] - left)
            if k == 0:
                best[:] = wide
                target[:] = 0
                continue
            for x in range(width):
                if wide[x] > best[x]:
                    best[x] = wide[x]
                    target[x] = k


def enlarged_labels(scores: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """Give the first label with the largest score after bilinear interpolation to pixels.

    Parameters
    ----------
    scores : (labels, y, x) float32 on the CPU   of blocks of stride × stride pixels
    stride : int                                 >= 1
    size : (Y, X)                                of the large image, at most stride times as large

    Returns
    -------
    (Y, X) uint8
    """
    planes = scores.detach().contiguous().numpy()
    labels = np.empty(size, np.uint8)

    def strip(low: int, high: int) -> None:
        _label_rows(planes, stride, low, high, labels)

    over_rows(strip, size[0], labels.size)
    return torch.from_numpy(labels)
