"""How the file of results is written: a column per measure, six digits, a line per record.

A table is tens of thousands of images times a dozen measures. Written one dict per image in all
digits, it is three times as large and no difference of it can be read.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

DIGITS = 6  # significant; tables show four

Image = Mapping[str, Any]  # {'name', 'scores': measure -> value or None, 'counts': kind -> list}


def shortened(value: float | None) -> float | None:
    """Round a score to six significant digits; nan becomes None, whole numbers lose the point."""
    if value is None or math.isnan(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() else short


def pack(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Turn lists of images into columns.

    Parameters
    ----------
    records : list of dict   as `dataclasses.asdict` gives them; 'images' is a list of `Image`

    Returns
    -------
    {'images': lists of names, 'records': the same with 'images' = {'list': which of the lists,
    'scores': measure -> values, 'counts': kind -> values}}
    """
    lists: list[list[str]] = []
    packed = []
    for record in records:
        images = record["images"]
        names = [image["name"] for image in images]
        if names not in lists:
            lists.append(names)
        columns = {part: _columns(images, part) for part in ("scores", "counts")}
        packed.append({**record, "images": {"list": lists.index(names), **columns}})
    return {"images": lists, "records": packed}


def _columns(images: Sequence[Image], part: str) -> dict[str, list[Any]]:
    keys = dict.fromkeys(key for image in images for key in image[part])
    return {key: [image[part].get(key) for image in images] for key in keys}


def unpack(plain: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Undo `pack`.

    Raises
    ------
    ValueError, KeyError, TypeError, IndexError  if it is nothing that `pack` gives.
    """
    found = []
    for record in plain["records"]:
        told = record["images"]
        names = plain["images"][told["list"]]
        columns = {part: _rows(told[part], len(names)) for part in ("scores", "counts")}
        images = [
            {"name": name, "scores": scores, "counts": counts}
            for name, scores, counts in zip(names, *columns.values(), strict=True)
        ]
        found.append({**record, "images": images})
    return found


def _rows(columns: Mapping[str, Sequence[Any]], count: int) -> list[dict[str, Any]]:
    odd = [key for key, values in columns.items() if len(values) != count]
    if odd:
        raise ValueError(f"{odd[0]!r} has {len(columns[odd[0]])} values for {count} images")
    return [{key: values[at] for key, values in columns.items()} for at in range(count)]


def write(head: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> str:
    """Give the text of a file: the head and the lists of names in a line each, then the records.

    Raises
    ------
    ValueError  for a number that is not finite.
    """
    plain = pack(records)
    lines = [f"{_compact(key)}:{_compact(value)}" for key, value in head.items()]
    for key in ("images", "records"):
        lines.append(f'"{key}":[\n' + ",\n".join(map(_compact, plain[key])) + "\n]")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
