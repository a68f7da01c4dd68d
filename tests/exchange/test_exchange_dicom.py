"""DICOM segmentations, checked with pydicom alone, and DICOM images as input."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicoms import (
    COMPUTED_RADIOGRAPHY,
    CT,
    OPHTHALMIC_8_BIT,
    OPHTHALMIC_16_BIT,
    PATIENT,
    SECONDARY_CAPTURE,
    grey,
    image,
    save,
)
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless, generate_uid

from priorseg.exchange import read, write
from priorseg.io import read_image

TYPES = ["dicom-seg", "dicom-labelmap"]
OPHTHALMIC = {"NumberOfFrames": 1, "FrameOfReferenceUID": generate_uid()}
SOURCES = {
    "secondary capture": (SECONDARY_CAPTURE, {}),
    "secondary capture with a frame of reference": (
        SECONDARY_CAPTURE,
        {"FrameOfReferenceUID": generate_uid(), "PixelSpacing": [0.02, 0.01]},
    ),
    "ophthalmic photograph": (OPHTHALMIC_8_BIT, OPHTHALMIC),
    "ophthalmic photograph with edges": (
        OPHTHALMIC_16_BIT,
        {**OPHTHALMIC, "PixelSpacing": [0.02, 0.01]},
    ),
    "ophthalmic photograph without a count of frames": (OPHTHALMIC_8_BIT, {}),
    "tomogram": (
        CT,
        {
            "FrameOfReferenceUID": generate_uid(),
            "PositionReferenceIndicator": "",
            "PixelSpacing": [0.02, 0.01],
            "SliceThickness": 1,
            "ImagePositionPatient": [1, 2, 3],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        },
    ),
}


@pytest.fixture(params=SOURCES)
def source(request: Any, tmp_path: Path, labels: Any) -> Path:
    kind, more = SOURCES[request.param]
    return save(image(grey(labels.shape), kind, **more), tmp_path / "image.dcm")


def by_pydicom(path: Path) -> dict[int, Any]:
    """Take the segments out of a file of either type with pydicom alone."""
    found = pydicom.dcmread(path)
    pixels = found.pixel_array
    if found.SegmentationType == "LABELMAP":
        return {int(number): pixels == number for number in np.unique(pixels) if number}
    pixels = pixels.reshape(-1, found.Rows, found.Columns)
    frames = found.PerFrameFunctionalGroupsSequence
    numbers = [f.SegmentIdentificationSequence[0].ReferencedSegmentNumber for f in frames]
    return dict(zip(numbers, pixels.astype(bool), strict=True))


@pytest.mark.parametrize("kind", TYPES)
def test_pydicom_sees_every_segment_where_it_was_drawn(
    kind: str, source: Path, tmp_path: Path, labels: Any, known: dict[str, Any]
) -> None:
    write(tmp_path / "seg.dcm", labels, source=source, format=kind, names=known["names"])
    found = by_pydicom(tmp_path / "seg.dcm")
    assert sorted(found) == [1, 2, 3]
    for label, inside in found.items():
        np.testing.assert_array_equal(inside, labels == label)


@pytest.mark.parametrize("kind", TYPES)
def test_patient_study_and_image_are_referred_to(
    kind: str, source: Path, tmp_path: Path, labels: Any
) -> None:
    write(tmp_path / "seg.dcm", labels, source=source, format=kind)
    original, made = pydicom.dcmread(source), pydicom.dcmread(tmp_path / "seg.dcm")
    assert {key: str(made[key].value) for key in PATIENT} == PATIENT
    assert made.StudyInstanceUID == original.StudyInstanceUID
    assert made.SeriesInstanceUID != original.SeriesInstanceUID
    assert made.get("FrameOfReferenceUID") == original.get("FrameOfReferenceUID")
    (series,) = made.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == original.SeriesInstanceUID
    images = [
        (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID)
        for element in made.iterall()
        if element.VR == "SQ"
        for item in element.value
        if "ReferencedSOPInstanceUID" in item
    ]
    assert set(images) == {(original.SOPClassUID, original.SOPInstanceUID)}
    assert made.Modality == "SEG"


@pytest.mark.parametrize("kind", TYPES)
def test_labels_names_and_colours_come_back(
    kind: str, source: Path, tmp_path: Path, labels: Any, known: dict[str, Any]
) -> None:
    told = {key: known[key] for key in ("names", "colours")}
    write(tmp_path / "seg.dcm", labels, source=source, format=kind, **told)
    back = read(tmp_path / "seg.dcm", shape=labels.shape)
    np.testing.assert_array_equal(back.labels, labels)
    assert (back.names, back.colours) == (known["names"], known["colours"])
    wanted = (0.02, 0.01) if "PixelSpacing" in pydicom.dcmread(source) else None
    assert (back.spacing, back.units) == (wanted, "mm" if wanted else None)


@pytest.mark.parametrize("kind", TYPES)
def test_labels_with_gaps_come_back(kind: str, tmp_path: Path, labels: Any) -> None:
    path = save(image(grey(labels.shape)), tmp_path / "image.dcm")
    wanted = np.array([0, 7, 300, 2])[labels]
    notes = write(tmp_path / "seg.dcm", wanted, source=path, format=kind, names={7: "x"}).notes
    np.testing.assert_array_equal(read(tmp_path / "seg.dcm").labels, wanted)
    assert read(tmp_path / "seg.dcm").names == {7: "x", 300: "label 300", 2: "label 2"}
    assert notes == (
        ("Segments are counted from 1; label -> segment: 2 -> 1, 7 -> 2, 300 -> 3.",)
        if kind == "dicom-seg"
        else ()
    )


def test_edges_that_the_image_lacks_are_written_and_others_are_the_images(
    tmp_path: Path, labels: Any
) -> None:
    bare = save(image(grey(labels.shape)), tmp_path / "bare.dcm")
    write(tmp_path / "a.dcm", labels, source=bare, spacing=(5.0, 2.5), units="µm")
    assert read(tmp_path / "a.dcm").spacing == (0.005, 0.0025)
    scaled = save(image(grey(labels.shape), PixelSpacing=[0.1, 0.2]), tmp_path / "scaled.dcm")
    notes = write(tmp_path / "b.dcm", labels, source=scaled, spacing=(5, 2.5), units="µm").notes
    assert read(tmp_path / "b.dcm").spacing == (0.1, 0.2)
    assert notes == (
        "The pixel edges are those of the image, 0.1 x 0.2 mm, not 0.005 x 0.0025 mm.",
    )


def test_names_that_dicom_does_not_allow_are_changed_and_it_is_said(
    tmp_path: Path, labels: Any
) -> None:
    path = save(image(grey(labels.shape)), tmp_path / "image.dcm")
    notes = write(tmp_path / "a.dcm", labels, source=path, names={1: "a\\b", 2: "y" * 70}).notes
    assert "became 'a/b'" in notes[0]
    assert read(tmp_path / "a.dcm").names[2] == "y" * 64


def test_a_failed_write_keeps_the_old_segmentation(tmp_path: Path, labels: Any) -> None:
    path = save(image(grey(labels.shape)), tmp_path / "image.dcm")
    write(tmp_path / "a.dcm", labels, source=path)
    before = (tmp_path / "a.dcm").read_bytes()
    with pytest.raises(ValueError, match=r"image\.dcm has 37 x 53 pixels"):
        write(tmp_path / "a.dcm", labels.T, source=path)
    assert (tmp_path / "a.dcm").read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.dcm", "image.dcm"]


def test_sources_that_cannot_be_referred_to_are_refused(tmp_path: Path, labels: Any) -> None:
    stack = np.zeros((3, *labels.shape), np.uint8)
    sources = {
        "frames": (image(stack), "has 3 frames"),
        "study": (image(grey(labels.shape), StudyInstanceUID=""), "no StudyInstanceUID"),
    }
    for name, (made, message) in sources.items():
        path = save(made, tmp_path / f"{name}.dcm")
        with pytest.raises(ValueError, match=message):
            write(tmp_path / "a.dcm", labels, source=path)
    with pytest.raises(FileNotFoundError, match=r"none\.dcm"):
        write(tmp_path / "a.dcm", labels, source=tmp_path / "none.dcm")
    (tmp_path / "b.dcm").write_bytes(b"x" * 500)
    with pytest.raises(ValueError, match=r"b\.dcm has no DICOM header"):
        write(tmp_path / "a.dcm", labels, source=tmp_path / "b.dcm")
    good = save(image(grey(labels.shape)), tmp_path / "good.dcm")
    with pytest.raises(ValueError, match="needs a label other than 0"):
        write(tmp_path / "a.dcm", labels * 0, source=good)
    assert not (tmp_path / "a.dcm").exists()


def test_an_image_without_empty_fields_is_a_source_too(tmp_path: Path, labels: Any) -> None:
    made = image(grey(labels.shape))
    for keyword in (*PATIENT, "Modality"):
        delattr(made, keyword)
    write(tmp_path / "a.dcm", labels, source=save(made, tmp_path / "image.dcm"))
    assert str(pydicom.dcmread(tmp_path / "a.dcm").PatientName) == ""


def test_more_frames_than_can_be_read_are_not_written(tmp_path: Path) -> None:
    many = np.arange(1024 * 1024).reshape(1024, 1024) % 600
    path = save(image(grey(many.shape)), tmp_path / "image.dcm")
    with pytest.raises(ValueError, match=r"each of the 599 labels, .* dicom-labelmap"):
        write(tmp_path / "a.dcm", many, source=path)
    assert not (tmp_path / "a.dcm").exists()


def test_overlapping_segments_are_told(tmp_path: Path, labels: Any) -> None:
    path = save(image(grey(labels.shape)), tmp_path / "image.dcm")
    write(tmp_path / "a.dcm", labels, source=path)
    made = pydicom.dcmread(tmp_path / "a.dcm")
    planes = np.stack([labels > 0, labels == 2, labels == 3])
    made.PixelData = np.packbits(planes.ravel(), bitorder="little").tobytes() + b"\0"
    made.save_as(tmp_path / "a.dcm")
    back = read(tmp_path / "a.dcm")
    np.testing.assert_array_equal(back.labels, labels)
    both = int(np.isin(labels, (2, 3)).sum())
    assert back.notes == (f"{both} pixels lie in several segments; the last one has them.",)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SegmentationType": "FRACTIONAL"}, "fractions are no labels"),
        ({"NumberOfFrames": 10**8}, "claims 100000000 x 37 x 53"),
        ({"Rows": 60000, "Columns": 60000}, "claims .* 60000 x 60000"),
        ({"TotalPixelMatrixColumns": 5000}, "cut into tiles"),
        ({"PixelData": b"\0\0"}, r"a\.dcm"),
        ({"PixelData": None}, r"a\.dcm"),
    ],
)
def test_segmentations_that_claim_too_much_are_refused(
    kind: str, changes: dict[str, Any], message: str, tmp_path: Path, labels: Any
) -> None:
    path = save(image(grey(labels.shape)), tmp_path / "image.dcm")
    write(tmp_path / "a.dcm", labels, source=path, format=kind)
    made = pydicom.dcmread(tmp_path / "a.dcm")
    for keyword, value in changes.items():
        setattr(made, keyword, value)
    made.save_as(tmp_path / "a.dcm")
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.dcm")


@pytest.mark.parametrize("part", [0.02, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", TYPES)
def test_a_segmentation_cut_short_is_an_error(
    kind: str, part: float, tmp_path: Path, labels: Any
) -> None:
    path = save(image(grey(labels.shape)), tmp_path / "image.dcm")
    write(tmp_path / "a.dcm", labels, source=path, format=kind)
    data = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(data[: int(part * len(data))])
    with pytest.raises(ValueError, match=r"a\.dcm"):
        read(tmp_path / "a.dcm")


def test_a_file_deflated_as_a_whole_is_not_unpacked(tmp_path: Path, labels: Any) -> None:
    made = image(np.zeros((4000, 4000), np.uint8))
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = save(made, tmp_path / "a.dcm")
    assert path.stat().st_size < 20_000
    with pytest.raises(ValueError, match="deflated"):
        read(path)
    with pytest.raises(ValueError, match="deflated"):
        read_image(path)


def test_values_of_a_plain_image_are_labels(tmp_path: Path, labels: Any) -> None:
    path = save(image(labels.astype(np.uint8), PixelSpacing=[0.1, 0.2]), tmp_path / "a.dcm")
    back = read(path)
    np.testing.assert_array_equal(back.labels, labels)
    assert (back.spacing, back.units) == ((0.1, 0.2), "mm")


def test_images_come_as_they_were_made(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)
    frames = np.random.default_rng(0).integers(0, 4096, (4, 6, 9)).astype(np.uint16)
    for pixels, axes in ((colours, "YXC"), (frames, "ZYX"), (frames[0], "YX")):
        path = save(image(pixels, PixelSpacing=[0.3, 0.2]), tmp_path / "a.dcm")
        found = read_image(path)
        np.testing.assert_array_equal(found.array, pixels)
        assert (found.axes, found.spacing, found.units) == (axes, (0.3, 0.2), "mm")


def test_bright_is_high_and_values_are_the_measured_ones(tmp_path: Path) -> None:
    pixels = grey((6, 9))
    path = save(image(pixels, PhotometricInterpretation="MONOCHROME1"), tmp_path / "a.dcm")
    found = read_image(path).array
    np.testing.assert_array_equal(np.argsort(found.ravel()), np.argsort(pixels.ravel())[::-1])
    scaled = image(pixels, RescaleSlope=2, RescaleIntercept=-1000)
    found = read_image(save(scaled, tmp_path / "b.dcm")).array
    np.testing.assert_array_equal(found, pixels * 2.0 - 1000)


def test_edges_at_the_detector_come_with_a_caveat(tmp_path: Path) -> None:
    made = image(grey((6, 9)), COMPUTED_RADIOGRAPHY, ImagerPixelSpacing=[0.2, 0.1])
    found = read_image(save(made, tmp_path / "a.dcm"))
    assert found.spacing == (0.2, 0.1)
    assert "at the detector, not in the patient" in found.notes[0]


def test_compressed_images_are_decoded_and_lend_their_references(
    tmp_path: Path, labels: Any
) -> None:
    made = image(grey(labels.shape), OPHTHALMIC_8_BIT, NumberOfFrames=1)
    made.compress(RLELossless)
    path = save(made, tmp_path / "image.dcm")
    np.testing.assert_array_equal(read_image(path).array, grey(labels.shape))
    write(tmp_path / "seg.dcm", labels, source=path)
    np.testing.assert_array_equal(read(tmp_path / "seg.dcm").labels, labels)


def test_pixels_that_nothing_here_decodes_are_an_error(tmp_path: Path) -> None:
    made = image(grey((6, 9)))
    path = save(made, tmp_path / "a.dcm")
    data = path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0")
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.dcm"):
        read_image(path)
