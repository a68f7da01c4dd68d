"""Prescribed volumes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import geometry
from ..kernels import volume_pass
from ..kernels.room import Room
from ..kernels.volume import VolumeDual
from ..links import SOFTMAX, Link, Ordered
from ..prior import Certificate, Dual, Prior, as_floats, compilable, recovered_height
from ..scene import Scene
from ..spec import register
from .reachable import Group, check_painted, reachable

REST = 3.0  # a shift stays below this part of the logits of prescribed pixels


@dataclass(frozen=True)
class _Prep:
    targets: Tensor  # (B, K), pixels; nan = free
    groups: tuple[tuple[Group, ...], ...]  # of each sample
    link: Link
    asked: "_Prep | None" = None  # before prescribed pixels made some of it impossible
    bound: Tensor | None = None  # (B,) bool, samples with prescribed pixels

    @property
    def tracked(self) -> tuple[Tensor, ...]:
        """Give what may take gradients."""
        return (self.targets,)

    def wanted(self, sample: int) -> dict[int, tuple[tuple[int, ...], int]]:
        """Give the labels and the whole pixels of every object that has a volume."""
        if self.asked is not None:
            return self.asked.wanted(sample)
        channels = self.targets.shape[1]
        if not isinstance(self.link, Ordered):
            return {labels[0]: (labels, v) for labels, v in self.groups[sample] if v >= 0}
        row = self.targets[sample].detach().cpu().numpy()
        return {
            label: (extent, target)
            for label, extent in self.link.extents(channels).items()
            if (target := _round(row[label - 1])) is not None
        }


def _free_name(link: Link) -> str:
    return "object" if isinstance(link, Ordered) else "class"


def check_volumes(targets: Tensor, pixels: int, link: Link) -> None:
    """Raise ValueError if no label map has these volumes.

    Parameters
    ----------
    targets : (B, K)   pixels; nan = free
    pixels : int       of one sample
    """
    for sample, row in enumerate(targets.tolist()):
        fixed = {k: v for k, v in enumerate(row) if v == v}
        for k, value in fixed.items():
            if not 0 <= value <= pixels:
                raise ValueError(
                    f"volume of channel {k} in sample {sample} is {value:g} px; it must lie "
                    f"between 0 and the {pixels} px of the image."
                )
        if isinstance(link, Ordered):
            _check_ordered(row, link, sample)
            continue
        total = sum(fixed.values())
        slack = max(0.5, 1e-6 * pixels)  # what rounding may have cost; `label_volumes` absorbs it
        if total > pixels + slack or (len(fixed) == len(row) and total < pixels - slack):
            raise ValueError(
                f"volumes of sample {sample} add up to {total:g} px, the image has {pixels}. "
                "Leave one class free (nan) to absorb the rest, or lower a volume."
            )


def _check_ordered(row: list[float], link: Ordered, sample: int) -> None:
    inner, inner_label = 0.0, None
    for label in link.nesting(len(row)):
        value = row[label - 1]
        if value < inner:
            raise ValueError(
                f"volumes of sample {sample}: object {inner_label} ({inner:g} px) lies inside "
                f"object {label} ({value:g} px). Lower the inner volume or free one (nan)."
            )
        if value == value:
            inner, inner_label = value, label


def label_groups(targets: np.ndarray, pixels: int, link: Link) -> tuple[Group, ...]:
    """Divide the labels into groups that have a volume together, in whole pixels.

    Under the softmax link every label is a group. Under the ordered link a group are the labels
    between two objects of known volume.

    Parameters
    ----------
    targets : (K,)   pixels; nan = free
    pixels : int

    Returns
    -------
    tuple of (labels, volume); volume −1 = free; if none is free they sum to `pixels` exactly
    """
    if not isinstance(link, Ordered):
        volumes = whole_volumes(targets, pixels)
        return tuple(((label,), int(volume)) for label, volume in enumerate(volumes))
    groups: list[Group] = []
    members: list[int] = []
    inner = 0
    for label in (*link.nesting(len(targets)), 0):
        members.append(label)
        outer = _round(targets[label - 1]) if label else pixels
        if outer is not None:
            groups.append((tuple(members), outer - inner))
            members, inner = [], outer
    return tuple(groups)


def whole_volumes(targets: np.ndarray, pixels: int) -> np.ndarray:
    """Round volumes of exclusive labels and keep their sum, (K,) int64; -1 = free."""
    free = np.isnan(targets)
    whole = np.where(free, -1, np.floor(np.nan_to_num(targets) + 1e-6)).astype(np.int64)
    goal = pixels if not free.any() else int(min(pixels, np.floor(np.nansum(targets) + 0.5)))
    short = goal - int(whole[~free].sum())
    parts = np.nan_to_num(targets) - whole
    ranking = np.argsort(-parts if short > 0 else parts, kind="stable")
    usable = [k for k in ranking if not free[k] and (short > 0 or whole[k] >= abs(short))]
    for turn in range(abs(short) if usable else 0):
        whole[usable[turn % len(usable)]] += np.sign(short)
    return whole


def _round(value: float) -> int | None:
    return None if np.isnan(value) else int(np.floor(value + 0.5))


@register("volume")
class Volume(Prior):
    """Give classes the volumes of ``scene.volumes``, exactly.

    Under the softmax link ``scene.volumes[b, k]`` is the volume of class k; under the ordered
    link it is that of the whole object of channel k (the disc with its cup). nan leaves it free.
    The dual q is found by Newton's method on its concave energy; gradients are exact, by the
    implicit function theorem.

    Source: VP-STD of Liu, Wang and Tai; Newton instead of its fixed point (docs/maths, E3, D9).
    """

    name = "volume"
    stage = 2
    reads = ("volumes",)

    def settings(self) -> dict[str, Any]:
        """See `Prior.settings`."""
        return {}

    def prepare(self, scene: Scene, like: Tensor, *, link: Link = SOFTMAX) -> _Prep:
        """See `Prior.prepare`; raises ValueError for volumes that no label map has."""
        batch, channels = like.shape[:2]
        pixels = like[0, 0].numel()
        if scene.volumes is None:
            raise ValueError(
                f"Volume needs scene.volumes, (B, K) pixels per {_free_name(link)}; nan = free."
            )
        targets = as_floats(scene.volumes, "scene.volumes").to(like.device)
        if targets.ndim == 1:
            targets = targets.expand(batch, -1)
        if targets.shape != (batch, channels):
            raise ValueError(
                f"scene.volumes has shape {tuple(targets.shape)}, it must be "
                f"({batch}, {channels}): one row per sample, one column per channel."
            )
        check_volumes(targets.detach(), pixels, link)
        rows = targets.detach().cpu().numpy()
        groups = tuple(label_groups(row, pixels, link) for row in rows)
        if scene.fixed is not None:
            for row, whole in zip(scene.fixed.flatten(1).cpu().numpy(), groups, strict=True):
                check_painted(row, whole)
        return _Prep(targets, groups, link)

    def narrow(self, allowed: Tensor, prep: _Prep) -> tuple[Tensor, _Prep]:
        """Come as near to the volumes as prescribed pixels leave it; see `Prior.narrow`."""
        asked = prep.asked or prep
        left = allowed.flatten(2).cpu().numpy()
        found = [
            reachable(one, groups, row, prep.link)
            for one, groups, row in zip(
                left, asked.groups, asked.targets.detach().cpu().numpy(), strict=True
            )
        ]
        settled = torch.as_tensor(np.stack([part.left for part in found]), device=allowed.device)
        rows = torch.as_tensor(np.stack([part.targets for part in found])).to(asked.targets)
        targets = torch.where(rows == asked.targets.detach(), asked.targets, rows)
        groups = tuple(part.groups for part in found)
        bound = ~allowed.flatten(1).all(1)
        prep = replace(prep, targets=targets, groups=groups, asked=asked, bound=bound)
        return settled.view_as(allowed), prep

    def start(self, u: Tensor, prep: _Prep) -> Dual:
        """See `Prior.start`."""
        return (torch.zeros(u.shape[:2], dtype=torch.float64, device=u.device),)

    def step(
        self,
        u: Tensor,
        dual: Dual,
        prep: _Prep,
        temperature: Tensor,
        *,
        height: Tensor | None = None,
    ) -> Dual:
        """Solve for q exactly; see `Prior.step`."""
        if height is None:
            height = recovered_height(u, self.field(u, dual, prep), temperature, prep.link)
        q = VolumeDual.apply(  # type: ignore[no-untyped-call]
            height, prep.targets, temperature, dual[0].detach(), prep.link.name == "ordered"
        )
        if prep.bound is not None:  # what nothing can reach must not move prescribed pixels
            most = height.detach().abs().flatten(1).amax(1, keepdim=True).to(q) / REST
            q = torch.where(prep.bound.unsqueeze(1), q.clamp(-most, most), q)
        return (q,)

    def field(self, u: Tensor, dual: Dual, prep: _Prep) -> Tensor:
        """Give −q, constant on every channel; see `Prior.field`."""
        return -dual[0].to(u.dtype).reshape(*u.shape[:2], *[1] * (u.ndim - 2)).expand_as(u)

    def fused(
        self,
        u: Tensor,
        dual: Dual,
        prep: _Prep,
        temperature: Tensor,
        height: Tensor,
        room: Room | None = None,
    ) -> tuple[Dual, Tensor, Tensor] | None:
        """Use the compiled passes for float32 images on the CPU; see `Prior.fused`."""
        if not compilable(prep, u, height, temperature):
            return None
        (q,) = self.step(u, dual, prep, temperature, height=height)
        ordered = prep.link.name == "ordered"
        return (q,), *volume_pass.apply(height, q, temperature, ordered, room)

    def gap(
        self, u: Tensor, dual: Dual, prep: _Prep, temperature: Tensor, *, height: Tensor
    ) -> Tensor:
        """Give the largest volume error over the pixels of the image, (B,)."""
        volumes = u.flatten(2).sum(2, dtype=torch.float64)
        off = (volumes - prep.targets).abs().nan_to_num(nan=0.0)
        return (off.amax(1) / u[0, 0].numel()).to(u.dtype)

    def pick(self, prep: _Prep, sample: int) -> _Prep:
        """See `Prior.pick`."""
        one = slice(sample, sample + 1)
        asked = None if prep.asked is None else self.pick(prep.asked, sample)
        return replace(prep, targets=prep.targets[one], groups=prep.groups[one], asked=asked)

    def harden(self, labels: Tensor, probs: Tensor, prep: _Prep) -> Tensor:
        """Assign exactly the rounded volumes, at the largest total log-probability."""
        scores = probs.detach().clamp_min(1e-300).log().flatten(2).cpu().numpy()
        scores[probs.flatten(2).cpu().numpy() == 0] = -1e9  # excluded by an earlier prior
        out = [_assign(s, groups) for s, groups in zip(scores, prep.groups, strict=True)]
        return torch.as_tensor(np.stack(out), device=labels.device).to(labels).view_as(labels)

    def violation(self, labels: Tensor, prep: _Prep) -> Certificate:
        """Sum |pixels − target| over the objects that were given a volume, and the batch."""
        parts: dict[int, int] = {}
        texts = []
        for sample, row in enumerate(labels.flatten(1).cpu().numpy()):
            counts = np.bincount(row, minlength=1 + max(max(g) for g, _ in prep.groups[sample]))
            for label, (members, target) in prep.wanted(sample).items():
                found = int(counts[list(members)].sum())
                parts[label] = parts.get(label, 0) + abs(found - target)
                kind = "object" if len(members) > 1 else "label"
                texts.append(f"{kind} {label}: {found} of {target} px")
        off = sum(parts.values())
        text = "; ".join(texts[:12]) or "no volume is fixed"
        if off and prep.asked is not None and prep.groups != prep.asked.groups:
            text += "; prescribed pixels do not leave it"
        return Certificate(off, off == 0, f"volume off by {off} px ({text})", parts)


def _assign(scores: np.ndarray, groups: Sequence[Group]) -> np.ndarray:
    """Give every pixel a label, every group its volume, at the largest total score, (N,)."""
    best = np.stack([scores[list(labels)].max(0) for labels, _ in groups])
    chosen = geometry.assign_volumes(best, np.array([volume for _, volume in groups]))
    within = np.stack([np.array(g)[scores[list(g)].argmax(0)] for g, _ in groups])
    return np.asarray(np.take_along_axis(within, chosen[None], 0)[0])
