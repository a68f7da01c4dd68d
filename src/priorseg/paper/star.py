"""Star-shaped soft threshold dynamics: Algorithm 3 (SS-STD) of the slides."""

import torch
from torch import Tensor

from .operators import Padding, Scalar, divergence, gradient, require_plane
from .threshold_dynamics import EdgeForm, std_gradient


def star_softmax(
    logits: Tensor,
    directions: Tensor,
    label: int,
    weight: Scalar,
    temperature: Scalar,
    kernel: Tensor,
    iterations: int,
    inner_iterations: int,
    step: Scalar,
    edge: Tensor | None = None,
    *,
    form: EdgeForm = "printed",
    padding: Padding = "zero",
) -> Tensor:
    """Regularise a softmax by soft threshold dynamics with one star-shaped class.

    Outer iterations move p, inner ones the multiplier q for that p, warm from the last (D4).
    Convergence is O(1/iterations) and forward differences are not monotone: no number of
    iterations guarantees a star-shaped mask.

    Parameters
    ----------
    logits : (B, K, Y, X)
    directions : (B, 2, Y, X)   s, see `star_directions`
    label : int                 the star-shaped class
    weight : λ >= 0
    temperature : ε > 0
    kernel : (w, w) or (K, w, w)
    iterations, inner_iterations : int   >= 0
    step : τ > 0                below ε for unit directions (D10)
    edge, form, padding : as in `std_softmax`

    Returns
    -------
    (B, K, Y, X)   class probabilities, sum over K = 1

    Raises
    ------
    ValueError  if the logits are not planar or the label is not one of their classes.

    Source: slides, Algorithm 3, with s = c − x (D1) of unit length (D10); one ε (D2), λ once (D3).
    """
    probs = torch.softmax(logits, dim=1)
    dual = torch.zeros_like(logits[:, :1])
    for _ in range(iterations):
        scores = logits - weight * std_gradient(probs, kernel, edge, form=form, padding=padding)
        dual = star_dual(scores, directions, label, temperature, step, inner_iterations, dual)
        probs = _star_link(scores, directions, label, temperature, dual)
    return probs


def star_directions(centres: Tensor, shape: tuple[int, int]) -> Tensor:
    """Point from every pixel to the centre: s = (c − x)/|c − x|, 0 at the centre.

    Parameters
    ----------
    centres : (B, 2)   (y, x) in pixel coordinates
    shape : (Y, X)

    Returns
    -------
    (B, 2, Y, X)   of length 1, or 0 at the centre

    Source: slides, s of Algorithm 3. Printed is s = x − c, which hollows the object out (D1), and
    without normalisation, which breaks the step (D10).
    """
    rows, columns = (torch.arange(n, dtype=centres.dtype, device=centres.device) for n in shape)
    pixels = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))  # (2, Y, X)
    towards = centres[:, :, None, None] - pixels
    squared = towards.square().sum(1, keepdim=True)
    return towards / torch.where(squared > 0, squared, 1).sqrt()


def star_slope(probs: Tensor, directions: Tensor, label: int) -> Tensor:
    """Take s·∇u of the star class; negative where the constraint s·∇u >= 0 is violated.

    Parameters
    ----------
    probs : (B, K, Y, X)
    directions : (B, 2, Y, X)
    label : int

    Returns
    -------
    (B, 1, Y, X)

    Source: slides, the constraint of Algorithm 3.
    """
    return (directions[:, None] * gradient(probs[:, label : label + 1])).sum(2)


def star_dual(
    scores: Tensor,
    directions: Tensor,
    label: int,
    temperature: Scalar,
    step: Scalar,
    iterations: int,
    start: Tensor | None = None,
) -> Tensor:
    """Ascend on the multiplier: q ← max(q − τ s·∇u, 0), u = softmax((o − p − div(q s))/ε).

    Parameters
    ----------
    scores : (B, K, Y, X)   o − p
    directions, label, temperature, step : as in `star_softmax`
    iterations : int        >= 0
    start : (B, 1, Y, X)    q⁰ >= 0; None = 0

    Returns
    -------
    (B, 1, Y, X)   q >= 0

    Raises
    ------
    ValueError  if the scores are not planar or the label is not one of their classes.

    Source: slides, the q update of Algorithm 3.
    """
    require_plane(scores, "The star prior")
    if not 0 <= label < scores.shape[1]:
        raise ValueError(f"label {label} is not one of the {scores.shape[1]} classes.")
    dual = torch.zeros_like(scores[:, :1]) if start is None else start
    for _ in range(iterations):
        probs = _star_link(scores, directions, label, temperature, dual)
        dual = (dual - step * star_slope(probs, directions, label)).clamp(min=0)
    return dual


def _star_link(
    scores: Tensor, directions: Tensor, label: int, temperature: Scalar, dual: Tensor
) -> Tensor:
    field = divergence(dual[:, :, None] * directions[:, None])  # (B, 1, Y, X)
    classes = torch.arange(scores.shape[1], device=scores.device)
    chosen = (classes == label).to(scores)[:, None, None]  # (K, 1, 1)
    return torch.softmax((scores - chosen * field) / temperature, dim=1)
