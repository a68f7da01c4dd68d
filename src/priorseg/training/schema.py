"""Read plain values into dataclasses: unknown keys, wrong types and ranges are refused."""

import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from ..spec import Range, parameters

T = TypeVar("T")
_LARGEST = 10**300  # a whole number that is still a float
_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def read_section(kind: type[T], plain: Any, where: str) -> T:
    """Build a dataclass from a table of plain values.

    Parameters
    ----------
    kind : dataclass   its annotations say which types and, by `Range`, which values are allowed
    plain : mapping    as TOML or JSON give it
    where : str        name of the table, for error messages

    Raises
    ------
    ValueError  for unknown or missing keys, wrong types and values out of range; says where.
    """
    known = parameters(kind)
    if not isinstance(plain, Mapping):
        raise ValueError(f"{where} must be a table of settings, got {plain!r:.80}.")
    unknown = sorted(str(key) for key in set(plain) - set(known))
    if unknown:
        raise ValueError(f"{where} has no settings {unknown}; allowed are {sorted(known)}.")
    missing = sorted(key for key, entry in known.items() if entry.required and key not in plain)
    if missing:
        raise ValueError(f"{where} lacks the settings {missing}.")
    values = {}
    for key, value in plain.items():
        entry = known[key]
        hint = Annotated[entry.type, entry.range] if entry.range else entry.type
        values[key] = converted(value, hint, f"{where}.{key}")
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None


def converted(value: Any, hint: Any, where: str) -> Any:
    """Turn a plain value into a type.

    Parameters
    ----------
    hint : bool, int, float, str, Literal, a dataclass, Mapping, tuple[T, ...], tuple[T, U], Any,
           a union of them, or Annotated with a `Range`

    Raises
    ------
    ValueError  if it does not fit.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _in_range(converted(value, inner[0], where), inner[1], where)
    if origin in (Union, types.UnionType):
        return _either(value, inner, where)
    if origin is Literal:
        if value not in inner or type(value) not in {type(choice) for choice in inner}:
            raise ValueError(f"{where} must be one of {list(inner)}, got {value!r:.80}.")
        return value
    if origin is tuple:
        return _several(value, inner, where)
    if isinstance(hint, type) and is_dataclass(hint):
        return read_section(hint, value, where)
    if hint is Mapping or origin is Mapping:
        return _plain_table(value, where)
    return _single(value, hint, where)


def _single(value: Any, hint: Any, where: str) -> Any:
    if hint is Any:
        return value
    if hint is type(None):
        if value is not None:
            raise ValueError(f"{where} must be left out, got {value!r:.80}.")
        return None
    if hint is float and type(value) is int and abs(value) <= _LARGEST:
        value = float(value)
    if type(value) is not hint or (hint is float and not math.isfinite(value)):
        raise ValueError(f"{where} must be {_NAMES.get(hint, hint)}, got {value!r:.80}.")
    return value


def _either(value: Any, choices: tuple[Any, ...], where: str) -> Any:
    first: ValueError | None = None
    for choice in choices:
        try:
            return converted(value, choice, where)
        except ValueError as error:
            first = first or error
    raise first or ValueError(f"{where}: {value!r:.80} does not fit.")


def _several(value: Any, inner: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where} must be a list, got {value!r:.80}.")
    if len(inner) == 2 and inner[1] is Ellipsis:
        inner = (inner[0],) * len(value)
    if len(inner) != len(value):
        raise ValueError(f"{where} must have {len(inner)} entries, got {list(value)!r:.80}.")
    return tuple(
        converted(part, hint, f"{where}[{place}]")
        for place, (part, hint) in enumerate(zip(value, inner, strict=True))
    )


def _plain_table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be a table, got {value!r:.80}.")
    return {str(key): part for key, part in value.items()}


def _in_range(value: Any, bounds: Range, where: str) -> Any:
    if isinstance(value, int | float) and not bounds.low <= value <= bounds.high:
        raise ValueError(f"{where} must lie from {bounds.low:g} to {bounds.high:g}, got {value!r}.")
    return value


def plain(value: Any) -> Any:
    """Turn dataclasses into what JSON can hold; `read_section` gives them back."""
    if is_dataclass(value) and not isinstance(value, type):
        return {entry.name: plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def stated(value: Any) -> Any:
    """Leave out what is None: settings that are not given, or that an older version lacked."""
    if isinstance(value, Mapping):
        return {key: stated(part) for key, part in value.items() if part is not None}
    return [stated(part) for part in value] if isinstance(value, list | tuple) else value
