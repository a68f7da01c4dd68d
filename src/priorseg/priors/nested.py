"""Nested objects: the cup lies in the disc."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..geometry import lone_components
from ..kernels import volume_pass
from ..kernels.ordering import falls, pooled
from ..kernels.room import Room
from ..kernels.vectors import LANES
from ..links import SOFTMAX, Link, Ordered
from ..prior import (
    Certificate,
    Dual,
    Prior,
    check_labels,
    compilable,
    nothing,
    recovered_height,
    whole_numbers,
)
from ..scene import Scene
from ..spec import register
from .ranking import Ranking, as_array, holds, relabel


@dataclass(frozen=True)
class _Prep:
    channels: tuple[int, ...]  # innermost first; empty under the softmax link
    link: Link
    tracked: tuple[Tensor, ...] = ()  # nothing here takes gradients


def pool_adjacent(values: Tensor) -> Tensor:
    """Give the closest stack (least squares) that does not fall along axis 0.

    Parameters
    ----------
    values : (M, ...)

    Returns
    -------
    (M, ...)   w_0 <= w_1 <= ...; w_m is the least over b >= m of the largest over a <= m of the
               mean of values[a..b]

    Source: the min-max formula of isotonic regression (Barlow and others, 1972).
    """
    count = values.shape[0]
    sums = torch.cat((torch.zeros_like(values[:1]), values.cumsum(0)))
    highest: list[list[Tensor]] = [[] for _ in range(count)]
    for end in range(count):
        best = None
        for first in range(end + 1):
            mean = (
                values[end] if first == end else (sums[end + 1] - sums[first]) / (end + 1 - first)
            )
            best = mean if best is None else torch.maximum(best, mean)
            highest[first].append(best)
    return torch.stack([torch.stack(options).amin(0) for options in highest])


@register("nested")
class Nested(Prior):
    """Keep objects inside one another.

    Object j is label j with everything inside it. Under the ordered link the channels are held
    in order, u_inner <= u_outer, by exact isotonic regression. Under the softmax link the labels
    exclude each other and only the label map can break the nesting: a component of the inner
    object that touches nothing of the label around it, while that label exists elsewhere.

    Parameters
    ----------
    order : labels   innermost first, for instance (2, 1) for cup 2 inside disc 1
    """

    name = "nested"
    stage = 5
    capturable = True

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        self.order = whole_numbers(order, "order")
        if len(self.order) < 2 or len(set(self.order)) != len(self.order):
            raise ValueError(f"order must name two or more different labels, got {order}.")

    def settings(self) -> dict[str, Any]:
        """See `Prior.settings`."""
        return {"order": list(self.order)}

    def extents(self) -> dict[int, tuple[int, ...]]:
        """Give the labels that make up each object."""
        return {label: self.order[: place + 1] for place, label in enumerate(self.order)}

    def prepare(self, scene: Scene, like: Tensor, *, link: Link = SOFTMAX) -> _Prep:
        """See `Prior.prepare`."""
        check_labels(self.order, like.shape[1], link, "Nested")
        if not isinstance(link, Ordered):
            return _Prep((), link)
        expected = tuple(j for j in link.nesting(like.shape[1]) if j in self.order)
        if expected != self.order:
            raise ValueError(
                f"Nested order {self.order} contradicts the link, whose objects nest as "
                f"{link.nesting(like.shape[1])} from the inside out: use the same sequence."
            )
        return _Prep(tuple(label - 1 for label in self.order), link)

    def start(self, u: Tensor, prep: _Prep) -> Dual:
        """See `Prior.start`."""
        return (nothing(u),)

    def step(
        self,
        u: Tensor,
        dual: Dual,
        prep: _Prep,
        temperature: Tensor,
        *,
        height: Tensor | None = None,
    ) -> Dual:
        """Pool the channels that are out of order; see `Prior.step`."""
        if not prep.channels:
            return dual
        if height is None:
            height = recovered_height(u, dual[0], temperature, prep.link)
        # one channel at a time: an index list would be sent to the device, which waits for it
        stack = torch.stack([height[:, channel] for channel in prep.channels])
        moved = stack - pool_adjacent(stack)
        field = torch.zeros_like(height)
        for channel, part in zip(prep.channels, moved, strict=True):
            field[:, channel] = part
        return (field,)

    def field(self, u: Tensor, dual: Dual, prep: _Prep) -> Tensor:
        """See `Prior.field`."""
        return dual[0]

    def fused(
        self,
        u: Tensor,
        dual: Dual,
        prep: _Prep,
        temperature: Tensor,
        height: Tensor,
        room: Room | None = None,
    ) -> tuple[Dual, Tensor, Tensor] | None:
        """Pool and apply the link in one pass; nothing to do where all is in order."""
        if not compilable(prep, u, height, temperature) or u.shape[3] < LANES:
            return None
        if not prep.channels:
            return None
        heat = float(temperature)
        if falls(height, prep.channels):
            field, scaled, probs = pooled(height, prep.channels, heat, room)
            return (field,), scaled, probs
        return (nothing(u),), *volume_pass.apply(height, None, temperature, True, room)

    def moves(self, prep: _Prep) -> bool:
        """Say whether the link is ordered: exclusive labels have no field."""
        return bool(prep.channels)

    def harden(
        self, labels: Tensor, probs: Tensor | Ranking, prep: _Prep, *, fill: bool = False
    ) -> Tensor:
        """Take inner pixels that lie outside the outer object out of the inner one.

        They take their likeliest other label, or with `fill` the label around the inner object.
        """
        if prep.channels:
            return labels
        for place in range(len(self.order) - 1):
            inner = self.order[: place + 1]
            stray = self._stray(labels, place)
            if not bool(stray.any()):
                continue
            if isinstance(probs, Ranking) and probs.fixed is not None:
                labels = self._surround(labels, stray, probs.fixed, place)
                stray = self._stray(labels, place) & ~probs.fixed
            if fill:
                labels = labels.masked_fill(stray, self.order[place + 1])
            else:
                labels = relabel(labels, probs, holds(labels, inner) & ~stray, inner)
        return labels

    def _stray(self, labels: Tensor, place: int) -> Tensor:
        """Mark components of an inner object that touch nothing of the label around it."""
        masks = as_array(holds(labels, self.order[: place + 1]))
        around = as_array(labels == self.order[place + 1])
        stray = [stray_components(m, a) for m, a in zip(masks, around, strict=True)]
        return torch.as_tensor(np.stack(stray), device=labels.device)

    def _surround(self, labels: Tensor, stray: Tensor, fixed: Tensor, place: int) -> Tensor:
        """Give prescribed pixels of an inner object, where they stray, the label around it."""
        around = self.order[place + 1]
        ones = np.ones((3,) * (labels.ndim - 1), dtype=bool)
        held = as_array(stray & fixed)
        ring = np.stack([ndimage.binary_dilation(one, ones) for one in held]) & ~as_array(fixed)
        return labels.masked_fill(torch.as_tensor(ring, device=labels.device), around)

    def violation(self, labels: Tensor, prep: _Prep) -> Certificate:
        """Count pixels of inner objects that lie outside the object around them."""
        if prep.channels:
            return Certificate(0, True, "every inner object lies in the outer one by construction")
        count = sum(int(self._stray(labels, p).sum()) for p in range(len(self.order) - 1))
        text = f"{count} px of an inner object lie outside the object around it"
        return Certificate(count, count == 0, text)


def stray_components(mask: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Mark the components of a mask that touch no pixel of the label around them.

    Parameters
    ----------
    mask, around : (*S) bool

    Returns
    -------
    (*S) bool   8-connected in 2-D, 26-connected in 3-D; all False where there is no such label
    at all: then the inner object fills the outer one
    """
    if not around.any():
        return np.zeros_like(mask)
    if mask.ndim == 2:
        return lone_components(mask, around)
    ones = np.ones((3,) * mask.ndim, dtype=bool)
    components, count = ndimage.label(mask, ones)
    touched = np.zeros(count + 1, dtype=bool)
    touched[components[ndimage.binary_dilation(around, ones)]] = True
    touched[0] = True
    return np.asarray(~touched[components])
