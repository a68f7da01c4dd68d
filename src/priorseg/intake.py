"""What a solve is given: names, checks, and what of a warm start still holds."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .kernels.iterates import all_finite
from .links import Link, Ordered
from .prescribed import labels_left
from .prior import Dual, Prior
from .priors.nested import Nested
from .priors.star import Star
from .priors.volume import Volume
from .scene import Scene
from .solution import Solution


def named(priors: Sequence[Prior]) -> dict[str, Prior]:
    """Name each prior, in the order of their blocks; twins are told apart by label or number."""
    if isinstance(priors, Prior) or not all(isinstance(prior, Prior) for prior in priors):
        raise ValueError(f"priors must be a list of priors such as [Volume()], got {priors}.")
    count = Counter(prior.name for prior in priors)
    found: dict[str, Prior] = {}
    for place, prior in enumerate(priors):
        key = prior.name
        if count[key] > 1:
            key = f"{key}_{getattr(prior, 'label', place)}"
        if key in found:
            raise ValueError(f"Two priors are called {key!r}: keep one of them.")
        found[key] = prior
    return dict(sorted(found.items(), key=lambda item: item[1].stage))


def check(logits: Tensor, scene: Scene, temperature: Tensor, link: Link) -> None:
    """Raise ValueError for what cannot be solved; says what to change."""
    if logits.ndim not in (4, 5):
        raise ValueError(f"logits must be (B, K, Y, X) or (B, K, Z, Y, X), got {logits.shape}.")
    if not logits.is_floating_point():
        raise ValueError(f"logits must be floating point, got {logits.dtype}.")
    if 0 in logits.shape:
        raise ValueError(f"logits of shape {tuple(logits.shape)} hold no pixels.")
    if not all_finite(logits.detach()):
        bad = int((~torch.isfinite(logits)).sum())
        raise ValueError(f"{bad} logits are nan or infinite. Check the image and the network.")
    if len(scene.spacing) != logits.ndim - 2:
        raise ValueError(
            f"scene.spacing {scene.spacing} has {len(scene.spacing)} axes, the logits have "
            f"{logits.ndim - 2}."
        )
    if not (torch.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be a finite number > 0, got {float(temperature)}.")
    link.check(logits.shape[1])


def with_extents(scene: Scene, priors: Mapping[str, Prior], link: Link, channels: int) -> Scene:
    """Add what the link and a nested prior say about the labels that make up an object."""
    extents = dict(link.extents(channels))
    for prior in priors.values():
        if isinstance(prior, Nested):
            extents.update(prior.extents())
    return replace(scene, extents={**extents, **scene.extents})


def check_objects(priors: Mapping[str, Prior], preps: Mapping[str, Any]) -> None:
    """Raise ValueError where volumes of objects contradict those of their classes."""
    groups = [preps[name].groups for name, prior in priors.items() if isinstance(prior, Volume)]
    for name, prior in priors.items():
        if groups and isinstance(prior, Star) and preps[name].objects is not None:
            preps[name].objects.check(f"label {prior.label}", groups[0], preps[name].extent)


def narrowed(
    fixed: Tensor | None,
    priors: Mapping[str, Prior],
    preps: dict[str, Any],
    link: Link,
    channels: int,
) -> Tensor | None:
    """Mark the labels that prescribed pixels and the priors leave to each pixel.

    Parameters
    ----------
    fixed : (B, *S)   see `prescribed.checked_fixed`; None = nothing is prescribed
    priors, preps : by name; preps are renewed where a prior learns from it

    Returns
    -------
    (B, labels, *S) bool, or None
    """
    if fixed is None:
        return None
    allowed = labels_left(fixed, link.label_count(channels))
    while True:  # ends: labels are only ever taken
        before = allowed
        for name, prior in reversed(list(priors.items())):  # a later block takes precedence
            allowed, preps[name] = prior.narrow(allowed, preps[name])
        if torch.equal(before, allowed):
            return allowed


def same_scene(old: Scene, new: Scene, names: Sequence[str]) -> bool:
    """Say whether two scenes agree in some fields."""

    def equal(a: Any, b: Any) -> bool:
        if isinstance(a, Mapping):
            return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
        if a is None or b is None or isinstance(a, tuple):
            return bool(a == b)
        one, two = torch.as_tensor(a), torch.as_tensor(b)
        return one.shape == two.shape and bool(
            torch.allclose(one.double(), two.to(one.device).double(), 0, 0, equal_nan=True)
        )

    return all(equal(getattr(old, name), getattr(new, name)) for name in names)


def prescribed_anew(old: Scene, new: Scene) -> Tensor | None:
    """Mark the samples whose prescribed labels have changed, (B,) bool; None = none has."""
    if old.fixed is None and new.fixed is None:
        return None
    given = [scene.fixed.flatten(1) for scene in (old, new) if scene.fixed is not None]
    before, after = given if len(given) == 2 else (given[0], torch.full_like(given[0], -1))
    return (before.clamp_min(-1).to(after) != after.clamp_min(-1)).any(1)


def warm_duals(
    warm: Solution | None, priors: Mapping[str, Prior], scene: Scene, like: Tensor
) -> dict[str, Dual]:
    """Keep the duals that still mean something: same prior, shape and scene as far as read."""
    if warm is None:
        return {}
    if warm.probs.shape != like.shape:
        raise ValueError(
            f"The warm start has shape {tuple(warm.probs.shape)}, the logits "
            f"{tuple(like.shape)}: start cold after the image changed."
        )
    kept = {}
    for name, dual in warm.duals.items():
        twin = priors.get(name)
        old = warm.priors[name]
        if type(old) is type(twin) and getattr(old, "label", None) == getattr(twin, "label", None):
            reads = ("extents", *old.reads)
            if same_scene(warm.scene, scene, reads):
                kept[name] = tuple(
                    part.detach().to(like) if part.ndim > 2 else part.detach().to(like.device)
                    for part in dual
                )
    return kept


def resolve(link: Link, priors: Iterable[Prior], logits: Tensor) -> Link:
    """Let a `Nested` prior that names every object order an ordered link that has no order."""
    if isinstance(link, Ordered) and not link.order and logits.ndim > 1:
        for prior in priors:
            if isinstance(prior, Nested) and len(prior.order) == logits.shape[1]:
                return Ordered(prior.order)
    return link
