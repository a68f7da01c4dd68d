"""Cup and disc of an optic nerve head: ratios, rim and its width by sector.

Figures only; none of them is a diagnosis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from ..geometry import fill_holes, label_components
from .objects import Window, as_objects, check_region, check_units, touches
from .outline import Mask, Spacing, caliper, hull_corners
from .rim import EYES, Reading, RimProfile, Sector, rim_profile, sectors

Shape = tuple[int, ...]

_ROUND = 1.05  # below that ratio of its axes a disc has no long axis


@dataclass(frozen=True)
class Isnt:
    """State how the mean rim widths are ordered.

    Parameters
    ----------
    order : str            sectors from the widest to the narrowest, for example "I > S > N > T"
    holds : bool or None   inferior >= superior >= nasal >= temporal; None = not known
    margin : float or None   smallest difference that decides it, in units of the widths
    reason : str           why it is not known
    """

    order: str
    holds: bool | None
    margin: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class CupDisc:
    """Hold the measures of one optic disc; every `Reading` is a figure or the reason for none.

    Parameters
    ----------
    vertical, horizontal : Reading   extent of the cup by that of the disc along the image's Y, X
    long_axis : Reading              the same along the disc's long axis
    long_axis_degrees : float or None   its direction, 0 = along X, 90 = along Y, in [0, 180)
    area_ratio : Reading             area of the cup by that of the disc
    disc_area, cup_area, rim_area : Reading   in units²
    sectors : tuple of Sector        rim widths in units; empty if there is no profile
    isnt : Isnt
    profile : RimProfile or None
    eye : 'right', 'left' or None
    units : str
    remark : str                     what to know before using the figures
    """

    vertical: Reading
    horizontal: Reading
    long_axis: Reading
    long_axis_degrees: float | None
    area_ratio: Reading
    disc_area: Reading
    cup_area: Reading
    rim_area: Reading
    sectors: tuple[Sector, ...]
    isnt: Isnt
    profile: RimProfile | None
    eye: str | None
    units: str
    remark: str = ""


def _pieces(mask: Mask, name: str) -> str:
    count = label_components(mask)[1]
    return f"the {name} has {count} pieces; keep one" if count > 1 else ""


def _border(disc: Mask, corner: tuple[int, int], region: Window) -> str:
    rows, columns = np.flatnonzero(disc.any(1)), np.flatnonzero(disc.any(0))
    y, x = corner
    box = (y + int(rows[0]), x + int(columns[0]), y + int(rows[-1]) + 1, x + int(columns[-1]) + 1)
    text = "the disc touches the border of the image or of the region that was seen"
    return text if touches(box, region) else ""


def _cut_out(disc: ArrayLike, cup: ArrayLike) -> tuple[Mask, Mask, tuple[int, int], Shape]:
    """Give both masks in the box that holds them, where it begins, and the shape of the image."""
    whole, inner = (as_objects(mask) != 0 for mask in (disc, cup))
    if whole.shape != inner.shape:
        raise ValueError(f"The disc is {whole.shape}, the cup {inner.shape}; they must be equal.")
    rows = np.flatnonzero(whole.any(1) | inner.any(1))
    columns = np.flatnonzero(whole.any(0) | inner.any(0))
    if not rows.size:
        return whole, inner, (0, 0), whole.shape
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return whole[box], inner[box], (int(rows[0]), int(columns[0])), whole.shape


def _trouble(disc: Mask, cup: Mask, corner: tuple[int, int], region: Window) -> tuple[str, str]:
    """Say what forbids all figures of the disc, and what forbids those with the cup."""
    if not disc.any():
        return "there is no disc", "there is no disc"
    whole = _border(disc, corner, region) or _pieces(disc, "disc")
    if not cup.any():
        return whole, whole or "there is no cup"
    outside = int(np.count_nonzero(cup & ~disc))
    text = f"{outside} px of the cup lie outside the disc" if outside else ""
    return whole, whole or text or _pieces(cup, "cup")


def _areas(disc: Mask, cup: Mask, spacing: Spacing) -> tuple[dict[str, Reading], str]:
    """Give the areas and their ratio, and what is wrong with them: holes."""
    pixel = spacing[0] * spacing[1]
    disc_px, cup_px = int(np.count_nonzero(disc)), int(np.count_nonzero(cup))
    holed = [
        name
        for name, mask, pixels in (("disc", disc, disc_px), ("cup", cup, cup_px))
        if int(np.count_nonzero(fill_holes(mask))) > pixels
    ]
    holes = f"holes in the {' and the '.join(holed)}; fill them" if holed else ""
    none = Reading(None, holes)
    return {
        "area_ratio": none if holes or not disc_px else Reading(cup_px / disc_px),
        "disc_area": none if "disc" in holed else Reading(disc_px * pixel),
        "cup_area": none if "cup" in holed else Reading(cup_px * pixel),
        "rim_area": none if holes else Reading((disc_px - cup_px) * pixel),
    }, holes


def _long_axis(disc: Mask, spacing: Spacing) -> tuple[float | None, str]:
    """Give the direction of the disc's long axis in degrees, or say why it has none."""
    y, x = (np.arange(size) * edge for size, edge in zip(disc.shape, spacing, strict=True))
    rows, columns = disc.sum(1) / disc.sum(), disc.sum(0) / disc.sum()
    y, x = y - rows @ y, x - columns @ x
    mixed = y @ (disc @ x) / disc.sum()
    moments = np.array([[rows @ y**2, mixed], [mixed, columns @ x**2]])
    values, vectors = np.linalg.eigh(moments + np.diag(np.square(spacing)) / 12)
    if math.sqrt(values[1] / values[0]) < _ROUND:
        return None, f"the disc is round: its axes differ by less than {100 * (_ROUND - 1):.0f} %"
    return math.degrees(math.atan2(*vectors[:, 1])) % 180, ""


def _isnt(found: Sequence[Sector], eye: str | None) -> Isnt:
    known = {sector.name: sector.mean for sector in found}
    if not known or any(reading.value is None for reading in known.values()):
        reasons = [reading.reason for reading in known.values() if reading.reason]
        return Isnt("", None, None, reasons[0] if reasons else "there is no rim profile")
    letters = {name: name[0].upper() for name in known}
    letters |= {"image left": "left", "image right": "right"}
    widths = {name: reading.value or 0.0 for name, reading in known.items()}
    ranked = sorted(widths, key=lambda name: -widths[name])
    order = letters[ranked[0]]
    for wide, narrow in pairwise(ranked):
        order += (" = " if widths[wide] == widths[narrow] else " > ") + letters[narrow]
    if eye is None:
        return Isnt(order, None, None, "the eye is not given: nasal and temporal are not known")
    rule = [widths[name] for name in ("inferior", "superior", "nasal", "temporal")]
    steps = [wide - narrow for wide, narrow in pairwise(rule)]
    return Isnt(order, min(steps) >= 0, abs(min(steps)))


def _without(whole: str, reason: str, disc: Reading, eye: str | None, units: str) -> CupDisc:
    """Give the measures of a disc whose cup cannot be measured."""
    none = Reading(None, reason)
    return CupDisc(
        vertical=none,
        horizontal=none,
        long_axis=none,
        long_axis_degrees=None,
        area_ratio=none,
        disc_area=Reading(None, whole) if whole else disc,
        cup_area=none,
        rim_area=none,
        sectors=(),
        isnt=Isnt("", None, None, reason),
        profile=None,
        eye=eye,
        units=units,
        remark=reason,
    )


def _remark(profile: RimProfile, holes: str) -> str:
    parts = [holes] if holes else []
    if profile.folded:
        parts.append(f"{profile.folded} rays cross an edge more than once; the outermost counts")
    return "; ".join(parts)


def measure_cup_disc(
    disc: ArrayLike,
    cup: ArrayLike,
    *,
    spacing: tuple[float, float] = (1.0, 1.0),
    units: str = "px",
    eye: str | None = None,
    region: Window | None = None,
) -> CupDisc:
    """Measure an optic disc and its cup.

    Parameters
    ----------
    disc : (Y, X) bool    the whole disc: rim and cup
    cup : (Y, X) bool     inside the disc
    spacing : (Y, X)      pixel edges in `units`
    units : str
    eye : 'right', 'left' or None   of a photograph as the examiner sees it, superior up and not
                          mirrored: in a right eye nasal is right in the image. None: the sides
                          are called image left and image right
    region : two slices   the part of the image that was seen

    Returns
    -------
    CupDisc   where something is missing, cut off or in pieces: reasons, no figures

    Raises
    ------
    ValueError  if shapes differ, or spacing, eye or region are unusable.
    """
    whole, inner, corner, shape = _cut_out(disc, cup)
    if eye is not None and eye not in EYES:
        raise ValueError(f"eye must be 'right', 'left' or None, got {eye!r}.")
    edges = check_units(spacing, units)
    of_disc, of_cup = _trouble(whole, inner, corner, check_region(region, shape))
    areas, holes = _areas(whole, inner, edges)
    if of_cup:
        return _without(of_disc, of_cup, areas["disc_area"], eye, units)
    corners, within = hull_corners(whole, edges), hull_corners(inner, edges)
    degrees, no_axis = _long_axis(whole, edges)

    def ratio(direction: float) -> Reading:
        return Reading(caliper(within, direction) / caliper(corners, direction))

    profile = rim_profile(whole, inner, corner, edges, units)
    found = sectors(profile, eye)
    return CupDisc(
        vertical=ratio(90),
        horizontal=ratio(0),
        long_axis=Reading(None, no_axis) if degrees is None else ratio(degrees),
        long_axis_degrees=degrees,
        **areas,
        sectors=found,
        isnt=_isnt(found, eye),
        profile=profile,
        eye=eye,
        units=units,
        remark=_remark(profile, holes),
    )
