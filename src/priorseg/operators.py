"""Difference and blur operators on (..., *S) tensors; each pair is exactly adjoint."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def relative_spacing(spacing: Sequence[float]) -> tuple[float, ...]:
    """Scale pixel edges so that the finest axis has length 1."""
    finest = min(spacing)
    return tuple(edge / finest for edge in spacing)


def gradient(u: Tensor, spacing: Sequence[float]) -> Tensor:
    """Take forward differences, 0 at the far end of each axis (Neumann).

    Parameters
    ----------
    u : (B, K, *S)
    spacing : D lengths   pixel edges, relative to the finest

    Returns
    -------
    (B, K, D, *S)

    Source: docs/maths, E; ``divergence`` is minus its transpose.
    """
    parts = []
    for axis, edge in enumerate(spacing):
        dim = 2 + axis
        last = u.narrow(dim, u.shape[dim] - 1, 1)
        difference = torch.diff(u, dim=dim, append=last)
        parts.append(difference if edge == 1 else difference / edge)
    return torch.stack(parts, 2)  # (B, K, D, *S)


def divergence(dual: Tensor, spacing: Sequence[float]) -> Tensor:
    """Apply minus the transpose of `gradient`.

    Parameters
    ----------
    dual : (B, K, D, *S)
    spacing : D lengths   pixel edges, relative to the finest

    Returns
    -------
    (B, K, *S)
    """
    total = None
    for axis, edge in enumerate(spacing):
        part = dual[:, :, axis]  # (B, K, *S)
        dim = 2 + axis
        inner = part.narrow(dim, 0, part.shape[dim] - 1)
        border = torch.zeros_like(part.narrow(dim, 0, 1))
        difference = torch.diff(torch.cat((border, inner, border), dim), dim=dim)
        difference = difference if edge == 1 else difference / edge
        total = difference if total is None else total + difference
    if total is None:
        raise ValueError("divergence needs at least one axis.")
    return total


def blur_radius(sigma: float) -> int:
    """Give the half width of the half kernel h, at least 3 of its standard deviations.

    The kernel is h∗h, so it reaches twice as far: beyond 4 sigma.
    """
    return max(1, math.ceil(3 * sigma / math.sqrt(2)))


def half_taps(sigma: Tensor, radius: int) -> Tensor:
    """Sample the Gaussian h whose square h∗h has standard deviation sigma.

    Parameters
    ----------
    sigma : ()     standard deviation of h∗h, pixels, > 0
    radius : int   half width of h

    Returns
    -------
    (radius + 1,) taps h_0, h_1, ...; h_0 + 2 (h_1 + ...) = 1
    """
    offsets = torch.arange(radius + 1, dtype=sigma.dtype, device=sigma.device)
    taps = torch.exp(-(offsets**2) / sigma**2)  # variance of h is sigma^2 / 2
    return taps / (taps[0] + 2 * taps[1:].sum())


def half_taps_change(sigma: Tensor, radius: int) -> Tensor:
    """Give the derivative of `half_taps` by sigma, (radius + 1,)."""
    taps = half_taps(sigma, radius)
    offsets = torch.arange(radius + 1, dtype=sigma.dtype, device=sigma.device)
    steep = 2 * offsets**2 / sigma**3  # of the logarithm, before the sum is made 1
    return taps * (steep - (taps[0] * steep[0] + 2 * (taps[1:] * steep[1:]).sum()))


def _mirror(size: int, radius: int, device: torch.device) -> Tensor:
    """Index half-sample symmetric padding, any radius."""
    index = torch.arange(-radius, size + radius, device=device) % (2 * size)
    return torch.where(index < size, index, 2 * size - 1 - index)


def convolve_axis(u: Tensor, taps: Tensor, dim: int) -> Tensor:
    """Convolve one axis with a symmetric kernel under the half-sample symmetric border.

    Parameters
    ----------
    u : any shape
    taps : (r + 1,)   taps from the centre outwards
    dim : int         the axis

    Source: docs/maths, E2. This border makes the convolution self-adjoint; torch's
    'replicate' and 'reflect' do not.
    """
    radius, size = taps.numel() - 1, u.shape[dim]
    padded = u.index_select(dim, _mirror(size, radius, u.device))
    total = taps[0] * u
    for step in range(1, radius + 1):
        pair = padded.narrow(dim, radius - step, size) + padded.narrow(dim, radius + step, size)
        total = total + taps[step] * pair
    return total


def blur(u: Tensor, taps: Sequence[Tensor]) -> Tensor:
    """Blur the spatial axes with k = h∗h, self-adjoint and positive semi-definite.

    Parameters
    ----------
    u : (B, K, *S)
    taps : D tensors   the taps of h for each axis, see `half_taps`
    """
    for axis, axis_taps in enumerate(taps):
        u = convolve_axis(convolve_axis(u, axis_taps, 2 + axis), axis_taps, 2 + axis)
    return u


def disc_offsets(radius: int) -> list[int]:
    """Give the half width of a digital disc for each row offset 0, 1, ..., radius."""
    return [math.isqrt(radius * radius - row * row) for row in range(radius + 1)]


def disc_sum(image: Tensor, radius: int) -> Tensor:
    """Sum over the digital disc about each pixel; outside the image counts 0.

    Parameters
    ----------
    image : (B, K, Y, X)
    radius : int   pixels, >= 0; the disc holds y² + x² <= radius², its centre included

    Source: docs/maths, E5; row prefix sums, O(pixels x radius).
    """
    height, width = image.shape[-2:]
    rows = torch.nn.functional.pad(image.double(), (radius + 1, radius, radius, radius)).cumsum(-1)
    total = torch.zeros_like(image, dtype=torch.float64)
    for row, half in enumerate(disc_offsets(radius)):
        right = rows[..., radius + 1 + half : radius + 1 + half + width]
        left = rows[..., radius - half : radius - half + width]
        band = right - left  # (B, K, Y + 2 r, X)
        for offset in {-row, row}:
            total = total + band[..., radius + offset : radius + offset + height, :]
    return total.to(image.dtype)
