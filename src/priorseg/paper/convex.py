"""Convex soft threshold dynamics: Algorithms 4 and 5 (CS-STD) of the slides."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .operators import Padding, Scalar, require_plane
from .threshold_dynamics import EdgeForm, std_gradient


def convex_sigmoid(
    logits: Tensor,
    radii_px: Sequence[int],
    weight: Scalar,
    temperature: Scalar,
    kernel: Tensor,
    iterations: int,
    sweeps: int,
    edge: Tensor | None = None,
    *,
    form: EdgeForm = "printed",
    padding: Padding = "zero",
) -> Tensor:
    """Regularise nested sublevel sets by soft threshold dynamics and push them to convexity.

    u_γ = σ((o_γ − o_{γ+1} − p_γ)/ε) for γ = 1 … K−1, classes ordered from the innermost out, then
    Algorithm 4 on each channel in every iteration. As printed, nothing makes the channels nested:
    cup ∩ disc (D13) and the exact hull (D12) are left to the decoder.

    Parameters
    ----------
    logits : (B, K, Y, X)       class scores, innermost class first
    radii_px : sequence of int  disc radii, >= 1; none = no projection
    weight : λ >= 0
    temperature : ε > 0
    kernel : (w, w) or (K−1, w, w)
    iterations : int            >= 0
    sweeps : int                most sweeps of Algorithm 4 in each iteration
    edge, form, padding : as in `std_softmax`; zero padding of 1 − 2u is a neutral border

    Returns
    -------
    (B, K−1, Y, X)   probability of lying inside sublevel set γ, in [0, 1]

    Raises
    ------
    ValueError  if the logits are not planar or have one class only.

    Source: slides, Algorithm 5, for scores instead of costs (D14), λ once, in p (D3), u⁰ = σ(o) as
    printed (D19).
    """
    require_plane(logits, "The convex prior")
    if logits.shape[1] < 2:
        raise ValueError("Nested sets need at least two classes, the innermost first; got one.")
    scores = logits[:, :-1] - logits[:, 1:]  # (B, K−1, Y, X)
    probs = torch.sigmoid(scores)
    for _ in range(iterations):
        field = weight * std_gradient(probs, kernel, edge, form=form, padding=padding)
        probs = torch.sigmoid((scores - field) / temperature)
        probs = convex_closure(probs, radii_px, sweeps)
    return probs


def convex_closure(
    probs: Tensor, radii_px: Sequence[int], sweeps: int, *, outside: float = 0.0
) -> Tensor:
    """Fill every pixel whose disc is more than half inside, until none is left.

    A_r = {u < 1, g_r∗(1−2u) < 0}, u ← 1 on A_r. A digitally convex indicator is never altered when
    the outside is background; the result need not be convex (concavities flatter than 3/r³
    curvature stay). The gradient with respect to filled pixels is 0.

    Parameters
    ----------
    probs : (B, K, Y, X)        in [0, 1]
    radii_px : sequence of int  disc radii, >= 1
    sweeps : int                most passes over all radii; stops when a pass changes nothing
    outside : float             u beyond the border: 0 = background (D11); 0.5 = the neutral border
                                of a zero-padded 1 − 2u, which clips convex sets

    Returns
    -------
    (B, K, Y, X)

    Raises
    ------
    ValueError  if the probabilities are not planar or a radius is below 1.

    Source: slides, Algorithm 4, with the background border (D11).
    """
    require_plane(probs, "The convex prior")
    discs = [disc(radius).to(probs) for radius in radii_px]
    for _ in range(sweeps):
        before = probs
        for indicator in discs:
            probs = torch.where(_active(probs, indicator, outside), 1.0, probs)
        if torch.equal(before, probs):
            break
    return probs


def disc(radius_px: int) -> Tensor:
    """Mark the pixels within a radius of the centre of a (2r+1)² square.

    The disc is centrally symmetric and its pixel count odd, so that for an indicator u the sum of
    1 − 2u over it is an odd integer and its sign safe from rounding.

    Raises
    ------
    ValueError  if the radius is below 1.

    Source: slides, B_r of Algorithm 4.
    """
    if radius_px < 1:
        raise ValueError(f"A disc needs a radius of at least 1 px, not {radius_px}.")
    squares = torch.arange(-radius_px, radius_px + 1).square()
    return (squares[:, None] + squares <= radius_px**2).to(torch.get_default_dtype())


def _active(probs: Tensor, indicator: Tensor, outside: float) -> Tensor:
    classes, margin = probs.shape[1], indicator.shape[0] // 2
    padded = functional.pad(probs.detach(), [margin] * 4, value=outside)
    filters = indicator.expand(classes, 1, *indicator.shape)
    majority = functional.conv2d(1 - 2 * padded, filters, groups=classes)
    return (probs < 1) & (majority < 0)
