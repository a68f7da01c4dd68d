"""DICOM images: pixels the right way round, pixel edges, and what they are edges of."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .masks import check_size
from .remarks import edges

DEFLATED = "1.2.840.10008.1.2.1.99"
_SPACINGS = {
    "PixelSpacing": "",
    "NominalScannedPixelSpacing": "of the scanned film",
    "ImagerPixelSpacing": "at the detector, not in the patient: lengths are enlarged",
}


def load(file: Path, pixels: bool = True) -> Any:
    """Read a DICOM file.

    Parameters
    ----------
    pixels : False leaves them in the file

    Raises
    ------
    ValueError  if it is damaged, deflated, or claims more pixels than can be read.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    try:
        head = pydicom.filereader.read_file_meta_info(file)
        if head.get("TransferSyntaxUID") == DEFLATED:
            raise ValueError(
                "it is deflated as a whole, which is not opened. Save it uncompressed."
            )
        dataset = pydicom.dcmread(file, stop_before_pixels=not pixels)
    except InvalidDicomError:
        raise ValueError(f"{file.name} has no DICOM header.") from None
    except (EOFError, struct.error, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{file.name} is damaged: {error}") from error
    frames = int(dataset.get("NumberOfFrames") or 1)
    if "Rows" in dataset:
        check_size((frames, dataset.Rows, dataset.Columns), file.name)
    return dataset


def image_of(dataset: Any) -> tuple[NDArray[Any], str]:
    """Decode an image: bright is high, colours are RGB, values are the measured ones.

    Returns
    -------
    array and its axes: YX, YXC, ZYX or ZYXC

    Raises
    ------
    ValueError  if it has no pixels or they are compressed in a way that nothing here opens.
    """
    from pydicom.pixels import apply_color_lut, apply_modality_lut

    array = decoded(dataset)
    kind = str(dataset.get("PhotometricInterpretation", ""))
    if kind == "PALETTE COLOR":
        array = apply_color_lut(array, dataset)
        array = (array >> 8).astype(np.uint8) if array.dtype == np.uint16 else array
    elif kind.startswith("MONOCHROME"):
        array = np.asarray(apply_modality_lut(array, dataset))
        if kind == "MONOCHROME1":
            array = array.max() + array.min() - array
    colour = array.ndim > 2 and array.shape[-1] == 3 and not kind.startswith("MONOCHROME")
    return array, "ZYX"[4 - array.ndim if colour else 3 - array.ndim :] + "C" * colour


def decoded(dataset: Any) -> NDArray[Any]:
    """Decode the stored values; colours become RGB."""
    if "PixelData" not in dataset:
        raise ValueError("it holds no pixels.")
    try:
        array: NDArray[Any] = dataset.pixel_array
    except (RuntimeError, NotImplementedError) as error:
        raise ValueError(f"its pixels cannot be decoded: {str(error).splitlines()[0]}") from error
    return array


def spacing_of(dataset: Any) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Read the pixel edges (Y, X) in millimetres and what has to be said about them."""
    places = [dataset]
    for sequence in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in list(dataset.get(sequence) or [])[:1]:
            places += list(group.get("PixelMeasuresSequence") or [])[:1]
    for keyword, caveat in _SPACINGS.items():
        for place in places:
            value = place.get(keyword)
            found = edges([float(part) for part in value]) if value else None
            if found is not None:
                note = (f"The pixel size is the {keyword}, {caveat}.",) if caveat else ()
                return found, note
    return None, ()
