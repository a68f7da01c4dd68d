"""Newton's method on the dual of the volume constraint, with its exact derivative."""

from typing import Any

import torch
from torch import Tensor

from . import volume_pass

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-11}  # volume error over max(V, N / 1000)
COARSE = 1e-4  # tolerance at the temperatures on the way down
ITERATIONS = 100
LEAST = 1e-3  # volumes nearer than this to 0 or N pixels count as 0 and N
FLAT = 1e-6  # pixels of softness below which a volume does not determine its shift
PATIENCE = 20  # iterations without progress after which rounding is the limit
SHORTER = 30  # trials of one line search
PIECE = 1 << 16  # pixels turned to float64 at a time


def _wide(temperature: Tensor) -> Tensor:
    """Shape temperatures () or (B,) so that they divide (B, K, N)."""
    return temperature.view(-1, 1, 1) if temperature.ndim else temperature


def _probs(height: Tensor, q: Tensor, temperature: Tensor, ordered: bool) -> Tensor:
    """Give the probabilities under the shifts q, (B, K, N)."""
    scaled = (height + q.to(height.dtype).unsqueeze(2)) / _wide(temperature).to(height.dtype)
    return torch.sigmoid(scaled) if ordered else torch.softmax(scaled, 1)


def _moments(
    height: Tensor, q: Tensor, temperature: Tensor, ordered: bool
) -> tuple[Tensor, Tensor]:
    """Give volumes S (B, K) and the derivative H = dS/dq (B, K, K), in float64.

    Parameters
    ----------
    height : (B, K, N)
    q : (B, K)
    temperature : (B,)
    """
    if volume_pass.compilable(height):
        return volume_pass.moments(height, q, temperature, ordered)
    return moments(height, q, temperature, ordered)


def moments(height: Tensor, q: Tensor, temperature: Tensor, ordered: bool) -> tuple[Tensor, Tensor]:
    """Do `volume_pass.moments` for any dtype and device; height (B, K, N)."""
    u = _probs(height, q, temperature, ordered)
    volumes = u.sum(2, dtype=torch.float64)
    if ordered:
        spread = (u * (1 - u)).sum(2, dtype=torch.float64)
        return volumes, torch.diag_embed(spread) / _wide(temperature).double()
    outer = u.new_zeros(*q.shape, q.shape[1], dtype=torch.float64)
    for start in range(0, u.shape[2], PIECE):  # a copy of all of u in float64 would be large
        wide = u[:, :, start : start + PIECE].double()
        outer += wide @ wide.transpose(1, 2)
    outer -= torch.diag_embed(outer.diagonal(dim1=1, dim2=2))
    hessian = torch.diag_embed(outer.sum(2)) - outer  # u sums to 1: so do the rows, to 0
    return volumes, hessian / _wide(temperature).double()


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


def _pins(targets: Tensor, pixels: int) -> Tensor:
    """Mark volumes that no finite q attains: −1 for 0, +1 for all pixels, (B, K)."""
    filled = targets.nan_to_num(nan=0.5 * pixels)
    return (filled > pixels - LEAST).double() - (filled < LEAST).double()


def _determined(grad: Tensor, hessian: Tensor, wanted: Tensor, floor: Tensor) -> Tensor:
    """Solve H y = grad where H exceeds a floor, and 0 on plateaus, which determine no q, (B, K)."""
    pair = wanted.unsqueeze(1) & wanted.unsqueeze(2)
    values, vectors = torch.linalg.eigh(torch.where(pair, hessian, torch.zeros_like(hessian)))
    inverse = torch.where(values > floor, 1 / values.clamp_min(floor), torch.zeros_like(values))
    inside = torch.where(wanted, grad, torch.zeros_like(grad)).unsqueeze(2)
    y: Tensor = vectors @ (inverse.unsqueeze(2) * (vectors.transpose(1, 2) @ inside))
    return y.squeeze(2)


class _Problem:
    """One batch of volume equations at given temperatures (B,)."""

    def __init__(self, height: Tensor, targets: Tensor, ordered: bool) -> None:
        self.height, self.ordered = height.contiguous(), ordered
        pixels = height.shape[2]
        self.pins = _pins(targets, pixels)
        self.wanted = _unknowns(targets, ordered) & (self.pins == 0)
        self.goal = targets.nan_to_num(nan=0.0)
        self.floor = self.goal.clamp_min(pixels / 1000)

    def begin(self, q: Tensor, temperature: Tensor) -> Tensor:
        """Keep the unknowns of q; put pinned classes out of, or in, everybody's reach."""
        if not bool(self.pins.any()):
            return torch.where(self.wanted, q, torch.zeros_like(q))
        far = self.height.abs().amax((1, 2)).double() * 2 + 100 * temperature.double()
        return torch.where(self.wanted, q, self.pins * far.unsqueeze(1))

    def slope(self, volumes: Tensor) -> Tensor:
        """Give the gradient of the dual energy, (B, K)."""
        return torch.where(self.wanted, self.goal - volumes, torch.zeros_like(volumes))

    def evaluate(self, q: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
        """Give volumes and their derivative at q; see `moments`."""
        return _moments(self.height, q, temperature, self.ordered)

    def search(
        self, q: Tensor, d: Tensor, first: Tensor, temperature: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Shorten steps after which the slope along d is steep the other way.

        Returns
        -------
        q (B, K) after the step, and what `evaluate` gives there
        """
        length = torch.ones_like(first)
        for trial in range(SHORTER):
            moved = q + length.unsqueeze(1) * d
            at = self.evaluate(moved, temperature)
            slope = (self.slope(at[0]) * d).sum(1)
            far = slope < -0.9 * first
            if trial == SHORTER - 1 or not bool(far.any()):
                break
            secant = (first / (first - slope)).clamp(0.1, 0.9)
            length = torch.where(far, length * secant, length)
        return moved, at

    def direction(self, at: tuple[Tensor, Tensor], temperature: Tensor) -> Tensor:
        """Give a safeguarded Newton step; Sinkhorn's where Newton's is unusable."""
        volumes, hessian = at
        scale = temperature.double()
        slope = self.slope(volumes)
        sinkhorn = (
            scale.unsqueeze(1) * (self.goal.clamp_min(1e-12) / volumes.clamp_min(1e-12)).log()
        )
        sinkhorn = torch.where(self.wanted, sinkhorn, torch.zeros_like(sinkhorn))
        d = _direction(slope, hessian, self.wanted)
        cap = torch.maximum(5 * scale, 3 * sinkhorn.abs().amax(1))
        usable = torch.isfinite(d).all(1) & ((d * slope).sum(1) > 0)
        shrink = (cap / d.abs().amax(1).clamp_min(1e-300)).clamp_max(1).unsqueeze(1)
        return torch.where(usable.unsqueeze(1), d * shrink, sinkhorn)

    def solve(self, q: Tensor, temperature: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
        """Iterate to the tolerance or to the limit of rounding; give q and the error (B,)."""
        best, best_error = q, torch.full_like(q[:, 0], torch.inf)
        waited = torch.zeros_like(best_error)
        at = self.evaluate(q, temperature)
        for iteration in range(ITERATIONS):
            slope = self.slope(at[0])
            error = (slope.abs() / self.floor).amax(1)
            waited = torch.where(error < 0.9 * best_error, torch.zeros_like(waited), waited + 1)
            better = error < best_error
            best = torch.where(better.unsqueeze(1), q, best)
            best_error = torch.where(better, error, best_error)
            active = (best_error > tolerance) & (waited < PATIENCE)
            if iteration == ITERATIONS - 1 or not bool(active.any()):
                break
            d = self.direction(at, temperature)
            d = torch.where(active.unsqueeze(1), d, torch.zeros_like(d))
            q, at = self.search(q, d, (slope * d).sum(1), temperature)
        return best, best_error


def _cool(problem: _Problem, temperature: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    """Solve from a temperature as wide as the logits down to the wanted one."""
    height = problem.height
    hot = height.amax((1, 2)) - height.amin((1, 2))
    q = torch.zeros_like(problem.goal)
    while bool((hot > temperature).any()):
        warm = torch.maximum(hot, temperature)
        q, _ = problem.solve(problem.begin(q, warm), warm, COARSE)
        hot = hot / 3
    return problem.solve(problem.begin(q, temperature), temperature, tolerance)


def newton(
    height: Tensor, targets: Tensor, temperature: Tensor, start: Tensor, ordered: bool
) -> Tensor:
    """Find shifts q with Σ_x link((height + q) / temperature) = targets.

    A warm start that fails is replaced by cooling from a high temperature.

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
    problem = _Problem(height, targets, ordered)
    tolerance = TOLERANCE[height.dtype]
    each = temperature.detach().expand(height.shape[0])
    q = problem.begin(start, each)
    q, error = problem.solve(q, each, tolerance)
    failed = error > max(1e-4, tolerance)
    if bool(failed.any()):
        cooled, cooled_error = _cool(problem, each, tolerance)
        q = torch.where((failed & (cooled_error < error)).unsqueeze(1), cooled, q)
    return q


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
        each = temperature.expand(len(flat))
        _, hessian = _moments(flat, q, each, ctx.ordered)
        wanted = _unknowns(targets, ctx.ordered) & (_pins(targets, flat.shape[2]) == 0)
        y = _determined(grads[0].double(), hessian, wanted, FLAT / temperature.double())
        shift = y.to(u.dtype).unsqueeze(2)
        spread = u * (1 - u) * shift if ctx.ordered else u * (shift - (u * shift).sum(1, True))
        spread = spread / temperature
        scaled = (flat + q.to(u.dtype).unsqueeze(2)) / temperature
        by_temperature = (spread * scaled).sum().to(temperature.dtype)
        return -spread.view_as(height), y.to(targets.dtype), by_temperature, None, None
