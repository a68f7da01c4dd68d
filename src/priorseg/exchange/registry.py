"""Which formats there are, which one a file is, and the two doors: `read` and `write`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .masks import MOST_LABEL, Colour, Masks, check_size, to_write
from .units import short_unit


@dataclass(frozen=True)
class Format:
    """Describe a format.

    Parameters
    ----------
    name : str               as `write` and the command line take it
    title : str              as a person knows it
    endings : tuple of str   the first one is the usual one
    keeps : tuple of str     of 'spacing', 'names', 'colours' and 'patient'
    largest : int            highest label it holds
    needs : tuple of str     modules it needs beside the core
    extra : str              what installs them: pip install "priorseg[extra]"; '' = nothing needed
    reader : str             module that reads it
    writer : str             'module.function' that writes it; '' = only read
    """

    name: str
    title: str
    endings: tuple[str, ...]
    keeps: tuple[str, ...]
    largest: int
    reader: str
    writer: str
    needs: tuple[str, ...] = ()
    extra: str = ""

    @property
    def installed(self) -> bool:
        """Tell whether its libraries are there."""
        return all(find_spec(module) is not None for module in self.needs)

    @property
    def install(self) -> str:
        """Give the command that installs what it needs."""
        return f'pip install "priorseg[{self.extra}]"' if self.extra else ""


@dataclass(frozen=True)
class Written:
    """Tell what was written.

    Parameters
    ----------
    path : the file or folder
    format : name of the format
    notes : what it could not keep, one sentence each
    """

    path: Path
    format: str
    notes: tuple[str, ...]


_ALL = ("spacing", "names", "colours")
_FORMATS = (
    Format("png", "PNG", (".png",), _ALL, 2**16 - 1, "png", "png.write"),
    Format(
        "ome-tiff", "OME-TIFF", (".ome.tif", ".ome.tiff"), _ALL, MOST_LABEL, "tiff",
        "tiff.write_ome",
    ),
    Format(
        "tiff", "TIFF (ImageJ)", (".tif", ".tiff"), _ALL, 2**16 - 1, "tiff", "tiff.write_imagej"
    ),
    Format(
        "nifti", "NIfTI", (".nii.gz", ".nii"), _ALL, MOST_LABEL, "nifti", "nifti.write",
        ("nibabel",), "formats",
    ),
    Format(
        "ome-zarr", "OME-Zarr", (".ome.zarr", ".zarr"), _ALL, MOST_LABEL, "omezarr",
        "omezarr.write", ("zarr",), "formats",
    ),
    Format(
        "imagej-roi", "ImageJ regions", (".zip", ".roi"), _ALL, MOST_LABEL, "rois", "rois.write",
        ("roifile",), "formats",
    ),
    Format(
        "dicom-seg", "DICOM segmentation (BINARY)", (".dcm",), (*_ALL, "patient"), 2**16 - 1,
        "dicom_seg", "dicom_making.write_binary", ("pydicom", "highdicom"), "dicom",
    ),
    Format(
        "dicom-labelmap", "DICOM segmentation (LABELMAP)", (".dcm",), (*_ALL, "patient"),
        2**16 - 1, "dicom_seg", "dicom_making.write_labelmap", ("pydicom", "highdicom"), "dicom",
    ),
    Format("picture", "BMP or GIF", (".bmp", ".gif"), (), 255, "png", ""),
)  # fmt: skip


def formats() -> tuple[Format, ...]:
    """List the formats; those with a writer can be written, all can be read."""
    return _FORMATS


def format_of(path: str | os.PathLike[str], name: str | None = None) -> Format:
    """Find the format of a path by its ending, or by its name.

    Raises
    ------
    ValueError  for an unknown ending or name; lists the known ones.
    """
    file = Path(path).name.lower()
    if name is not None:
        for one in _FORMATS:
            if one.name == name:
                return one
        raise ValueError(f"There is no format {name!r}; there are {_listing('name')}.")
    for one in _FORMATS:
        if any(file.endswith(ending) for ending in one.endings):
            return one
    if Path(path).is_dir() and any((Path(path) / n).exists() for n in (".zgroup", "zarr.json")):
        return format_of(path, "ome-zarr")
    raise ValueError(f"{Path(path).name} has no ending of a mask: {_listing('endings')}.")


def _listing(what: str) -> str:
    if what == "name":
        return ", ".join(one.name for one in _FORMATS if one.writer)
    return ", ".join(dict.fromkeys(ending for one in _FORMATS for ending in one.endings))


def _demand(one: Format) -> None:
    if not one.installed:
        raise ValueError(f"{one.title} needs {' and '.join(one.needs)}: {one.install}")


def write(
    path: str | os.PathLike[str],
    labels: Any,
    *,
    spacing: Sequence[float] | None = None,
    units: str | None = None,
    names: Mapping[int, str] | None = None,
    colours: Mapping[int, Colour] | None = None,
    source: str | os.PathLike[str] | None = None,
    format: str | None = None,
) -> Written:
    """Write labels whole or not at all; a file that was there stays until the new one is whole.

    Parameters
    ----------
    path : its ending says the format
    labels : (Y, X)    whole numbers from 0; 0 is background
    spacing : (Y, X)   pixel edges
    units : str        of the spacing: nm, µm, mm, cm, m, px or as people spell them
    names : label -> name
    colours : label -> (red, green, blue), 0 to 255
    source : file of the image: DICOM segmentations refer to it, NIfTI takes over its affine
    format : name of a format, where an ending has several ('dicom-labelmap')

    Raises
    ------
    ValueError  for labels or a path that do not fit the format, or a library that is not there.
    OSError     if the folder cannot be written.
    """
    file, array = Path(path), to_write(labels, spacing)
    one = _checked(file, format_of(path, format), int(array.max()))
    for colour in (colours or {}).values():
        if len(colour) != 3 or not all(0 <= part <= 255 for part in colour):
            raise ValueError(f"colour {tuple(colour)} must be red, green and blue from 0 to 255.")
    edges = None if spacing is None else (float(spacing[0]), float(spacing[1]))
    known = {int(label): str(name) for label, name in (names or {}).items()}
    shades = {int(n): (int(c[0]), int(c[1]), int(c[2])) for n, c in (colours or {}).items()}
    masks = Masks(array, edges, short_unit(units), known, shades)
    module, function = one.writer.split(".")
    writer = getattr(import_module(f".{module}", __package__), function)
    return Written(file, one.name, tuple(writer(file, masks, source)))


def _checked(file: Path, one: Format, highest: int) -> Format:
    """Check that a format can be written under this name and holds the labels."""
    if not one.writer:
        raise ValueError(f"{file.name}: {one.title} is only read. Use one of {_listing('name')}.")
    if not any(file.name.lower().endswith(ending) for ending in one.endings):
        raise ValueError(f"{file.name}: {one.title} ends in {' or '.join(one.endings)}.")
    if highest > one.largest:
        raise ValueError(
            f"{one.title} holds labels up to {one.largest}, there is {highest}. "
            "Use OME-TIFF, NIfTI or OME-Zarr."
        )
    _demand(one)
    if not file.absolute().parent.is_dir():
        raise FileNotFoundError(f"There is no folder {file.parent}.")
    return one


def read(
    path: str | os.PathLike[str],
    *,
    shape: tuple[int, int] | None = None,
    plane: int | None = None,
) -> Masks:
    """Read a mask that some program has written.

    Values 0 and 255 become 0 and 1, colours become labels in the order of their codes; what was
    done is in the notes.

    Parameters
    ----------
    shape : (Y, X) of the image it belongs to   None = not checked
    plane : which one of a stack, from 0; needed where there are several

    Raises
    ------
    FileNotFoundError  if there is no such file.
    ValueError         if it is damaged, no mask, too large, of another size, or needs a library.
    """
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"There is no file {file}.")
    one = format_of(file)
    _demand(one)
    if shape is not None:
        check_size(shape, "The image")
    try:
        masks: Masks = import_module(f".{one.reader}", __package__).read(file, shape, plane)
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # of many libraries, about files of many programs
        text = str(error) or type(error).__name__
        raise ValueError(f"{file.name} cannot be read as {one.title}: {text}") from error
    if shape is not None and masks.labels.shape != tuple(shape):
        raise ValueError(
            f"{file.name} has {masks.labels.shape[0]} x {masks.labels.shape[1]} pixels (rows, "
            f"columns), the image {shape[0]} x {shape[1]}. Masks are not resized."
        )
    return masks
