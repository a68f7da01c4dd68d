"""Volumes and their derivatives under shifted logits in one pass that stores no probabilities."""

import numpy as np
import torch
from torch import Tensor

from ..geometry.compiled import compiled
from .room import Room, room_for
from .rows import link_block
from .threads import over_rows
from .vectors import LANES

Parts = dict[int, tuple[np.ndarray, np.ndarray]]  # first piece of a strip -> its sums
PIECE = 512  # pixels worked on at a time; a power of two


@compiled
def _scale_piece(
    row: np.ndarray, move: np.float32, temperature: np.float32, out: np.ndarray
) -> None:
    for x in range(len(out)):  # np.divide: a plain division would test for 0
        out[x] = np.divide(row[x] + move, temperature)


@compiled
def _probs_piece(
    scaled: np.ndarray, exclusive: bool, at: int, width: int, room: np.ndarray, out: np.ndarray
) -> None:
    """Apply the link to columns at..at + width of scaled logits (K, 1, any).

    room (2, K, 1, LANES) is for rows narrower than one vector.
    """
    if width < LANES:
        room[0] = 0
        room[0, :, :, :width] = scaled[:, :, at : at + width]
        link_block(room[0], 0, 0, exclusive, room[1])
        out[:, :, at : at + width] = room[1, :, :, :width]
        return
    for x in range(0, width, LANES):
        link_block(scaled, 0, at + min(x, width - LANES), exclusive, out)


@compiled
def _halved(row: np.ndarray) -> float:
    """Sum a power of two of numbers, pairwise; destroys them."""
    half = len(row) // 2
    while half >= 16:
        one, two = row[:half], row[half : 2 * half]
        for x in range(half):
            one[x] += two[x]
        half //= 2
    total = 0.0
    for x in range(2 * half):
        total += float(row[x])
    return total


@compiled
def _moment_pieces(
    height: np.ndarray,
    shift: np.ndarray,
    temperature: np.float32,
    exclusive: bool,
    low: int,
    high: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Sum over pieces low..high of PIECE pixels each: u (K,), and products (K, K).

    Above the diagonal stands Σ u_i u_j; under the ordered link only the diagonal, Σ u_i (1 − u_i).
    """
    channels, pixels = height.shape
    room = np.empty((2, channels, 1, LANES), np.float32)
    scaled = np.empty((channels, 1, PIECE), np.float32)
    probs = np.empty_like(scaled)
    u = probs.reshape(channels, PIECE)
    product = np.empty(PIECE, np.float32)
    columns, cross = np.zeros((channels, PIECE)), np.zeros((channels, channels))
    for piece in range(low, high):
        start = piece * PIECE
        width = min(PIECE, pixels - start)
        u[:, width:] = 0
        for k in range(channels):
            source = height[k, start : start + width]
            _scale_piece(source, shift[k], temperature, scaled[k, 0, :width])
        _probs_piece(scaled, exclusive, 0, width, room, probs)
        for i in range(channels):
            for x in range(PIECE):
                columns[i, x] += u[i, x]
            for j in range(i + 1 if exclusive else i, channels if exclusive else i + 1):
                for x in range(PIECE):
                    other = u[j, x] if exclusive else np.float32(1) - u[j, x]
                    product[x] = u[i, x] * other
                cross[i, j] += _halved(product)
    return columns.sum(1), cross


@compiled
def _apply_pieces(
    height: np.ndarray,
    shift: np.ndarray,
    temperature: np.float32,
    exclusive: bool,
    scaled: np.ndarray,
    out: np.ndarray,
    low: int,
    high: int,
) -> None:
    """Write scaled logits and probabilities of pieces low..high."""
    channels, pixels = height.shape
    room = np.empty((2, channels, 1, LANES), np.float32)
    wide_scaled = scaled.reshape(channels, 1, pixels)
    wide_out = out.reshape(channels, 1, pixels)
    for piece in range(low, high):
        start = piece * PIECE
        width = min(PIECE, pixels - start)
        for k in range(channels):
            source = height[k, start : start + width]
            _scale_piece(source, shift[k], temperature, scaled[k, start : start + width])
        _probs_piece(wide_scaled, exclusive, start, width, room, wide_out)


def compilable(height: Tensor) -> bool:
    """Say whether this file's passes may run: float32 on the CPU."""
    return height.dtype == torch.float32 and height.device.type == "cpu"


def _flat(height: Tensor) -> np.ndarray:
    return np.asarray(height.detach().contiguous().flatten(2).numpy())  # (B, K, N)


def moments(height: Tensor, q: Tensor, temperature: Tensor, ordered: bool) -> tuple[Tensor, Tensor]:
    """Give volumes S (B, K) of link((height + q) / temperature) and dS/dq (B, K, K), float64.

    Parameters
    ----------
    height : (B, K, *S) float32 on the CPU
    q : (B, K)
    temperature : (B,)
    """
    source, shifts = _flat(height), q.detach().numpy().astype(np.float32)
    batch, channels, pixels = source.shape
    volumes, hessian = np.empty((batch, channels)), np.empty((batch, channels, channels))
    cold = temperature.detach().numpy().astype(np.float32)
    for sample in range(batch):
        parts: Parts = {}

        def strip(low: int, high: int, sample: int = sample, parts: Parts = parts) -> None:
            problem = (source[sample], shifts[sample], cold[sample], not ordered)
            parts[low] = _moment_pieces(*problem, low, high)

        over_rows(strip, -(-pixels // PIECE), source[sample].size)
        sums = [parts[low] for low in sorted(parts)]
        volumes[sample] = np.sum([one for one, _ in sums], 0)
        cross = np.sum([two for _, two in sums], 0)
        if not ordered:  # u sums to 1: the rows of diag(S) − Σ u uᵀ sum to 0
            cross = -cross - cross.T
            np.fill_diagonal(cross, -cross.sum(1))
        hessian[sample] = cross / float(temperature[sample])
    return torch.from_numpy(volumes), torch.from_numpy(hessian)


def apply(
    height: Tensor, q: Tensor | None, temperature: Tensor, ordered: bool, room: Room | None = None
) -> tuple[Tensor, Tensor]:
    """Give (height + q) / temperature and its link.

    Parameters
    ----------
    height : (B, K, *S) float32 on the CPU
    q : (B, K)   None = 0
    temperature : ()
    """
    source = _flat(height)
    shifts = np.zeros(source.shape[:2], np.float32)
    if q is not None:
        shifts[:] = q.detach().numpy()
    scaled, out = (room_for(room, f"volume.{name}", source.shape) for name in ("scaled", "u"))
    cold = np.float32(float(temperature))
    for sample in range(len(source)):

        def strip(low: int, high: int, sample: int = sample) -> None:
            problem = (source[sample], shifts[sample], cold, not ordered)
            _apply_pieces(*problem, scaled[sample], out[sample], low, high)

        over_rows(strip, -(-source.shape[2] // PIECE), source[sample].size)
    return torch.from_numpy(scaled).view(height.shape), torch.from_numpy(out).view(height.shape)
