"""Units of length under the names that files and people give them."""

MILLIMETRES = {"nm": 1e-6, "µm": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}
LONG = {
    "nm": "nanometer",
    "µm": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
}
_ALIASES = {
    "um": "µm",
    "μm": "µm",  # the Greek letter
    "micron": "µm",
    "microns": "µm",
    "pixel": "px",
    "pixels": "px",
    **{name: short for short, name in LONG.items()},
    **{name.replace("meter", "metre"): short for short, name in LONG.items()},
}


def short_unit(units: str | None) -> str | None:
    """Give a unit its short name ('micrometer' -> 'µm'); None for None, pixels and nothing."""
    name = (units or "").strip().strip("\0")
    found = _ALIASES.get(name) or _ALIASES.get(name.lower(), name)
    return None if found in ("", "px") else found


def in_millimetres(
    spacing: tuple[float, float] | None, units: str | None
) -> tuple[float, float] | None:
    """Give pixel edges (Y, X) in millimetres; None if there are none or the unit is unknown."""
    factor = MILLIMETRES.get(short_unit(units) or "")
    if spacing is None or factor is None:
        return None
    return spacing[0] * factor, spacing[1] * factor


def in_words(spacing: tuple[float, float], units: str | None) -> str:
    """Say pixel edges for a message, for example '0.5 x 0.25 µm'."""
    return f"{spacing[0]:g} x {spacing[1]:g} {units or 'of an unknown unit'}"
