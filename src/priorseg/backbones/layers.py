"""Layers that several networks are made of."""

from typing import Literal

from torch import nn

Norm = Literal["group", "batch"]


def make_norm(kind: Norm, channels: int) -> nn.Module:
    """Make a batch norm, or a group norm of 8 groups (fewer where 8 do not divide)."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    groups = next(g for g in (8, 4, 2, 1) if channels % g == 0)
    return nn.GroupNorm(groups, channels)


def convolutions(
    inner: int, outer: int, kind: Norm, *, count: int = 2, last: nn.Module | None = None
) -> nn.Sequential:
    """Make 3x3 convolutions, each with norm and ReLU.

    Parameters
    ----------
    inner, outer : int   channels; those between the convolutions are `outer`
    kind : str           of the norms
    count : int          convolutions, >= 1
    last : nn.Module     in place of the last ReLU
    """
    layers: list[nn.Module] = []
    for place in range(count):
        layers += [
            nn.Conv2d(inner if place == 0 else outer, outer, 3, padding=1, bias=False),
            make_norm(kind, outer),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers[:-1], last or layers[-1])


def check_norm(kind: object) -> None:
    """Raise ValueError unless a norm is 'group' or 'batch'."""
    if kind not in ("group", "batch"):
        raise ValueError(f"norm must be 'group' or 'batch', got {kind!r}.")
