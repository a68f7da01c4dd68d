"""Prescribed pixels: labels that a person painted, as a hard constraint on the probabilities.

The minimisation runs over the probabilities of the other pixels. That is done by logits which no
field can outweigh, so that every solver, compiled or not, does it without knowing.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from .links import Link, Ordered

SPAN = 4.0  # how far beyond all logits of the sample a prescribed one lies, in their own span
SLOPES = 8.0  # and beyond the strongest field of the smoothing priors
COLD = 256.0  # and in temperatures: exp(−256) is 0 beside 1


def checked_fixed(fixed: Tensor | None, logits: Tensor, link: Link) -> Tensor | None:
    """Check prescribed labels and give them for every sample, int64; None if there are none.

    Parameters
    ----------
    fixed : (B, *S) or (*S)   labels of the label map, below 0 = free
    logits : (B, K, *S)

    Raises
    ------
    ValueError  for another shape, numbers that are not whole, or a label that does not exist.
    """
    if fixed is None:
        return None
    given = torch.as_tensor(fixed)
    if given.is_floating_point() or given.is_complex() or given.dtype == torch.bool:
        raise ValueError(
            f"scene.fixed must hold whole numbers (below 0 = free), not {given.dtype}."
        )
    shape = (logits.shape[0], *logits.shape[2:])
    if tuple(given.shape) not in (shape, shape[1:]):
        raise ValueError(
            f"scene.fixed has shape {tuple(given.shape)}, it must be {shape[1:]} or {shape}: one "
            "label per pixel."
        )
    labels = given.to(logits.device, torch.int64).expand(shape)
    count = link.label_count(logits.shape[1])
    highest = int(labels.max())
    if highest >= count:
        raise ValueError(
            f"scene.fixed asks for label {highest}; the labels go from 0 to {count - 1}, below 0 "
            "= free."
        )
    return labels if highest >= 0 else None


def labels_left(fixed: Tensor, count: int) -> Tensor:
    """Mark the labels that a pixel may take, (B, count, *S) bool.

    Parameters
    ----------
    fixed : (B, *S)   below 0 = free
    count : int       labels
    """
    every = torch.arange(count, device=fixed.device).view(1, -1, *[1] * (fixed.ndim - 1))
    wanted = fixed.unsqueeze(1)
    return (wanted < 0) | (wanted == every)


def settled(allowed: Tensor, extent: Iterable[int]) -> tuple[Tensor, Tensor]:
    """Mark the pixels that must lie in an object, and those that cannot, each (B, *S) bool.

    Parameters
    ----------
    allowed : (B, labels, *S) bool
    extent : labels that make up the object
    """
    member = torch.zeros(allowed.shape[1], dtype=torch.bool, device=allowed.device)
    for label in extent:
        member[label] = True
    member = member.view(1, -1, *[1] * (allowed.ndim - 2))
    return ~(allowed & ~member).any(1), ~(allowed & member).any(1)


def prescribe(
    logits: Tensor, allowed: Tensor, link: Link, temperature: Tensor, slope: Tensor | float
) -> Tensor:
    """Give logits under which labels that are not allowed have no probability.

    Pixels with all labels keep their logits bit by bit.

    Parameters
    ----------
    logits : (B, K, *S)
    allowed : (B, labels, *S) bool   at least one label at every pixel
    temperature : ()
    slope : () >= 0   the strongest field of a smoothing prior, in logits

    Returns
    -------
    (B, K, *S)   of each sample alone; no value passes between host and device
    """
    flat = logits.detach().flatten(1)
    far = SPAN * (flat.amax(1) - flat.amin(1)) + SLOPES * slope + COLD * temperature.detach()
    far = far.to(logits.dtype).clamp_max(1e30).view(-1, *[1] * (logits.ndim - 1))
    if isinstance(link, Ordered):
        planes = []
        for channel in range(logits.shape[1]):
            extent = link.extents(logits.shape[1])[channel + 1]
            must, never = (mask.unsqueeze(1) for mask in settled(allowed, extent))
            plane = torch.where(must, far, logits[:, channel : channel + 1])
            planes.append(torch.where(never, -far, plane))
        return torch.cat(planes, 1)
    lowest = torch.finfo(logits.dtype).min
    best = logits.detach().masked_fill(~allowed, lowest).amax(1, keepdim=True)
    kept = torch.where(allowed, logits - best, -far)  # 0 for a single label: nothing to cancel
    return torch.where(allowed.all(1, keepdim=True), logits, kept)
