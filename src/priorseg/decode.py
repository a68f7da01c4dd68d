"""From logits to a label map that satisfies the priors exactly, with certificates.

Precedence where not all can hold: nested, convex, star, volume. What gives way says so in its
certificate, which is always measured on the final label map.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .links import Link, likeliest
from .prior import Certificate, Prior, relabel
from .priors.convex import Convex
from .priors.nested import Nested
from .priors.star import Star
from .priors.volume import Volume

ROUNDS = 64  # of the closure that makes star shapes and hulls agree


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


class _Decoding:
    """The label map while the priors harden it, lowest precedence first."""

    def __init__(
        self, probs: Tensor, priors: Mapping[str, Prior], preps: Mapping[str, Any]
    ) -> None:
        self.probs = probs.clamp_min(1e-300)
        self.pairs = [(prior, preps[name]) for name, prior in priors.items()]
        self.labels = probs.argmax(1) if probs.shape[1] > 256 else likeliest(probs).long()

    def of(self, kind: type) -> list[tuple[Any, Any]]:
        """Give the priors of a kind with what they prepared."""
        return [pair for pair in self.pairs if isinstance(pair[0], kind)]

    def volumes_and_stars(self) -> None:
        """Make objects star-shaped at the wanted volumes; then fill the other volumes.

        A star-shaped object whose own volume is free keeps its best size, unless the other
        volumes then do not fit.
        """
        for prior, prep in self.of(Volume):
            self.labels = prior.harden(self.labels, self.probs, prep)
        sized = self.labels
        if not self._stars(sized, keep_all=False):
            self._stars(sized, keep_all=True)

    def _stars(self, sized: Tensor, *, keep_all: bool) -> bool:
        """Harden the star-shaped objects from a label map; say whether all volumes fit."""
        volumes, allowed = self.of(Volume), self.probs
        self.labels = sized
        for prior, prep in sorted(self.of(Star), key=lambda pair: -len(pair[1].extent)):
            keep = bool(volumes) and (keep_all or _is_fixed(prep.extent, volumes[0][1].whole))
            self.labels = prior.harden(self.labels, allowed, prep, keep_volume=keep)
            allowed = _commit(allowed, self.labels, prep.extent)
        for prior, prep in volumes if self.of(Star) else []:
            filled = prior.harden(self.labels, allowed, prep)
            if not bool((allowed.gather(1, filled.unsqueeze(1)) > 0).all()):
                return False
            self.labels = filled
        return True

    def nesting(self, *, fill: bool) -> None:
        """Take inner pixels out that lie outside their outer object."""
        for prior, prep in self.of(Nested):
            self.labels = prior.harden(self.labels, self.probs, prep, fill=fill)

    def hulls(self) -> None:
        """Close objects under hulls, and under their star trees where they have one."""
        stars = {prior.label: (prior, prep) for prior, prep in self.of(Star)}
        for prior, prep in self.of(Convex):
            for _ in range(ROUNDS):
                before = self.labels
                self.labels = prior.harden(self.labels, self.probs, prep)
                for label in prep.labels:
                    if label in stars:
                        self._close(*stars[label])
                if torch.equal(before, self.labels):
                    break

    def _close(self, star: Star, prep: Any) -> None:
        members = torch.tensor(prep.extent, device=self.labels.device)
        mask = star.closed(torch.isin(self.labels, members), prep)
        self.labels = relabel(self.labels, self.probs, mask, prep.extent)


def _is_fixed(extent: tuple[int, ...], whole: Any) -> bool:
    """Say whether the volume of an object is prescribed in every sample."""
    inside = [k for k in range(whole.shape[1]) if k in extent]
    outside = [k for k in range(whole.shape[1]) if k not in extent]
    return bool((whole[:, inside] >= 0).all() or (whole[:, outside] >= 0).all())


def decode(
    logits: Tensor, priors: Mapping[str, Prior], preps: Mapping[str, Any], link: Link
) -> Decoded:
    """Make the label map that satisfies the priors exactly where that is possible.

    Parameters
    ----------
    logits : (B, K, *S)   divided by the temperature
    priors, preps : mappings by name   see `priorseg.solver.Solution`
    link : Link

    Returns
    -------
    Decoded
    """
    with torch.no_grad():
        probs = torch.softmax(link.class_logits(logits.detach().double()), 1)
        work = _Decoding(probs, priors, preps)
        work.volumes_and_stars()
        work.nesting(fill=False)
        work.hulls()
        work.nesting(fill=True)
        certificates = {
            name: prior.violation(work.labels, preps[name]) for name, prior in priors.items()
        }
        return Decoded(work.labels, certificates, probs.to(logits.dtype))
