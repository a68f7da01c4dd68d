"""Soft threshold dynamics: Algorithm 1 (STD) of the slides, and its authors' public variant."""

from typing import Literal

import torch
from torch import Tensor

from .operators import Padding, Scalar, blur

EdgeForm = Literal["printed", "root"]


def std_softmax(
    logits: Tensor,
    weight: Scalar,
    temperature: Scalar,
    kernel: Tensor,
    iterations: int,
    edge: Tensor | None = None,
    *,
    form: EdgeForm = "printed",
    padding: Padding = "zero",
    start: Tensor | None = None,
) -> Tensor:
    """Regularise a softmax by soft threshold dynamics.

    Each iteration linearises the boundary length at u: u ← softmax((o − p)/ε), p = ∂λR(u).
    With weight > temperature there are several fixed points and the start matters.

    Parameters
    ----------
    logits : (B, K, *S)                 2-D or 3-D
    weight : λ >= 0
    temperature : ε > 0
    kernel : (w,)*D or (K, *(w,)*D)     symmetric; see `gaussian_kernel`
    iterations : int                    >= 0
    edge : (B, 1, *S)                   e >= 0, small on edges; > 0 to differentiate the root form;
                                        None = 1
    form : "printed", "root"            ⟨e u, k∗(1−u)⟩, or ⟨√e u, k∗(√e(1−u))⟩, concave for every
                                        positive semi-definite kernel (D6)
    padding : "zero", "symmetric"       zero is the printed border (D11)
    start : (B, K, *S)                  u⁰; None = softmax(o), the printed one (D19)

    Returns
    -------
    (B, K, *S)   class probabilities, sum over K = 1

    Source: slides, Algorithm 1; one ε (D2), λ applied once, in p (D3).
    """
    probs = torch.softmax(logits, dim=1) if start is None else start
    for _ in range(iterations):
        field = weight * std_gradient(probs, kernel, edge, form=form, padding=padding)
        probs = torch.softmax((logits - field) / temperature, dim=1)
    return probs


def std_gradient(
    probs: Tensor,
    kernel: Tensor,
    edge: Tensor | None = None,
    *,
    form: EdgeForm = "printed",
    padding: Padding = "zero",
) -> Tensor:
    """Differentiate the boundary length: p/λ = e·k∗(1−u) − k∗(e u), or √e·k∗(√e(1−2u)).

    Parameters
    ----------
    probs, kernel, edge, form, padding : as in `std_softmax`

    Returns
    -------
    (B, K, *S)   exact gradient of R for a symmetric kernel

    Raises
    ------
    ValueError  if the form is unknown.

    Source: slides, the subgradient p of Algorithm 1; root form by D6.
    """
    if form not in ("printed", "root"):
        raise ValueError(f'form {form!r} is unknown: use "printed" or "root".')
    if edge is None:
        return blur(1 - 2 * probs, kernel, padding)
    if form == "root":
        return edge.sqrt() * blur(edge.sqrt() * (1 - 2 * probs), kernel, padding)
    return edge * blur(1 - probs, kernel, padding) - blur(edge * probs, kernel, padding)


def std_authors(
    logits: Tensor, weight: Scalar, root: Scalar, kernel: Tensor, iterations: int
) -> Tensor:
    """Regularise a softmax with the conventions of the authors' public code.

    The temperature enters as a multiplier, u = softmax((o − λ k∗(1−2u))·ε²), the start uses it
    too, the border is zero and there is no edge weight. The public constants are: λ = 5, ε = 1,
    `gaussian_kernel(10, 3)` per class (demo: 4), 10 iterations, all learnable and free in sign.

    Parameters
    ----------
    logits : (B, K, *S)
    weight : λ
    root : ε of that code; the temperature of `std_softmax` is 1/ε² (D16)
    kernel : (w,)*D or (K, *(w,)*D)
    iterations : int   >= 0

    Returns
    -------
    (B, K, *S)   class probabilities, sum over K = 1

    Source: Algorithm 1 in github.com/cyliu111/variational-regularizer, 2020; formulas only.
    """
    probs = torch.softmax(logits * root**2, dim=1)
    for _ in range(iterations):
        probs = torch.softmax((logits - weight * blur(1 - 2 * probs, kernel)) * root**2, dim=1)
    return probs
