"""The state of one solve: probabilities, duals and fields, one block for each prior."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .kernels.iterates import all_finite, largest_change, pushed_on
from .kernels.room import Room
from .links import Link, Ordered, as_link
from .prior import Dual, Prior
from .priors.nested import Nested
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


def _check(logits: Tensor, scene: Scene, temperature: Tensor, link: Link) -> None:
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


def _with_extents(scene: Scene, priors: Mapping[str, Prior], link: Link, channels: int) -> Scene:
    extents = dict(link.extents(channels))
    for prior in priors.values():
        if isinstance(prior, Nested):
            extents.update(prior.extents())
    return replace(scene, extents={**extents, **scene.extents})


def _same(old: Scene, new: Scene, names: Sequence[str]) -> bool:
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


def _warm_duals(
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
            if _same(warm.scene, scene, reads):
                kept[name] = tuple(
                    part.detach().to(like) if part.ndim > 2 else part.detach().to(like.device)
                    for part in dual
                )
    return kept


class Blocks:
    """The mutable state of one solve."""

    def __init__(
        self,
        logits: Tensor,
        priors: Mapping[str, Prior],
        scene: Scene,
        temperature: Tensor,
        link: Link,
        warm: Solution | None,
    ) -> None:
        self.logits, self.priors, self.temperature, self.link = logits, priors, temperature, link
        self.scene = _with_extents(scene, priors, link, logits.shape[1])
        self.preps = {
            name: prior.prepare(self.scene, logits, link=link) for name, prior in priors.items()
        }
        kept = _warm_duals(warm, priors, self.scene, logits)
        self.scaled = logits / temperature
        warm = warm if priors else None
        self.u = link.probs(self.scaled) if warm is None else warm.probs.detach().to(logits)
        self.duals = {
            name: kept.get(name) or prior.start(self.u, self.preps[name])
            for name, prior in priors.items()
        }
        self.warm = (
            set() if warm is None else {n for n, d in self.duals.items() if n in kept or not d}
        )
        self.fields: dict[str, Tensor] = {}
        self.room: Room | None = None  # set where no earlier state is needed
        self.point: Tensor | None = None  # where the next sweep begins; None = at u
        if len(priors) > 1:  # a single prior replaces its own field at once
            self.remember()

    def remember(self) -> None:
        """Give warm priors the fields they had."""
        for name in self.warm:
            prep = self.preps[name]
            self.fields[name] = self.priors[name].field(self.u, self.duals[name], prep)

    def settle(self) -> None:
        """Give u and logits that belong together before any sweep."""
        self.remember()
        self.scaled = self.height("") / self.temperature
        self.u = self.link.probs(self.scaled)

    def height(self, name: str) -> Tensor:
        """Subtract the fields of all other priors from the logits."""
        height = self.logits
        for other, value in self.fields.items():
            if other != name:
                height = height - value
        return height

    def sweep(self) -> None:
        """Let every prior do its block once, in order, then project."""
        u, self.point = self.point, None
        for name, prior in self.priors.items():
            if prior.has_field:
                self._block(name, prior, self.u if u is None else u)
                u = None
        projected = self.u
        for name, prior in self.priors.items():
            projected = prior.project(projected, self.preps[name])
        if projected is not self.u:
            moved = self.link.moved(self.u, projected)
            target = self.link.logits(projected)
            self.scaled = torch.where(
                moved, self.scaled + (target - self.scaled).detach(), self.scaled
            )
            self.u = projected

    def _block(self, name: str, prior: Prior, u: Tensor) -> None:
        prep, height = self.preps[name], self.height(name)
        fused = prior.fused(u, self.duals[name], prep, self.temperature, height, self.room)
        if fused is not None:
            self.duals[name], self.scaled, self.u = fused
            if len(self.priors) > 1:
                self.fields[name] = height - self.scaled * self.temperature
            return
        self.duals[name] = prior.step(u, self.duals[name], prep, self.temperature, height=height)
        self.fields[name] = prior.field(u, self.duals[name], prep)
        self.scaled = (height - self.fields[name]) / self.temperature
        self.u = self.link.probs(self.scaled)

    def push_on(self, point: Tensor, before: Tensor, inertia: float) -> Tensor:
        """Choose where the next sweep begins; give what this one changed, (B,).

        Parameters
        ----------
        point : where this sweep began
        before : u before it
        inertia : float   0 = the next sweep begins at u
        """
        first = next((p for p in self.priors.values() if p.has_field), None)
        if inertia == 0 or first is None or not first.linearised or self.u.requires_grad:
            return largest_change(self.u, point)
        self.point, change = pushed_on(self.u, point, before, inertia, self.room)
        return change

    def freeze(self, active: Tensor, old: "tuple[Tensor, Tensor, Mapping[str, Dual]]") -> None:
        """Put samples that had converged back to where they were."""

        def pick(new: Tensor, previous: Tensor) -> Tensor:
            return torch.where(active.view(-1, *[1] * (new.ndim - 1)), new, previous)

        self.u, self.scaled = pick(self.u, old[0]), pick(self.scaled, old[1])
        self.duals = {
            name: tuple(pick(a, b) for a, b in zip(dual, old[2][name], strict=True))
            for name, dual in self.duals.items()
        }

    def solution(self, residual: Tensor, sweeps: int) -> Solution:
        """Freeze the present state."""
        return Solution(
            self.scaled,
            self.u,
            dict(self.duals),
            residual,
            sweeps,
            self.scene,
            self.priors,
            self.preps,
            self.link,
            self.temperature,
        )


def _resolve(link: Link, priors: Iterable[Prior], logits: Tensor) -> Link:
    """Let a `Nested` prior that names every object order an ordered link that has no order."""
    if isinstance(link, Ordered) and not link.order and logits.ndim > 1:
        for prior in priors:
            if isinstance(prior, Nested) and len(prior.order) == logits.shape[1]:
                return Ordered(prior.order)
    return link


def begin(
    logits: Tensor,
    priors: Sequence[Prior],
    scene: Scene | None,
    temperature: float | Tensor,
    link: str | Link,
    warm: Solution | None,
) -> Blocks:
    """Check what a solve is given and prepare its state; see `priorseg.iterate`."""
    if not isinstance(logits, Tensor):
        raise ValueError(f"logits must be a torch tensor (B, K, *S), got {type(logits)}.")
    named_priors = named(priors)
    link = _resolve(as_link(link), named_priors.values(), logits)
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    scene = scene or Scene(spacing=(1.0,) * (logits.ndim - 2))
    scale = torch.as_tensor(
        temperature,
        dtype=torch.float64 if logits.dtype == torch.float64 else torch.float32,
        device=logits.device,
    )
    if scale.numel() != 1:
        raise ValueError(f"temperature must be one number, got {tuple(scale.shape)}.")
    scale = scale.reshape(())
    _check(logits, scene, scale.detach(), link)
    return Blocks(logits, named_priors, scene, scale, link, warm)
