"""Compare logits with a label map."""

import torch
from torch import Tensor
from torch.nn import functional

from ..links import Link


def targets(labels: Tensor, link: Link, channels: int) -> Tensor:
    """Turn labels into what the probabilities of each channel should be.

    Parameters
    ----------
    labels : (B, *S) int64
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


def segmentation_loss(logits: Tensor, labels: Tensor, link: Link) -> Tensor:
    """Add cross-entropy and the Dice loss, both of the (regularised) logits.

    Parameters
    ----------
    logits : (B, K, *S)   divided by the temperature
    labels : (B, *S) int64
    link : Link

    Returns
    -------
    ()   cross-entropy in nats per pixel plus 1 - mean soft Dice, background left out of the Dice
         under the softmax link
    """
    from monai.losses import DiceLoss  # the 'train' extra

    wanted = targets(labels, link, logits.shape[1])
    if link.name == "softmax":
        entropy = functional.cross_entropy(logits, labels)
    else:
        entropy = functional.binary_cross_entropy_with_logits(logits, wanted)
    first = 1 if link.name == "softmax" else 0
    overlap = DiceLoss(smooth_nr=1.0, smooth_dr=1.0)
    dice: Tensor = overlap(link.probs(logits)[:, first:], wanted[:, first:])
    return entropy + dice
