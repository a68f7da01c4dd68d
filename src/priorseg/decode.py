"""From logits to a label map that satisfies the priors exactly, with certificates.

Precedence where not all can hold: nested, convex, star, volume. What gives way says so in its
certificate, which is always measured on the final label map.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .kernels.picture import label_probs, likeliest_labels
from .links import Link, Ordered, Softmax, likeliest
from .prior import Certificate, Prior
from .priors.convex import Convex
from .priors.nested import Nested
from .priors.ranking import Ranking, holds, members, relabel
from .priors.reachable import Group
from .priors.star import Star
from .priors.volume import Volume

ROUNDS = 16  # after which priors that still undo each other count as contradictory
HARD = (Volume, Star, Convex, Nested)  # priors with an exact form on the label map


@dataclass(frozen=True)
class Decoded:
    """Hold a label map and what is certain about it.

    Parameters
    ----------
    labels : (B, *S) int64     uint8 if it was made in parts
    certificates : mapping     prior name -> `Certificate`, measured on `labels`
    soft : call                makes `probs`

    Attributes
    ----------
    probs : (B, labels, *S)    probability of each label, before the label map was made; computed
                               when first asked for
    """

    labels: Tensor
    certificates: Mapping[str, Certificate]
    soft: Callable[[], Tensor] = field(repr=False, compare=False)

    @cached_property
    def probs(self) -> Tensor:
        """Give the probability of each label, (B, labels, *S)."""
        with torch.no_grad():
            return self.soft()


class _Decoding:
    """The label map of one sample while the priors harden it, lowest precedence first."""

    def __init__(
        self, labels: Tensor, ranking: Ranking, pairs: Sequence[tuple[Prior, Any]]
    ) -> None:
        self.labels, self.ranking, self.pairs = labels, ranking, pairs

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
            lost = torch.zeros(1, self.ranking.labels, *whole.shape[1:], dtype=torch.bool)
            lost.scatter_(1, whole.long().unsqueeze(1), stray.unsqueeze(1))
            self.ranking = self.ranking.ban(lost)
        self.hulls()
        self.nesting(fill=True)
        return self.labels

    def volumes_and_stars(self) -> None:
        """Make objects star-shaped at the wanted volumes; then fill the other volumes.

        A star-shaped object whose own volume is free keeps its best size, unless the other
        volumes then do not fit.
        """
        for prior, prep in self.of(Volume):
            self.labels = prior.harden(self.labels, self.ranking.probs, prep)
        sized = self.labels
        for keep_all, divide in ((False, False), (True, False), (True, True)):
            if self._stars(sized, keep_all=keep_all, divide=divide):
                break

    def _stars(self, sized: Tensor, *, keep_all: bool, divide: bool) -> bool:
        """Harden the star-shaped objects from a label map; say whether all of it fits."""
        volumes, stars, allowed = self.of(Volume), self.of(Star), self.ranking
        self.labels = sized
        for prior, prep in sorted(stars, key=lambda pair: -len(pair[1].extent)):
            keep = bool(volumes) and (keep_all or _is_fixed(prep.extent, volumes[0][1].groups[0]))
            size = int(holds(sized, prep.extent).sum()) if keep else None
            own = self._own_ground(prep, allowed) if divide else allowed
            self.labels = prior.harden(self.labels, own, prep, size=size)
            if volumes or len(stars) > 1:
                allowed = _commit(allowed, self.labels, prep.extent)
        for prior, prep in volumes if stars else []:
            filled = prior.harden(self.labels, allowed.probs, prep)
            if allowed.banned is not None and bool(
                allowed.banned.gather(1, filled.long().unsqueeze(1)).any()
            ):
                return False
            self.labels = filled
        return all(prior.reached(self.labels, prep) for prior, prep in stars)

    def _own_ground(self, prep: Any, allowed: Ranking) -> Ranking:
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
        return allowed.ban(far & members(prep.extent, allowed.labels, self.labels))

    def nesting(self, *, fill: bool) -> None:
        """Take inner pixels out that lie outside their outer object."""
        for prior, prep in self.of(Nested):
            self.labels = prior.harden(self.labels, self.ranking, prep, fill=fill)

    def hulls(self) -> None:
        """Close objects under hulls, and under their star trees where they have one."""
        stars = {prior.label: (prior, prep) for prior, prep in self.of(Star)}
        for prior, prep in self.of(Convex):
            for _ in range(ROUNDS):
                self.labels = prior.harden(self.labels, self.ranking, prep)
                hulls = self.labels
                for label in prep.labels:
                    if label in stars:
                        self._close(*stars[label])
                if torch.equal(hulls, self.labels):
                    break
            else:
                self.labels = hulls  # both cannot hold: convex wins

    def _close(self, star: Star, prep: Any) -> None:
        mask = star.closed(holds(self.labels, prep.extent), prep)
        self.labels = relabel(self.labels, self.ranking, mask, prep.extent)


def _of_sample(
    fixed: Tensor | None, allowed: Tensor | None, one: slice
) -> tuple[Tensor | None, Tensor | None]:
    """Give the bans of one sample and its prescribed pixels, where there are any."""
    if fixed is None or allowed is None or not bool((fixed[one] >= 0).any()):
        return None, None
    return ~allowed[one].cpu(), (fixed[one] >= 0).cpu()


def _commit(ranking: Ranking, labels: Tensor, extent: tuple[int, ...]) -> Ranking:
    """Forbid later priors to change an object."""
    inside = holds(labels, extent).unsqueeze(1)
    return ranking.ban(inside != members(extent, ranking.labels, labels))


def _is_fixed(extent: tuple[int, ...], groups: Sequence[Group]) -> bool:
    """Say whether the volume of an object is prescribed."""
    inside = [volume for labels, volume in groups if set(labels) <= set(extent)]
    outside = [volume for labels, volume in groups if not set(labels) & set(extent)]
    if len(inside) + len(outside) < len(groups):
        return False
    return min(inside, default=0) >= 0 or min(outside, default=0) >= 0


def _picture(logits: Tensor, link: Link) -> tuple[Tensor, Callable[[], Tensor]]:
    """Give the likeliest labels, uint8 where that suffices, and how to get probabilities."""
    count = link.label_count(logits.shape[1])
    known = type(link) in (Softmax, Ordered)
    if logits.device.type == "cpu" and logits.dtype == torch.float32 and known and count <= 256:
        order = link.nesting(logits.shape[1]) if isinstance(link, Ordered) else None
        return likeliest_labels(logits, order), lambda: label_probs(logits, order)
    scores = link.class_logits(logits.double())
    labels = scores.argmax(1) if count > 256 else likeliest(scores)
    return labels, lambda: torch.softmax(link.class_logits(logits.double()), 1).to(logits.dtype)


def decode(
    logits: Tensor,
    priors: Mapping[str, Prior],
    preps: Mapping[str, Any],
    link: Link,
    fixed: Tensor | None = None,
    allowed: Tensor | None = None,
) -> Decoded:
    """Make the label map that satisfies the priors exactly where that is possible.

    Parameters
    ----------
    logits : (B, K, *S)   divided by the temperature
    priors, preps : mappings by name   see `priorseg.Solution`
    link : Link
    fixed : (B, *S)   labels that pixels must have, below 0 = free; None = all free
    allowed : (B, labels, *S) bool   labels that these leave to every pixel, given with `fixed`

    Returns
    -------
    Decoded   each sample is decoded alone
    """
    with torch.no_grad():
        logits = logits.detach()
        labels, soft = _picture(logits, link)
        if any(isinstance(prior, HARD) for prior in priors.values()):
            ranked, labels = logits.cpu(), labels.cpu()  # geometry works there
            found = []
            for b in range(len(labels)):
                one = slice(b, b + 1)
                pairs = [(prior, prior.pick(preps[name], b)) for name, prior in priors.items()]
                ranking = Ranking(ranked[one], link, *_of_sample(fixed, allowed, one))
                found.append(_Decoding(labels[one], ranking, pairs).run())
            labels = torch.cat(found)
        if fixed is not None:
            labels = torch.where(fixed >= 0, fixed, labels.to(fixed)).to(labels)
        wide = labels.to(logits.device, torch.int64)
        certificates = {
            name: prior.violation(labels if isinstance(prior, HARD) else wide, preps[name])
            for name, prior in priors.items()
        }
        return Decoded(wide, certificates, soft)
