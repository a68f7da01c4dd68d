"""AdamW with a learning rate per part, and a running mean of the weights."""

from typing import Any

import torch
from torch import Tensor, nn

from .model import Model
from .schedule import Schedule


def make_optimiser(model: Model, schedule: Schedule) -> torch.optim.AdamW:
    """Group the parameters: network, its encoder, its regressor, priors (those inside it too).

    The largest learning rate of a group is stored with it as ``base``. Norms and biases do not
    decay.
    """
    encoder, inner = _part(model, "encoder_parameters"), _part(model, "inner_parameters")
    apart = {id(p) for p in (*encoder, *inner)}
    outer = [p for p in model.backbone.parameters() if id(p) not in apart]
    if model.regressor is not None:
        outer += list(model.regressor.parameters())
    encoder_rate = schedule.rate if schedule.encoder_rate is None else schedule.encoder_rate
    groups: list[dict[str, Any]] = []
    for parts, rate, decay in (
        (outer, schedule.rate, schedule.decay),
        (encoder, encoder_rate, schedule.decay),
        ([*model.head.parameters(), *inner], schedule.prior_rate, 0.0),
    ):
        for wide in (True, False):
            chosen = [p for p in parts if p.requires_grad and (p.ndim > 1) == wide]
            if chosen:
                share = decay if wide else 0.0
                groups.append({"params": chosen, "base": rate, "weight_decay": share})
    return torch.optim.AdamW(groups, lr=schedule.rate)


def _part(model: Model, name: str) -> list[nn.Parameter]:
    """Give the parameters that a method of the backbone names; none without that method."""
    method = getattr(model.backbone, name, None)
    return [] if method is None else list(method())


class RunningMean:
    """Keep an exponential mean of a module's state.

    Parameters
    ----------
    module : nn.Module
    keep : float   share that the mean keeps per step, < 1; less in the first steps
    """

    def __init__(self, module: nn.Module, keep: float) -> None:
        self.keep, self.steps = keep, 0
        self.state = {key: value.detach().clone() for key, value in module.state_dict().items()}
        # the logarithm of a weight of 0 has no mean
        self._mixed = [
            key
            for key, value in self.state.items()
            if value.is_floating_point() and bool(torch.isfinite(value).all())
        ]

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take a step's weights in."""
        self.steps += 1
        share = 1 - min(self.keep, self.steps / (10 + self.steps))
        present = module.state_dict()
        for key in self._mixed:
            self.state[key].lerp_(present[key], share)
        for key in present.keys() - set(self._mixed):
            self.state[key].copy_(present[key])

    def adopt_buffers(self, module: nn.Module) -> None:
        """Take the buffers of a module, for instance those averaged over processes."""
        for name, value in module.named_buffers():
            self.state[name].copy_(value)

    def state_dict(self) -> dict[str, Any]:
        """Give what a checkpoint needs."""
        return {"steps": self.steps, "state": self.state}

    def load_state_dict(self, told: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.steps = told["steps"]
        for key, value in self.state.items():
            value.copy_(told["state"][key])


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    """Copy a module's state to the CPU."""
    return {key: value.detach().cpu().clone() for key, value in module.state_dict().items()}
