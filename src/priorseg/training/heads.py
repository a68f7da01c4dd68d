"""Build heads from plain settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from .. import priors as _priors  # noqa: F401 - registers the priors
from ..head import VariationalHead
from ..links import Link, Ordered, as_link
from ..prior import Prior
from ..spec import Range, parameters, registered

Source = Literal["truth", "network", "regressed"]


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
                             'truth', 'network' or (volumes) 'regressed'
    """

    priors: tuple[Mapping[str, Any], ...] = ()
    sweeps: Annotated[int, Range(0, 1000)] = 5
    temperature: Annotated[float, Range(1e-6, 1e6)] = 1.0
    link: str | Mapping[str, Any] = "softmax"
    learnable: bool = True
    volumes: Source = "truth"
    centres: Literal["truth", "network"] = "truth"


@dataclass(frozen=True)
class ShipSettings:
    """Say what differs in the head that is shipped; everything else is as it was trained.

    Parameters
    ----------
    priors : tables or None   the priors of the shipped head; settings that are not given are those
                              of the trained prior of that name
    sweeps, temperature       None = as trained
    """

    priors: tuple[Mapping[str, Any], ...] | None = None
    sweeps: Annotated[int, Range(0, 1000)] | None = None
    temperature: Annotated[float, Range(1e-6, 1e6)] | None = None


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


def make_prior(told: Mapping[str, Any]) -> Prior:
    """Build a prior from its name and settings; '-' and '_' are the same in names.

    Raises
    ------
    ValueError  for unknown names and settings, or values that the prior refuses.
    """
    name = str(told.get("name", "")).replace("-", "_")
    constructor = registered().get(name)
    if constructor is None:
        raise ValueError(f"The prior {told.get('name')!r} is unknown; {sorted(registered())} are.")
    settings = {key: value for key, value in told.items() if key != "name"}
    known = parameters(constructor)
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ValueError(f"The prior {name!r} has no settings {unknown}; it has {sorted(known)}.")
    try:
        prior: Prior = constructor(**settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"The prior {name!r} cannot be built: {error}") from None
    return prior


def make_head(told: HeadSettings) -> VariationalHead:
    """Build a head."""
    return VariationalHead(
        [make_prior(prior) for prior in told.priors],
        sweeps=told.sweeps,
        temperature=told.temperature,
        link=link_of(told.link),
        learnable=told.learnable,
    )


def ship_head(trained: VariationalHead, told: ShipSettings | None) -> VariationalHead:
    """Build the head that is shipped from the trained one.

    Raises
    ------
    ValueError  see `make_prior`.
    """
    if told is None:
        return trained.requires_grad_(False)
    learned = {str(prior.name): prior.settings() for prior in trained.priors}  # type: ignore[operator]
    listed = told.priors
    if listed is None:
        listed = tuple({"name": name, **settings} for name, settings in learned.items())
    made = []
    for prior in listed:
        name = str(prior.get("name", "")).replace("-", "_")
        made.append(make_prior({**learned.get(name, {}), **prior, "name": name}))
    temperature = float(trained.temperature.detach())
    return VariationalHead(
        made,
        sweeps=trained.sweeps if told.sweeps is None else told.sweeps,
        temperature=temperature if told.temperature is None else told.temperature,
        link=trained.link,
    )
