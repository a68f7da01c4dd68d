"""DICOM images that are made here: no patient, every class that a photograph of an eye may have."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
OPHTHALMIC_8_BIT = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
OPHTHALMIC_16_BIT = "1.2.840.10008.5.1.4.1.1.77.1.5.2"
COMPUTED_RADIOGRAPHY = "1.2.840.10008.5.1.4.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"

PATIENT = {
    "PatientID": "P-17",
    "PatientName": "Müller^Jörg",
    "PatientBirthDate": "19560223",
    "PatientSex": "O",
    "AccessionNumber": "A-4",
    "StudyID": "S-9",
    "StudyDate": "20260110",
    "StudyTime": "101500",
    "ReferringPhysicianName": "Weiß^Ada",
    "StudyDescription": "Augenhintergrund",
}


def image(pixels: NDArray[Any], kind: str = SECONDARY_CAPTURE, **more: Any) -> Dataset:
    """Make a DICOM image of grey (Y, X), frames of it (Z, Y, X), or 8-bit colours (Y, X, 3)."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SpecificCharacterSet = "ISO_IR 100"
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = kind
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.Modality = "OP" if kind in (OPHTHALMIC_8_BIT, OPHTHALMIC_16_BIT) else "OT"
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    made.Rows, made.Columns = pixels.shape[:2] if colour else pixels.shape[-2:]
    made.SamplesPerPixel = 3 if colour else 1
    made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        made.PlanarConfiguration = 0
    made.BitsAllocated = made.BitsStored = 8 * pixels.dtype.itemsize
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = 0
    made.PixelData = pixels.tobytes() + bytes(pixels.nbytes % 2)
    if not colour and pixels.ndim == 3:
        made.NumberOfFrames = len(pixels)
    for keyword, value in {**PATIENT, **more}.items():
        setattr(made, keyword, value)
    return made


def save(made: Dataset, path: Path) -> Path:
    made.save_as(path, enforce_file_format=True)
    return path


def grey(shape: tuple[int, int]) -> NDArray[np.uint8]:
    return (np.arange(shape[0] * shape[1]) % 251).astype(np.uint8).reshape(shape)
