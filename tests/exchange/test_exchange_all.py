"""What holds for every format that needs no source."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from priorseg import files
from priorseg.exchange import Masks, format_of, formats, read, write

NAMES = ["a.png", "a.tif", "a.ome.tif", "a.nii", "a.nii.gz", "a.zarr", "a.ome.zarr", "a.zip"]


@pytest.mark.parametrize("name", NAMES)
def test_labels_names_colours_and_edges_come_back(
    name: str, tmp_path: Path, labels: Any, known: dict[str, Any]
) -> None:
    written = write(tmp_path / name, labels, **known)
    assert written.notes == ()
    back = read(tmp_path / name, shape=labels.shape)
    np.testing.assert_array_equal(back.labels, labels)
    assert back.spacing == pytest.approx(known["spacing"], rel=1e-6)
    assert (back.units, back.names, back.colours, back.notes) == (
        "µm",
        known["names"],
        known["colours"],
        (),
    )


@pytest.mark.parametrize("name", NAMES)
def test_labels_alone_come_back_alone(name: str, tmp_path: Path, labels: Any) -> None:
    write(tmp_path / name, labels)
    back = read(tmp_path / name)
    np.testing.assert_array_equal(back.labels, labels)
    assert (back.spacing, back.units, back.names, back.colours) == (None, None, {}, {})


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("a.png", "a.tif")])
def test_labels_beyond_16_bits_come_back(name: str, tmp_path: Path) -> None:
    wanted = np.array([[0, 1, 70_000], [2**31 - 1, 0, 1]])
    write(tmp_path / name, wanted)
    np.testing.assert_array_equal(read(tmp_path / name).labels, wanted)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_formats_of_16_bits_refuse_more_and_name_others(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"up to 65535, there is 70000\. Use OME-TIFF"):
        write(tmp_path / name, np.array([[70_000]]))
    write(tmp_path / name, np.array([[65_535, 0]]))
    assert read(tmp_path / name).labels.tolist() == [[65_535, 0]]


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_of_another_size_is_refused(name: str, tmp_path: Path, labels: Any) -> None:
    write(tmp_path / name, labels)
    if name == "a.zip":
        assert read(tmp_path / name, shape=(100, 99)).labels.shape == (100, 99)
        return
    with pytest.raises(ValueError, match=r"37 x 53 pixels .* the image 53 x 37"):
        read(tmp_path / name, shape=(53, 37))


@pytest.mark.parametrize("name", NAMES)
def test_a_second_write_replaces_the_first(name: str, tmp_path: Path, labels: Any) -> None:
    write(tmp_path / name, np.ones((400, 900), int))
    write(tmp_path / name, labels)
    np.testing.assert_array_equal(read(tmp_path / name).labels, labels)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_write_keeps_the_old_mask_and_leaves_nothing_else(
    name: str, tmp_path: Path, labels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / name, labels)

    def full(*arguments: Any, **more: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(files.os, "fsync", full)
    monkeypatch.setattr("zarr.Array.__setitem__", full)
    with pytest.raises(OSError, match="no space"):
        write(tmp_path / name, labels + 1)
    np.testing.assert_array_equal(read(tmp_path / name).labels, labels)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", [name for name in NAMES if "zarr" not in name])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.7, 0.95])
def test_a_file_cut_short_is_an_error_that_names_it(
    name: str, part: float, tmp_path: Path, known: dict[str, Any]
) -> None:
    noise = np.random.default_rng(0).integers(0, 40, (64, 64))  # so that nothing compresses away
    write(tmp_path / name, noise, **known)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(part * len(data))])
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        read(tmp_path / name)


@pytest.mark.parametrize(
    "name", [*(n for n in NAMES if "zarr" not in n), "a.dcm", "a.roi", "a.bmp"]
)
def test_other_bytes_under_the_name_are_an_error(name: str, tmp_path: Path) -> None:
    for data in (b"", b"not a mask", bytes(4096), np.random.default_rng(1).bytes(4096)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=name.replace(".", r"\.")):
            read(tmp_path / name)


@pytest.mark.parametrize("name", [name for name in NAMES if "zarr" not in name])
def test_changed_bytes_give_an_error_or_a_mask_but_never_another_failure(
    name: str, tmp_path: Path, labels: Any, known: dict[str, Any]
) -> None:
    write(tmp_path / name, labels, **known)
    data = (tmp_path / name).read_bytes()
    random = np.random.default_rng(2)
    outcomes = {"mask": 0, "error": 0}
    for _ in range(60):
        changed = bytearray(data)
        for at in random.integers(0, min(len(data), 600), 3):
            changed[at] = random.integers(256)
        (tmp_path / name).write_bytes(changed)
        try:
            outcomes["mask"] += isinstance(read(tmp_path / name), Masks)
        except ValueError:
            outcomes["error"] += 1
    assert sum(outcomes.values()) == 60


def test_the_usual_endings_are_found_whatever_their_case() -> None:
    found = {
        name: format_of(name).name
        for name in ("A.PNG", "b.ome.TIFF", "c.tif", "d.nii.gz", "e.ome.zarr", "f.roi", "g.dcm")
    }
    assert list(found.values()) == [
        "png", "ome-tiff", "tiff", "nifti", "ome-zarr", "imagej-roi", "dicom-seg",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "more", "message"),
    [
        ("a.jpg", {}, "no ending of a mask"),
        ("a.png", {"format": "nifti"}, r"NIfTI ends in \.nii\.gz or \.nii"),
        ("a.png", {"format": "jpeg"}, "There is no format 'jpeg'; there are png"),
        ("a.bmp", {}, "only read"),
        ("a.png", {"spacing": (1.0, 0.0)}, "two lengths above 0"),
        ("a.png", {"spacing": (1.0, float("nan"))}, "two lengths above 0"),
        ("a.png", {"colours": {1: (0, 0, 256)}}, "from 0 to 255"),
        ("a.dcm", {}, "Give the DICOM file of the image as source"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    path: str, more: dict[str, Any], message: str, tmp_path: Path, labels: Any
) -> None:
    with pytest.raises(ValueError, match=message):
        write(tmp_path / path, labels, **more)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", [np.zeros((2, 2, 2), int), np.zeros((0, 3), int), np.ones((2, 2))])
def test_what_is_no_label_image_is_refused(bad: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"whole numbers \(Y, X\)"):
        write(tmp_path / "a.png", bad)


def test_a_library_that_is_missing_is_named_with_its_cure(
    tmp_path: Path, labels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from priorseg.exchange import registry

    monkeypatch.setattr(registry, "find_spec", lambda module: None)
    assert [one.name for one in formats() if one.installed] == [
        "png",
        "ome-tiff",
        "tiff",
        "picture",
    ]
    with pytest.raises(ValueError, match=r'needs nibabel: pip install "priorseg\[formats\]"'):
        write(tmp_path / "a.nii", labels)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_folder_is_named_and_not_made(name: str, tmp_path: Path, labels: Any) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .*none"):
        write(tmp_path / "none" / name, labels)
    assert not list(tmp_path.iterdir())


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        read(tmp_path / "none.png")


def test_reading_and_writing_loads_neither_torch_nor_qt(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys, numpy\nfrom priorseg.exchange import read, write\n"
        f"for name in {NAMES}: write(name, numpy.eye(5, dtype=int)); read(name)\n"
        "assert not {'torch', 'qtpy', 'napari'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
