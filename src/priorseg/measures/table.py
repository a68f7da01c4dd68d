"""Measures as tables: which columns, which rows."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from .cup_disc import CupDisc, measure_cup_disc
from .objects import ObjectMeasures
from .rim import Reading
from .sheets import Cell, Table

_SECTORS = ("inferior", "superior", "nasal", "temporal", "image left", "image right")


def unit_name(units: str) -> str:
    """Write a unit as part of a column's name: letters, digits and _ only; µm becomes um."""
    plain = units.strip().replace("µ", "u").replace("μ", "u")
    return re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_") or "unit"


def one_unit(units: Sequence[str]) -> str:
    """Return the unit that all share; px for none.

    Raises
    ------
    ValueError  if there are several.
    """
    found = sorted(set(units))
    if len(found) > 1:
        raise ValueError(f"One table has one unit, got {', '.join(found)}. Make one for each.")
    return found[0] if found else "px"


def _row_of(measured: ObjectMeasures, image: str) -> dict[str, Cell]:
    u, m = unit_name(measured.units), measured
    row: dict[str, Cell] = {"image": image, "number": m.number, "name": m.name}
    row |= {"class": m.class_name, "area_px": m.area_px}
    if u != "px":
        row[f"area_{u}2"] = m.area
    row |= {
        f"perimeter_{u}": m.perimeter,
        f"equivalent_diameter_{u}": m.equivalent_diameter,
        f"feret_max_{u}": m.feret_max,
        f"feret_min_{u}": m.feret_min,
        "circularity": m.circularity,
        "solidity": m.solidity,
    }
    kinds = {"px": m.centroid_px} | ({} if u == "px" else {u: m.centroid})
    for unit, centre in kinds.items():
        y, x = centre or (None, None)
        row |= {f"centroid_y_{unit}": y, f"centroid_x_{unit}": x}
    edges = m.box or (None, None, None, None)
    row |= dict(zip(("top_px", "left_px", "bottom_px", "right_px"), edges, strict=True))
    row |= {"pieces": m.pieces, "holes": m.holes, "touches_border": m.touches_border}
    return row | {"remark": m.remark}


def _table(name: str, rows: list[dict[str, Cell]], empty: dict[str, Cell]) -> Table:
    return Table(name, tuple(empty), tuple(tuple(row.values()) for row in rows))


def object_table(measured: Sequence[tuple[str, Sequence[ObjectMeasures]]]) -> Table:
    """Make a table with a row per object, of one image or many.

    Parameters
    ----------
    measured : sequence of (image name, its measures)

    Raises
    ------
    ValueError  if the objects have several units.
    """
    units = one_unit([m.units for _, objects in measured for m in objects])
    rows = [_row_of(m, image) for image, objects in measured for m in objects]
    return _table("objects", rows, _row_of(ObjectMeasures(0, "", "", units, 0, 0.0), ""))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _class_row(
    image: str, name: str, objects: Sequence[ObjectMeasures], size: int, units: str
) -> dict[str, Cell]:
    u, there = unit_name(units), [m for m in objects if m.area_px]
    pixels = sum(m.area_px for m in there)
    row: dict[str, Cell] = {"image": image, "class": name, "objects": len(there)}
    row |= {"area_px": pixels, "share_of_image_percent": 100 * pixels / size if size else None}
    areas = [m.area for m in there]
    square = "px" if u == "px" else f"{u}2"
    if u != "px":
        row[f"area_{square}"] = sum(areas)
    return row | {
        f"mean_area_{square}": _mean(areas),
        f"median_area_{square}": float(np.median(areas)) if areas else None,
        f"mean_equivalent_diameter_{u}": _mean([m.equivalent_diameter for m in there]),
        "mean_circularity": _mean([m.circularity for m in there]),
        "mean_solidity": _mean([m.solidity for m in there]),
        "at_border": sum(m.touches_border for m in there),
    }


def class_table(measured: Sequence[tuple[str, Sequence[ObjectMeasures], int]]) -> Table:
    """Make a table with a row per image and class: how many objects, their areas and means.

    Parameters
    ----------
    measured : sequence of (image name, its measures, pixels of the image)

    Raises
    ------
    ValueError  if the objects have several units.
    """
    units = one_unit([m.units for _, objects, _ in measured for m in objects])
    rows = []
    for image, objects, size in measured:
        for name in dict.fromkeys(m.class_name for m in objects):
            own = [m for m in objects if m.class_name == name]
            rows.append(_class_row(image, name, own, size, units))
    return _table("classes", rows, _class_row("", "", [], 0, units))


def _cup_disc_row(image: str, m: CupDisc) -> dict[str, Cell]:
    u, reasons = unit_name(m.units), dict.fromkeys([m.remark] if m.remark else [])

    def cell(reading: Reading) -> float | None:
        if reading.reason:
            reasons.setdefault(reading.reason)
        return reading.value

    square = "px" if u == "px" else f"{u}2"
    row: dict[str, Cell] = {"image": image, "eye": m.eye}
    row |= {
        "vertical_cdr": cell(m.vertical),
        "horizontal_cdr": cell(m.horizontal),
        "long_axis_cdr": cell(m.long_axis),
        "long_axis_degrees": m.long_axis_degrees,
        "area_cdr": cell(m.area_ratio),
        f"disc_area_{square}": cell(m.disc_area),
        f"cup_area_{square}": cell(m.cup_area),
        f"rim_area_{square}": cell(m.rim_area),
    }
    found = {sector.name: sector for sector in m.sectors}
    for name in _SECTORS:
        sector, word = found.get(name), name.replace(" ", "_")
        row[f"rim_{word}_mean_{u}"] = cell(sector.mean) if sector else None
        row[f"rim_{word}_narrowest_{u}"] = cell(sector.narrowest) if sector else None
    row |= {"isnt_order": m.isnt.order, "isnt_holds": m.isnt.holds}
    row[f"isnt_margin_{u}"] = m.isnt.margin
    if m.isnt.reason:
        reasons.setdefault(m.isnt.reason)
    return row | {"remark": "; ".join(reasons)}


def cup_disc_table(measured: Sequence[tuple[str, CupDisc]]) -> Table:
    """Make a table with a row per image: cup and disc, rim by sector, and why a cell is empty.

    Raises
    ------
    ValueError  if there are several units.
    """
    units = one_unit([m.units for _, m in measured])
    nothing = measure_cup_disc([[0]], [[0]], units=units)
    rows = [_cup_disc_row(image, m) for image, m in measured]
    return _table("cup and disc", rows, _cup_disc_row("", nothing))


def profile_table(measured: Sequence[tuple[str, CupDisc]]) -> Table:
    """Make a table with a row per image and ray: rim width and both radii over the angle.

    Raises
    ------
    ValueError  if there are several units.
    """
    u = unit_name(one_unit([m.units for _, m in measured]))
    columns = ("image", "degrees", f"rim_width_{u}", f"disc_radius_{u}", f"cup_radius_{u}")
    rows: list[tuple[Cell, ...]] = []
    for image, m in measured:
        if m.profile is not None:
            p = m.profile
            for values in zip(p.degrees, p.width, p.disc, p.cup, strict=True):
                rows.append((image, *map(float, values)))
    return Table("rim profile", columns, tuple(rows))
