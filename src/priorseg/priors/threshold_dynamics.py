"""Soft threshold dynamics: smooth outlines by blurring the probabilities."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..kernels.blur import blur, squared
from ..kernels.dynamics import Dynamics, sweep
from ..kernels.dynamics_grad import differentiable_sweep
from ..kernels.room import Room
from ..kernels.vectors import LANES
from ..links import SOFTMAX, Link
from ..operators import blur_radius, gradient, half_taps, half_taps_change, relative_spacing
from ..prior import Dual, Prior, compilable, log_parameter, single_images
from ..scene import Scene
from ..spec import Range, register


@dataclass(frozen=True)
class _Prep:
    weight: Tensor
    sigma: Tensor
    taps: tuple[Tensor, ...]
    changes: tuple[Tensor, ...]  # of the taps with sigma; none where it is fixed
    root_edge: Tensor | None  # (B, 1, *S), sqrt(e)
    link: Link

    @property
    def fixed(self) -> tuple[Tensor, ...]:
        """Give what the compiled sweep takes as it is, without gradients."""
        return () if self.root_edge is None else (self.root_edge,)

    @property
    def tracked(self) -> tuple[Tensor, ...]:
        """Give what may take gradients."""
        return (self.weight, *self.taps, *self.fixed)

    @cached_property
    def ground(self) -> Tensor | None:
        """Give k∗√e, (B, 1, *S)."""
        return None if self.root_edge is None else blur(self.root_edge, self.taps)

    @cached_property
    def wide_taps(self) -> list[NDArray[np.float32]]:
        """Give the taps of k = h∗h for each axis, (r + 1,)."""
        return [np.ascontiguousarray(squared(tap), dtype=np.float32) for tap in self.taps]

    @cached_property
    def wide_changes(self) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Give the derivatives of `wide_taps` by sigma."""
        if not self.changes:
            return None
        pairs = zip(self.taps, self.changes, strict=True)
        down, along = (np.float32(2) * squared(tap, change) for tap, change in pairs)
        return down.astype(np.float32), along.astype(np.float32)

    def compiled(self, temperature: Tensor) -> Dynamics:
        """Say to the compiled sweep what it has to do."""
        exclusive = self.link.name == "softmax"
        numbers = float(self.weight.detach()), float(temperature.detach()), exclusive
        down, along = self.wide_taps
        return Dynamics(down, along, *numbers, self.root_edge, self.ground, self.wide_changes)


def edge_weight(
    image: Tensor, strength: float, taps: tuple[Tensor, ...], spacing: tuple[float, ...]
) -> Tensor:
    """Weigh pixels: 1 where the image is flat, less on its edges.

    Parameters
    ----------
    image : (B, C, *S)
    strength : float   > 0; e = 1 / (1 + strength * |∇(G∗I)|² / scale²), the scale of each sample
                       being the 90th percentile of |∇(G∗I)| where the image is not flat

    Returns
    -------
    (B, 1, *S) in (0, 1]

    Source: docs/maths, section B.
    """
    slope = gradient(blur(image, taps), spacing).square().sum((1, 2))  # (B, *S)
    flat = slope.flatten(1).sort(1).values
    none = (flat <= 1e-6 * flat[:, -1:]).sum(1, keepdim=True).clamp_max(flat.shape[1] - 1)
    place = none + (0.9 * (flat.shape[1] - 1 - none)).long()
    scale = flat.gather(1, place)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    relative = slope / scale.view(-1, *[1] * (slope.ndim - 1))
    return (1 / (1 + strength * relative)).unsqueeze(1)


@register("threshold_dynamics")
class ThresholdDynamics(Prior):
    """Penalise the boundary by ⟨√e u, k∗(√e (1 − u))⟩, a blurred length.

    The kernel k = h∗h is a Gaussian, positive semi-definite, under a self-adjoint border, so the
    energy never rises from sweep to sweep. One unit of weight costs sigma / √(2π) per pixel
    length of boundary.

    Parameters
    ----------
    weight : float   lambda >= 0
    sigma : float    standard deviation of k, in pixels of the finest axis, > 0
    edge : float     how much cheaper a boundary on an image edge is; 0 = the same everywhere;
                     above 0 the scene needs an image

    Source: STD of Liu, Wang and Tai in its √e form (docs/maths, E2, D6, D7).
    """

    name = "threshold_dynamics"
    stage = 1
    reads = ("image",)
    convex = False
    linearised = True
    capturable = True

    def __init__(
        self,
        weight: Annotated[
            float, Range(0.01, 20, log=True, help="Higher: shorter, smoother outlines.")
        ] = 2.0,
        sigma: Annotated[
            float,
            Range(
                0.5,
                40,
                log=True,
                unit="px",
                help="Size of the detail that is smoothed.",
                grows=True,
            ),
        ] = 2.0,
        edge: Annotated[
            float, Range(0.0, 20.0, help="Higher: outlines keep to the edges of the image.")
        ] = 0.0,
    ) -> None:
        super().__init__()
        if not sigma > 0:
            raise ValueError(f"sigma must be > 0 pixels, got {sigma}.")
        self.edge = float(edge or 0.0)
        if not 0 <= self.edge < float("inf"):
            raise ValueError(f"edge must be a finite number >= 0, got {edge}.")
        self.log_weight = log_parameter(weight, "weight")
        self.log_sigma = log_parameter(sigma, "sigma")

    @property
    def weight(self) -> Tensor:
        """Give lambda, ()."""
        return self.log_weight.exp()

    @property
    def sigma(self) -> Tensor:
        """Give the standard deviation of the kernel, (), pixels."""
        return self.log_sigma.exp()

    def settings(self) -> dict[str, Any]:
        """See `Prior.settings`."""
        return {
            "weight": float(self.weight.detach()),
            "sigma": float(self.sigma.detach()),
            "edge": self.edge,
        }

    def prepare(self, scene: Scene, like: Tensor, *, link: Link = SOFTMAX) -> _Prep:
        """See `Prior.prepare`."""
        spacing = relative_spacing(scene.spacing)
        sigma = self.sigma.to(like.device)
        width = float(sigma.detach())
        taps, changes = [], []
        for edge in spacing:
            radius = blur_radius(width / edge)
            taps.append(half_taps(sigma / edge, radius).to(like.dtype))
            if sigma.requires_grad:
                change = half_taps_change(sigma.detach() / edge, radius) / edge
                changes.append(change.to(like.dtype))
        root = None
        if self.edge > 0:
            if scene.image is None:
                raise ValueError("ThresholdDynamics(edge > 0) needs scene.image; set edge=0.")
            image = torch.as_tensor(scene.image).to(like)
            if image.shape[2:] != like.shape[2:] or image.shape[0] not in (1, like.shape[0]):
                raise ValueError(
                    f"scene.image has shape {tuple(image.shape)}, the logits "
                    f"{tuple(like.shape)}: batch and pixels must agree."
                )
            if not torch.isfinite(image).all():
                raise ValueError("scene.image holds nan or infinite values; set edge=0 or mend it.")
            fixed = tuple(
                half_taps(torch.tensor(1.0 / edge), blur_radius(1.0 / edge)).to(like)
                for edge in spacing
            )
            root = edge_weight(image, self.edge, fixed, spacing).sqrt()
        numbers = (self.weight.to(like), sigma.to(like))
        return _Prep(*numbers, tuple(taps), tuple(changes), root, link)

    def _blurred(self, values: Tensor, prep: _Prep) -> Tensor:
        if prep.root_edge is None:
            return blur(values, prep.taps)
        return prep.root_edge * blur(prep.root_edge * values, prep.taps)

    def field(self, u: Tensor, dual: Dual, prep: _Prep) -> Tensor:
        """Give λ √e k∗(√e (1 − 2u)), the gradient of the energy at u; see `Prior.field`."""
        return prep.weight * self._blurred(1 - 2 * u, prep)

    def fused(
        self,
        u: Tensor,
        dual: Dual,
        prep: _Prep,
        temperature: Tensor,
        height: Tensor,
        room: Room | None = None,
    ) -> tuple[Dual, Tensor, Tensor] | None:
        """Use the compiled sweep for float32 images on the CPU; see `Prior.fused`."""
        if not single_images(u, height) or u.shape[3] < LANES:
            return None
        given = prep.compiled(temperature)
        if compilable(prep, u, height, temperature):
            return (), *sweep(u, height, given, room)
        if any(part.requires_grad for part in prep.fixed):
            return None
        return (), *differentiable_sweep(u, height, prep.weight, temperature, prep.sigma, given)

    def energy(self, u: Tensor, prep: _Prep) -> Tensor:
        """Give λ ⟨√e u, k∗(√e (1 − u))⟩, (B,)."""
        return prep.weight * (u * self._blurred(1 - u, prep)).flatten(1).sum(1)
