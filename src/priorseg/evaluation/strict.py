"""Read tables of a TOML file strictly: unknown keys and wrong types are errors that say so."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Reader = Callable[[Any, str], Any]
_NO_DEFAULT = object()


def required(reader: Reader) -> tuple[Reader, Any]:
    """Declare a key that must be there."""
    return reader, _NO_DEFAULT


def read_table(table: Any, keys: Mapping[str, tuple[Reader, Any]], where: str) -> dict[str, Any]:
    """Read one table.

    Parameters
    ----------
    table : mapping
    keys : mapping   name -> (reader, default); see `required`
    where : str      names the table in errors

    Raises
    ------
    ValueError  for keys that are unknown or missing, and what the readers refuse.
    """
    if not isinstance(table, Mapping):
        raise ValueError(f"{where} must be a table, got {table!r:.60}.")
    unknown = sorted(set(table) - set(keys))
    if unknown:
        raise ValueError(f"{where} has no key {unknown}; it has {', '.join(keys)}.")
    found = {}
    for name, (reader, default) in keys.items():
        if name in table:
            found[name] = reader(table[name], f"{where}.{name}")
        elif default is _NO_DEFAULT:
            raise ValueError(f"{where} lacks the key {name!r}.")
        else:
            found[name] = default
    return found


def text(value: Any, where: str) -> str:
    """Read a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where} must be a text, got {value!r:.60}.")
    return value


def any_text(value: Any, where: str) -> str:
    """Read a text, also an empty one."""
    if not isinstance(value, str):
        raise ValueError(f"{where} must be a text, got {value!r:.60}.")
    return value


def choice(*allowed: str) -> Reader:
    """Read one of several texts."""

    def read(value: Any, where: str) -> str:
        if value not in allowed:
            raise ValueError(f"{where} must be one of {', '.join(allowed)}, got {value!r:.60}.")
        return str(value)

    return read


def flag(value: Any, where: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{where} must be true or false, got {value!r:.60}.")
    return value


def whole(low: int, high: int) -> Reader:
    """Read a whole number from low to high."""

    def read(value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(
                f"{where} must be a whole number from {low} to {high}, got {value!r:.60}."
            )
        return value

    return read


def whole_text(value: str, where: str) -> int:
    """Read a key that is a whole number from 0 to 65535."""
    if not (value.isascii() and value.isdigit() and int(value[:6]) <= 65535):
        raise ValueError(f"{where} has the key {value!r:.60}; a whole number is needed.")
    return int(value)


def real(low: float, high: float) -> Reader:
    """Read a number from low to high."""

    def read(value: Any, where: str) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:  # nan fails too
            raise ValueError(f"{where} must be a number from {low} to {high}, got {value!r:.60}.")
        return float(value)

    return read


def many(reader: Reader, least: int = 1) -> Reader:
    """Read a list."""

    def read(value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) < least:
            raise ValueError(f"{where} must be a list of at least {least}, got {value!r:.60}.")
        return tuple(reader(one, f"{where}[{place}]") for place, one in enumerate(value))

    return read


def mapped(reader: Reader) -> Reader:
    """Read a table of free names."""

    def read(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} must be a table, got {value!r:.60}.")
        return {str(name): reader(one, f"{where}.{name}") for name, one in value.items()}

    return read


def unique(names: Sequence[str], where: str) -> None:
    """Check that names differ.

    Raises
    ------
    ValueError  if two are equal.
    """
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise ValueError(f"{where}: the names {twice} occur twice; give each its own.")
