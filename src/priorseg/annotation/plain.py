"""Settings as plain data for JSON and back, strictly: what is not understood is an error."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from ..evaluation.strict import many, read_table, required, text
from ..session import PriorChoice, Settings

SEPARATE = ("painted",)  # fields of `Settings` that are kept as pixels, not as text
ADDED = ("object_volumes",)  # unknown to the first version; left out of files where empty
DEEPEST = 8


def settings_to_dict(settings: Settings) -> dict[str, Any]:
    """Turn settings into data that JSON can hold; painted pixels are left out.

    Raises
    ------
    TypeError  if a value is of a type that files do not hold; names it.
    """
    plain = {
        one.name: to_plain(getattr(settings, one.name), one.name)
        for one in fields(settings)
        if one.name not in ("priors", *SEPARATE)
        and (getattr(settings, one.name) or one.name not in ADDED)
    }
    plain["priors"] = [
        {
            "name": choice.name,
            "settings": to_plain(choice.settings, choice.name),
            "on": choice.on,
        }
        for choice in settings.priors
    ]
    return plain


def settings_from_dict(table: Any, where: str = "settings") -> Settings:
    """Read settings that `settings_to_dict` wrote.

    Raises
    ------
    ValueError  if a key is unknown or missing, or a value is refused; says which.
    """
    keys: dict[str, Any] = {}
    for one in fields(Settings):
        if one.name in SEPARATE:
            continue
        if one.name == "priors":
            keys[one.name] = required(many(_prior, least=0))
        elif one.name in ADDED:
            keys[one.name] = _mapping, {}
        elif one.default is not MISSING:
            keys[one.name] = _like(one.default), one.default
        else:
            keys[one.name] = required(_mapping)
    found = read_table(table, keys, where)
    try:
        return Settings(**found)
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error


def centres_from_plain(value: Any, where: str) -> dict[int, tuple[tuple[float, float], ...]]:
    """Read label -> ((y, x), ...) that `to_plain` wrote.

    Raises
    ------
    ValueError  for anything else.
    """
    try:
        return {
            int(label): tuple((float(y), float(x)) for y, x in points)
            for label, points in _mapping(value, where).items()
        }
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ValueError(f"{where} must hold the centres (y, x) of labels: {error}") from error


def _prior(value: Any, where: str) -> PriorChoice:
    keys = {
        "name": required(text),
        "settings": required(_mapping),
        "on": required(_like(True)),
    }
    return PriorChoice(**read_table(value, keys, where))


def _like(example: Any) -> Any:
    """Read a value of the same kind as an example; None takes anything."""

    def read(value: Any, where: str) -> Any:
        found = from_plain(value, where)
        kind: Any = (int, float) if isinstance(example, float) else type(example)
        wrong_bool = isinstance(found, bool) is not isinstance(example, bool)
        if example is not None and (wrong_bool or not isinstance(found, kind)):
            raise ValueError(f"{where} must be like {example!r}, got {value!r:.60}.")
        return found

    return read


def _mapping(value: Any, where: str) -> Mapping[Any, Any]:
    found = from_plain(value, where)
    if not isinstance(found, Mapping):
        raise ValueError(f"{where} must be a table of pairs, got {value!r:.60}.")
    return found


def to_plain(value: Any, where: str) -> Any:
    """Turn numbers, texts, sequences and mappings into data that JSON can hold exactly.

    Mappings become ``{"pairs": [[key, value], ...]}``, because JSON's keys are only texts; numbers
    that are not finite become ``{"number": "inf"}``.

    Raises
    ------
    TypeError  for anything else.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping):
        pairs = [[to_plain(key, where), to_plain(one, where)] for key, one in value.items()]
        return {"pairs": pairs}
    if isinstance(value, list | tuple):
        return [to_plain(one, where) for one in value]
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()  # a number of NumPy's
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, float):
        return {"number": str(value)}
    raise TypeError(f"{where} holds a {type(value).__name__}, which no session file can keep.")


def from_plain(value: Any, where: str, depth: int = 0) -> Any:
    """Read what `to_plain` wrote; sequences come back as tuples.

    Raises
    ------
    ValueError  for tables of another form, or nested more than 8 deep.
    """
    if depth > DEEPEST:
        raise ValueError(f"{where} is nested more than {DEEPEST} deep.")
    if isinstance(value, list):
        return tuple(from_plain(one, where, depth + 1) for one in value)
    if not isinstance(value, dict):
        return value
    if list(value) == ["number"] and value["number"] in ("inf", "-inf", "nan"):
        return float(value["number"])
    if list(value) == ["pairs"] and isinstance(value["pairs"], list):
        pairs = [from_plain(pair, where, depth + 1) for pair in value["pairs"]]
        if all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
            with contextlib.suppress(TypeError):  # a key that is a table
                return dict(pairs)
    raise ValueError(f"{where} is no number and no table of pairs: {value!r:.60}.")
