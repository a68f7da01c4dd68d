"""Total variation: short boundaries, sharp edges."""

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor

from ..kernels import variation, variation_gap
from ..kernels.room import Room
from ..links import SOFTMAX, Link
from ..operators import divergence, gradient, relative_spacing
from ..prior import Dual, Prior, compilable, log_parameter
from ..scene import Scene
from ..spec import Range, register


@dataclass(frozen=True)
class _Prep:
    weight: Tensor
    spacing: tuple[float, ...]
    link: Link

    @property
    def tracked(self) -> tuple[Tensor, ...]:
        """Give what may take gradients."""
        return (self.weight,)


def _unit(xi: Tensor) -> Tensor:
    """Project each pixel's vector (axis 2) on the unit ball."""
    return xi / xi.square().sum(2, keepdim=True).clamp_min(1).sqrt()


def _traced(dual: Dual) -> bool:
    """Say whether gradients are wanted through a dual."""
    return torch.is_grad_enabled() and any(part.requires_grad for part in dual)


def _step_length(prep: _Prep, temperature: Tensor) -> Tensor:
    """Give 1 / L times the weight, L the Lipschitz constant of the dual gradient."""
    slopes = sum(4 / edge**2 for edge in prep.spacing)  # largest |gradient u|^2 / |u|^2
    bound = slopes * prep.link.curvature  # L = bound * weight^2 / temperature
    return temperature / (bound * prep.weight.clamp_min(1e-18))


@register("total_variation")
class TotalVariation(Prior):
    """Penalise the isotropic total variation of every channel.

    The dual is (xi, y, t): the feasible field |xi| <= 1, the extrapolated one and the momentum
    of each sample. One step is one accelerated projected ascent (FISTA) with restart.

    Parameters
    ----------
    weight : float   lambda >= 0, in logits per pixel length of boundary

    Source: RUnet's TV-softmax; the dual is accelerated (docs/maths, E1 and D5).
    """

    name = "total_variation"
    stage = 0
    certified = True
    capturable = True

    def __init__(
        self,
        weight: Annotated[
            float, Range(0.01, 20, log=True, help="Higher: shorter, smoother outlines.", grows=True)
        ] = 1.0,
    ) -> None:
        super().__init__()
        self.log_weight = log_parameter(weight, "weight")

    @property
    def weight(self) -> Tensor:
        """Give lambda, ()."""
        return self.log_weight.exp()

    def settings(self) -> dict[str, Any]:
        """See `Prior.settings`."""
        return {"weight": float(self.weight.detach())}

    def prepare(self, scene: Scene, like: Tensor, *, link: Link = SOFTMAX) -> _Prep:
        """See `Prior.prepare`."""
        weight = self.weight.to(device=like.device, dtype=like.dtype)
        return _Prep(weight, relative_spacing(scene.spacing), link)

    def start(self, u: Tensor, prep: _Prep) -> Dual:
        """See `Prior.start`."""
        zero = torch.zeros_like(u.unsqueeze(2).expand(-1, -1, len(prep.spacing), *u.shape[2:]))
        return zero, zero, u.new_ones(u.shape[0])

    def step(
        self,
        u: Tensor,
        dual: Dual,
        prep: _Prep,
        temperature: Tensor,
        *,
        height: Tensor | None = None,
    ) -> Dual:
        """Do one accelerated projected ascent; see `Prior.step`."""
        xi, y, t = dual
        ascent = y - _step_length(prep, temperature) * gradient(u, prep.spacing)
        fresh = _unit(ascent)
        move = fresh - xi
        uphill = ((y - fresh) * move).flatten(1).sum(1) <= 0
        t = torch.where(uphill, t, torch.ones_like(t))
        longer = (1 + (1 + 4 * t.square()).sqrt()) / 2
        momentum = ((t - 1) / longer).view(-1, *[1] * (xi.ndim - 1))
        return fresh, fresh + momentum * move, longer

    def field(self, u: Tensor, dual: Dual, prep: _Prep) -> Tensor:
        """Give lambda div y; see `Prior.field`."""
        if compilable(prep, u) and not _traced(dual):
            return variation_gap.field(dual[1], float(prep.weight), prep.spacing)
        return prep.weight * divergence(dual[1], prep.spacing)

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
        xi, y, t = dual
        if not compilable(prep, u, height, temperature) or _traced(dual):
            return None
        step = float(_step_length(prep, temperature))
        weight, cold, exclusive = float(prep.weight), float(temperature), prep.link.name
        return variation.sweep(
            u, height, (xi, y, t), step, weight, cold, prep.spacing, exclusive == "softmax", room
        )

    def energy(self, u: Tensor, prep: _Prep) -> Tensor:
        """Give lambda TV(u), summed over the channels, (B,)."""
        slopes = gradient(u, prep.spacing).square().sum(2)  # (B, K, *S)
        length = torch.where(slopes > 0, slopes, torch.ones_like(slopes)).sqrt() * (slopes > 0)
        return prep.weight * length.flatten(1).sum(1)

    def gap(
        self, u: Tensor, dual: Dual, prep: _Prep, temperature: Tensor, *, height: Tensor
    ) -> Tensor:
        """Give primal minus dual energy per pixel at u and xi; it bounds ε‖u−u*‖²/N."""
        if compilable(prep, u, height, temperature) and not _traced(dual):
            weight, cold, exclusive = float(prep.weight), float(temperature), prep.link.name
            return variation_gap.gap(
                u, height, dual[0], weight, cold, prep.spacing, exclusive == "softmax"
            )
        held = prep.weight * divergence(dual[0], prep.spacing)
        pixels = u[0, 0].numel()
        linear = -(height * u).flatten(1).sum(1)
        primal = linear + temperature * prep.link.entropy(u) + self.energy(u, prep)
        lower = -temperature * prep.link.free_energy((height - held) / temperature)
        return (primal - lower) / pixels
