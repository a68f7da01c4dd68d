"""Write TOML: tables of plain values, so that `tomllib` reads back exactly what was given."""

import json
import math
from collections.abc import Mapping
from typing import Any

BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def toml_text(table: Mapping[str, Any]) -> str:
    """Write a document.

    Mappings become tables, and inline tables within a list or a table of a table; lists of
    mappings become arrays of tables; None is left out, for TOML has nothing for it.

    Raises
    ------
    TypeError  for a value that TOML does not hold.
    """
    lines = [f"{_key(key)} = {value(one)}" for key, one in table.items() if _is_plain(one)]
    for key, one in table.items():
        if isinstance(one, Mapping):
            lines += ["", f"[{_key(key)}]", *_body(one)]
        elif _is_tables(one):
            for part in one:
                lines += ["", f"[[{_key(key)}]]", *_body(part)]
    return "\n".join(lines) + "\n"


def _is_tables(one: Any) -> bool:
    return isinstance(one, list) and bool(one) and all(isinstance(part, Mapping) for part in one)


def _is_plain(one: Any) -> bool:
    return one is not None and not isinstance(one, Mapping) and not _is_tables(one)


def _body(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {value(one)}" for key, one in table.items() if one is not None]


def _key(key: str) -> str:
    return key if key and set(key) <= BARE else _quoted(key)


def _quoted(text: str) -> str:
    sound = text.encode("utf-8", "replace").decode()  # names of files may be no text at all
    return json.dumps(sound, ensure_ascii=False).replace("\x7f", "\\u007f")


def value(one: Any) -> str:
    """Write a value in one line.

    Raises
    ------
    TypeError  if TOML does not hold it.
    """
    if isinstance(one, bool):
        return "true" if one else "false"
    if isinstance(one, int):
        return str(int(one))
    if isinstance(one, float):
        return repr(float(one)) if math.isfinite(one) else str(float(one))
    if isinstance(one, str):
        return _quoted(one)
    if isinstance(one, list | tuple):
        return f"[{', '.join(value(part) for part in one)}]"
    if isinstance(one, Mapping):
        pairs = (f"{_key(key)} = {value(part)}" for key, part in one.items() if part is not None)
        return f"{{ {', '.join(pairs)} }}"
    raise TypeError(f"A recipe cannot hold a {type(one).__name__}.")
