"""NIfTI and OME-Zarr: bytes by the letter of their standards, and files that mean harm."""

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import zarr

from priorseg.exchange import read, write
from priorseg.io import read_image


def header(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Read a NIfTI-1 header as its C struct says."""
    data = path.read_bytes()
    data = gzip.decompress(data) if path.suffix == ".gz" else data
    found = {
        "size": struct.unpack("<i", data[:4])[0],
        "dim": struct.unpack("<8h", data[40:56]),
        "intent": struct.unpack("<h", data[68:70])[0],
        "type": struct.unpack("<h", data[70:72])[0],
        "pixdim": struct.unpack("<8f", data[76:108]),
        "offset": int(struct.unpack("<f", data[108:112])[0]),
        "units": data[123],
        "srow": np.array(struct.unpack("<12f", data[280:328])).reshape(3, 4),
        "magic": data[344:348],
    }
    return data, found


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_holds_x_fastest_then_y_as_its_standard_says(
    name: str, tmp_path: Path, labels: Any
) -> None:
    write(tmp_path / name, labels, spacing=(0.5, 0.25), units="cm")
    data, told = header(tmp_path / name)
    assert (told["size"], told["magic"], told["type"]) == (348, b"n+1\0", 2)  # unsigned bytes
    assert told["dim"][:4] == (3, 53, 37, 1)
    assert told["intent"] == 1002  # labels
    assert told["units"] & 7 == 2  # millimetres
    pixels = np.frombuffer(data, np.uint8, offset=told["offset"])
    np.testing.assert_array_equal(pixels.reshape(37, 53), labels)


def test_rows_go_to_the_back_and_columns_to_the_left(tmp_path: Path, labels: Any) -> None:
    write(tmp_path / "a.nii", labels, spacing=(0.5, 0.25), units="mm")
    wanted = [[-0.25, 0, 0, 0], [0, -0.5, 0, 0], [0, 0, 1, 0]]  # x right, y front, z head
    np.testing.assert_allclose(header(tmp_path / "a.nii")[1]["srow"], wanted)


def test_the_affine_of_the_image_is_taken_over(tmp_path: Path, labels: Any) -> None:
    affine = np.array([[0.1, 0.7, 0, -8], [0.6, -0.1, 0, 9], [0, 0.1, 3, 7], [0, 0, 0, 1]])
    image = nibabel.Nifti1Image(np.zeros((53, 37, 1), np.int16), affine)
    nibabel.save(image, tmp_path / "image.nii.gz")
    write(tmp_path / "a.nii", labels, source=tmp_path / "image.nii.gz")
    np.testing.assert_allclose(nibabel.load(tmp_path / "a.nii").affine, affine, rtol=1e-6)
    with pytest.raises(ValueError, match=r"image\.nii\.gz has 53 x 37 pixels .* labels 37 x 53"):
        write(tmp_path / "b.nii", labels.T, source=tmp_path / "image.nii.gz")


def test_edges_in_unknown_units_are_left_out_and_it_is_said(tmp_path: Path, labels: Any) -> None:
    notes = write(tmp_path / "a.nii", labels, spacing=(2, 3), units="px").notes
    assert notes == (
        "NIfTI counts in millimetres; pixel edges of 2 x 3 of an unknown unit are left out.",
    )
    assert read(tmp_path / "a.nii").spacing is None


def test_masks_of_other_programs_are_read_as_stored_and_mirrors_are_told(
    tmp_path: Path, labels: Any
) -> None:
    stored = labels.T[:, :, None].astype(np.int16)
    for signs, said in (
        ((-1, -1), ""),
        ((1, -1), "left-right;"),
        ((1, 1), "left-right and up-down"),
    ):
        nibabel.save(nibabel.Nifti1Image(stored, np.diag([*signs, 1, 1])), tmp_path / "a.nii")
        back = read(tmp_path / "a.nii")
        np.testing.assert_array_equal(back.labels, labels)
        assert " ".join(back.notes).count("mirrors") == bool(said)
        assert said in " ".join(back.notes)
    sagittal = np.array([[0, 0, 1, 0], [1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(stored, sagittal), tmp_path / "a.nii")
    assert "not axial" in read(tmp_path / "a.nii").notes[0]


def test_a_volume_needs_a_chosen_plane(tmp_path: Path, labels: Any) -> None:
    volume = np.stack([labels.T * 0, labels.T], 2).astype(np.float32)
    image = nibabel.Nifti1Image(volume, np.diag([-0.5, -0.2, 3, 1]))
    image.header.set_xyzt_units("micron")
    nibabel.save(image, tmp_path / "a.nii.gz")
    with pytest.raises(ValueError, match="holds 2 planes"):
        read(tmp_path / "a.nii.gz")
    back = read(tmp_path / "a.nii.gz", plane=1)
    np.testing.assert_array_equal(back.labels, labels)
    assert (back.spacing, back.units) == (pytest.approx((0.2, 0.5)), "µm")


def test_images_are_read_as_masks_are(tmp_path: Path, labels: Any) -> None:
    volume = np.stack([labels.T, labels.T * 7], 2).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([-1.0, -1, 1, 1])), tmp_path / "a.nii.gz")
    image = read_image(tmp_path / "a.nii.gz")
    assert (image.axes, image.name) == ("ZYX", "a")
    np.testing.assert_array_equal(image.array, [labels, labels * 7])
    write(tmp_path / "b.nii", labels, spacing=(0.5, 0.25), units="mm")
    flat = read_image(tmp_path / "b.nii")
    assert (flat.axes, flat.spacing, flat.units) == ("YX", (0.5, 0.25), "mm")
    np.testing.assert_array_equal(flat.array, labels)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (42, struct.pack("<3h", 32767, 32767, 99), "claims 32767 x 32767 x 99"),
        (108, struct.pack("<f", 2e9), "header .* larger than 1 MiB"),
        (70, struct.pack("<h", 32), "complex64"),
        (70, struct.pack("<h", 128), "not one number|type"),
        (0, struct.pack("<i", 7), "not NIfTI-1"),
    ],
)
def test_headers_that_claim_too_much_are_refused(
    name: str, at: int, value: bytes, message: str, tmp_path: Path, labels: Any
) -> None:
    write(tmp_path / name, labels)
    data = bytearray(header(tmp_path / name)[0])
    data[at : at + len(value)] = value
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else bytes(data))
    with pytest.raises(ValueError, match=message):
        read(tmp_path / name)


def test_the_metadata_of_ome_zarr_are_those_of_version_0_4(
    tmp_path: Path, labels: Any, known: dict[str, Any]
) -> None:
    write(tmp_path / "a.ome.zarr", labels, **known)
    told = json.loads((tmp_path / "a.ome.zarr" / ".zattrs").read_text())
    (scales,) = told["multiscales"]
    assert scales["version"] == "0.4"
    assert scales["axes"] == [
        {"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"
    ]
    assert scales["datasets"] == [
        {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.5, 0.25]}]}
    ]
    assert told["image-label"]["properties"][1] == {"label-value": 2, "name": "Höhlung"}
    assert told["image-label"]["colors"][1] == {"label-value": 2, "rgba": [230, 159, 0, 255]}


def test_an_array_of_ome_zarr_can_be_opened_without_us(tmp_path: Path, labels: Any) -> None:
    write(tmp_path / "a.zarr", labels)
    array = zarr.open_array(str(tmp_path / "a.zarr" / "0"), mode="r")
    np.testing.assert_array_equal(array[:], labels)
    assert json.loads((tmp_path / "a.zarr/0/.zarray").read_text())["dimension_separator"] == "/"


def test_coarser_levels_take_every_second_pixel_of_the_finer(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 9, (1030, 700))
    write(tmp_path / "a.zarr", labels, spacing=(2.0, 3.0), units="mm")
    root = zarr.open_group(str(tmp_path / "a.zarr"), mode="r")
    datasets = root.attrs["multiscales"][0]["datasets"]
    for number, dataset in enumerate(datasets):
        step = 2**number
        np.testing.assert_array_equal(root[dataset["path"]][:], labels[::step, ::step])
        scale = dataset["coordinateTransformations"][0]["scale"]
        assert scale == [2.0 * step, 3.0 * step]
    assert len(datasets) == 4  # 1030, 515, 258, 129


def test_the_only_labels_of_an_image_are_found_and_several_are_listed(
    tmp_path: Path, labels: Any
) -> None:
    image = zarr.create_group(str(tmp_path / "image.zarr"), zarr_format=2)
    image.attrs["multiscales"] = [{"version": "0.4", "datasets": [{"path": "0"}]}]
    names = image.create_group("labels")
    names.attrs["labels"] = ["disc"]
    write(tmp_path / "image.zarr/labels/disc.zarr", labels)
    (tmp_path / "image.zarr/labels/disc.zarr").rename(tmp_path / "image.zarr/labels/disc")
    np.testing.assert_array_equal(read(tmp_path / "image.zarr").labels, labels)
    np.testing.assert_array_equal(read(tmp_path / "image.zarr/labels/disc").labels, labels)
    names.attrs["labels"] = ["disc", "cup"]
    with pytest.raises(ValueError, match=r"labels \['disc', 'cup'\]. Open one, .*labels/disc"):
        read(tmp_path / "image.zarr")


def test_version_0_5_is_read_too(tmp_path: Path, labels: Any) -> None:
    root = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=3)
    root.create_array("s0", shape=(1, *labels.shape), chunks=(1, 16, 16), dtype="uint16")[0] = (
        labels
    )
    scale = {"type": "scale", "scale": [1.0, 0.5, 0.25]}
    axes = [{"name": "z"}, *({"name": a, "unit": "micrometer"} for a in "yx")]
    scales = {"axes": axes, "datasets": [{"path": "s0", "coordinateTransformations": [scale]}]}
    root.attrs["ome"] = {"version": "0.5", "multiscales": [scales], "image-label": {}}
    back = read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(back.labels, labels)
    assert (back.spacing, back.units) == ((0.5, 0.25), "µm")


def test_a_folder_that_is_no_ome_zarr_is_never_replaced(tmp_path: Path, labels: Any) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "precious.txt").write_text("x")
    with pytest.raises(ValueError, match="exists and is no OME-Zarr"):
        write(tmp_path / "a.zarr", labels)
    assert (tmp_path / "a.zarr" / "precious.txt").read_text() == "x"


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filters": [{"id": "pickle", "protocol": 5}]}, "'pickle', which is not opened"),
        ({"compressor": {"id": "pickle"}}, "'pickle', which is not opened"),
        ({"filters": ["pickle"]}, "'pickle', which is not opened"),
        ({"dtype": "|O"}, "no labels"),
        ({"shape": [10**9, 10**9]}, "claims 1000000000 x 1000000000"),
        ({"shape": [0, 5]}, "no pixels"),
        ({"chunks": [10**6, 10**6]}, "too large"),
        ({"shape": [37]}, "needs Y and X"),
        ({"shape": "x"}, r"a\.zarr"),
    ],
)
def test_arrays_that_mean_harm_are_refused_unopened(
    changes: dict[str, Any], message: str, tmp_path: Path, labels: Any
) -> None:
    write(tmp_path / "a.zarr", labels)
    rewrite(tmp_path / "a.zarr/0/.zarray", **changes)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.zarr")


def test_a_chunk_with_a_program_in_it_is_not_run(tmp_path: Path, labels: Any) -> None:
    import pickle

    class Harm:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "harm",))

    write(tmp_path / "a.zarr", labels)
    rewrite(tmp_path / "a.zarr/0/.zarray", filters=[{"id": "pickle"}], compressor=None)
    (tmp_path / "a.zarr/0/0/0").write_bytes(pickle.dumps(Harm()))
    with pytest.raises(ValueError, match="pickle"):
        read(tmp_path / "a.zarr")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("path", ["../../outside", "/", "", "none"])
def test_metadata_do_not_lead_out_of_the_folder(path: str, tmp_path: Path, labels: Any) -> None:
    write(tmp_path / "a.zarr", labels)
    scales = {"datasets": [{"path": path}]}
    rewrite(tmp_path / "a.zarr/.zattrs", multiscales=[scales])
    with pytest.raises(ValueError, match=r"a\.zarr"):
        read(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"multiscales": 3}', '{"multiscales": [{}]}']
)
def test_broken_metadata_are_an_error(text: str, tmp_path: Path, labels: Any) -> None:
    write(tmp_path / "a.zarr", labels)
    (tmp_path / "a.zarr/.zattrs").write_text(text)
    with pytest.raises(ValueError, match=r"a\.zarr"):
        read(tmp_path / "a.zarr")
