"""The self-adjoint blur: compiled on the CPU, shifted additions on any other device."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..geometry.compiled import compiled
from ..operators import blur as shifted_blur
from .rows import blur_row
from .threads import over_rows


@compiled
def _convolve_rows(
    source: np.ndarray, down: np.ndarray, along: np.ndarray, out: np.ndarray, low: int, high: int
) -> None:
    """Convolve both axes of planes (P, Y, X), for the rows low..high of the stacked planes."""
    height, width = source.shape[1], source.shape[2]
    padded = np.empty(width + 2 * (len(along) - 1), dtype=source.dtype)
    for flat in range(low, high):
        plane, y = flat // height, flat % height
        blur_row(source[plane], y, down, along, padded, out[plane, y])


def blur_planes(source: np.ndarray, down: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Convolve planes (P, Y, X)."""
    out = np.empty_like(source)

    def strip(low: int, high: int) -> None:
        _convolve_rows(source, down, along, out, low, high)

    over_rows(strip, source.shape[0] * source.shape[1], source.size)
    return out


def squared(taps: Tensor, other: Tensor | None = None) -> np.ndarray:
    """Give the taps of h∗h, or of h∗g, from those of h and g, from the centre outwards."""
    first, second = (_both_sides(half) for half in (taps, taps if other is None else other))
    return np.convolve(first, second)[2 * (len(taps) - 1) :]


def _both_sides(taps: Tensor) -> np.ndarray:
    half = taps.detach().cpu().numpy().astype(np.float64)
    return np.concatenate([half[:0:-1], half])


def _compiled_blur(u: Tensor, taps: Sequence[np.ndarray]) -> Tensor:
    array = np.ascontiguousarray(u.detach().numpy())
    kernels = [np.ascontiguousarray(tap, dtype=array.dtype) for tap in taps]
    height, width = array.shape[-2:]
    out = blur_planes(array.reshape(-1, height, width), kernels[-2], kernels[-1])
    if len(kernels) == 3:
        depth = array.shape[2]
        stack = out.reshape(-1, depth, height * width)
        out = blur_planes(stack, kernels[0], np.ones(1, dtype=array.dtype))
    return torch.from_numpy(out.reshape(array.shape))


class _Blur(torch.autograd.Function):
    """The compiled blur; it is its own transpose."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, taps: Sequence[np.ndarray]) -> Tensor:
        """Blur (B, K, *S)."""
        ctx.taps = taps
        return _compiled_blur(u, taps)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Blur the gradient."""
        return _Blur.apply(grads[0], ctx.taps), None  # type: ignore[no-untyped-call]


def blur(u: Tensor, taps: Sequence[Tensor]) -> Tensor:
    """Blur the spatial axes with k = h∗h, self-adjoint and positive semi-definite.

    Parameters
    ----------
    u : (B, K, *S)             2-D or 3-D
    taps : D tensors (r + 1,)  the taps of h for each axis, from the centre outwards

    Returns
    -------
    (B, K, *S)   equal to `priorseg.operators.blur` up to rounding; that one runs where u is not
    float32 or float64 on the CPU, or where the taps take gradients
    """
    learned = torch.is_grad_enabled() and any(tap.requires_grad for tap in taps)
    if learned or u.device.type != "cpu" or u.dtype not in (torch.float32, torch.float64):
        return shifted_blur(u, taps)
    return _Blur.apply(u, [squared(tap) for tap in taps])  # type: ignore[no-untyped-call,no-any-return]
