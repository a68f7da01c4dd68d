"""Write the short tables of docs/results.md from the measurements in docs/results.

    python scripts/summary.py

docs/results/summary.toml says which rows and columns; the full tables are docs/results/*.md. Every
table stands between two marks, `<!-- NAME -->` and `<!-- end -->`; what stands between is replaced.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from priorseg.evaluation.protocol import Protocol, load_protocol
from priorseg.evaluation.records import Record, Results, current
from priorseg.evaluation.tables import Cell, cell_of, is_share, markdown, records_of

ROOT = Path(__file__).resolve().parent.parent
PAGE, RESULTS = ROOT / "docs" / "results.md", ROOT / "docs" / "results"
END = "<!-- end -->"


@cache
def measured(name: str) -> tuple[Protocol, list[Record]]:
    """Read a table's protocol and what was measured by it."""
    protocol = load_protocol(ROOT / "configs" / "tables" / f"{name}.protocol.toml")
    return protocol, current(protocol, Results.read(RESULTS / f"{name}.json"))


def written(cell: Cell, measure: str) -> str:
    """Write mean ± spread over seeds, and the difference with its range over seeds."""
    scale, digits = (100, 1) if is_share(measure) else (1, 2)
    told = f"{scale * cell.summary.mean:.{digits}f}"
    if not math.isnan(cell.summary.deviation):
        told += f" ± {scale * cell.summary.deviation:.{digits}f}"
    if cell.interval is None:
        return told
    middle, *each = (
        f"{scale * value:+.{digits}f}".replace("-", "−")
        for value in (cell.interval.difference, *sorted(cell.interval.seeds))
    )
    middle = f"**{middle}**" if cell.interval.certain else middle
    return f"{told} ({middle}{f'; {each[0]} to {each[-1]}' if each else ''})"


def table(told: Mapping[str, Any], draws: int | None = None) -> str:
    """Write one table; the draws of the intervals are those of the protocol unless given.

    Raises
    ------
    ValueError  if a row or its baseline was not measured.
    """
    protocol, records = measured(told["results"])
    if draws is not None:
        protocol = replace(protocol, draws=draws)
    lines = [[told["first"], *(column[0] for column in told["columns"])]]
    lines += told.get("above", [])
    baselines = {row.name: row.baseline for row in protocol.rows}
    for name, shown in told["rows"]:
        cells = []
        for column in told["columns"]:
            condition, images, measure = _whole(column, told)
            chosen = [one for one in records if one.set == images]
            found = {
                row: records_of(chosen, row, condition) for row in (name, baselines.get(name, ""))
            }
            for row, own in found.items():
                if row and not own:
                    raise ValueError(f"{told['results']}: no {row!r} on {images}, {condition}.")
            cell = cell_of(protocol, found[name], found[baselines[name]], measure)
            cells.append(written(cell, measure))
        lines.append([shown, *cells])
    return markdown(lines)


def _whole(column: Sequence[str], told: Mapping[str, Any]) -> tuple[str, str, str]:
    """Give condition, set and measure of a column, [title, condition, set, measure] or fewer."""
    title, condition, images, measure = [*column, *[""] * (4 - len(column))]
    return condition or title, images or told["set"], measure or told["measure"]


def filled(page: str, draws: int | None = None) -> str:
    """Put all tables into the text of the page.

    Raises
    ------
    ValueError  if the page lacks the marks of a table.
    """
    tables = tomllib.loads((RESULTS / "summary.toml").read_text(encoding="utf-8"))
    for name, told in tables.items():
        told = {**tables[told["like"]], **told} if "like" in told else told
        mark = f"<!-- {name} -->"
        before, found, after = page.partition(mark)
        _, closed, rest = after.partition(END)
        if not (found and closed):
            raise ValueError(f"{PAGE.name} lacks {mark} or the {END} after it.")
        page = f"{before}{mark}\n{table(told, draws)}\n{END}{rest}"
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
