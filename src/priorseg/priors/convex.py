"""Convex objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from ..geometry import (
    convex_hull_mask,
    hull_closure,
    hull_deficit,
    label_components,
    largest_component,
)
from ..kernels.discs import active_set
from ..links import SOFTMAX, Link
from ..prior import Certificate, Prior, check_labels, nothing, whole_numbers
from ..scene import Scene
from ..spec import Range, register
from .ranking import Kept, Ranking, as_array, holds, relabel

CUTS = 8  # rounds of cutting hulls apart before only the largest part is kept
MARGIN = 1e-3  # how far above 1/2 an activated pixel is lifted


@dataclass(frozen=True)
class _Prep:
    channels: tuple[tuple[int, ...], ...]  # of each object, outermost first
    extents: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]
    radii: tuple[int, ...]
    link: Link
    classes: int


class _Lift(torch.autograd.Function):
    """Raise an object's probability to at least 1/2 on a set, straight-through."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, active: Tensor) -> Tensor:
        """Lift where active."""
        return torch.where(active, u.clamp_min(0.5 + MARGIN), u)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Pass the gradient on unchanged."""
        return grads[0], None


@register("convex")
class Convex(Prior):
    """Make objects convex.

    In the sweeps, pixels whose disc lies more than half in the object are drawn in (the gradient
    passes straight through); this helps the other priors but leaves shallow dents in the
    probabilities. On the label map every 8-connected component becomes its digital
    hull, exactly. Under nested labels an object is the label with everything inside it. 2-D only.

    Parameters
    ----------
    labels : labels of the convex objects
    radii : int pixels   discs that look for concavities; they may miss shallow ones, the hull of
                         the label map does not
    single : bool        keep only the largest component of each object

    Source: CS-STD of Liu, Tai and Luo; hull closure of docs/maths, E5 (D11, D12).
    """

    name = "convex"
    stage = 4
    convex = False
    capturable = True

    def __init__(
        self,
        labels: Sequence[int],
        radii: Annotated[
            Sequence[int],
            Range(1, 64, unit="px", help="Sizes of the discs that look for dents.", grows=True),
        ] = (2, 4, 8, 12, 16),
        single: bool = False,
    ) -> None:
        super().__init__()
        self.labels = whole_numbers(labels, "labels")
        self.radii = whole_numbers(radii, "radii")
        self.single = bool(single)
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels must name one or more different labels, got {labels}.")
        if any(radius < 1 for radius in self.radii):
            raise ValueError(f"radii must be whole pixels >= 1, got {radii}.")

    def settings(self) -> dict[str, Any]:
        """See `Prior.settings`."""
        return {"labels": list(self.labels), "radii": list(self.radii), "single": self.single}

    def prepare(self, scene: Scene, like: Tensor, *, link: Link = SOFTMAX) -> _Prep:
        """See `Prior.prepare`."""
        if like.ndim != 4:
            raise ValueError("Convex is 2-D for now: solve a volume plane by plane.")
        check_labels(self.labels, like.shape[1], link, "Convex")
        ordered = tuple(sorted(self.labels, key=lambda label: -len(scene.extent(label))))
        extents = tuple(scene.extent(label) for label in ordered)
        channels = tuple(
            tuple(link.object_channels(label, extent))
            for label, extent in zip(ordered, extents, strict=True)
        )
        limit = max(like.shape[2:])
        radii = tuple(sorted({min(radius, limit) for radius in self.radii}, reverse=True))
        return _Prep(channels, extents, ordered, radii, link, link.label_count(like.shape[1]))

    def moves(self, prep: _Prep) -> bool:
        """Say no: this prior projects."""
        return False

    def field(self, u: Tensor, dual: tuple[Tensor, ...], prep: _Prep) -> Tensor:
        """Give 0: this prior projects; see `Prior.field`."""
        return nothing(u)

    def project(self, u: Tensor, prep: _Prep) -> Tensor:
        """Draw dents of every object in; see `Prior.project`."""
        for channels in prep.channels:
            whole = prep.link.object_probs(u, channels)  # (B, Y, X)
            active = active_set(whole, prep.radii)
            if active.device.type == "cpu" and not active.numpy().any():
                continue  # elsewhere the question would make the host wait
            lifted = _Lift.apply(whole, active)  # type: ignore[no-untyped-call]
            u = _share(u, whole, lifted, channels, prep.link)
        return u

    def project_in_place(self, u: Tensor, scaled: Tensor, prep: _Prep) -> bool:
        """Draw dents in, pixel by pixel; see `Prior.project_in_place`."""
        for sample, logits in zip(u, scaled, strict=True):
            for channels in prep.channels:
                whole = prep.link.object_probs(sample[None], channels)  # (1, Y, X)
                active = np.flatnonzero(active_set(whole, prep.radii).numpy())
                if len(active):
                    self._draw_in(sample, logits, whole, torch.from_numpy(active), channels, prep)
        return True

    def _draw_in(
        self,
        u: Tensor,
        scaled: Tensor,
        whole: Tensor,
        active: Tensor,
        channels: Sequence[int],
        prep: _Prep,
    ) -> None:
        """Lift an object at some pixels of one sample, u and scaled (K, Y, X)."""
        flat, flat_scaled = u.view(len(u), -1), scaled.view(len(u), -1)
        rows = flat[:, active].t()[:, :, None, None]  # (pixels, K, 1, 1)
        object_rows = whole.reshape(-1)[active][:, None, None]
        moved = _share(rows, object_rows, object_rows.clamp_min(0.5 + MARGIN), channels, prep.link)
        flat_scaled[:, active] = torch.where(
            prep.link.moved(rows, moved)[:, :, 0, 0].t(),
            prep.link.logits(moved)[:, :, 0, 0].t(),
            flat_scaled[:, active],
        )
        flat[:, active] = moved[:, :, 0, 0].t()

    def _hulls(self, mask: np.ndarray, taken: np.ndarray) -> np.ndarray:
        hulls = np.asarray(hull_closure(largest_component(mask) if self.single else mask))
        return hulls_beside(hulls, taken) if (hulls & taken).any() else hulls

    def harden(self, labels: Tensor, probs: Tensor | Ranking, prep: _Prep) -> Tensor:
        """Replace every component of every object by its digital hull.

        Outer objects come first. Of two objects that exclude each other the earlier one in
        `labels` keeps the pixels that both hulls hold; the later one is cut along a line.
        """
        kept: list[Kept] = []
        for extent in prep.extents:
            rivals = [k for _, other in kept if not set(other) & set(extent) for k in other]
            masks, taken = as_array(holds(labels, extent)), as_array(holds(labels, rivals))
            hulls = np.stack([self._hulls(m, t) for m, t in zip(masks, taken, strict=True)])
            mask = torch.as_tensor(hulls, device=labels.device)
            labels = relabel(labels, probs, mask, extent, kept)
            kept.append((mask, extent))
        return labels

    def violation(self, labels: Tensor, prep: _Prep) -> Certificate:
        """Count pixels that are missing to the hulls of the components."""
        parts: dict[int, int] = {}
        for label, extent in zip(prep.labels, prep.extents, strict=True):
            masks = as_array(holds(labels, extent))
            parts[label] = sum(int(hull_deficit(mask)) for mask in masks)
        text = "; ".join(f"object {label}: {found} px" for label, found in parts.items())
        missing = sum(parts.values())
        return Certificate(missing, missing == 0, f"missing to the hull: {text}", parts)


def _share(u: Tensor, whole: Tensor, lifted: Tensor, channels: Sequence[int], link: Link) -> Tensor:
    """Give an object a new probability; its parts and the others keep their proportions."""
    if link.name == "ordered":
        moved_in = u.clone()
        moved_in[:, channels[0]] = lifted
        return moved_in
    member = torch.zeros(u.shape[1], dtype=torch.bool, device=u.device)
    for channel in channels:
        member[channel] = True
    member = member.view(1, -1, 1, 1)
    whole, lifted = whole.unsqueeze(1), lifted.unsqueeze(1)
    moved = lifted != whole
    known = moved & (whole > torch.finfo(u.dtype).tiny ** 0.5)
    even = torch.full_like(u, 1 / len(channels))  # where all parts have underflowed
    inner = lifted * torch.where(known, u / torch.where(known, whole, 1), even)
    outer = (1 - lifted) * u / torch.where(moved, 1 - whole, 1)
    return torch.where(moved, torch.where(member, inner, outer), u)


def hulls_beside(mask: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Make components convex without touching pixels that are taken.

    Each component keeps the part of its hull beyond a line past the taken pixels; a part of a
    convex set on one side of a line is convex. If parts merge again and again, only the largest
    is kept.

    Parameters
    ----------
    mask, taken : (Y, X) bool

    Returns
    -------
    (Y, X) bool   disjoint from `taken`; every 8-connected component digitally convex
    """
    for _ in range(CUTS):
        parts, count = label_components(mask)
        mask = np.zeros_like(mask)
        for part in range(1, count + 1):
            mask |= _beyond(convex_hull_mask(parts == part), taken)
        if hull_deficit(mask) == 0:
            return mask
    return _beyond(convex_hull_mask(largest_component(mask)), taken)


def _beyond(hull: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Keep the part of a hull on the far side of a line past its taken pixels."""
    inner = np.argwhere(hull & taken)
    if len(inner) == 0:
        return hull
    pixels = np.argwhere(hull)
    free = np.argwhere(hull & ~taken)
    toward = (free.mean(0) if len(free) else pixels.mean(0)) - inner.mean(0)
    direction = np.round(1024 * toward / max(np.abs(toward).max(), 1e-9)).astype(np.int64)
    kept = pixels[pixels @ direction > (inner @ direction).max()]
    part = np.zeros_like(hull)
    part[kept[:, 0], kept[:, 1]] = True
    return part
