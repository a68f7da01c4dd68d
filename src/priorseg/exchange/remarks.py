"""Names, colours and pixel edges as text, for formats that have room for a remark only."""

import json
import math
from collections.abc import Mapping
from typing import Any

from .masks import Colour, Masks

MOST_TEXT = 2**20  # characters that are looked at
_KEY = "priorseg labels"


def remarks(masks: Masks, ascii_only: bool = False) -> str:
    """Write what is known about a mask as one line of JSON."""
    told: dict[str, Any] = {_KEY: 1}
    if masks.names:
        told["names"] = {str(label): name for label, name in masks.names.items()}
    if masks.colours:
        told["colours"] = {str(label): to_hex(colour) for label, colour in masks.colours.items()}
    if masks.spacing is not None:
        told["spacing"] = list(masks.spacing)
        told["units"] = masks.units
    return json.dumps(told, ensure_ascii=ascii_only)


def recall(text: str) -> dict[str, Any] | None:
    """Read remarks; None if the text holds none of ours.

    Returns
    -------
    names, colours, spacing and units as `Masks` has them; what is not as it should be is left out
    """
    if _KEY not in text or len(text) > MOST_TEXT:
        return None
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get(_KEY) != 1:
        return None
    names = {k: v for k, v in _by_label(told.get("names")) if isinstance(v, str)}
    found = {k: from_hex(v) for k, v in _by_label(told.get("colours")) if isinstance(v, str)}
    spacing, units = edges(told.get("spacing")), told.get("units")
    return {
        "names": names,
        "colours": {label: colour for label, colour in found.items() if colour is not None},
        "spacing": spacing,
        "units": units if spacing is not None and isinstance(units, str) else None,
    }


def _by_label(told: object) -> list[tuple[int, Any]]:
    if not isinstance(told, Mapping):
        return []
    return [
        (int(key), value)
        for key, value in told.items()
        if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 11
    ]


def edges(told: object) -> tuple[float, float] | None:
    """Give two lengths above 0, or None."""
    if not isinstance(told, list | tuple) or len(told) != 2:
        return None
    try:
        y, x = (float(edge) for edge in told)
    except (TypeError, ValueError):
        return None
    return (y, x) if 0 < y < math.inf and 0 < x < math.inf else None


def to_hex(colour: Colour) -> str:
    """Write a colour as '#rrggbb'."""
    return "#" + "".join(f"{int(part):02x}" for part in colour)


def from_hex(text: str) -> Colour | None:
    """Read '#rrggbb'; None if it is something else."""
    digits = text.removeprefix("#")
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError:
        return None
    return red, green, blue
