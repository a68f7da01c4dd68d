"""Volumes that objects should have: counted in the truth, or summed over probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..intake import resolve
from ..links import Link, Ordered
from ..prescribed import checked_fixed, labels_left, prescribe
from ..prior import Prior
from ..priors.star import Star
from ..priors.volume import Volume
from ..scene import Scene


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
    return _sums(link.probs(logits / temperature), link)


def _sums(probs: Tensor, link: Link) -> Tensor:
    volumes = probs.flatten(2).sum(2, dtype=torch.float64)
    if not isinstance(link, Ordered):
        return volumes
    inner, found = torch.zeros_like(volumes[:, 0]), {}
    for label in link.nesting(volumes.shape[1]):
        inner = found[label] = torch.maximum(volumes[:, label - 1], inner)
    return torch.stack([found[label] for label in sorted(found)], 1)


def with_volumes(
    scene: Scene,
    logits: Tensor,
    priors: Sequence[Prior],
    link: Link,
    temperature: Tensor | float = 1.0,
) -> Scene:
    """Give a `Volume` prior the network's volumes in a scene that has none; see `scene_of`.

    Prescribed pixels count as what they are. Where single objects have wanted volumes, those of
    the classes stay free.

    Parameters
    ----------
    logits : (B, K, *S)   of the network alone
    """
    if scene.volumes is not None or not any(isinstance(prior, Volume) for prior in priors):
        return scene
    link, scale = resolve(link, priors, logits), float(temperature)
    plain = logits.detach().to(torch.promote_types(logits.dtype, torch.float32))
    if _sizes_objects(scene, priors):
        free = torch.full(plain.shape[:2], torch.nan, dtype=torch.float64, device=plain.device)
        return replace(scene, volumes=free)
    fixed = checked_fixed(scene.fixed, plain, link)
    if fixed is None:
        return replace(scene, volumes=network_volumes(plain, link, scale))
    allowed = labels_left(fixed, link.label_count(plain.shape[1]))
    probs = link.probs(prescribe(plain, allowed, link, plain.new_tensor(scale), 0.0) / scale)
    known = allowed.sum(1, keepdim=True) == 1  # painted pixels are counted, never rounded away
    counted = (probs * known).flatten(2).sum(2, dtype=torch.float64).round()
    return replace(scene, volumes=_sums(probs * ~known, link) + counted)


def _sizes_objects(scene: Scene, priors: Sequence[Prior]) -> bool:
    stars = {prior.label for prior in priors if isinstance(prior, Star)}
    return any(
        label in stars and bool(torch.as_tensor(row).isfinite().any())
        for label, row in scene.object_volumes.items()
    )


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
