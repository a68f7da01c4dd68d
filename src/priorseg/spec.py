"""Declare parameters once, in a signature, and read them everywhere.

``weight: Annotated[float, Range(0.01, 20, log=True)] = 1.0`` in a prior's constructor becomes a
slider, a command-line flag, a check and an entry in a bundle.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
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
    grows : bool        whether the number grows with an enlarged image: a length in pixels, or the
                        cost of a pixel length of outline; see `enlarged`
    """

    low: float
    high: float
    log: bool = False
    unit: str = ""
    help: str = ""
    grows: bool = False

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


def enlarged(
    constructor: Callable[..., Any], settings: Mapping[str, Any], factor: float
) -> dict[str, Any]:
    """Give the settings that do the same on an image enlarged by a factor.

    What grows (see `Range`) is multiplied by the factor, and stops at the ends of its range unless
    it lay beyond them before. Whole numbers are rounded, and those that become equal are merged.

    Parameters
    ----------
    constructor : class or function with annotated arguments
    settings : mapping   its arguments; what grows and is missing takes its default
    factor : float       > 0; 1 = unchanged

    Raises
    ------
    ValueError  for a factor that is not a finite number > 0.
    """
    if not (math.isfinite(factor) and factor > 0):
        raise ValueError(f"The factor must be a finite number > 0, got {factor}.")
    found = dict(settings)
    if factor == 1:
        return found
    for name, entry in parameters(constructor).items():
        if entry.range is None or not entry.range.grows:
            continue
        value = found[name] if entry.required else found.get(name, entry.default)
        if isinstance(value, Sequence):
            listed = (_grown(one, factor, entry.range, round) for one in value)
            found[name] = list(dict.fromkeys(listed))
        else:
            found[name] = _grown(value, factor, entry.range, float)
    return found


def _grown(value: Any, factor: float, bounds: Range, kind: Callable[[Any], Any]) -> Any:
    low, high = min(bounds.low, value), max(bounds.high, value)
    return kind(min(max(value * factor, low), high))


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
