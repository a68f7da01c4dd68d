"""Build heads from plain settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch

from ..blocks import begin
from ..guidance.guide import CentreSource, VolumeSource
from ..head import VariationalHead
from ..links import Link, Ordered, as_link
from ..prior import Prior
from ..priors import make_prior
from ..scene import Scene
from ..spec import Range, enlarged


@dataclass(frozen=True)
class HeadSettings:
    """Describe a head.

    Parameters
    ----------
    priors : tables          each with the name of a registered prior and its settings
    sweeps : int
    temperature : float      > 0
    link : str or table      'softmax', 'ordered' or {ordered = labels, innermost first}
    learnable : bool         whether the priors' parameters and the temperature are trained
    volumes, centres : str   where they come from while training, for the priors that read them:
                             'truth', 'network', (volumes) 'regressed' or (centres) 'clicks',
                             simulated ones into the true objects
    """

    priors: tuple[Mapping[str, Any], ...] = ()
    sweeps: Annotated[int, Range(0, 1000)] = 5
    temperature: Annotated[float, Range(1e-6, 1e6)] = 1.0
    link: str | Mapping[str, Any] = "softmax"
    learnable: bool = True
    volumes: VolumeSource = "truth"
    centres: CentreSource = "truth"


@dataclass(frozen=True)
class ShipSettings:
    """Say what differs in the head that is shipped; everything else is as it was trained.

    Parameters
    ----------
    priors : tables or None   the priors of the shipped head; settings that are not given are those
                              of the trained prior of that name (and label)
    sweeps, temperature       None = as trained
    scale : float or None     None: lengths (sigma, radii) are pixels at the working size, and
                              grow with each image that is segmented, see `Segmenter.scale`.
                              A number: lengths are pixels of the images, whatever their size;
                              those that come from training are multiplied by it
    """

    priors: tuple[Mapping[str, Any], ...] | None = None
    sweeps: Annotated[int, Range(0, 1000)] | None = None
    temperature: Annotated[float, Range(1e-6, 1e6)] | None = None
    scale: Annotated[float, Range(0.01, 100)] | None = None


def link_of(told: str | Mapping[str, Any]) -> Link:
    """Read a link: 'softmax', 'ordered' or {ordered = [2, 1]}.

    Raises
    ------
    ValueError  if it is none.
    """
    if isinstance(told, str):
        return as_link(told)
    order = told.get("ordered")
    if set(told) != {"ordered"} or not isinstance(order, list | tuple):
        raise ValueError(f"head.link must be a name or {{ordered = [labels]}}, got {dict(told)!r}.")
    if any(type(label) is not int for label in order):
        raise ValueError(f"head.link.ordered must list labels, got {list(order)!r}.")
    return Ordered(tuple(order))


def _prior(told: Mapping[str, Any]) -> Prior:
    settings = {key: value for key, value in told.items() if key != "name"}
    return make_prior(told.get("name", ""), settings)


def make_head(told: HeadSettings) -> VariationalHead:
    """Build a head."""
    return VariationalHead(
        [_prior(prior) for prior in told.priors],
        sweeps=told.sweeps,
        temperature=told.temperature,
        link=link_of(told.link),
        learnable=told.learnable,
    )


def check_head(head: VariationalHead, channels: int) -> None:
    """Raise ValueError if a head does not fit logits of that many channels; says which part."""
    logits = torch.zeros(1, channels, 8, 8, requires_grad=True)  # tracked: nothing is compiled
    told: list[Any] = list(head.priors)
    scene = Scene(
        image=torch.zeros(1, 3, 8, 8),
        centres={prior.label: torch.zeros(1, 2) for prior in told if "centres" in prior.reads},
        volumes=torch.full((1, channels), torch.nan),
    )
    begin(logits, told, scene, head.temperature, head.link, None)


def ship_head(trained: VariationalHead, told: ShipSettings | None) -> VariationalHead:
    """Build the head that is shipped from the trained one.

    Raises
    ------
    ValueError  see `priors.make_prior`.
    """
    if told is None:
        return trained.requires_grad_(False)
    factor = 1.0 if told.scale is None else told.scale
    learned = [
        {"name": str(prior.name), **enlarged(type(prior), prior.settings(), factor)}  # type: ignore[operator]
        for prior in trained.priors
    ]
    made = []
    for prior in learned if told.priors is None else told.priors:
        wanted = {**prior, "name": str(prior.get("name", "")).replace("-", "_")}
        made.append(_prior({**_same(wanted, learned), **wanted}))
    temperature = float(trained.temperature.detach())
    return VariationalHead(
        made,
        sweeps=trained.sweeps if told.sweeps is None else told.sweeps,
        temperature=temperature if told.temperature is None else told.temperature,
        link=trained.link,
    )


def _same(wanted: Mapping[str, Any], learned: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Find the trained prior of a name; of several the one of the label, else the first."""
    twins = [one for one in learned if one["name"] == wanted["name"]]
    label = wanted.get("label")
    return next((one for one in twins if label == one.get("label")), twins[0] if twins else {})
