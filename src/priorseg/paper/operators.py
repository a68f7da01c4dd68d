"""Differences and blurs, written out once more so that the comparator stays independent."""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Scalar = float | Tensor
Padding = Literal["zero", "symmetric"]


def gradient(values: Tensor) -> Tensor:
    """Take forward differences with a Neumann end (the last difference is 0).

    Parameters
    ----------
    values : (B, K, *S)   any function; pixel edge 1

    Returns
    -------
    (B, K, D, *S)   difference along each of the D spatial axes

    Source: slides, the operator ∇ of scheme (15); border by docs/maths E.
    """
    slopes = []
    for axis in range(2, values.ndim):
        size = values.shape[axis]
        step = values.narrow(axis, 1, size - 1) - values.narrow(axis, 0, size - 1)
        last = torch.zeros_like(values.narrow(axis, 0, 1))
        slopes.append(torch.cat([step, last], dim=axis))
    return torch.stack(slopes, dim=2)


def divergence(fluxes: Tensor) -> Tensor:
    """Take the divergence that is minus the adjoint of `gradient`.

    Parameters
    ----------
    fluxes : (B, K, D, *S)   one component per spatial axis; the last entry along each axis of
                             its own component is ignored, as the adjoint demands

    Returns
    -------
    (B, K, *S)

    Source: slides, the operator div of scheme (15); div = −∇ᵀ by docs/maths E.
    """
    total = torch.zeros_like(fluxes[:, :, 0])
    for axis in range(2, total.ndim):
        flux = fluxes[:, :, axis - 2]
        inner = flux.narrow(axis, 0, flux.shape[axis] - 1)
        zero = torch.zeros_like(flux.narrow(axis, 0, 1))
        total = total + torch.cat([inner, zero], dim=axis) - torch.cat([zero, inner], dim=axis)
    return total


def gaussian_kernel(
    sigma: float, half_size: int, dims: int = 2, dtype: torch.dtype | None = None
) -> Tensor:
    """Sample a Gaussian on a cube of 2·half_size + 1 pixels and scale its sum to 1.

    Parameters
    ----------
    sigma : float       standard deviation (not heat time, D8) in pixels, > 0
    half_size : int     half width h in pixels, >= 0; h >= 3 sigma keeps it nearly positive
                        semi-definite (D7)
    dims : int          2 or 3
    dtype : torch.dtype of the result; the default of torch if None

    Raises
    ------
    ValueError  if sigma <= 0 or half_size < 0.

    Source: slides, the kernel k of Algorithm 1.
    """
    if sigma <= 0 or half_size < 0:
        raise ValueError(f"A kernel needs sigma > 0 and half_size >= 0, not {sigma}, {half_size}.")
    offsets = torch.arange(-half_size, half_size + 1, dtype=torch.float64)
    taps = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = taps
    for _ in range(dims - 1):
        kernel = kernel[..., None] * taps
    return (kernel / kernel.sum()).to(dtype or torch.get_default_dtype())


def blur(values: Tensor, kernel: Tensor, padding: Padding = "zero") -> Tensor:
    """Convolve every channel with a symmetric kernel, depthwise, as one dense convolution.

    Parameters
    ----------
    values : (B, K, *S)
    kernel : (w,)*D or (K, *(w,)*D)   odd widths; one for all channels or one per channel
    padding : "zero" or "symmetric"   values outside are 0, or mirrored at the pixel edge
                                      (half-sample symmetric); both keep the blur self-adjoint (D11)

    Raises
    ------
    ValueError  if the padding is unknown.

    Source: slides, k∗ of Algorithm 1.
    """
    channels = values.shape[1]
    dims = values.ndim - 2
    convolve = {2: functional.conv2d, 3: functional.conv3d}[dims]
    margins = [width // 2 for width in kernel.shape[-dims:]]
    if padding == "zero":
        padded = functional.pad(values, [m for m in reversed(margins) for _ in range(2)])
    elif padding == "symmetric":
        padded = _pad_symmetric(values, margins)
    else:
        raise ValueError(f'padding {padding!r} is unknown: use "zero" or "symmetric".')
    weights = kernel.to(values).expand(channels, *kernel.shape[-dims:])
    return convolve(padded, weights[:, None], groups=channels)


def _pad_symmetric(values: Tensor, margins: list[int]) -> Tensor:
    for axis, margin in enumerate(margins, start=2):
        size = values.shape[axis]
        index = torch.arange(-margin, size + margin, device=values.device) % (2 * size)
        values = values.index_select(axis, torch.where(index < size, index, 2 * size - 1 - index))
    return values


def require_plane(values: Tensor, what: str) -> None:
    """Reject anything but images (B, K, Y, X).

    Raises
    ------
    ValueError  if there are not exactly two spatial axes.
    """
    if values.ndim != 4:
        raise ValueError(
            f"{what} works in the plane, on (B, K, Y, X); got shape {tuple(values.shape)}. "
            "Pass volumes slice by slice."
        )


def pixel_count(values: Tensor) -> int:
    """Count the pixels of one sample of a (B, K, *S) tensor."""
    return math.prod(values.shape[2:])
