"""Declare parameters once, in a signature, and read them everywhere.

``weight: Annotated[float, Range(0.01, 20, log=True)] = 1.0`` in a prior's constructor becomes a
slider, a command-line flag, a check and an entry in a bundle.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Range:
    """Bound the values that a slider offers.

    Parameters
    ----------
    low, high : float   ends of the slider, inclusive
    log : bool          whether the slider moves in equal ratios
    unit : str          shown behind the number; empty for none
    help : str          one sentence for a tooltip
    """

    low: float
    high: float
    log: bool = False
    unit: str = ""
    help: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"Range needs finite low < high, got {self.low} and {self.high}.")
        if self.log and self.low <= 0:
            raise ValueError(f"A logarithmic Range needs low > 0, got {self.low}.")


@dataclass(frozen=True)
class Parameter:
    """Describe one constructor argument: its name, type, range (if any) and default."""

    name: str
    type: Any
    range: Range | None
    default: Any

    @property
    def required(self) -> bool:
        """Say whether the constructor has no default for it."""
        return self.default is inspect.Parameter.empty


def parameters(constructor: Callable[..., Any]) -> dict[str, Parameter]:
    """List the declared parameters of a class or function, in order.

    Parameters
    ----------
    constructor : class or function with annotated arguments

    Returns
    -------
    dict from name to `Parameter`; ``self`` and ``*args`` are left out
    """
    call = constructor.__init__ if inspect.isclass(constructor) else constructor
    hints = get_type_hints(call, include_extras=True)
    found = {}
    for name, argument in inspect.signature(constructor).parameters.items():
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            continue
        hint = hints.get(name, Any)
        bounds = None
        if get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
            bounds = next((extra for extra in extras if isinstance(extra, Range)), None)
        found[name] = Parameter(name, hint, bounds, argument.default)
    return found


_registry: dict[str, type] = {}


def register(name: str) -> Callable[[type], type]:
    """Enter a prior class in the registry under its name.

    Raises
    ------
    ValueError  if the name is taken by another class.
    """

    def enter(cls: type) -> type:
        if _registry.get(name, cls) is not cls:
            raise ValueError(f"A prior named {name!r} exists already: {_registry[name]}.")
        _registry[name] = cls
        return cls

    return enter


def registered() -> Mapping[str, type]:
    """Give every registered prior class by name."""
    return dict(_registry)
