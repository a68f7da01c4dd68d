"""The sweep of threshold dynamics as a differentiable function, forward and backward compiled."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..geometry.compiled import compiled
from .blur import blur_planes
from .dynamics import Dynamics, sweep
from .threads import over_rows
from .vectors import LANES, load, spread, store


@compiled
def _slope_rows(
    u: np.ndarray,
    by_u: np.ndarray,
    by_scaled: np.ndarray,
    cold: np.float32,
    exclusive: bool,
    out: np.ndarray,
    low: int,
    high: int,
) -> None:
    """Write cold * (J by_u + by_scaled), J the derivative of the link, for rows low..high.

    Every array is (K, Y, X); by_u or by_scaled may be empty: they are then 0.
    """
    channels, _, width = u.shape
    zero = spread(np.float32(0))
    for y in range(low, high):
        for begin in range(0, width, LANES):
            x = min(begin, width - LANES)
            mean = zero
            if exclusive and by_u.size:
                for k in range(channels):
                    mean = mean + load(u[k, y], x) * load(by_u[k, y], x)
            for k in range(channels):
                total = load(by_scaled[k, y], x) if by_scaled.size else zero
                if by_u.size:
                    here = load(u[k, y], x)
                    steep = here * (load(by_u[k, y], x) - mean)
                    if not exclusive:
                        steep = steep * (np.float32(1) - here)
                    total = total + steep
                store(out[k, y], x, total * cold)


EMPTY = np.empty((0, 0, 0), np.float32)


def _slope(u: Tensor, by_u: Tensor | None, by_scaled: Tensor | None, given: Dynamics) -> Tensor:
    """Give the derivative by the height, (B, K, Y, X)."""
    out = torch.empty_like(u)
    images = u.numpy(), out.numpy()
    grads = [None if g is None else g.contiguous().numpy() for g in (by_u, by_scaled)]
    cold = np.float32(1 / given.temperature)
    for b in range(len(u)):
        first, second = (EMPTY if g is None else g[b] for g in grads)

        def strip(low: int, high: int, b: int = b, one: Any = first, two: Any = second) -> None:
            _slope_rows(images[0][b], one, two, cold, given.exclusive, images[1][b], low, high)

        over_rows(strip, u.shape[2], u[b].numel())
    return out


class Sweep(torch.autograd.Function):
    """Differentiate `dynamics.sweep` by u, height, weight, temperature and sigma.

    The blur is its own transpose, so that backward is the derivative of the link and one blur.
    Only the new probabilities are kept for it; for the numbers also what they multiply.
    """

    @staticmethod
    def forward(
        ctx: Any,
        u: Tensor,
        height: Tensor,
        weight: Tensor,
        temperature: Tensor,
        sigma: Tensor,
        given: Dynamics,
    ) -> tuple[Tensor, Tensor]:
        """Sweep; see `dynamics.sweep`."""
        scaled, probs = sweep(u, height, given)
        ctx.given = given
        by_numbers = ctx.needs_input_grad[2] or ctx.needs_input_grad[3]
        by_sigma = ctx.needs_input_grad[4]
        kept = (scaled if by_numbers else None, height if by_numbers else None)
        ctx.save_for_backward(probs, *kept, u if by_sigma else None)
        ctx.set_materialize_grads(False)
        return scaled, probs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Give the gradients; those of u and height as images, the others as numbers."""
        by_scaled, by_u = grads
        if by_scaled is None and by_u is None:
            return (None,) * 6
        given, (probs, scaled, height, u) = ctx.given, ctx.saved_tensors
        slope = _slope(probs, by_u, by_scaled, given)
        by_start = _blurred(slope, given) if ctx.needs_input_grad[0] else None
        by_weight = by_temperature = None
        if scaled is not None:
            total = (slope * scaled).sum(dtype=torch.float64)
            moved = given.temperature * total - (slope * height).sum(dtype=torch.float64)
            by_weight = (moved / given.weight if given.weight else torch.zeros_like(moved)).float()
            by_temperature = -total.float()
        by_sigma = None
        if u is not None and given.change is not None:
            by_sigma = _by_sigma(u, slope, given, given.change)
        return by_start, slope, by_weight, by_temperature, by_sigma, None


def _by_sigma(
    u: Tensor, slope: Tensor, given: Dynamics, change: tuple[np.ndarray, np.ndarray]
) -> Tensor:
    """Sum −slope * weight √e (dk/dsigma)∗(√e (1 − 2u)): the two axes change one by one."""
    down, along = change
    source = 1 - 2 * u
    if given.root is not None:
        source, slope = source * given.root, slope * given.root
    batch, channels, height, width = source.shape
    planes = source.numpy().reshape(batch * channels, height, width)
    changes = [blur_planes(planes, down, given.along), blur_planes(planes, given.down, along)]
    total = sum((slope.view(planes.shape) * torch.from_numpy(one)).sum() for one in changes)
    return -given.weight * torch.as_tensor(total)


def _blurred(slope: Tensor, given: Dynamics) -> Tensor:
    """Apply the derivative of the height by u: 2 weight √e k∗√e."""
    values = slope if given.root is None else slope * given.root
    batch, channels, height, width = values.shape
    planes = values.numpy().reshape(batch * channels, height, width)
    blurred = blur_planes(planes, given.down, np.float32(2 * given.weight) * given.along)
    found = torch.from_numpy(blurred).view_as(slope)
    return found if given.root is None else found.mul_(given.root)


def differentiable_sweep(
    u: Tensor,
    height: Tensor,
    weight: Tensor,
    temperature: Tensor,
    sigma: Tensor,
    given: Dynamics,
) -> tuple[Tensor, Tensor]:
    """Do `dynamics.sweep` with gradients.

    Parameters
    ----------
    u, height : (B, K, Y, X) float32 on the CPU
    weight, temperature, sigma : ()   the numbers that `given` holds, as tensors; sigma takes
                                      gradients only where `given.change` is there

    Returns
    -------
    scaled, probs : (B, K, Y, X)
    """
    fixed = replace(
        given,
        root=None if given.root is None else given.root.detach(),
        ground=None if given.ground is None else given.ground.detach(),
    )
    scaled, probs = Sweep.apply(u, height, weight, temperature, sigma, fixed)  # type: ignore[no-untyped-call]
    return scaled, probs
