import csv
import io
import re
import sys
import zipfile

import numpy as np
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from priorseg.measures import (
    Table,
    class_table,
    csv_text,
    cup_disc_table,
    measure,
    measure_cup_disc,
    object_table,
    profile_table,
    write_csv,
    write_xlsx,
)
from priorseg.measures.table import unit_name

from .shapes import disc, draw

HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", " \t=1+1", "＝1+1", "\n=1"]


def two_objects(units: str = "px") -> list:
    image = np.zeros((40, 50), np.uint8)
    image[3:13, 4:24], image[20:30, 10:20] = 1, 2
    spacing = (1.0, 1.0) if units == "px" else (0.5, 0.5)
    return measure(image, spacing=spacing, units=units, classes={1: "long", 2: "square"})


def one_disc(**options) -> object:
    whole, _ = draw(disc(30)[0], 30)
    cup, _ = draw(disc(12)[0], 30)
    return measure_cup_disc(whole, cup, **options)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_of_csv_holds_the_figures_of_its_object():
    rows = read(csv_text(object_table([("a.png", two_objects("mm"))])))
    assert [row["class"] for row in rows] == ["long", "square"]
    assert (rows[0]["area_px"], float(rows[0]["area_mm2"])) == ("200", 50.0)
    assert float(rows[0]["feret_min_mm"]) == 5.0
    assert (float(rows[1]["centroid_y_px"]), float(rows[1]["centroid_y_mm"])) == (24.5, 12.25)
    assert rows[0]["touches_border"] == "false"


def test_columns_depend_on_the_unit_alone():
    for units in ("px", "mm"):
        full = object_table([("a", two_objects(units))])
        lost = object_table([("b", measure(np.zeros((3, 3), int), names={1: "x"}))])
        assert full.columns == object_table([("a", two_objects(units)[:1])]).columns
        if units == "px":
            assert lost.columns == full.columns
    known, missing = one_disc(eye="left"), measure_cup_disc([[0]], [[0]])
    assert cup_disc_table([("a", known)]).columns == cup_disc_table([("b", missing)]).columns


def test_what_is_not_known_is_an_empty_cell_with_a_reason_in_the_row():
    row = read(csv_text(cup_disc_table([("a", measure_cup_disc([[0]], [[0]]))])))[0]
    assert (row["vertical_cdr"], row["rim_nasal_mean_px"], row["isnt_holds"]) == ("", "", "")
    assert row["remark"] == "there is no disc"


def test_the_rim_profile_has_a_row_per_ray():
    measured = one_disc()
    rows = read(csv_text(profile_table([("a", measured)])))
    assert len(rows) == 360
    widths = [float(row["rim_width_px"]) for row in rows]
    assert widths == pytest.approx(measured.profile.width.tolist(), rel=1e-8)


def test_classes_are_counted_and_averaged():
    image = np.zeros((20, 20), np.uint8)
    image[0:4, 0:4], image[10:12, 10:12], image[15:17, 3:5] = 1, 2, 3
    names = {1: "a", 2: "b", 3: "b"}
    rows = read(csv_text(class_table([("i", measure(image, classes=names), 400)])))
    assert [(row["class"], row["objects"], row["area_px"]) for row in rows] == [
        ("a", "1", "16"),
        ("b", "2", "8"),
    ]
    assert (rows[0]["share_of_image_percent"], rows[0]["at_border"]) == ("4", "1")
    assert rows[1]["mean_area_px"] == rows[1]["median_area_px"] == "4"


def test_two_units_do_not_fit_into_one_table():
    with pytest.raises(ValueError, match="mm, px"):
        object_table([("a", two_objects()), ("b", two_objects("mm"))])


@pytest.mark.parametrize(
    ("units", "name"), [("µm", "um"), ("μm", "um"), ("mm", "mm"), ("a b/c", "a_b_c"), ("²", "unit")]
)
def test_units_become_plain_parts_of_column_names(units, name):
    assert unit_name(units) == name


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_that_look_like_formulas_are_texts_in_both_files(text, tmp_path):
    table = Table("t", ("name", "value"), ((text, -1.5),))
    name, value = next(csv.reader(io.StringIO(csv_text(table).splitlines()[1])))
    assert name.startswith("'")
    assert value == "-1.5"  # numbers stay numbers
    file = write_xlsx(tmp_path / "t.xlsx", [table])
    cell = openpyxl.load_workbook(file).worksheets[0]["A2"]
    assert cell.data_type == "s"
    assert cell.value == re.sub(r"[\n\t]+", " ", text)
    with zipfile.ZipFile(file) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")


@given(st.text(st.characters(codec=None)), st.floats(allow_infinity=False, allow_nan=False))
def test_every_text_and_number_survives_as_one_line_of_csv(text, number):
    lines = csv_text(Table("t", ("text", "number"), ((text, number),))).encode("utf-8")
    header, row = csv.reader(io.StringIO(lines.decode("utf-8"), newline=""))
    assert header == ["text", "number"]
    assert float(row[1]) == pytest.approx(number, rel=1e-8)
    assert not set(row[0]) & set("\n\r\x00")


def test_nan_and_none_are_empty_cells(tmp_path):
    table = Table("t", ("a", "b", "c"), ((None, float("nan"), True),))
    assert csv_text(table).splitlines()[1] == ",,true"
    sheet = openpyxl.load_workbook(write_xlsx(tmp_path / "t.xlsx", [table])).worksheets[0]
    assert [cell.value for cell in sheet[2]] == [None, None, True]


def test_xlsx_holds_the_same_figures_on_a_sheet_for_each_table(tmp_path):
    tables = [object_table([("a", two_objects())]), cup_disc_table([("a", one_disc())])]
    book = openpyxl.load_workbook(write_xlsx(tmp_path / "t.xlsx", tables))
    assert book.sheetnames == ["objects", "cup and disc"]
    for table, sheet in zip(tables, book.worksheets, strict=True):
        stored = list(sheet.values)
        assert stored[0] == table.columns
        for wanted, got in zip(table.rows, stored[1:], strict=True):
            assert [cell or None for cell in got] == pytest.approx([w or None for w in wanted])


def test_hostile_names_of_tables_and_control_characters_do_not_break_xlsx(tmp_path):
    table = Table("a/b:c*?[d]" * 5, ("x",), (("bell\x07, half \ud800",),))
    book = openpyxl.load_workbook(write_xlsx(tmp_path / "t.xlsx", [table]))
    assert book.worksheets[0]["A2"].value == "bell , half \\ud800"


def test_a_table_that_cannot_be_written_leaves_the_old_file_whole(tmp_path):
    file = tmp_path / "t.xlsx"
    table = Table("t", ("a",), ((1,),))
    before = write_xlsx(file, [table]).read_bytes()
    too_long = Table("t", ("a",), ((1,),) * 1_048_576)
    with pytest.raises(ValueError, match="more than a sheet"):
        write_xlsx(file, [too_long])
    assert file.read_bytes() == before
    with pytest.raises(OSError, match="none"):
        write_csv(tmp_path / "none" / "t.csv", table)
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.xlsx"]


def test_rows_of_the_wrong_length_and_no_table_are_refused(tmp_path):
    with pytest.raises(ValueError, match="1 cells"):
        Table("t", ("a", "b"), ((1,),))
    with pytest.raises(ValueError, match="no table"):
        write_xlsx(tmp_path / "t.xlsx", [])


def test_without_openpyxl_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ImportError, match=r"priorseg\[tables\]"):
        write_xlsx(tmp_path / "t.xlsx", [Table("t", ("a",), ())])
