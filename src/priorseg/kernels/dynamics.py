"""One sweep of threshold dynamics in one pass: blur, field and link fused."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..geometry.compiled import compiled
from .room import Room, room_for
from .rows import blur_down_rows, link_block, pair_offsets, sum_pairs
from .threads import over_rows
from .vectors import LANES, load, spread, store

Planes = NDArray[np.float32]
ROWS = 8  # that are blurred together
NO_EDGE = np.empty((0, 0), np.float32)


@dataclass(frozen=True)
class Dynamics:
    """What a sweep needs beside its images.

    Parameters
    ----------
    down, along : (r + 1,)   taps of k for each axis, from the centre outwards
    weight : float
    temperature : float
    exclusive : bool         softmax over the channels, else a sigmoid for each
    root : (B, 1, Y, X)      √e; None = 1 everywhere
    ground : (B, 1, Y, X)    k∗√e; None with root
    change : two (r + 1,)    derivatives of the taps by sigma; None = sigma is fixed
    """

    down: Planes
    along: Planes
    weight: float
    temperature: float
    exclusive: bool
    root: Tensor | None = None
    ground: Tensor | None = None
    change: tuple[Planes, Planes] | None = None

    def plane(self, images: Tensor | None, sample: int) -> Planes:
        """Give the plane of a sample; one plane may serve the whole batch."""
        if images is None:
            return NO_EDGE
        plane: Planes = images[min(sample, len(images) - 1), 0].detach().numpy()
        return plane


@compiled
def _heights(
    padded: np.ndarray,
    offsets: tuple[np.ndarray, np.ndarray],
    height: np.ndarray,
    root: np.ndarray,
    ground: np.ndarray,
    along: np.ndarray,
    gain: np.float32,
    cold: np.float32,
    y: int,
    x: int,
    out: np.ndarray,
) -> None:
    """Write height * cold + gain √e (k∗source − ground / 2) for one vector of every channel.

    Channels that have no padded row are what the others leave of the ground: the probabilities
    sum to 1, and so do their blurs.
    """
    first, second = offsets
    edged = root.size > 0
    rest = load(ground[y], x) if edged else spread(np.float32(1))
    centre = rest * np.float32(0.5)
    slope = load(root[y], x) * gain if edged else spread(gain)
    for k in range(height.shape[0]):
        blurred = rest
        if k < padded.shape[0]:
            blurred = sum_pairs(padded[k], x, first, second, along)
            rest = rest - blurred
        store(out[k, y], x, load(height[k, y], x) * cold + slope * (blurred - centre))


@compiled
def _sweep_rows(
    source: np.ndarray,
    height: np.ndarray,
    root: np.ndarray,
    ground: np.ndarray,
    down: np.ndarray,
    along: np.ndarray,
    weight: np.float32,
    cold: np.float32,
    exclusive: bool,
    scaled: np.ndarray,
    out: np.ndarray,
    low: int,
    high: int,
) -> None:
    """Do rows low..high of one sample (K, Y, X), X >= 64; of the source the last may be missing."""
    channels, _, width = height.shape
    radius, gain = len(along) - 1, np.float32(2) * weight * cold
    padded = np.empty((channels - exclusive, ROWS, width + 2 * radius), np.float32)
    pairs, offsets = np.empty((2, ROWS, len(down)), np.int64), pair_offsets(radius)
    for top in range(low, high, ROWS):
        rows = min(ROWS, high - top)
        for k in range(channels - exclusive):
            blur_down_rows(source[k], top, down, pairs, padded[k, :rows])
        for y in range(top, top + rows):
            here = padded[:, y - top]
            for begin in range(0, width, LANES):
                x = min(begin, width - LANES)
                _heights(here, offsets, height, root, ground, along, gain, cold, y, x, scaled)
                link_block(scaled, y, x, exclusive, out)


@compiled
def _weigh_rows(u: np.ndarray, root: np.ndarray, out: np.ndarray, low: int, high: int) -> None:
    """Multiply every channel by √e."""
    for k in range(u.shape[0]):
        for y in range(low, high):
            for x in range(u.shape[2]):
                out[k, y, x] = u[k, y, x] * root[y, x]


def sweep(
    u: Tensor, height: Tensor, given: Dynamics, room: Room | None = None
) -> tuple[Tensor, Tensor]:
    """Blur u, subtract the field from the height and apply the link.

    Parameters
    ----------
    u, height : (B, K, Y, X) float32 on the CPU
    given : Dynamics
    room : Room   memory for the results

    Returns
    -------
    scaled, probs : (B, K, Y, X)   (height − weight √e k∗(√e (1 − 2u))) / temperature, its link
    """
    source, target = u.detach().contiguous().numpy(), height.detach().contiguous().numpy()
    scaled = room_for(room, "dynamics.scaled", target.shape)
    out = room_for(room, "dynamics.out", target.shape)
    for sample in range(len(source)):
        images = source[sample], target[sample], scaled[sample], out[sample]
        _sweep_sample(images, given.plane(given.root, sample), sample, given, room)
    return torch.from_numpy(scaled), torch.from_numpy(out)


def _sweep_sample(
    images: tuple[Planes, Planes, Planes, Planes],
    root: Planes,
    sample: int,
    given: Dynamics,
    room: Room | None,
) -> None:
    """Sweep one sample: u, height and where to write scaled and probs, (K, Y, X) each."""
    source, height, scaled, out = images
    if root.size:
        source = _weighed(source[: len(source) - given.exclusive], root, room)
    ground = given.plane(given.ground, sample)
    weight, cold = np.float32(given.weight), np.float32(1 / given.temperature)

    def strip(low: int, high: int) -> None:
        _sweep_rows(
            source, height, root, ground, given.down, given.along, weight, cold, given.exclusive,
            scaled, out, low, high,
        )  # fmt: skip

    over_rows(strip, source.shape[1], source.size)


def _weighed(images: Planes, root: Planes, room: Room | None) -> Planes:
    """Multiply (K, Y, X) by √e."""
    out = room_for(room, "dynamics.weighed", images.shape)

    def strip(low: int, high: int) -> None:
        _weigh_rows(images, root, out, low, high)

    over_rows(strip, images.shape[1], images.size)
    return out
