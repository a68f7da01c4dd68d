"""From logits to a label map that satisfies the priors exactly, with certificates.

Precedence where not all can hold: nested, convex, star, volume. What gives way says so in its
certificate, which is always measured on the final label map.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .links import Link, likeliest
from .prior import Certificate, Prior, relabel
from .priors.convex import Convex
from .priors.nested import Nested
from .priors.star import Star
from .priors.volume import Group, Volume

ROUNDS = 16  # after which priors that still undo each other count as contradictory
WIDEST = 600.0  # spread of logits whose probabilities float64 still tells apart


@dataclass(frozen=True)
class Decoded:
    """Hold a label map and what is certain about it.

    Parameters
    ----------
    labels : (B, *S) int64
    certificates : mapping     prior name -> `Certificate`, measured on `labels`
    probs : (B, labels, *S)    probability of each label, before the label map was made
    """

    labels: Tensor
    certificates: Mapping[str, Certificate]
    probs: Tensor


def _commit(probs: Tensor, labels: Tensor, extent: tuple[int, ...]) -> Tensor:
    """Forbid later priors to change an object: probability 0 on the wrong side."""
    members = torch.tensor(extent, device=labels.device)
    inside = torch.isin(labels, members).unsqueeze(1)
    member = torch.zeros(probs.shape[1], dtype=torch.bool, device=probs.device)
    member[members] = True
    member = member.view(1, -1, *[1] * (probs.ndim - 2))
    return torch.where(inside == member, probs, torch.zeros_like(probs))


def _object_size(labels: Tensor, extent: tuple[int, ...]) -> int:
    return int(torch.isin(labels, torch.tensor(extent, device=labels.device)).sum())


class _Decoding:
    """The label map of one sample while the priors harden it, lowest precedence first."""

    def __init__(self, probs: Tensor, pairs: Sequence[tuple[Prior, Any]]) -> None:
        self.probs, self.pairs = probs, pairs
        self.labels = probs.argmax(1) if probs.shape[1] > 256 else likeliest(probs).long()

    def of(self, kind: type) -> list[tuple[Any, Any]]:
        """Give the priors of a kind with what they prepared."""
        return [pair for pair in self.pairs if isinstance(pair[0], kind)]

    def run(self) -> Tensor:
        """Harden everything."""
        for _ in range(ROUNDS if self.of(Volume) else 1):
            self.volumes_and_stars()
            whole = self.labels
            self.nesting(fill=False)
            stray = whole != self.labels
            if not bool(stray.any()):
                break
            taken = torch.zeros_like(self.probs).scatter(1, whole.unsqueeze(1), 1) > 0
            self.probs = self.probs.masked_fill(taken & stray.unsqueeze(1), 0)
        self.hulls()
        self.nesting(fill=True)
        return self.labels

    def volumes_and_stars(self) -> None:
        """Make objects star-shaped at the wanted volumes; then fill the other volumes.

        A star-shaped object whose own volume is free keeps its best size, unless the other
        volumes then do not fit.
        """
        for prior, prep in self.of(Volume):
            self.labels = prior.harden(self.labels, self.probs, prep)
        sized = self.labels
        for keep_all, divide in ((False, False), (True, False), (True, True)):
            if self._stars(sized, keep_all=keep_all, divide=divide):
                break

    def _stars(self, sized: Tensor, *, keep_all: bool, divide: bool) -> bool:
        """Harden the star-shaped objects from a label map; say whether all of it fits."""
        volumes, stars, allowed = self.of(Volume), self.of(Star), self.probs
        self.labels = sized
        for prior, prep in sorted(stars, key=lambda pair: -len(pair[1].extent)):
            keep = bool(volumes) and (keep_all or _is_fixed(prep.extent, volumes[0][1].groups[0]))
            size = _object_size(sized, prep.extent) if keep else None
            own = self._own_ground(prep, allowed) if divide else allowed
            self.labels = prior.harden(self.labels, own, prep, size=size)
            allowed = _commit(allowed, self.labels, prep.extent)
        for prior, prep in volumes if stars else []:
            filled = prior.harden(self.labels, allowed, prep)
            if not bool((allowed.gather(1, filled.unsqueeze(1)) > 0).all()):
                return False
            self.labels = filled
        return all(prior.violation(self.labels, prep).satisfied for prior, prep in stars)

    def _own_ground(self, prep: Any, allowed: Tensor) -> Tensor:
        """Forbid an object the pixels that lie nearer to a rival's centre."""
        shape = self.labels.shape[1:]
        mine = prep.distance(0, shape)
        theirs = [
            other.distance(0, shape)
            for _, other in self.of(Star)
            if not set(other.extent) & set(prep.extent)
        ]
        if not theirs:
            return allowed
        far = torch.from_numpy(np.any([mine > rival for rival in theirs], axis=0))
        member = torch.zeros(allowed.shape[1], dtype=torch.bool)
        member[list(prep.extent)] = True
        lost = far.to(allowed.device) & member.to(allowed.device).view(1, -1, 1, 1)
        return allowed.masked_fill(lost, 0)

    def nesting(self, *, fill: bool) -> None:
        """Take inner pixels out that lie outside their outer object."""
        for prior, prep in self.of(Nested):
            self.labels = prior.harden(self.labels, self.probs, prep, fill=fill)

    def hulls(self) -> None:
        """Close objects under hulls, and under their star trees where they have one."""
        stars = {prior.label: (prior, prep) for prior, prep in self.of(Star)}
        for prior, prep in self.of(Convex):
            for _ in range(ROUNDS):
                self.labels = prior.harden(self.labels, self.probs, prep)
                hulls = self.labels
                for label in prep.labels:
                    if label in stars:
                        self._close(*stars[label])
                if torch.equal(hulls, self.labels):
                    break
            else:
                self.labels = hulls  # both cannot hold: convex wins

    def _close(self, star: Star, prep: Any) -> None:
        members = torch.tensor(prep.extent, device=self.labels.device)
        mask = star.closed(torch.isin(self.labels, members), prep)
        self.labels = relabel(self.labels, self.probs, mask, prep.extent)


def _is_fixed(extent: tuple[int, ...], groups: Sequence[Group]) -> bool:
    """Say whether the volume of an object is prescribed."""
    inside = [volume for labels, volume in groups if set(labels) <= set(extent)]
    outside = [volume for labels, volume in groups if not set(labels) & set(extent)]
    if len(inside) + len(outside) < len(groups):
        return False
    return min(inside, default=0) >= 0 or min(outside, default=0) >= 0


def _gibbs(logits: Tensor) -> Tensor:
    """Give probabilities that rank as the logits do and never underflow, (1, labels, *S).

    Scaling all logits by one number changes no decision of any prior.
    """
    spread = float((logits.amax(1) - logits.amin(1)).amax())
    return torch.softmax(logits * min(1.0, WIDEST / max(spread, 1e-300)), 1)


def decode(
    logits: Tensor, priors: Mapping[str, Prior], preps: Mapping[str, Any], link: Link
) -> Decoded:
    """Make the label map that satisfies the priors exactly where that is possible.

    Parameters
    ----------
    logits : (B, K, *S)   divided by the temperature
    priors, preps : mappings by name   see `priorseg.Solution`
    link : Link

    Returns
    -------
    Decoded   each sample is decoded alone
    """
    with torch.no_grad():
        scores = link.class_logits(logits.detach().double())
        found = []
        for b in range(len(scores)):
            pairs = [(prior, prior.pick(preps[name], b)) for name, prior in priors.items()]
            found.append(_Decoding(_gibbs(scores[b : b + 1]), pairs).run())
        labels = torch.cat(found)
        certificates = {name: p.violation(labels, preps[name]) for name, p in priors.items()}
        return Decoded(labels, certificates, torch.softmax(scores, 1).to(logits.dtype))
