import csv
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import tifffile
from PIL import Image

from priorseg.cli import main


def eye_labels() -> np.ndarray:
    y, x = np.mgrid[:101, :101] - 50
    labels = (y * y + x * x <= 40.3**2).astype(np.uint8)
    labels[(y + 2) ** 2 + x * x <= 20.3**2] = 2
    return labels


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(eye_labels()).save("eye.png")
    return tmp_path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_objects_are_printed_as_csv_without_a_file(folder, capsys):
    assert main(["measure", "eye.png", "--name", "1=rim", "--name", "2=cup"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    labels = eye_labels()
    assert [(row["class"], int(row["area_px"])) for row in rows] == [
        ("rim", (labels == 1).sum()),
        ("cup", (labels == 2).sum()),
    ]


def test_cup_and_disc_are_measured_and_all_tables_written(folder, capsys):
    wish = ["--disc", "1,2", "--cup", "2", "--eye", "left", "--inside", "2:1"]
    files = ["--csv", "out.csv", "--xlsx", "out.xlsx"]
    assert main(["measure", "eye.png", *wish, *files, "--spacing", "0.01", "--units", "mm"]) == 0
    assert "vertical cup-to-disc ratio: 0.506" in capsys.readouterr().out  # 41 of 81 rows
    assert int(read(folder / "out.csv")[0]["area_px"]) == (eye_labels() > 0).sum()
    row = read(folder / "out_cup_disc.csv")[0]
    assert float(row["vertical_cdr"]) == pytest.approx(41 / 81)
    assert float(row["rim_superior_narrowest_mm"]) == pytest.approx(0.18, abs=0.008)
    assert row["eye"] == "left"
    assert len(read(folder / "out_rim_profile.csv")) == 360
    assert {row["class"] for row in read(folder / "out_classes.csv")} == {"1", "2"}
    names = ["objects", "classes", "cup and disc", "rim profile"]
    assert openpyxl.load_workbook(folder / "out.xlsx").sheetnames == names


def test_the_pixel_size_of_a_tiff_is_used(folder, capsys):
    tifffile.imwrite(
        "eye.tif", eye_labels(), imagej=True, resolution=(20, 10), metadata={"unit": "mm"}
    )
    assert main(["measure", "eye.tif"]) == 0
    row = next(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert float(row["area_mm2"]) == pytest.approx(int(row["area_px"]) / 200)


def test_pieces_become_objects_of_their_own(folder, capsys):
    labels = np.zeros((20, 30), np.uint8)
    labels[2:6, 2:6], labels[2:6, 10:16], labels[10:15, 3:9] = 1, 1, 7
    Image.fromarray(labels).save("cells.png")
    assert main(["measure", "cells.png", "--split"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    found = [(row["number"], row["class"], row["area_px"]) for row in rows]
    assert found == [("1", "1", "16"), ("2", "1", "24"), ("3", "7", "30")]


def test_numbered_instances_are_one_class(folder, capsys):
    labels = np.zeros((20, 30), np.uint16)
    labels[2:6, 2:6], labels[2:6, 10:16] = 5, 900
    Image.fromarray(labels).save("cells.png")
    assert main(["measure", "cells.png", "--instances", "--csv", "out.csv"]) == 0
    found = [(row["number"], row["class"]) for row in read(folder / "out.csv")]
    assert found == [("5", ""), ("900", "")]
    assert [row["objects"] for row in read(folder / "out_classes.csv")] == ["2"]


def test_a_bad_file_is_reported_and_the_rest_measured(folder, capsys):
    Path("bad.png").write_bytes(b"no image")
    noise = np.random.default_rng(0).integers(0, 255, (9, 9, 3), np.uint8)
    Image.fromarray(noise).save("photo.png")
    np.save("half.npy", np.full((4, 4), 0.5))
    np.save("whole.npy", np.eye(4))
    files = ["bad.png", "photo.png", "half.npy", "eye.png", "whole.npy", "lost.png"]
    assert main(["measure", *files, "--csv", "out.csv"]) == 1
    told = capsys.readouterr().err
    assert "bad.png is damaged" in told
    assert "photo.png: is no label image of one plane" in told
    assert "half.npy: holds values that are no whole numbers" in told
    assert "4 of 6 files failed" in told
    assert [row["image"] for row in read(folder / "out.csv")] == ["eye.png", "eye.png", "whole.npy"]


def test_files_of_two_units_are_not_mixed_in_one_table(folder, capsys):
    tifffile.imwrite(
        "eye.tif", eye_labels(), imagej=True, resolution=(20, 20), metadata={"unit": "mm"}
    )
    assert main(["measure", "eye.png", "eye.tif"]) == 1
    assert "is measured in mm, the files before it in px" in capsys.readouterr().err


def test_a_disc_without_cup_gives_the_reason(folder, capsys):
    Image.fromarray((eye_labels() > 0).astype(np.uint8)).save("rim.png")
    assert main(["measure", "rim.png", "--disc", "1,2", "--cup", "2"]) == 0
    out, err = capsys.readouterr()
    assert "vertical cup-to-disc ratio: there is no cup" in err
    assert next(csv.DictReader(out.splitlines()))["remark"] == "there is no cup"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--spacing", "0.1"], "go together"),
        (["--units", "mm"], "go together"),
        (["--spacing", "1", "2", "3", "--units", "mm"], "got 3 numbers"),
        (["--disc", "1"], "go together"),
        (["--disc", "a", "--cup", "2"], "must be labels"),
        (["--inside", "2"], "must look like"),
        (["--inside", "2:1,3"], "one object within one other"),
        (["--name", "cup=2"], "must look like"),
        (["--split", "--instances"], "not allowed with"),
        (["--csv", "out.txt"], "must end in .csv"),
        (["--xlsx", "eye.png"], "must end in .xlsx"),
        (["--csv", "nowhere/out.csv"], "no folder"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(flags, message, folder, capsys):
    before = (folder / "eye.png").read_bytes()
    assert main(["measure", "eye.png", *flags]) == 2
    assert message in capsys.readouterr().err
    assert [entry.name for entry in folder.iterdir()] == ["eye.png"]
    assert (folder / "eye.png").read_bytes() == before
