"""Fill a scene with what priors read, from the truth, the network's logits or a regression."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ..intake import named, resolve, with_extents
from ..links import Link
from ..prior import Prior, check_labels
from ..priors.star import Star
from ..priors.volume import Volume
from ..scene import Scene
from .centres import propose_centres
from .oracles import ORACLES
from .regression import VolumeRegressor
from .volumes import network_volumes, true_volumes

VolumeSource = Literal["truth", "network", "regressed"]
CentreSource = Literal["truth", "clicks", "network"]
VOLUME_SOURCES, CENTRE_SOURCES = get_args(VolumeSource), get_args(CentreSource)


def scene_of(
    logits: Tensor,
    priors: Sequence[Prior],
    link: Link,
    *,
    truth: Tensor | None = None,
    volumes: VolumeSource = "network",
    centres: CentreSource = "network",
    regressor: VolumeRegressor | None = None,
    temperature: Tensor | float = 1.0,
    instances: Tensor | None = None,
    object_px: float | None = None,
    inner: Mapping[int, int] | None = None,
    image: Tensor | None = None,
) -> Scene:
    """Tell priors the volumes and centres that they read; what none reads stays out.

    Parameters
    ----------
    logits : (B, K, Y, X)   finite; of the network alone
    priors : list of Prior
    link : Link             of the logits
    truth : (B, Y, X)       label maps, int64; a label that the link does not have = unlabelled
    volumes : str           'truth': pixel counts, see `true_volumes`; 'network': sums of the plain
                            probabilities, see `network_volumes`; 'regressed': see
                            `VolumeRegressor`
    centres : str           'truth': the deepest pixel of each component, see `true_centres`;
                            'clicks': a simulated click into each, see `clicked_centres`;
                            'network': see `propose_centres`
    regressor : VolumeRegressor   for 'regressed'
    temperature : ()        of the head
    instances : (B, Y, X)   whole numbers of true objects, 0 = none; for centres of
                            'truth' or 'clicks' where they touch
    object_px : float       typical diameter, for 'network'; None = measured in each image
    inner : mapping         star-shaped label -> label of an inner part that does not touch those
                            of other objects, for 'network'; see `propose_centres`
    image : (B, C, Y, X)    handed on for edge weights

    Returns
    -------
    Scene   a sample in which a star-shaped object has no centre gets nan: `Star` leaves it free

    Raises
    ------
    ValueError  for an unknown source, or one that lacks its truth or regressor.
    """
    for name, value, known in (
        ("volumes", volumes, VOLUME_SOURCES),
        ("centres", centres, CENTRE_SOURCES),
    ):
        if value not in known:
            raise ValueError(f"{name} must come from one of {known}, got {value!r}.")
    scene, link = Scene((1.0,) * (logits.ndim - 2), image=image), resolve(link, priors, logits)
    if any(isinstance(prior, Volume) for prior in priors):
        found = _volumes(logits, link, volumes, truth, regressor, temperature)
        scene = replace(scene, volumes=found)
    if not any(isinstance(prior, Star) for prior in priors):
        return scene
    if centres == "network":
        return with_centres(
            scene,
            logits,
            priors,
            link,
            temperature=temperature,
            object_px=object_px,
            inner=inner,
        )
    labels, channels = _checked(truth, logits, f"centres={centres!r}"), int(logits.shape[1])
    return _with_known_centres(scene, labels, instances, priors, link, channels, ORACLES[centres])


def with_centres(
    scene: Scene,
    logits: Tensor,
    priors: Sequence[Prior],
    link: Link,
    *,
    temperature: Tensor | float = 1.0,
    object_px: float | None = None,
    inner: Mapping[int, int] | None = None,
) -> Scene:
    """Propose centres for the star-shaped labels that have none in a scene; see `scene_of`.

    Raises
    ------
    ValueError  if logits are nan or infinite, or an inner part is no label.
    """
    wanted = _star_labels(priors, scene)
    if not wanted:
        return scene
    plain = logits.detach()
    if plain.ndim != 4 or not bool(torch.isfinite(plain).all()):
        raise ValueError(
            f"Centres are proposed from finite logits (B, K, Y, X), got {tuple(plain.shape)} with "
            f"{int((~torch.isfinite(plain)).sum())} that are nan or infinite."
        )
    link = resolve(link, priors, plain)
    whole = with_extents(scene, named(list(priors)), link, int(plain.shape[1]))
    probs = link.probs(plain.double() / float(temperature))

    def planes(label: int) -> np.ndarray:
        check_labels([label], int(plain.shape[1]), link, "Centres")
        channels = link.object_channels(label, whole.extent(label))
        return np.asarray(link.object_probs(probs, channels).clamp(0, 1).cpu().numpy())

    found = dict(scene.centres)
    for label in wanted:
        part = (inner or {}).get(label)
        parts = [None] * len(plain) if part is None else list(planes(part))
        pairs = zip(planes(label), parts, strict=True)
        found[label] = _rows([propose_centres(*pair, object_px=object_px) for pair in pairs])
    return replace(scene, centres=found)


def _with_known_centres(
    scene: Scene,
    truth: Tensor,
    instances: Tensor | None,
    priors: Sequence[Prior],
    link: Link,
    channels: int,
    find: Callable[[np.ndarray, np.ndarray | None], np.ndarray],
) -> Scene:
    if instances is not None and instances.shape != truth.shape:
        raise ValueError(
            f"instances have shape {tuple(instances.shape)}, truth has {tuple(truth.shape)}."
        )
    whole = with_extents(scene, named(list(priors)), link, channels)
    maps = truth.cpu().numpy()
    numbers = [None] * len(maps) if instances is None else list(instances.cpu().numpy())
    found = dict(scene.centres)
    for label in _star_labels(priors, scene):
        masks = np.isin(maps, whole.extent(label))
        rows = [find(mask, own) for mask, own in zip(masks, numbers, strict=True)]
        found[label] = _rows(rows)
    return replace(scene, centres=found)


def _star_labels(priors: Sequence[Prior], scene: Scene) -> list[int]:
    labels = {prior.label for prior in priors if isinstance(prior, Star)}
    return sorted(labels - set(scene.centres))


def _rows(points: Sequence[np.ndarray]) -> Tensor:
    """Stack centres of samples, (B, N, 2) float64 with nan where a sample has fewer, N >= 1."""
    most = max(1, *(len(one) for one in points))
    rows = torch.full((len(points), most, 2), torch.nan, dtype=torch.float64)
    for row, one in zip(rows, points, strict=True):
        row[: len(one)] = torch.from_numpy(one)
    return rows


def _volumes(
    logits: Tensor,
    link: Link,
    source: VolumeSource,
    truth: Tensor | None,
    regressor: VolumeRegressor | None,
    temperature: Tensor | float,
) -> Tensor:
    if source == "truth":
        labels = _checked(truth, logits, "volumes='truth'")
        return true_volumes(labels, link, int(logits.shape[1])).to(logits.device)
    if source == "network":
        return network_volumes(logits, link, temperature)
    if regressor is None:
        raise ValueError("volumes='regressed' needs a regressor: VolumeRegressor(channels, link).")
    return regressor.volumes(logits, temperature)


def _checked(truth: Tensor | None, logits: Tensor, what: str) -> Tensor:
    """Raise ValueError without a truth of the logits' size."""
    if truth is None:
        raise ValueError(f"{what} needs truth, label maps of shape (B, Y, X).")
    wanted = (logits.shape[0], *logits.shape[2:])
    if truth.is_floating_point() or tuple(truth.shape) != tuple(wanted):
        raise ValueError(
            f"truth must be whole numbers of shape {tuple(wanted)}, got {truth.dtype} of shape "
            f"{tuple(truth.shape)}."
        )
    return truth
