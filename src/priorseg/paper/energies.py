"""The energies that scheme (15) and Algorithm 1 minimise, one number per sample."""

import torch
from torch import Tensor

from .operators import Padding, Scalar, blur, divergence, gradient
from .threshold_dynamics import EdgeForm


def linear_energy(logits: Tensor, probs: Tensor) -> Tensor:
    """Sum −o·u over classes and pixels; (B, K, *S) twice to (B,)."""
    return -(logits * probs).flatten(1).sum(1)


def entropy(probs: Tensor) -> Tensor:
    """Sum u ln u (negative entropy, <= 0, 0 ln 0 = 0); (B, K, *S) to (B,)."""
    return torch.xlogy(probs, probs).flatten(1).sum(1)


def total_variation(probs: Tensor) -> Tensor:
    """Sum the Euclidean length of the gradient over pixels and classes.

    Each interface between two classes is counted twice, once per channel.

    Parameters
    ----------
    probs : (B, K, *S)

    Returns
    -------
    (B,)   in pixel edges, >= 0

    Source: slides, TV of the model behind scheme (15).
    """
    lengths: Tensor = torch.linalg.vector_norm(gradient(probs), dim=2)
    return lengths.flatten(1).sum(1)


def tv_energy(logits: Tensor, probs: Tensor, weight: Scalar, temperature: Scalar) -> Tensor:
    """Evaluate −⟨o,u⟩ + ε⟨u, ln u⟩ + λ TV(u).

    Parameters
    ----------
    logits, probs : (B, K, *S)   o and u, u on the simplex
    weight : λ >= 0
    temperature : ε > 0

    Returns
    -------
    (B,)

    Source: slides, the model behind scheme (15); one ε (D2).
    """
    plain = linear_energy(logits, probs) + temperature * entropy(probs)
    return plain + weight * total_variation(probs)


def duality_gap(logits: Tensor, dual: Tensor, weight: Scalar, temperature: Scalar) -> Tensor:
    """Bound how far the softmax of a dual field is from the minimum of `tv_energy`.

    The gap certifies ‖u − u*‖² <= gap / ε.

    Parameters
    ----------
    logits : (B, K, *S)
    dual : (B, K, D, *S)   η with Euclidean length over D at most 1 everywhere
    weight : λ >= 0
    temperature : ε > 0

    Returns
    -------
    (B,)   primal minus dual energy, >= 0 up to rounding

    Source: docs/maths E1, the dual of the model behind scheme (15).
    """
    scores = (logits - weight * divergence(dual)) / temperature
    lower = -temperature * torch.logsumexp(scores, dim=1).flatten(1).sum(1)
    return tv_energy(logits, torch.softmax(scores, dim=1), weight, temperature) - lower


def std_energy(
    logits: Tensor,
    probs: Tensor,
    weight: Scalar,
    temperature: Scalar,
    kernel: Tensor,
    edge: Tensor | None = None,
    *,
    form: EdgeForm = "printed",
    padding: Padding = "zero",
) -> Tensor:
    """Evaluate −⟨o,u⟩ + ε⟨u, ln u⟩ + λR(u) with the heat-kernel boundary length R.

    R is Σᵢ⟨e uᵢ, k∗(1−uᵢ)⟩ in the printed form and Σᵢ⟨√e uᵢ, k∗(√e(1−uᵢ))⟩ in the concave one.

    Parameters
    ----------
    logits, probs : (B, K, *S)
    weight : λ >= 0
    temperature : ε > 0
    kernel : (w,)*D or (K, *(w,)*D)
    edge : (B, 1, *S)           e >= 0, small on edges; None = 1
    form : "printed", "root"    which R (D6)
    padding : "zero", "symmetric"

    Returns
    -------
    (B,)

    Source: slides, the energy of Algorithm 1.
    """
    inner, outer = probs, 1 - probs
    if edge is not None and form == "root":
        inner, outer = edge.sqrt() * inner, edge.sqrt() * outer
    elif edge is not None:
        inner = edge * inner
    length = (inner * blur(outer, kernel, padding)).flatten(1).sum(1)
    return linear_energy(logits, probs) + temperature * entropy(probs) + weight * length
