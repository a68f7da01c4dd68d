"""DICOM segmentations of one image, written by highdicom."""

import copy
import io
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..files import replace_whole
from .dicom import load, spacing_of
from .masks import MOST_PIXELS, Masks
from .units import in_millimetres, in_words

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_EMPTY = (  # what an image must hold, but may hold empty
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
)


def write_binary(file: Path, masks: Masks, source: object = None) -> tuple[str, ...]:
    """Write one bit per pixel and label (type BINARY), which most programs read.

    Parameters
    ----------
    source : path of the DICOM image that was segmented

    Returns
    -------
    what could not be kept, one sentence each

    Raises
    ------
    ValueError  without labels or source, or if the source is not one image of that size.
    """
    return _write(file, masks, source, "BINARY")


def write_labelmap(file: Path, masks: Masks, source: object = None) -> tuple[str, ...]:
    """Write one number per pixel (type LABELMAP, of 2024): small where labels are many."""
    return _write(file, masks, source, "LABELMAP")


def _write(file: Path, masks: Masks, source: object, kind: str) -> tuple[str, ...]:
    import highdicom
    from pydicom.uid import generate_uid

    original = _original(file.name, source, masks, kind)
    present = masks.present
    numbers = present if kind == "LABELMAP" else list(range(1, len(present) + 1))
    segments = np.zeros(max(present) + 1, np.uint16)
    segments[present] = numbers
    measures, notes = _measures(original, masks)
    made = highdicom.seg.Segmentation(
        source_images=[_stand_in(original)],
        pixel_array=segments[masks.labels][None],
        segmentation_type=kind,
        segment_descriptions=[
            _described(masks, label, number) for label, number in zip(present, numbers, strict=True)
        ],
        series_instance_uid=generate_uid(),
        series_number=900,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="priorseg",
        manufacturer_model_name="priorseg",
        software_versions=version("priorseg"),
        device_serial_number="none",
        series_description="Segmentation",
        pixel_measures=measures,
        specific_character_set="ISO_IR 192",
    )
    _refer(made, original)
    stream = io.BytesIO()
    made.save_as(stream, enforce_file_format=True)
    replace_whole(file, stream.getvalue())
    return notes + _changes(masks, numbers)


def _changes(masks: Masks, numbers: list[int]) -> tuple[str, ...]:
    """Say which labels got other numbers and which names had to be changed."""
    notes: tuple[str, ...] = ()
    if numbers != masks.present:
        pairs = list(zip(masks.present, numbers, strict=True))
        told = ", ".join(f"{label} -> {number}" for label, number in pairs[:12])
        notes = (f"Segments are counted from 1; label -> segment: {told}.",)
    changed = [name for name in masks.names.values() if _short(name) != name]
    if changed:
        notes += (f"The name {changed[0]!r} became {_short(changed[0])!r}, as DICOM wants.",)
    return notes


def _original(name: str, source: object, masks: Masks, kind: str) -> Any:
    """Read what the image says about itself, and check that the labels are of it."""
    if source is None:
        raise ValueError(
            f"{name}: a DICOM segmentation refers to its patient and image. "
            "Give the DICOM file of the image as source (--image)."
        )
    original = load(Path(str(source)), pixels=False)
    _check_source(original, Path(str(source)).name, masks)
    _check_labels(masks, kind)
    return original


def _check_source(original: Any, name: str, masks: Masks) -> None:
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"):
        if not original.get(keyword):
            raise ValueError(f"{name} has no {keyword}, so that nothing can refer to it.")
    if "Rows" not in original:
        raise ValueError(f"{name} is no DICOM image.")
    size, frames = (original.Rows, original.Columns), int(original.get("NumberOfFrames") or 1)
    if frames != 1:
        raise ValueError(f"{name} has {frames} frames; segmentations of one image are written.")
    if size != masks.labels.shape:
        raise ValueError(
            f"{name} has {size[0]} x {size[1]} pixels (rows, columns), the labels "
            f"{masks.labels.shape[0]} x {masks.labels.shape[1]}. Give the image they belong to."
        )


def _check_labels(masks: Masks, kind: str) -> None:
    if not masks.present:
        raise ValueError("A DICOM segmentation needs a label other than 0.")
    frames = len(masks.present) * masks.labels.size
    if kind == "BINARY" and frames > MOST_PIXELS:
        raise ValueError(
            f"BINARY takes a frame for each of the {len(masks.present)} labels, more than "
            "programs can read at this size. Write the type LABELMAP (format dicom-labelmap)."
        )


def _stand_in(original: Any) -> Any:
    """Copy what highdicom needs of an image.

    Photographs of eyes count their single frame without the groups of multi-frame images that
    highdicom then looks for, so they are presented as secondary captures; `_refer` puts the
    references right.
    """
    image = copy.deepcopy(original)
    image.decode()  # texts are written again, in UTF-8
    for keyword in _EMPTY:
        if keyword not in image:
            setattr(image, keyword, "")
    if "Modality" not in image:
        image.Modality = "OT"
    if "PerFrameFunctionalGroupsSequence" not in image:
        plain = "ImagePositionPatient" not in image or "ImageOrientationPatient" not in image
        if plain:
            image.SOPClassUID = SECONDARY_CAPTURE
        for keyword in ("NumberOfFrames", *(("FrameOfReferenceUID",) if plain else ())):
            if keyword in image:
                delattr(image, keyword)
    return image


def _refer(made: Any, original: Any) -> None:
    """Let every reference to the image name its true class."""
    for element in made.iterall():
        if element.VR != "SQ":
            continue
        for item in element.value:
            if item.get("ReferencedSOPInstanceUID") == original.SOPInstanceUID:
                item.ReferencedSOPClassUID = original.SOPClassUID
    if original.get("FrameOfReferenceUID") and "FrameOfReferenceUID" not in made:
        made.FrameOfReferenceUID = original.FrameOfReferenceUID
        made.PositionReferenceIndicator = original.get("PositionReferenceIndicator")


def _measures(original: Any, masks: Masks) -> tuple[Any, tuple[str, ...]]:
    """Give the pixel edges that the image does not know itself."""
    import highdicom

    known, told = spacing_of(original)[0], in_millimetres(masks.spacing, masks.units)
    if "PixelSpacing" in original or "SharedFunctionalGroupsSequence" in original:
        if known and told and not np.allclose(known, told, rtol=1e-3):
            return None, (
                f"The pixel edges are those of the image, {in_words(known, 'mm')}, "
                f"not {in_words(told, 'mm')}.",
            )
        return None, ()
    if told is None:
        return None, ()
    return highdicom.PixelMeasuresSequence([float(f"{edge:.10g}") for edge in told], None), ()


def _short(name: str) -> str:
    """Cut a name to what the standard allows."""
    return name.replace("\\", "/").strip()[:64] or "label"


def _described(masks: Masks, label: int, number: int) -> Any:
    import highdicom
    from pydicom.sr.codedict import codes

    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="priorseg", family=codes.DCM.ArtificialIntelligence, version=version("priorseg")
    )
    colour = masks.colours.get(label)
    found = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=_short(masks.names.get(label, f"label {label}")),
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.Tissue,
        algorithm_type="SEMIAUTOMATIC",
        algorithm_identification=algorithm,
        display_color=None if colour is None else highdicom.color.CIELabColor.from_rgb(*colour),
    )
    found.SegmentDescription = f"priorseg label {label}"
    return found
