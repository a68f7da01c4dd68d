"""Volumes that objects should have: counted in the truth, or summed over probabilities."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..links import Link, Ordered


def true_volumes(truth: Tensor, link: Link, channels: int) -> Tensor:
    """Count the pixels that `Volume` asks for in a label map.

    Parameters
    ----------
    truth : (B, *S) int64   a label that the link does not have means unlabelled
    channels : int          of the logits

    Returns
    -------
    (B, K) float64   pixels of each class; under the ordered link of each object with all inside
                     it. Unlabelled pixels are shared out in proportion; a sample without any
                     label is nan, which is free. A class that is absent has 0: the prior then
                     keeps it out.
    """
    counts = _counts(truth, link.label_count(channels))
    scale = truth[0].numel() / counts.sum(1, keepdim=True)  # exactly 1 where all is labelled
    return object_volumes(counts, link) * torch.where(scale.isfinite(), scale, torch.nan)


def network_volumes(logits: Tensor, link: Link, temperature: Tensor | float = 1.0) -> Tensor:
    """Sum the plain probabilities, without any prior.

    Alone, `Volume` then changes nothing. With other priors it keeps what the network counted,
    and its gradient goes to the logits through the volumes too.

    Parameters
    ----------
    logits : (B, K, *S)
    temperature : ()   > 0

    Returns
    -------
    (B, K) float64   pixels; under the ordered link an object has at least what lies inside it
    """
    probs = link.probs(logits / temperature)
    volumes = probs.flatten(2).sum(2, dtype=torch.float64)
    if not isinstance(link, Ordered):
        return volumes
    inner, found = torch.zeros_like(volumes[:, 0]), {}
    for label in link.nesting(volumes.shape[1]):
        inner = found[label] = torch.maximum(volumes[:, label - 1], inner)
    return torch.stack([found[label] for label in sorted(found)], 1)


def network_fractions(logits: Tensor, link: Link, temperature: Tensor | float = 1.0) -> Tensor:
    """Give the share of each label of the label map in the image, (B, labels) float64."""
    volumes = network_volumes(logits, link, temperature) / logits[0, 0].numel()
    if not isinstance(link, Ordered):
        return volumes
    order = link.nesting(volumes.shape[1])
    shares, inner = {}, torch.zeros_like(volumes[:, 0])
    for label in order:
        shares[label] = volumes[:, label - 1] - inner
        inner = volumes[:, label - 1]
    shares[0] = 1 - inner
    return torch.stack([shares[label] for label in sorted(shares)], 1)


def label_fractions(truth: Tensor, count: int) -> Tensor:
    """Give the share of each label among the labelled pixels, (B, labels) float64; nan if none."""
    counts = _counts(truth, count)
    return counts / counts.sum(1, keepdim=True)


def object_volumes(fractions: Tensor, link: Link) -> Tensor:
    """Turn shares or counts of labels, (B, labels), into those of the link's objects, (B, K)."""
    if not isinstance(link, Ordered):
        return fractions
    extents: Mapping[int, Sequence[int]] = link.extents(fractions.shape[1] - 1)
    return torch.stack([fractions[:, list(extents[j])].sum(1) for j in sorted(extents)], 1)


def _counts(truth: Tensor, count: int) -> Tensor:
    flat = truth.flatten(1)
    planes = [(flat == label).sum(1, dtype=torch.float64) for label in range(count)]
    return torch.stack(planes, 1)
