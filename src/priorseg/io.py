"""Read images, and write label maps without ever leaving half a file."""

import os
import re
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

TIFF = (".tif", ".tiff")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")


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
    """

    array: NDArray[Any]
    axes: str | None
    spacing: tuple[float, float] | None
    units: str | None
    name: str


def read_image(path: str | os.PathLike[str]) -> ImageFile:
    """Read a TIFF, PNG, JPEG, BMP or NPY file.

    Raises
    ------
    FileNotFoundError  if there is no such file.
    ValueError         if it is not an image that can be read; says why.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    name = file.name.split(".")[0]
    ending = file.suffix.lower()
    if ending not in (*TIFF, *PICTURES, ".npy"):
        raise ValueError(f"{file.name} cannot be read: use TIFF, PNG, JPEG, BMP or NPY.")
    try:
        if ending in TIFF:
            return _read_tiff(file, name)
        if ending == ".npy":
            return ImageFile(np.load(file, allow_pickle=False), None, None, None, name)
        return _read_picture(file, name)
    except (MemoryError, PermissionError):
        raise
    except Exception as error:
        raise ValueError(f"{file.name} is damaged or not what its name says: {error}") from error


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

    with tifffile.TiffFile(file) as tiff:
        series = tiff.series[0]
        axes = series.axes.replace("S", "C").replace("Q", "Z").replace("I", "Z")
        spacing, units = _tiff_spacing(tiff)
        known = axes if len(set(axes)) == len(axes) and set(axes) <= set("TZYXC") else None
        return ImageFile(series.asarray(), known, spacing, units, name)


def _tiff_spacing(tiff: Any) -> tuple[tuple[float, float] | None, str | None]:
    """Read the pixel edges of an ImageJ or plain TIFF; (None, None) if it has none."""
    tags = tiff.pages[0].tags
    unit = (
        {2: "inch", 3: "cm"}.get(int(tags["ResolutionUnit"].value))
        if ("ResolutionUnit" in tags)
        else None
    )
    if tiff.imagej_metadata:
        unit = tiff.imagej_metadata.get("unit")
    edges = []
    for tag in ("YResolution", "XResolution"):
        above, below = tags[tag].value if tag in tags else (0, 0)
        edges.append(below / above if above and below else 0.0)
    if unit in (None, "", "inch") or min(edges) <= 0:  # inches are a printer's default
        return None, None
    plain = re.sub(r"\\u([0-9A-Fa-f]{4})", lambda code: chr(int(code[1], 16)), str(unit))
    return (edges[0], edges[1]), plain


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
    spacing : (Y, X)         pixel edges, stored in TIFF only
    units : str              of the spacing

    Returns
    -------
    the path

    Raises
    ------
    ValueError  for another ending, another shape, or labels out of range.
    OSError     if the folder cannot be written.
    """
    file, array = Path(path), np.asarray(labels)
    if file.suffix.lower() not in (".png", *TIFF):
        raise ValueError(f"{file.name}: label maps are written as .png, .tif or .tiff.")
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "bui":
        raise ValueError(f"Labels must be whole numbers (Y, X), got {array.dtype} {array.shape}.")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        raise ValueError(f"Labels must lie between 0 and 65535, got {low} to {high}.")
    array = array.astype(np.uint8 if high < 256 else np.uint16)
    if file.suffix.lower() == ".png":
        from PIL import Image

        _replace(file, lambda part: Image.fromarray(array).save(part))
    else:
        _replace(file, lambda part: _save_tiff(part, array, spacing, units))
    return file


def _save_tiff(
    file: Path,
    array: NDArray[Any],
    spacing: tuple[float, float] | None,
    units: str | None,
) -> None:
    import tifffile

    metadata: dict[str, Any] = {"axes": "YX"}
    if spacing is None:
        tifffile.imwrite(file, array, imagej=True, metadata=metadata)
        return
    metadata["unit"] = "".join(
        letter if letter.isascii() else f"\\u{ord(letter):04X}" for letter in units or "px"
    )  # as ImageJ writes µm
    resolution = (1 / spacing[1], 1 / spacing[0])
    tifffile.imwrite(file, array, imagej=True, resolution=resolution, metadata=metadata)


def _replace(file: Path, write: Callable[[Path], object]) -> None:
    """Write beside a file, then put the new one in its place in one step."""
    file = file.resolve()  # of a link, its target
    part = file.with_name(f".{file.stem}-{uuid.uuid4().hex[:8]}{file.suffix.lower()}")
    try:
        write(part)
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def replace_whole(target: Path, data: bytes) -> None:
    """Replace a file by other bytes; after a failure the old one is still there, whole.

    Raises
    ------
    OSError  if the file cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
