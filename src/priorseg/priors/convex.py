"""Convex objects."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from ..geometry import (
    convex_hull_mask,
    hull_closure,
    hull_deficit,
    hulls_around,
    hulls_beside,
    label_components,
    largest_component,
)
from ..kernels.discs import active_set
from ..links import SOFTMAX, Link
from ..prescribed import settled
from ..prior import Certificate, Prior, check_labels, nothing, whole_numbers
from ..scene import Scene
from ..spec import Range, register
from .ranking import Kept, Ranking, as_array, holds, relabel

MARGIN = 1e-3  # how far above 1/2 an activated pixel is lifted


@dataclass(frozen=True)
class _Prep:
    channels: tuple[tuple[int, ...], ...]  # of each object, outermost first
    extents: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]
    radii: tuple[int, ...]
    link: Link
    classes: int
    # of each object, (B, Y, X) bool: pixels that prescribed ones put in, and out; none = free
    inside: tuple[Tensor, ...] = ()
    outside: tuple[Tensor, ...] = ()

    def active(self, place: int, whole: Tensor) -> Tensor:
        """Mark where an object is to be drawn in, (B, Y, X) bool."""
        found = active_set(whole, self.radii)
        return found & ~self.outside[place] if self.outside else found


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

    def narrow(self, allowed: Tensor, prep: _Prep) -> tuple[Tensor, _Prep]:
        """Remember which pixels are settled; see `Prior.narrow`."""
        masks = [settled(allowed, extent) for extent in prep.extents]
        inside, outside = (tuple(pair[part] for pair in masks) for part in (0, 1))
        return allowed, replace(prep, inside=inside, outside=outside)

    def pick(self, prep: _Prep, sample: int) -> _Prep:
        """See `Prior.pick`."""
        if not prep.inside:
            return prep
        inside, outside = (
            tuple(mask[sample : sample + 1] for mask in masks)
            for masks in (prep.inside, prep.outside)
        )
        return replace(prep, inside=inside, outside=outside)

    def moves(self, prep: _Prep) -> bool:
        """Say no: this prior projects."""
        return False

    def field(self, u: Tensor, dual: tuple[Tensor, ...], prep: _Prep) -> Tensor:
        """Give 0: this prior projects; see `Prior.field`."""
        return nothing(u)

    def project(self, u: Tensor, prep: _Prep) -> Tensor:
        """Draw dents of every object in; see `Prior.project`."""
        for place, channels in enumerate(prep.channels):
            whole = prep.link.object_probs(u, channels)  # (B, Y, X)
            active = prep.active(place, whole)
            if active.device.type == "cpu" and not active.numpy().any():
                continue  # elsewhere the question would make the host wait
            lifted = _Lift.apply(whole, active)  # type: ignore[no-untyped-call]
            u = _share(u, whole, lifted, channels, prep.link)
        return u

    def project_in_place(self, u: Tensor, scaled: Tensor, prep: _Prep) -> bool:
        """Draw dents in, pixel by pixel; see `Prior.project_in_place`."""
        for b, (sample, logits) in enumerate(zip(u, scaled, strict=True)):
            one = self.pick(prep, b)
            for place, channels in enumerate(prep.channels):
                whole = prep.link.object_probs(sample[None], channels)  # (1, Y, X)
                active = np.flatnonzero(one.active(place, whole).numpy())
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

    def _hulls_around(self, mask: np.ndarray, inside: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Give hulls that hold settled pixels and leave others out, where a line parts them."""
        if not self.single:
            return hulls_around(mask, inside, out & ~inside)
        one = convex_hull_mask(largest_component(mask) | inside)
        hulls = hulls_around(one, inside, out & ~inside)
        if not inside.any():
            return largest_component(hulls)
        parts, _ = label_components(hulls)
        return np.isin(parts, np.unique(parts[inside]))

    def harden(self, labels: Tensor, probs: Tensor | Ranking, prep: _Prep) -> Tensor:
        """Replace every component of every object by its digital hull.

        Outer objects come first. Of two objects that exclude each other the earlier one in
        `labels` keeps the pixels that both hulls hold; the later one is cut along a line.
        """
        kept: list[Kept] = []
        given = probs.fixed if isinstance(probs, Ranking) and prep.inside else None
        fixed = None if given is None else as_array(given)
        for place, extent in enumerate(prep.extents):
            rivals = [k for _, other in kept if not set(other) & set(extent) for k in other]
            masks, taken = as_array(holds(labels, extent)), as_array(holds(labels, rivals))
            if fixed is None:
                hulls = [self._hulls(m, t) for m, t in zip(masks, taken, strict=True)]
            else:
                inside, outside = as_array(prep.inside[place]), as_array(prep.outside[place])
                rows = zip(masks, inside, outside | taken, strict=True)
                hulls = [self._hulls_around(*row) for row in rows]
                hulls = [hull & ~bad for hull, bad in zip(hulls, fixed & outside, strict=True)]
            mask = torch.as_tensor(np.stack(hulls), device=labels.device)
            labels = relabel(labels, probs, mask, extent, kept)
            kept.append((mask, extent))
        return labels

    def violation(self, labels: Tensor, prep: _Prep) -> Certificate:
        """Count pixels that are missing to the hulls of the components."""
        parts: dict[int, int] = {}
        barred = 0
        for place, (label, extent) in enumerate(zip(prep.labels, prep.extents, strict=True)):
            masks = as_array(holds(labels, extent))
            parts[label] = sum(int(hull_deficit(mask)) for mask in masks)
            if parts[label] and prep.outside:
                hulls = np.stack([hull_closure(mask) for mask in masks])
                barred += int((hulls & as_array(prep.outside[place])).sum())
        text = "; ".join(f"object {label}: {found} px" for label, found in parts.items())
        missing = sum(parts.values())
        cause = f"; prescribed pixels keep {barred} px out" if barred else ""
        return Certificate(missing, missing == 0, f"missing to the hull: {text}{cause}", parts)


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
