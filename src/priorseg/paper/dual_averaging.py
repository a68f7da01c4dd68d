"""TV-softmax by dual averaging: scheme (15) of the slides."""

import torch
from torch import Tensor

from .operators import Scalar, divergence, gradient


def tv_softmax(
    logits: Tensor, weight: Scalar, temperature: Scalar, step: Scalar, iterations: int
) -> Tensor:
    """Regularise a softmax by total variation with the printed dual iteration.

    Parameters
    ----------
    logits : (B, K, *S)   2-D or 3-D
    weight : λ >= 0
    temperature : ε > 0
    step : τ > 0          safe up to ε/(4λ²) in the plane and ε/(6λ²) in space, stable below twice
                          that; the slides fix τλ without giving its value
    iterations : int      >= 0; 0 gives the plain softmax

    Returns
    -------
    (B, K, *S)   class probabilities, sum over K = 1

    Source: slides, scheme (15), with one ε (D2) and without D5: ξ is never projected back.
    """
    dual = tv_dual(logits, weight, temperature, step, iterations)
    return tv_link(logits, dual, weight, temperature)


def tv_dual(
    logits: Tensor, weight: Scalar, temperature: Scalar, step: Scalar, iterations: int
) -> Tensor:
    """Run ξ ← ξ − τλ∇u, η = P(ξ), u = softmax((o − λ div η)/ε) from ξ = 0.

    ξ is built on ξ, not on η: dual averaging. Up to the safe step it gains as much per iteration
    as projected ascent; beyond twice that step both fail on most images, this one more slowly.

    Parameters
    ----------
    logits, weight, temperature, step, iterations : as in `tv_softmax`

    Returns
    -------
    (B, K, D, *S)   η, of Euclidean length at most 1 per pixel and class

    Source: slides, scheme (15).
    """
    ascent = torch.zeros_like(gradient(logits))
    for _ in range(iterations):
        probs = tv_link(logits, _project(ascent), weight, temperature)
        ascent = ascent - step * weight * gradient(probs)
    return _project(ascent)


def tv_link(logits: Tensor, dual: Tensor, weight: Scalar, temperature: Scalar) -> Tensor:
    """Give softmax((o − λ div η)/ε), the minimiser for a fixed dual field.

    Source: slides, scheme (15), last line.
    """
    return torch.softmax((logits - weight * divergence(dual)) / temperature, dim=1)


def _project(ascent: Tensor) -> Tensor:
    # The clamp sits under the root: its derivative at 0 would be infinite.
    return ascent / ascent.square().sum(2, keepdim=True).clamp(min=1).sqrt()
