"""Compare logits with a label map."""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from ..links import Link
from ..spec import Range

IGNORE = -100
"""Label of pixels that are left out of losses and scores."""


@dataclass(frozen=True)
class LossSettings:
    """Weigh the parts of the loss.

    Parameters
    ----------
    cross_entropy, dice : float       >= 0
    smoothness : float                of the total variation of the probabilities, per pixel:
                                      Approach 1 of the slides; 0 = off
    class_weights : floats or None    of the labels in the cross-entropy; softmax link only

    Raises
    ------
    ValueError  if nothing would compare with the truth.
    """

    cross_entropy: Annotated[float, Range(0, 1e6)] = 1.0
    dice: Annotated[float, Range(0, 1e6)] = 1.0
    smoothness: Annotated[float, Range(0, 1e6)] = 0.0
    class_weights: tuple[Annotated[float, Range(0, 1e6)], ...] | None = None

    def __post_init__(self) -> None:
        blind = self.class_weights is not None and not any(self.class_weights)
        if not self.dice and (not self.cross_entropy or blind):
            raise ValueError(
                "cross_entropy (or all its class_weights) and dice are 0: nothing is learned from "
                "the truth. Set one above 0."
            )


def targets(labels: Tensor, link: Link, channels: int) -> Tensor:
    """Turn labels into what the probabilities of each channel should be.

    Parameters
    ----------
    labels : (B, *S) int64   no pixel ignored
    link : Link        softmax: one channel per label; ordered: one per object
    channels : int     K

    Returns
    -------
    (B, K, *S) float32, 0 or 1
    """
    if link.name == "softmax":
        return functional.one_hot(labels, channels).movedim(-1, 1).float()
    extents = link.extents(channels)
    planes = [
        torch.isin(labels, labels.new_tensor(extents[label])) for label in range(1, channels + 1)
    ]
    return torch.stack(planes, 1).float()


def total_variation(probs: Tensor) -> Tensor:
    """Give the isotropic total variation per pixel, summed over channels, mean over samples, ().

    Parameters
    ----------
    probs : (B, K, Y, X)
    """
    down = functional.pad(probs[:, :, 1:] - probs[:, :, :-1], (0, 0, 0, 1))
    along = functional.pad(probs[..., 1:] - probs[..., :-1], (0, 1))
    # the root has no slope at 0
    length = (down.square() + along.square() + 1e-12).sqrt() - 1e-6
    return length.sum(1).mean()


def segmentation_loss(
    logits: Tensor, labels: Tensor, link: Link, settings: LossSettings | None = None
) -> Tensor:
    """Add cross-entropy, Dice loss and smoothness, all of the (regularised) logits.

    Every part is the mean of its values for the single samples, so the loss of a batch is the mean
    of the losses of its parts.

    Parameters
    ----------
    logits : (B, K, *S)   divided by the temperature
    labels : (B, *S) int64; `IGNORE` where a pixel does not count
    link : Link
    settings : LossSettings   None = cross-entropy plus Dice

    Returns
    -------
    ()   cross-entropy in nats per pixel (under the ordered link: mean over the objects too),
         1 - mean soft Dice, background left out of the Dice under the softmax link
    """
    told = settings or LossSettings()
    valid = labels != IGNORE
    known = labels.clamp_min(0)
    wanted = targets(known, link, logits.shape[1])
    loss = logits.new_zeros(())
    if told.cross_entropy:
        loss = loss + told.cross_entropy * _entropy(logits, known, wanted, valid, link, told)
    if told.dice:
        loss = loss + told.dice * _dice(link.probs(logits), wanted, valid, link)
    if told.smoothness:
        loss = loss + told.smoothness * total_variation(link.probs(logits))
    return loss


def _entropy(
    logits: Tensor, known: Tensor, wanted: Tensor, valid: Tensor, link: Link, told: LossSettings
) -> Tensor:
    if link.name == "softmax":
        weights = None if told.class_weights is None else logits.new_tensor(told.class_weights)
        cost = functional.cross_entropy(logits, known, reduction="none", weight=weights)
    else:
        both = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        cost = both.mean(1)
    count = valid.flatten(1).sum(1).clamp_min(1)
    return ((cost * valid).flatten(1).sum(1) / count).mean()


def _dice(probs: Tensor, wanted: Tensor, valid: Tensor, link: Link) -> Tensor:
    from monai.losses import DiceLoss  # the 'train' extra

    first = 1 if link.name == "softmax" else 0
    shown = valid.unsqueeze(1)
    overlap = DiceLoss(smooth_nr=1.0, smooth_dr=1.0)
    dice: Tensor = overlap((probs * shown)[:, first:], (wanted * shown)[:, first:])
    return dice
