"""Which label a pixel takes when a prior changes it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np
import torch
from torch import Tensor

from ..links import SOFTMAX, Link, Softmax

WIDEST = 600.0  # spread of logits whose probabilities float64 still tells apart
BANNED = -1e300  # score of a label that an earlier prior has taken from a pixel

Kept = tuple[Tensor, Sequence[int]]  # an object that stays: its pixels (B, *S), its labels


@dataclass(frozen=True)
class Ranking:
    """Rank the labels of every pixel, without a copy of the whole image.

    Parameters
    ----------
    logits : (B, K, *S)            in any unit
    link : Link                    of the logits
    banned : (B, labels, *S) bool  labels that pixels may not take; None = none
    fixed : (B, *S) bool           pixels whose label is prescribed: nothing changes them
    """

    logits: Tensor
    link: Link = SOFTMAX
    banned: Tensor | None = None
    fixed: Tensor | None = None

    @classmethod
    def of(cls, source: "Tensor | Ranking") -> "Ranking":
        """Rank by probabilities (B, labels, *S), of which 0 is a ban."""
        if isinstance(source, Ranking):
            return source
        none = source <= 0
        return cls(source.clamp_min(1e-300).log(), banned=none if bool(none.any()) else None)

    @property
    def labels(self) -> int:
        """Count the labels."""
        return self.link.label_count(self.logits.shape[1])

    def ban(self, where: Tensor) -> "Ranking":
        """Take labels from pixels, (B, labels, *S) bool.

        Beside prescribed pixels no pixel loses its last label.
        """
        banned = where if self.banned is None else self.banned | where
        if self.fixed is not None and self.banned is not None:
            banned = torch.where(banned.all(1, keepdim=True), self.banned, banned)
        return replace(self, banned=banned)

    def at(self, pixels: tuple[Tensor, ...]) -> Tensor:
        """Score the labels of some pixels, given by their indices in (B, *S).

        Returns
        -------
        (pixels, labels) float64
        """
        scores = self.link.class_logits(self.logits.movedim(1, -1)[pixels].double())
        if self.banned is None:
            return scores
        return scores.masked_fill(self.banned.movedim(1, -1)[pixels], BANNED)

    @cached_property
    def planes(self) -> list[Tensor]:
        """Give the score of every label, each (B, *S), bans left out."""
        plain = type(self.link) is Softmax
        scores = self.logits if plain else self.link.class_logits(self.logits.double())
        return list(scores.unbind(1))

    def best(self, labels: Sequence[int]) -> Tensor:
        """Give the score of the likeliest of some labels, (B, *S) float64; -inf where banned."""
        scores = [self.planes[label] for label in labels]
        if self.banned is not None:
            scores = [
                plane.masked_fill(self.banned[:, label], -torch.inf)
                for plane, label in zip(scores, labels, strict=True)
            ]
        return reduce(torch.maximum, scores).double()

    @cached_property
    def scale(self) -> float:
        """Give the factor, at most 1, that keeps all probabilities above 0 in float64.

        Scaling all logits by one number changes no decision of any prior.
        """
        highest, lowest = reduce(torch.maximum, self.planes), reduce(torch.minimum, self.planes)
        spread = float((highest.double() - lowest.double()).amax())
        return min(1.0, WIDEST / max(spread, 1e-300))

    @cached_property
    def probs(self) -> Tensor:
        """Give probabilities that rank as the scores do, 0 where banned, (B, labels, *S)."""
        probs = torch.softmax(torch.stack(self.planes, 1).double() * self.scale, 1)
        return probs if self.banned is None else probs.masked_fill(self.banned, 0)


def holds(labels: Tensor, extent: Sequence[int]) -> Tensor:
    """Mark the pixels of an object, (B, *S) bool.

    Parameters
    ----------
    labels : (B, *S)   of any integer type
    extent : labels that make up the object
    """
    if len(extent) == 0:
        return torch.zeros_like(labels, dtype=torch.bool)
    values = as_array(labels)
    mask = values == extent[0]
    for label in extent[1:]:
        mask |= values == label
    return torch.from_numpy(mask).to(labels.device)


def members(extent: Sequence[int], count: int, like: Tensor) -> Tensor:
    """Mark the labels of an object, (1, count, 1, ...) to broadcast over (B, count, *S)."""
    mask = torch.zeros(count, dtype=torch.bool, device=like.device)
    mask[list(extent)] = True
    return mask.view(1, -1, *[1] * (like.ndim - 1))


def relabel(
    labels: Tensor,
    scores: Tensor | Ranking,
    mask: Tensor,
    extent: Sequence[int],
    kept: Sequence[Kept] = (),
) -> Tensor:
    """Make an object equal to a mask; pixels that change take their likeliest allowed label.

    Parameters
    ----------
    labels : (B, *S) of an integer type
    scores : Ranking, or probabilities (B, labels, *S)
    mask : (B, *S) bool
    extent : labels that make up the object
    kept : objects that should stay as they are, where that is possible
    """
    marks = as_array(holds(labels, extent))
    marks ^= as_array(mask)
    if isinstance(scores, Ranking) and scores.fixed is not None:
        marks &= ~as_array(scores.fixed)
    if not marks.any():
        return labels
    axes = np.unravel_index(np.flatnonzero(marks), marks.shape)
    changed = tuple(torch.from_numpy(axis).to(labels.device) for axis in axes)
    ranking = Ranking.of(scores)
    allowed = members(extent, ranking.labels, labels).view(1, -1)
    legal = allowed == mask[changed].unsqueeze(1)  # (changed pixels, labels)
    tier = legal.to(torch.uint8)
    for pixels, objects in kept:
        mine = members(objects, ranking.labels, labels).view(1, -1)
        legal = legal & (mine == pixels[changed].unsqueeze(1))
    tier += legal
    options = tier == tier.amax(1, keepdim=True)
    found = ranking.at(changed).masked_fill(~options, -torch.inf).argmax(1)
    labels = labels.clone()
    labels[changed] = found.to(labels.dtype)
    return labels


def as_array(mask: Tensor) -> np.ndarray:
    """Give a contiguous array of the values of a tensor."""
    return np.ascontiguousarray(mask.detach().cpu().numpy())
