"""The contract of a prior: a field on the logits, and an exact form on the label map."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from .kernels.room import Room
from .links import SOFTMAX, Link
from .scene import Scene
from .spec import enlarged

Dual = tuple[Tensor, ...]


@dataclass(frozen=True)
class Certificate:
    """Say how far a label map is from a prior, measured on the label map.

    Parameters
    ----------
    violations : int or float   0 = satisfied; its unit is in the message (pixels)
    satisfied : bool
    message : str               what holds or what is missing, for a person
    parts : mapping             label -> its share of the violations, where a prior has several
    objects : mapping           label -> pixels of the object of each star centre, of one image
    """

    violations: int | float
    satisfied: bool
    message: str
    parts: Mapping[int, int] = dataclass_field(default_factory=dict)
    objects: Mapping[int, tuple[int, ...]] = dataclass_field(default_factory=dict)


class Prior(nn.Module):
    """Add a field to the logits; a subclass declares its parameters in its signature.

    Every tensor method works on a batch (B, K, *S), never mixes samples, and is differentiable
    in its inputs and in the prior's parameters unless it says otherwise.
    """

    name: ClassVar[str] = ""
    stage: ClassVar[int] = 0  # order of the blocks in a sweep and of the hardening
    reads: ClassVar[tuple[str, ...]] = ()  # fields of the scene the dual depends on
    convex: ClassVar[bool] = True  # whether the minimiser is unique
    certified: ClassVar[bool] = False  # whether its gap alone bounds the distance to the minimiser
    linearised: ClassVar[bool] = False  # whether u only says where its energy is linearised
    capturable: ClassVar[bool] = False  # whether host and device exchange nothing in its sweeps

    def prepare(self, scene: Scene, like: Tensor, *, link: Link = SOFTMAX) -> Any:
        """Build what one solve needs: kernels, ray trees, targets; differentiable.

        Parameters
        ----------
        scene : Scene
        like : (B, K, *S)   a tensor with the shape, dtype and device of the logits
        link : Link

        Raises
        ------
        ValueError  if the scene lacks what the prior needs, or cannot be satisfied.
        """
        raise NotImplementedError

    def narrow(self, allowed: Tensor, prep: Any) -> tuple[Tensor, Any]:
        """Take labels from pixels where prescribed pixels and this prior leave them no room.

        Called again, with what it gave, until no prior takes any label more. A prescribed pixel
        keeps its label: where the prior then cannot hold it gives way.

        Parameters
        ----------
        allowed : (B, labels, *S) bool   at least one label at every pixel
        prep : what `prepare` or the last call gave

        Returns
        -------
        allowed, at least one label at every pixel, and prep for this solve
        """
        return allowed, prep

    def moves(self, prep: Any) -> bool:
        """Say whether it has a field at all, or only projects."""
        return True

    def start(self, u: Tensor, prep: Any) -> Dual:
        """Give the dual of a cold start."""
        return ()

    def step(
        self, u: Tensor, dual: Dual, prep: Any, temperature: Tensor, *, height: Tensor | None = None
    ) -> Dual:
        """Advance the dual by this prior's block.

        Parameters
        ----------
        u : (B, K, *S)        the probabilities under the present fields
        dual : Dual           as `start` or the last `step` gave it
        temperature : ()      > 0
        height : (B, K, *S)   the logits minus the fields of all other priors;
                              None = recovered from u
        """
        return dual

    def field(self, u: Tensor, dual: Dual, prep: Any) -> Tensor:
        """Give what is subtracted from the logits, (B, K, *S)."""
        raise NotImplementedError

    def fused(
        self,
        u: Tensor,
        dual: Dual,
        prep: Any,
        temperature: Tensor,
        height: Tensor,
        room: Room | None = None,
    ) -> tuple[Dual, Tensor, Tensor] | None:
        """Do step, field and link in one pass where a compiled kernel can; else give None.

        Parameters
        ----------
        room : Room   memory for the results; they then live until the sweep after the next

        Returns
        -------
        the dual, (height − field) / temperature, and its link; equal to the separate calls to
        1e-5
        """
        return None

    def energy(self, u: Tensor, prep: Any) -> Tensor:
        """Give the prior's energy, (B,); a constraint adds 0 on its feasible set."""
        return u.new_zeros(u.shape[0])

    def gap(
        self, u: Tensor, dual: Dual, prep: Any, temperature: Tensor, *, height: Tensor
    ) -> Tensor:
        """Bound what this prior's block still misses, per pixel, (B,); 0 for exact blocks."""
        return u.new_zeros(u.shape[0])

    def pick(self, prep: Any, sample: int) -> Any:
        """Give what `prepare` built for one sample alone."""
        return prep

    def project(self, u: Tensor, prep: Any) -> Tensor:
        """Move u towards the prior's set, (B, K, *S); most priors leave it unchanged."""
        return u

    def project_in_place(self, u: Tensor, scaled: Tensor, prep: Any) -> bool:
        """Do `project` by writing to u and to the scaled logits, where no gradient is wanted.

        Returns
        -------
        whether it was done; False = use `project`
        """
        return False

    def harden(self, labels: Tensor, probs: Tensor, prep: Any) -> Tensor:
        """Give a label map that satisfies the prior exactly.

        Parameters
        ----------
        labels : (B, *S) uint8 or int64
        probs : (B, labels, *S) float64, or a `priors.ranking.Ranking`   how likely each label of
                the label map is
        """
        return labels

    def violation(self, labels: Tensor, prep: Any) -> Certificate:
        """Measure the prior on a label map (B, *S); 0 = satisfied."""
        return Certificate(0, True, "soft: no exact condition on the label map")

    def extra_repr(self) -> str:
        """Show the parameters."""
        return ", ".join(f"{key}={value}" for key, value in self.settings().items())

    def settings(self) -> dict[str, Any]:
        """Give the constructor arguments that rebuild this prior, as plain values."""
        raise NotImplementedError

    def enlarged(self, factor: float) -> "Prior":
        """Give the prior that does the same on an image enlarged by a factor; itself for 1.

        Parameters
        ----------
        factor : float   > 0; lengths are multiplied by it within their range, see `spec.enlarged`

        Raises
        ------
        ValueError  for a factor that is not a finite number > 0.
        """
        settings = enlarged(type(self), self.settings(), factor)
        if factor == 1:
            return self
        here = next(self.parameters(), torch.zeros(())).device
        return type(self)(**settings).to(here)


def nothing(like: Tensor) -> Tensor:
    """Give zeros of a shape that take no memory; `is_nothing` knows them."""
    return like.new_zeros(()).expand(like.shape)


def is_nothing(field: Tensor) -> bool:
    """Say whether a field is 0 because it came from `nothing`."""
    return field.numel() > 1 and not any(field.stride())


def whole_numbers(values: Any, name: str) -> tuple[int, ...]:
    """Read one or several whole numbers.

    Raises
    ------
    ValueError  if one of them is not whole.
    """
    try:
        listed = [values] if np.ndim(values) == 0 else list(values)
        whole = tuple(int(value) for value in listed)
        if whole == tuple(listed):
            return whole
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"{name} must be whole numbers, got {values!r}.")


def as_floats(values: Any, name: str) -> Tensor:
    """Read numbers from a tensor, an array or nested lists, as float64.

    Raises
    ------
    ValueError  if they are no numbers or the rows differ in length.
    """
    try:
        return torch.as_tensor(values).to(torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be numbers in rows of equal length: {error}.") from error


def log_parameter(value: float, name: str) -> nn.Parameter:
    """Store a positive number by its logarithm, so that learning keeps it positive.

    Parameters
    ----------
    value : float   finite, >= 0
    name : str      for the error message

    Raises
    ------
    ValueError  if the value is negative or not finite.
    """
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{name} must be a finite number >= 0, got {value}.")
    stored = math.log(number) if number > 0 else -math.inf
    return nn.Parameter(torch.tensor(stored, dtype=torch.float64), requires_grad=False)


def single_images(*tensors: Tensor) -> bool:
    """Say whether all are float32 images (B, K, Y, X) on the CPU; single numbers do not count."""
    return all(
        part.ndim == 4 and part.dtype == torch.float32 and part.device.type == "cpu"
        for part in tensors
        if part.ndim > 0
    )


def compilable(prep: Any, *tensors: Tensor) -> bool:
    """Say whether compiled kernels may run: float32 images on the CPU, no gradient wanted."""
    if torch.is_grad_enabled() and any(part.requires_grad for part in (*tensors, *prep.tracked)):
        return False
    return single_images(*tensors)


def recovered_height(u: Tensor, field: Tensor, temperature: Tensor, link: Link) -> Tensor:
    """Give logits that lead to u under a field, up to what the link ignores, (B, K, *S)."""
    return temperature * link.logits(u) + field


def check_labels(labels: Sequence[int], channels: int, link: Link, prior: str) -> None:
    """Raise ValueError if a label does not exist or is the background of nested objects."""
    first = 1 if link.name == "ordered" else 0
    last = link.label_count(channels) - 1
    for label in labels:
        if not first <= label <= last:
            raise ValueError(
                f"{prior}: label {label} does not exist; the labels go from {first} to {last}."
            )
