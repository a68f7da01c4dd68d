"""DICOM segmentations and plain DICOM images as labels, read with pydicom alone."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dicom import decoded, load, spacing_of
from .masks import Colour, Masks, as_labels, choose_plane, smallest

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABELMAP = "1.2.840.10008.5.1.4.1.1.66.7"


def read(file: Path, shape: tuple[int, int] | None, plane: int | None) -> Masks:
    """Read a segmentation of either type, or the values of a plain DICOM image, as labels.

    Raises
    ------
    ValueError  for fractions, tiles of a slide, several planes, or a damaged file.
    """
    dataset = load(file)
    spacing, notes = spacing_of(dataset)
    units = "mm" if spacing else None
    if dataset.get("SOPClassUID") not in (SEGMENTATION, LABELMAP):
        array = decoded(dataset)
        colour = int(dataset.get("SamplesPerPixel", 1)) > 1
        stack = array.shape[: -3 if colour else -2]
        number = choose_plane(stack, plane, file.name)
        labels, colours, more = as_labels(array.reshape((-1, *array.shape[len(stack) :]))[number])
        return Masks(labels, spacing, units, {}, colours, notes + more)
    if dataset.get("TotalPixelMatrixColumns", dataset.Columns) != dataset.Columns:
        raise ValueError("it is cut into tiles, as of a slide; only whole images are read.")
    kind = str(dataset.get("SegmentationType", ""))
    if kind not in ("BINARY", "LABELMAP"):
        raise ValueError(f"its type is {kind or 'not said'}: fractions are no labels.")
    names, colours, labels_of = _segments(dataset)
    if kind == "LABELMAP":
        array = decoded(dataset).reshape(-1, dataset.Rows, dataset.Columns)
        labels = array[choose_plane(array.shape[:1], plane, file.name)]
        return Masks(smallest(labels), spacing, units, names, colours, notes)
    labels, overlaps = _binary(dataset, labels_of, plane, file.name)
    if overlaps:
        notes += (f"{overlaps} pixels lie in several segments; the last one has them.",)
    return Masks(smallest(labels), spacing, units, names, colours, notes)


def _segments(dataset: Any) -> tuple[dict[int, str], dict[int, Colour], dict[int, int]]:
    """Read names, colours and the label of each segment number."""
    names: dict[int, str] = {}
    colours: dict[int, Colour] = {}
    labels: dict[int, int] = {}
    binary = dataset.SegmentationType == "BINARY"
    for segment in dataset.get("SegmentSequence") or []:
        number = int(segment.SegmentNumber)
        ours = re.fullmatch(r"priorseg label (\d{1,9})", segment.get("SegmentDescription") or "")
        label = int(ours[1]) if ours and binary else number
        labels[number] = label
        if number == 0:
            continue
        names[label] = str(segment.get("SegmentLabel") or f"segment {number}")
        value = segment.get("RecommendedDisplayCIELabValue")
        if value is not None:
            from highdicom.color import CIELabColor

            red, green, blue = CIELabColor.from_dicom_value(value).to_rgb(clip=True)
            colours[label] = (red, green, blue)
    return names, colours, labels


def _binary(
    dataset: Any, labels_of: dict[int, int], plane: int | None, name: str
) -> tuple[NDArray[np.int64], int]:
    """Lay the segments of one plane over each other; count the pixels of several."""
    frames = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
    claimed = int(dataset.get("NumberOfFrames") or 1)
    if len(frames) != claimed:
        raise ValueError(f"it claims {claimed} frames and describes {len(frames)}.")
    places = [_place(frame) for frame in frames]
    order = list(dict.fromkeys(places))
    chosen = order[choose_plane((len(order),), plane, name)]
    labels = np.zeros((dataset.Rows, dataset.Columns), np.int64)
    overlaps = 0
    for index, frame in enumerate(frames):
        if places[index] != chosen:
            continue
        shared = dataset.get("SharedFunctionalGroupsSequence") or [{}]
        found = frame.get("SegmentIdentificationSequence") or shared[0].get(
            "SegmentIdentificationSequence"
        )
        number = int(found[0].ReferencedSegmentNumber)
        inside = _frame(dataset, index, claimed)
        overlaps += int(np.count_nonzero(labels[inside]))
        labels[inside] = labels_of.get(number, number)
    return labels, overlaps


def _place(frame: Any) -> tuple[str, ...]:
    """Say where a frame lies: its position, and the image and frame it was drawn on."""
    found = []
    for position in frame.get("PlanePositionSequence") or []:
        found.append(str(position.get("ImagePositionPatient")))
    for derived in frame.get("DerivationImageSequence") or []:
        for image in derived.get("SourceImageSequence") or []:
            found.append(str(image.get("ReferencedSOPInstanceUID")))
            found.append(str(image.get("ReferencedFrameNumber")))
    return tuple(found)


def _frame(dataset: Any, index: int, frames: int) -> NDArray[np.bool_]:
    """Decode one frame; bits are packed across frames, the lowest first."""
    size = int(dataset.Rows) * int(dataset.Columns)
    if dataset.file_meta.TransferSyntaxUID.is_compressed or dataset.BitsAllocated != 1:
        array = decoded(dataset).reshape(frames, dataset.Rows, dataset.Columns)
        return np.asarray(array[index] > 0)
    first, last = index * size, (index + 1) * size
    part = np.frombuffer(dataset.PixelData, np.uint8)[first // 8 : (last + 7) // 8]
    bits = np.unpackbits(part, bitorder="little")[first % 8 : first % 8 + size]
    if len(bits) < size:
        raise ValueError("the file ends before its pixels do. Copy it again.")
    return bits.reshape(dataset.Rows, dataset.Columns) > 0
