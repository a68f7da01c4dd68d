"""Read images, and write label maps without ever leaving half a file."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .files import replace_whole as replace_whole

TIFF = (".tif", ".tiff")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
EXTRAS = {".dcm": ("pydicom", "dicom"), ".nii": ("nibabel", "formats")}  # module, what installs it


@dataclass(frozen=True)
class ImageFile:
    """Hold what a file says about its image.

    Parameters
    ----------
    array : as stored
    axes : str or None       one letter per axis; None = the file does not say
    spacing : (Y, X) or None pixel edges; None = the file does not say
    units : str or None      of the spacing
    name : str               file name without its ending
    notes : tuple of str     what a person should know about it, one sentence each
    """

    array: NDArray[Any]
    axes: str | None
    spacing: tuple[float, float] | None
    units: str | None
    name: str
    notes: tuple[str, ...] = ()


def read_image(path: str | os.PathLike[str]) -> ImageFile:
    """Read a TIFF, PNG, JPEG, BMP or NPY file; DICOM and NIfTI with their extras.

    NIfTI is taken as it is stored, x to the right and y downwards, whatever its affine says.

    Raises
    ------
    FileNotFoundError  if there is no such file.
    ValueError         if it is not an image that can be read; says why.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    name = file.name.split(".")[0]
    ending = ".nii" if file.name.lower().endswith(".nii.gz") else file.suffix.lower()
    if ending not in (*TIFF, *PICTURES, *EXTRAS, ".npy"):
        raise ValueError(
            f"{file.name} cannot be read: use TIFF, PNG, JPEG, BMP, NPY, DICOM (.dcm) or NIfTI."
        )
    _demand(file, ending)
    try:
        if ending in TIFF:
            return _read_tiff(file, name)
        if ending == ".npy":
            return ImageFile(np.load(file, allow_pickle=False), None, None, None, name)
        if ending == ".dcm":
            return _read_dicom(file, name)
        if ending == ".nii":
            return _read_nifti(file, name)
        return _read_picture(file, name)
    except (MemoryError, PermissionError):
        raise
    except Exception as error:
        raise ValueError(f"{file.name} is damaged or not what its name says: {error}") from error


def _demand(file: Path, ending: str) -> None:
    from importlib.util import find_spec

    module, extra = EXTRAS.get(ending, ("", ""))
    if module and find_spec(module) is None:
        raise ValueError(f'{file.name} needs {module}: pip install "priorseg[{extra}]"')


def _read_dicom(file: Path, name: str) -> ImageFile:
    from .exchange import dicom

    dataset = dicom.load(file)
    array, axes = dicom.image_of(dataset)
    spacing, notes = dicom.spacing_of(dataset)
    return ImageFile(array, axes, spacing, "mm" if spacing else None, name, notes)


def _read_nifti(file: Path, name: str) -> ImageFile:
    from .exchange import nifti

    image = nifti.load(file)
    array = np.asanyarray(image.dataobj).T
    if array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    axes = {2: "YX", 3: "ZYX", 4: "TZYX"}.get(array.ndim)
    spacing, units = nifti.spacing_of(image)
    return ImageFile(array, axes, spacing, units, name, nifti.turned(image))


def file_spacing(
    path: str | os.PathLike[str],
) -> tuple[tuple[float, float], str, tuple[str, ...]] | None:
    """Read the pixel edges of a TIFF, DICOM or NIfTI file from its header alone.

    Returns
    -------
    (edges (Y, X), their unit, what has to be said about them), or None: another kind of file, a
    damaged one, one whose extra is not installed, or one that does not say
    """
    file = Path(path)
    notes: tuple[str, ...] = ()
    ending = ".nii" if file.name.lower().endswith(".nii.gz") else file.suffix.lower()
    try:
        _demand(file, ending)
        if ending in TIFF:
            import tifffile

            from .exchange import tiff

            with tifffile.TiffFile(file) as stored:
                spacing, units = tiff.spacing_of(stored)
        elif ending == ".dcm":
            from .exchange import dicom

            spacing, notes = dicom.spacing_of(dicom.load(file, pixels=False))
            units = "mm"
        elif ending == ".nii":
            from .exchange import nifti

            spacing, units = nifti.spacing_of(nifti.load(file))
        else:
            return None
    except Exception:  # any library may fail in its own way; there is then nothing to know
        return None
    return None if spacing is None or not units else (spacing, units, notes)


def _read_picture(file: Path, name: str) -> ImageFile:
    from PIL import Image, ImageOps

    with Image.open(file) as stored:
        picture: Image.Image = ImageOps.exif_transpose(stored)  # as the camera was held
        if picture.mode not in ("1", "L", "I", "I;16", "F", "RGB", "RGBA"):
            picture = picture.convert("L" if picture.mode == "LA" else "RGB")
        array = np.asarray(picture)
    return ImageFile(array, "YX" if array.ndim == 2 else "YXC", None, None, name)


def _read_tiff(file: Path, name: str) -> ImageFile:
    import tifffile

    from .exchange.tiff import spacing_of

    with tifffile.TiffFile(file) as tiff:
        series = tiff.series[0]
        axes = series.axes.replace("S", "C").replace("Q", "Z").replace("I", "Z")
        spacing, units = spacing_of(tiff)
        known = axes if len(set(axes)) == len(axes) and set(axes) <= set("TZYXC") else None
        return ImageFile(series.asarray(), known, spacing, units, name)


def write_labels(
    path: str | os.PathLike[str],
    labels: ArrayLike,
    *,
    spacing: tuple[float, float] | None = None,
    units: str | None = None,
) -> Path:
    """Write a label map as PNG or TIFF; the old file stays whole until the new one is.

    Parameters
    ----------
    path : ending in .png, .tif or .tiff
    labels : (Y, X)          whole numbers from 0 to 65535; 8 bits are used where they suffice
    spacing : (Y, X)         pixel edges
    units : str              of the spacing

    Returns
    -------
    the path

    Raises
    ------
    ValueError  for another ending, another shape, or labels out of range.
    OSError     if the folder cannot be written.
    """
    from .exchange import png, tiff
    from .exchange.masks import Masks

    file, array = Path(path), np.asarray(labels)
    if file.suffix.lower() not in (".png", *TIFF):
        raise ValueError(f"{file.name}: label maps are written as .png, .tif or .tiff.")
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "bui":
        raise ValueError(f"Labels must be whole numbers (Y, X), got {array.dtype} {array.shape}.")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        raise ValueError(f"Labels must lie between 0 and 65535, got {low} to {high}.")
    masks = Masks(array.astype(np.uint8 if high < 256 else np.uint16), spacing, units)
    if file.suffix.lower() == ".png":
        png.write(file, masks)
    else:
        tiff.write_imagej(file, masks)
    return file
