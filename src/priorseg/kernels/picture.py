"""From logits to likeliest labels and their probabilities."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..geometry.compiled import compiled
from .threads import over_rows


@compiled
def _exclusive(logits: np.ndarray, low: int, high: int, labels: np.ndarray) -> None:
    """Label rows of (K, Y, X), where label k is channel k."""
    channels, width = logits.shape[0], logits.shape[2]
    top, found = np.empty(width, np.float32), np.empty(width, np.int32)
    for y in range(low, high):
        for x in range(width):
            top[x] = logits[0, y, x]
            found[x] = 0
        for k in range(1, channels):
            source, label = logits[k, y], np.int32(k)
            for x in range(width):
                better = source[x] > top[x]
                found[x] = label if better else found[x]
                top[x] = source[x] if better else top[x]
        target = labels[y]
        for x in range(width):
            target[x] = found[x]


@compiled
def _nested(
    logits: np.ndarray,
    order: np.ndarray,
    low: int,
    high: int,
    labels: np.ndarray,
    shifted: np.ndarray,
) -> None:
    """Label rows of (K, Y, X), where channel j - 1 is label j and everything inside it.

    Writes the score of every label less the largest, unless `shifted` is empty.
    """
    channels, width = logits.shape[0], logits.shape[2]
    scores, best = np.zeros((channels + 1, width)), np.empty(width)
    found = np.empty(width, np.int32)
    for y in range(low, high):
        outer = 0
        for place in range(channels - 1, -1, -1):  # from the outermost object inwards
            label = order[place]
            source, target, above = logits[label - 1, y], scores[label], scores[outer]
            for x in range(width):
                target[x] = above[x] + source[x]
            outer = label
        for x in range(width):
            best[x] = 0
            found[x] = 0
        for label in range(1, channels + 1):
            target, number = scores[label], np.int32(label)
            for x in range(width):
                better = target[x] > best[x]
                found[x] = number if better else found[x]
                best[x] = target[x] if better else best[x]
        for label in range(channels + 1 if shifted.size else 0):
            target, shown = scores[label], shifted[label, y]
            for x in range(width):
                shown[x] = target[x] - best[x]
        final = labels[y]
        for x in range(width):
            final[x] = found[x]


def likeliest_labels(logits: Tensor, order: Sequence[int] | None) -> Tensor:
    """Give the first of the likeliest labels, (B, *S) uint8.

    Parameters
    ----------
    logits : (B, K, *S) float32 on the CPU   divided by the temperature; K < 256
    order : labels, innermost first          of nested objects; None = exclusive classes

    Returns
    -------
    (B, *S) uint8   decided in float64 where logits are added
    """
    return _pictured(logits, order, scored=False)[0]


def label_probs(logits: Tensor, order: Sequence[int] | None) -> Tensor:
    """Give the probability of every label, (B, labels, *S) float32; see `likeliest_labels`."""
    scores = logits if order is None else _pictured(logits, order, scored=True)[1]
    return torch.softmax(scores.detach(), 1)


def _pictured(
    logits: Tensor, order: Sequence[int] | None, *, scored: bool
) -> tuple[Tensor, Tensor]:
    """Give the labels and, if `scored`, scores whose softmax are the probabilities."""
    logits = logits.detach().contiguous()
    batch, channels, *size = logits.shape
    labels = torch.empty((batch, *size), dtype=torch.uint8)
    scores = logits.new_empty((batch, channels + 1 if scored else 0, *size))
    nesting = np.array(order or (), np.int64)
    for source, label, shown in zip(logits, labels, scores, strict=True):
        planes = source.view(channels, -1, size[-1]).numpy()
        found = label.view(-1, size[-1]).numpy()
        target = shown.view(len(shown), planes.shape[1], size[-1]).numpy()

        def strip(
            low: int,
            high: int,
            planes: np.ndarray = planes,
            found: np.ndarray = found,
            target: np.ndarray = target,
        ) -> None:
            if order is None:
                _exclusive(planes, low, high, found)
            else:
                _nested(planes, nesting, low, high, found, target)

        over_rows(strip, planes.shape[1], planes.size)
    return labels, scores
