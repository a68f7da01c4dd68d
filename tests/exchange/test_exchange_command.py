"""``priorseg convert``: one mask in, one mask out, and a line for what was changed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicoms import grey, image, save
from PIL import Image

from priorseg.cli import main
from priorseg.exchange import read, write


@pytest.fixture
def mask(tmp_path: Path, labels: Any, known: dict[str, Any], monkeypatch: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    write("mask.ome.tif", labels, **known)
    save(image(grey(labels.shape)), tmp_path / "image.dcm")
    return labels


CHAIN = ["a.png", "b.tif", "c.nii.gz", "d.ome.zarr", "e.zip", "f.ome.tif"]


def test_a_mask_goes_through_all_formats_and_comes_out_as_it_was(
    mask: Any, known: dict[str, Any]
) -> None:
    last = "mask.ome.tif"
    for name in CHAIN:
        assert main(["convert", last, name]) == 0
        last = name
    assert main(["convert", last, "g.dcm", "--image", "image.dcm"]) == 0
    assert main(["convert", "g.dcm", "h.png"]) == 0
    back = read("h.png")
    np.testing.assert_array_equal(back.labels, mask)
    assert (back.names, back.colours) == (known["names"], known["colours"])
    assert back.spacing == pytest.approx((0.0005, 0.00025))
    assert back.units == "mm"


def test_what_was_written_is_said(mask: Any, capsys: Any) -> None:
    assert main(["convert", "mask.ome.tif", "a.png"]) == 0
    assert capsys.readouterr().out == "a.png: png, 37 x 53, 3 labels\n"


def test_notes_go_to_the_error_stream(mask: Any, capsys: Any) -> None:
    Image.fromarray((mask > 0).astype(np.uint8) * 255).save("white.png")
    assert main(["convert", "white.png", "a.tif"]) == 0
    assert capsys.readouterr().err == "white.png: Values 0 and 255: 255 became label 1.\n"


def test_labels_are_renumbered_all_at_once_with_their_names(
    mask: Any, known: dict[str, Any]
) -> None:
    assert main(["convert", "mask.ome.tif", "a.png", "--label", "1=2", "--label", "2=1"]) == 0
    back = read("a.png")
    np.testing.assert_array_equal(back.labels, np.array([0, 2, 1, 3])[mask])
    assert back.names == {1: "Höhlung", 2: "optic disc", 3: "rest: 50 %"}
    assert back.colours[1] == known["colours"][2]
    assert main(["convert", "a.png", "b.png", "--label", "3=0"]) == 0
    assert read("b.png").names == {1: "Höhlung", 2: "optic disc"}


def test_names_and_edges_can_be_given(mask: Any) -> None:
    more = ["--name", "2=cup", "--spacing", "3", "4", "--units", "micrometer"]
    assert main(["convert", "mask.ome.tif", "a.nii", *more]) == 0
    back = read("a.nii")
    assert back.names[2] == "cup"
    assert (back.spacing, back.units) == ((3.0, 4.0), "µm")


def test_a_labelmap_is_asked_for_by_name(mask: Any) -> None:
    import pydicom

    more = ["--image", "image.dcm", "--format", "dicom-labelmap"]
    assert main(["convert", "mask.ome.tif", "a.dcm", *more]) == 0
    made = pydicom.dcmread("a.dcm")
    assert made.SegmentationType == "LABELMAP"
    np.testing.assert_array_equal(made.pixel_array, mask)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.png", "a.png"], "There is no file none.png"),
        (["mask.ome.tif", "a.jpg"], "no ending of a mask"),
        (["mask.ome.tif", "a.dcm"], "Give the DICOM file of the image as source"),
        (["mask.ome.tif", "a.png", "--label", "9=1"], "holds no label 9; it holds [1, 2, 3]"),
        (["mask.ome.tif", "a.png", "--label", "x"], "must look like 255=1"),
        (["mask.ome.tif", "a.png", "--label", "1=-1"], "labels are 0 or more"),
        (["mask.ome.tif", "a.png", "--name", "disc"], "must look like '1=optic disc'"),
        (["mask.ome.tif", "a.png", "--units", "mm"], "--units needs --spacing"),
        (["mask.ome.tif", "a.png", "--spacing", "1", "2", "3"], "one or two lengths"),
        (["mask.ome.tif", "a.png", "--plane", "4"], "there is no plane 4"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_no_file(
    arguments: list[str], message: str, mask: Any, capsys: Any
) -> None:
    before = sorted(Path().iterdir())
    assert main(["convert", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert sorted(Path().iterdir()) == before


def test_converting_needs_neither_torch_nor_qt(mask: Any) -> None:
    code = (
        "import sys\nfrom priorseg.cli import main\n"
        "assert main(['convert', 'mask.ome.tif', 'a.png']) == 0\n"
        "assert not {'torch', 'napari', 'qtpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
