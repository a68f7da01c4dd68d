"""Volume-preserving soft threshold dynamics: Algorithm 2 (VP-STD) of the slides."""

import torch
from torch import Tensor

from .operators import Padding, Scalar, pixel_count
from .threshold_dynamics import EdgeForm, std_gradient


def volume_softmax(
    logits: Tensor,
    volumes: Tensor,
    weight: Scalar,
    temperature: Scalar,
    kernel: Tensor,
    iterations: int,
    inner_iterations: int,
    edge: Tensor | None = None,
    *,
    form: EdgeForm = "printed",
    padding: Padding = "zero",
) -> Tensor:
    """Regularise a softmax by soft threshold dynamics with prescribed class volumes.

    Outer iterations move p, inner ones the heights q for that p, warm from the last (D4): the
    printed loops leave open which p belongs to which q.

    Parameters
    ----------
    logits : (B, K, *S)        2-D or 3-D
    volumes : (B, K)           V in pixels, > 0, sum over K = number of pixels (D9)
    weight : λ >= 0
    temperature : ε > 0
    kernel : (w,)*D or (K, *(w,)*D)
    iterations, inner_iterations : int   >= 0; inner ones needed grow like 1/ε
    edge, form, padding : as in `std_softmax`

    Returns
    -------
    (B, K, *S)   class probabilities, sum over K = 1; the sums over pixels near V

    Raises
    ------
    ValueError  if a volume is not > 0 or the volumes of a sample do not add up.

    Source: slides, Algorithm 2; one ε (D2), λ once (D3).
    """
    _check_volumes(logits, volumes)
    probs = torch.softmax(logits, dim=1)
    heights = torch.zeros_like(volumes)
    for _ in range(iterations):
        scores = logits - weight * std_gradient(probs, kernel, edge, form=form, padding=padding)
        heights = volume_dual(scores, volumes, temperature, inner_iterations, heights)
        probs = torch.softmax((scores + _over(heights, scores)) / temperature, dim=1)
    return probs


def volume_dual(
    scores: Tensor,
    volumes: Tensor,
    temperature: Scalar,
    iterations: int,
    start: Tensor | None = None,
) -> Tensor:
    """Iterate q ← q + ε ln(V/Σ u), u = softmax((o − p + q)/ε).

    This is Sinkhorn's scaling: the softmax scales rows, the q update columns. It needs no step,
    converges linearly and takes about 1/ε iterations.

    Parameters
    ----------
    scores : (B, K, *S)   o − p
    volumes : (B, K)      V in pixels, > 0
    temperature : ε > 0
    iterations : int      >= 0
    start : (B, K)        q⁰; None = 0

    Returns
    -------
    (B, K)   q, determined up to one constant per sample

    Source: slides, the q update of Algorithm 2.
    """
    heights = torch.zeros_like(volumes) if start is None else start
    for _ in range(iterations):
        raised = (scores + _over(heights, scores)) / temperature
        # The logarithm of Σ_x u, without leaving log space: tiny classes would underflow.
        log_sums = torch.log_softmax(raised, dim=1).flatten(2).logsumexp(2)  # (B, K)
        heights = heights + temperature * (volumes.log() - log_sums)
    return heights


def _over(heights: Tensor, like: Tensor) -> Tensor:
    return heights.reshape(*heights.shape, *[1] * (like.ndim - 2))


def _check_volumes(logits: Tensor, volumes: Tensor) -> None:
    if volumes.shape != logits.shape[:2]:
        raise ValueError(
            f"volumes {tuple(volumes.shape)} must be {tuple(logits.shape[:2])}, (B, K)."
        )
    if not bool((volumes > 0).all()):
        raise ValueError(
            f"The smallest volume is {float(volumes.min()):g} px, but all must be > 0: "
            "drop an empty class instead."
        )
    pixels = pixel_count(logits)
    for sample, total in enumerate(volumes.detach().sum(1).tolist()):
        if abs(total - pixels) > 1e-5 * pixels:
            raise ValueError(
                f"volumes of sample {sample} add up to {total:g} px, the image has {pixels}. "
                "Rescale them first."
            )
