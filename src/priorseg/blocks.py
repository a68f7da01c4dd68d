"""The state of one solve: probabilities, duals and fields, one block for each prior."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .intake import (
    check,
    check_objects,
    named,
    narrowed,
    prescribed_anew,
    resolve,
    warm_duals,
    with_extents,
)
from .kernels import volume_pass
from .kernels.iterates import largest_change, pushed_on
from .kernels.room import Room
from .links import Link, as_link
from .prescribed import checked_fixed, prescribe
from .prior import Dual, Prior, is_nothing, single_images
from .scene import Scene
from .solution import Solution


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
        self.priors, self.temperature, self.link = priors, temperature, link
        self.scene = with_extents(scene, priors, link, logits.shape[1])
        self.preps: dict[str, Any] = {
            name: prior.prepare(self.scene, logits, link=link) for name, prior in priors.items()
        }
        check_objects(priors, self.preps)
        self.allowed = narrowed(self.scene.fixed, priors, self.preps, link, logits.shape[1])
        self.logits = self.prescribe(logits)
        self.tracked = torch.is_grad_enabled() and self._takes_gradients()
        kept = warm_duals(warm, priors, self.scene, logits)
        warm = warm if priors else None
        self.scaled, self.u = self._begin(warm)
        self.duals = {
            name: kept.get(name) or prior.start(self.u, self.preps[name])
            for name, prior in priors.items()
        }
        self.warm = (
            set() if warm is None else {n for n, d in self.duals.items() if n in kept or not d}
        )
        self.fields: dict[str, Tensor] = {}
        self.room: Room | None = None  # set where no earlier state is needed
        self.moving = [name for name, prior in priors.items() if prior.moves(self.preps[name])]
        self.moving = self.moving or list(priors)[:1]  # a sweep begins with the network's u
        self.point: Tensor | None = None  # where the next sweep begins; None = at u
        if len(priors) > 1:  # a single prior replaces its own field at once
            self.remember()

    def _begin(self, warm: Solution | None) -> tuple[Tensor, Tensor]:
        """Give what the first sweep starts from; a sample that was painted anew starts cold."""
        if warm is None:
            return self._start()
        u = warm.probs.detach().to(self.logits)
        stale = prescribed_anew(warm.scene, self.scene)
        if stale is not None:
            u = torch.where(stale.view(-1, *[1] * (u.ndim - 1)), self._start()[1], u)
        return self.logits, u  # a sweep renews the scaled logits

    def prescribe(self, logits: Tensor) -> Tensor:
        """Give logits that no field moves where the scene prescribes labels."""
        if self.allowed is None:
            return logits
        axes = logits.ndim - 2
        slope = logits.new_zeros(())
        for prior in self.priors.values():
            weight = getattr(prior, "weight", None)
            if isinstance(weight, Tensor):
                slope = slope + axes * weight.detach().to(slope)
        return prescribe(logits, self.allowed, self.link, self.temperature, slope)

    def _start(self) -> tuple[Tensor, Tensor]:
        """Give the scaled logits and the probabilities of the network alone."""
        if self.priors and not self.tracked and single_images(self.logits):
            ordered = self.link.name == "ordered"
            return volume_pass.apply(self.logits, None, self.temperature, ordered)
        scaled = self.logits / self.temperature
        return scaled, self.link.probs(scaled)

    def _takes_gradients(self) -> bool:
        given = [self.logits, self.temperature]
        for name, prior in self.priors.items():
            given += [*prior.parameters(), *getattr(self.preps[name], "tracked", ())]
        return any(value.requires_grad for value in given)

    def reuse(self) -> None:
        """Let later sweeps overwrite the results of earlier ones, where that can be done."""
        if single_images(self.logits) and not self.tracked:
            self.room = Room()

    def remember(self) -> None:
        """Give warm priors the fields they had."""
        for name in self.warm:
            prep = self.preps[name]
            self._hold(name, self.priors[name].field(self.u, self.duals[name], prep))

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
                height = self._minus(height, value, 1.0, f"height.{name}")
        return height

    def _height_on(self, name: str) -> Tensor:
        """Give `height` from the scaled logits, which hold the fields of all priors."""
        own = self.fields.get(name)
        if own is not None:
            return self._minus(own, self.scaled, -self.temperature, f"height.{name}")
        return self.scaled * self.temperature

    def _minus(self, one: Tensor, two: Tensor, factor: float | Tensor, name: str) -> Tensor:
        """Give one − factor * two, in the room if there is one."""
        if self.room is None:
            return one - two if isinstance(factor, float) else one - factor * two
        out = torch.from_numpy(self.room.take(name, tuple(two.shape)))
        return torch.sub(one, two, alpha=float(factor), out=out)

    def sweep(self) -> None:
        """Let every prior do its block once, in order, then project."""
        u, self.point = self.point, None
        for name in self.moving:
            first = name == self.moving[0]
            height = self.height(name) if first or self.tracked else self._height_on(name)
            self._block(name, self.u if u is None else u, height)
            u = None
        if self.room is None or not self._project_in_place():
            self._project()

    def _block(self, name: str, u: Tensor, height: Tensor) -> None:
        prior, prep = self.priors[name], self.preps[name]
        room = None if self.room is None else self.room.part(name)
        fused = prior.fused(u, self.duals[name], prep, self.temperature, height, room)
        if fused is None:
            self.duals[name] = prior.step(
                u, self.duals[name], prep, self.temperature, height=height
            )
            field = prior.field(u, self.duals[name], prep)
            self.scaled = (height - field) / self.temperature
            self.u = self.link.probs(self.scaled)
            self._hold(name, field)
            return
        self.duals[name], self.scaled, self.u = fused
        if len(self.moving) == 1:
            return  # nobody else asks for the field
        if not prior.linearised:
            self._hold(name, prior.field(self.u, self.duals[name], prep))
        elif self.tracked or name != self.moving[0]:  # of u before
            at = f"field.{name}"
            self._hold(name, self._minus(height, self.scaled, self.temperature, at))

    def _hold(self, name: str, field: Tensor) -> None:
        if is_nothing(field):
            self.fields.pop(name, None)
        else:
            self.fields[name] = field

    def _project(self) -> None:
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

    def _project_in_place(self) -> bool:
        """Project without copies; say whether every prior that projects could."""
        for name, prior in self.priors.items():
            projects = type(prior).project is not Prior.project
            if projects and not prior.project_in_place(self.u, self.scaled, self.preps[name]):
                return False
        return True

    def push_on(self, point: Tensor, before: Tensor, inertia: float) -> Tensor:
        """Choose where the next sweep begins; give what this one changed, (B,).

        Parameters
        ----------
        point : where this sweep began
        before : u before it
        inertia : float   0 = the next sweep begins at u
        """
        linearised = bool(self.moving) and self.priors[self.moving[0]].linearised
        if inertia == 0 or not linearised or self.u.requires_grad:
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
            self.allowed,
        )


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
    link = resolve(as_link(link), named_priors.values(), logits)
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
    check(logits, scene, scale.detach(), link)
    if scene.fixed is not None:
        scene = replace(scene, fixed=checked_fixed(scene.fixed, logits, link))
    if single_images(logits) and not (logits.requires_grad and torch.is_grad_enabled()):
        logits = logits.contiguous()  # once, instead of in every sweep
    return Blocks(logits, named_priors, scene, scale, link, warm)
