"""The state after a sweep."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .decode import Decoded, decode
from .links import Link
from .prior import Dual, Prior
from .scene import Scene


@dataclass(frozen=True)
class Solution:
    """Hold the state after a sweep; enough to decode it or to go on from it.

    Parameters
    ----------
    logits : (B, K, *S)   regularised, divided by the temperature; ``link(logits)`` is `probs`
    probs : (B, K, *S)
    duals : mapping       prior name -> its dual
    residual : (B,)       max |change of u| in the last sweep, per sample; inf before any sweep
    sweeps : int          sweeps done since the cold or warm start
    scene, priors, preps, link, temperature   what was solved
    allowed : (B, labels, *S) bool   the labels that prescribed pixels leave; None = all
    """

    logits: Tensor
    probs: Tensor
    duals: Mapping[str, Dual]
    residual: Tensor
    sweeps: int
    scene: Scene
    priors: Mapping[str, Prior] = field(repr=False)
    preps: Mapping[str, Any] = field(repr=False)
    link: Link
    temperature: Tensor
    allowed: Tensor | None = field(default=None, repr=False)

    @property
    def gap(self) -> Tensor:
        """Give the largest duality gap per pixel over the priors that have one, (B,).

        It bounds temperature * ‖u − u*‖² / pixels, u* the minimiser with the other fields fixed.
        """
        worst = self.probs.new_zeros(self.probs.shape[0])
        for name, prior in self.priors.items():
            prep, dual = self.preps[name], self.duals[name]
            height = self.logits * self.temperature + prior.field(self.probs, dual, prep)
            gap = prior.gap(self.probs, dual, prep, self.temperature, height=height)
            worst = torch.maximum(worst, gap)
        return worst

    def decode(self) -> Decoded:
        """Make the label map that satisfies the priors exactly, and certify it.

        Returns
        -------
        Decoded   ``.labels`` (B, *S) int64, ``.certificates`` by prior name
        """
        return decode(
            self.logits, self.priors, self.preps, self.link, self.scene.fixed, self.allowed
        )
