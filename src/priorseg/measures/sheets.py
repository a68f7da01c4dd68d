"""Tables as CSV and XLSX files."""

from __future__ import annotations

import csv
import io as streams
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..io import replace_whole

Cell = str | int | float | bool | None

_FORMULA = tuple("=+-@＝＋－＠")  # what a spreadsheet may read as a formula
_MOST_ROWS = 1_048_576  # of a sheet


@dataclass(frozen=True)
class Table:
    """Hold rows under named columns; a unit is part of the name.

    Parameters
    ----------
    name : str
    columns : tuple of str
    rows : tuple of tuples   as long as the columns; None = empty

    Raises
    ------
    ValueError  if a row has another length.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.name}: a row has {len(row)} cells, not {self.columns}.")


def _plain(text: str) -> str:
    """Make a text one line that every file can hold."""
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]+", " ", text)
    return line.encode("utf-8", "backslashreplace").decode("utf-8")


def _csv_cell(cell: Cell) -> str:
    if isinstance(cell, str):
        text = _plain(cell)
        return "'" + text if text.lstrip().startswith(_FORMULA) else text
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return f"{cell:.9g}" if math.isfinite(cell) else ""
    return "" if cell is None else str(cell)


def csv_text(table: Table) -> str:
    """Write a table as comma-separated text, one header line; None and nan are empty cells.

    A text that a spreadsheet would take for a formula (begins with = + - @) gets an apostrophe.
    """
    text = streams.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([_csv_cell(cell) for cell in row] for row in table.rows)
    return text.getvalue()


def write_csv(path: str | os.PathLike[str], table: Table) -> Path:
    """Write a table as a CSV file (UTF-8); the old file stays whole until the new one is.

    Raises
    ------
    OSError  if the file cannot be written.
    """
    file = Path(path)
    replace_whole(file, csv_text(table).encode("utf-8"))
    return file


def _fill_sheet(sheet: Any, table: Table) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    for number, row in enumerate((table.columns, *table.rows), 1):
        for place, value in enumerate(row, 1):
            if value is None or (isinstance(value, float) and not math.isfinite(value)):
                continue
            cell = sheet.cell(number, place)
            cell.value = _plain(value) if isinstance(value, str) else value
            if isinstance(value, str):
                cell.data_type = "s"  # a text, never a formula
    sheet.freeze_panes = "A2"
    for place, column in enumerate(table.columns, 1):
        sheet.cell(1, place).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(place)].width = max(10, len(column) + 2)


def write_xlsx(path: str | os.PathLike[str], tables: Sequence[Table]) -> Path:
    """Write tables as the sheets of an XLSX file; the old file stays whole until the new one is.

    Texts are stored as texts: nothing in the file is a formula.

    Raises
    ------
    ImportError  without openpyxl; says how to get it.
    ValueError   if there is no table, or one has more rows than a sheet.
    OSError      if the file cannot be written.
    """
    try:
        from openpyxl import Workbook
    except ImportError as error:
        raise ImportError(
            'XLSX needs openpyxl: pip install "priorseg[tables]", or write CSV.'
        ) from error
    if not tables:
        raise ValueError("There is no table to write.")
    book = Workbook()
    book.remove(book.active)
    for table in tables:
        if len(table.rows) >= _MOST_ROWS:
            raise ValueError(
                f"{table.name} has {len(table.rows)} rows, more than a sheet; use CSV."
            )
        _fill_sheet(book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", table.name)[:31]), table)
    data = streams.BytesIO()
    book.save(data)
    file = Path(path)
    replace_whole(file, data.getvalue())
    return file
