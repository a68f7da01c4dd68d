"""Newton's method on the dual of the volume constraint, with its exact derivative."""

from typing import Any

import torch
from torch import Tensor

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-11}  # volume error over max(V, N / 1000)
ITERATIONS = 200
PATIENCE = 6  # iterations without progress after which rounding is the limit


def _probs(height: Tensor, q: Tensor, temperature: Tensor, ordered: bool) -> Tensor:
    """Give the probabilities under the shifts q, (B, K, N)."""
    scaled = (height + q.to(height.dtype).unsqueeze(2)) / temperature
    return torch.sigmoid(scaled) if ordered else torch.softmax(scaled, 1)


def _moments(u: Tensor, temperature: Tensor, ordered: bool) -> tuple[Tensor, Tensor]:
    """Give volumes S (B, K) and the derivative H = dS/dq (B, K, K), in float64."""
    volumes = u.sum(2, dtype=torch.float64)
    if ordered:
        spread = (u * (1 - u)).sum(2, dtype=torch.float64)
        return volumes, torch.diag_embed(spread) / temperature.double()
    wide = u.double()
    outer = wide @ wide.transpose(1, 2)  # (B, K, K)
    return volumes, (torch.diag_embed(volumes) - outer) / temperature.double()


def _unknowns(targets: Tensor, ordered: bool) -> Tensor:
    """Mark the entries of q to solve for, (B, K); the softmax fixes one if none is free."""
    wanted = ~targets.isnan()
    if not ordered:
        largest = targets.nan_to_num(nan=-1.0).argmax(1, keepdim=True)
        reference = torch.zeros_like(wanted).scatter(1, largest, True)
        wanted = wanted & ~(reference & wanted.all(1, keepdim=True))
    return wanted


def _direction(slope: Tensor, hessian: Tensor, wanted: Tensor) -> Tensor:
    """Solve H d = slope on the unknowns, (B, K)."""
    pair = wanted.unsqueeze(1) & wanted.unsqueeze(2)
    scale = hessian.diagonal(dim1=1, dim2=2).clamp_min(1e-300).sqrt()
    scale = torch.where(wanted, scale, torch.ones_like(scale))
    matrix = torch.where(pair, hessian, torch.zeros_like(hessian))
    matrix = matrix / (scale.unsqueeze(1) * scale.unsqueeze(2))  # unit diagonal
    ridge = torch.where(wanted, 1e-13, 1.0)
    solved = torch.linalg.solve(matrix + torch.diag_embed(ridge), (slope / scale).unsqueeze(2))
    return torch.where(wanted, solved.squeeze(2) / scale, torch.zeros_like(slope))


def _reachable(targets: Tensor, pixels: int) -> Tensor:
    """Move volumes 0 and N, which no finite q attains, to where the links underflow."""
    return targets.clamp(min=1e-3, max=pixels - 1e-3)


def _error(volumes: Tensor, targets: Tensor, wanted: Tensor, pixels: int) -> Tensor:
    off = (targets - volumes).abs() / targets.clamp_min(pixels / 1000)
    return torch.where(wanted, off, torch.zeros_like(off)).amax(1)


def _line_search(
    height: Tensor,
    q: Tensor,
    d: Tensor,
    goal: Tensor,
    temperature: Tensor,
    ordered: bool,
    wanted: Tensor,
    active: Tensor,
) -> Tensor:
    """Give the step length of each sample: the slope along d falls but stays bounded, (B,)."""
    length = torch.ones(q.shape[0], dtype=q.dtype, device=q.device)
    volumes = _probs(height, q, temperature, ordered).sum(2, dtype=torch.float64)
    first = (torch.where(wanted, goal - volumes, 0.0) * d).sum(1)
    for _ in range(30):
        trial = _probs(height, q + length.unsqueeze(1) * d, temperature, ordered)
        slope = torch.where(wanted, goal - trial.sum(2, dtype=torch.float64), 0.0)
        slope = (slope * d).sum(1)
        far = active & (slope < -0.9 * first)
        if not bool(far.any()):
            break
        secant = (first / (first - slope)).clamp(0.1, 0.9)
        length = torch.where(far, length * secant, length)
    return length


def newton(
    height: Tensor, targets: Tensor, temperature: Tensor, start: Tensor, ordered: bool
) -> Tensor:
    """Find shifts q with Σ_x link((height + q) / temperature) = targets.

    Parameters
    ----------
    height : (B, K, N)
    targets : (B, K) float64   pixels; nan = free, q = 0 there
    temperature : ()
    start : (B, K) float64     warm start
    ordered : bool             sigmoid per channel instead of softmax

    Returns
    -------
    (B, K) float64
    """
    pixels = height.shape[2]
    wanted = _unknowns(targets, ordered)
    goal = torch.where(targets.isnan(), torch.zeros_like(targets), _reachable(targets, pixels))
    if not ordered:  # V = N for one class leaves the others their tiny share
        none_free = (~targets.isnan()).all(1, keepdim=True)
        goal = torch.where(none_free, goal * (pixels / goal.sum(1, keepdim=True)), goal)
    q = torch.where(wanted, start - _reference(start, targets, ordered), torch.zeros_like(start))
    scale = temperature.double()
    active = torch.ones(q.shape[0], dtype=torch.bool, device=q.device)
    best, best_error, waited = q, torch.full_like(q[:, 0], torch.inf), torch.zeros_like(q[:, 0])
    for _ in range(ITERATIONS):
        u = _probs(height, q, temperature, ordered)
        volumes, hessian = _moments(u, temperature, ordered)
        error = _error(volumes, goal, wanted, pixels)
        better = error < best_error
        best = torch.where((better & active).unsqueeze(1), q, best)
        waited = torch.where(error < 0.9 * best_error, torch.zeros_like(waited), waited + 1)
        best_error = torch.where(better & active, error, best_error)
        active = active & (error > TOLERANCE[height.dtype]) & (waited < PATIENCE)
        if not bool(active.any()):
            break
        slope = torch.where(wanted, goal - volumes, torch.zeros_like(goal))
        sinkhorn = scale * (goal.clamp_min(1e-12).log() - volumes.clamp_min(1e-12).log())
        sinkhorn = torch.where(wanted, sinkhorn, torch.zeros_like(sinkhorn))
        d = _direction(slope, hessian, wanted)
        cap = torch.maximum(5 * scale, 3 * sinkhorn.abs().amax(1))  # (B,)
        size = d.abs().amax(1).clamp_min(1e-300)
        usable = torch.isfinite(d).all(1) & ((d * slope).sum(1) > 0)
        d = torch.where(usable.unsqueeze(1), d * (cap / size).clamp_max(1).unsqueeze(1), sinkhorn)
        length = _line_search(height, q, d, goal, temperature, ordered, wanted, active)
        q = torch.where(active.unsqueeze(1), q + length.unsqueeze(1) * d, q)
    return best


def _reference(start: Tensor, targets: Tensor, ordered: bool) -> Tensor:
    """Give the shift of the class held at q = 0, (B, 1)."""
    if ordered:
        return torch.zeros_like(start[:, :1])
    held = ~_unknowns(targets, ordered)
    return (start * held).sum(1, keepdim=True) / held.sum(1, keepdim=True).clamp_min(1)


class VolumeDual(torch.autograd.Function):
    """The shifts q as a differentiable function of height, targets and temperature.

    Backward is exact by the implicit function theorem: with J the derivative of the link and
    y = H⁻¹ grad on the unknowns, grad height = −J y, grad targets = y.

    Source: docs/maths, E3.
    """

    @staticmethod
    def forward(
        ctx: Any,
        height: Tensor,
        targets: Tensor,
        temperature: Tensor,
        start: Tensor,
        ordered: bool,
    ) -> Tensor:
        """Run `newton`; height (B, K, *S), the rest as there."""
        flat = height.flatten(2)
        q = newton(flat, targets, temperature, start, ordered)
        ctx.save_for_backward(height, targets, temperature, q)
        ctx.ordered = ordered
        return q

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Apply the implicit function theorem."""
        height, targets, temperature, q = ctx.saved_tensors
        flat = height.flatten(2)
        u = _probs(flat, q, temperature, ctx.ordered)
        _, hessian = _moments(u, temperature, ctx.ordered)
        y = _direction(grads[0].double(), hessian, _unknowns(targets, ctx.ordered))
        shift = y.to(u.dtype).unsqueeze(2)
        spread = u * (1 - u) * shift if ctx.ordered else u * (shift - (u * shift).sum(1, True))
        spread = spread / temperature
        scaled = (flat + q.to(u.dtype).unsqueeze(2)) / temperature
        by_temperature = (spread * scaled).sum().to(temperature.dtype)
        return -spread.view_as(height), y.to(targets.dtype), by_temperature, None, None
