"""NIfTI-1, laid out as ITK writes a plain picture: rows go to the back, columns to the left.

The array is stored (x, y, z) with one plane, the affine is diag(-dx, -dy, 1, 1) in millimetres:
row 0 is anterior (shown on top), column 0 is the patient's right (shown left by programs that show
pictures as radiologists do). That is a convention, not a claim about a patient.
"""

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import replace_by
from .masks import Masks, as_labels, check_size, choose_plane
from .remarks import recall, remarks
from .units import MILLIMETRES, in_millimetres, in_words

HEADER, MOST_HEADER = 352, 2**20
_UNITS = {"meter": "m", "mm": "mm", "micron": "µm"}


def write(file: Path, masks: Masks, source: object = None) -> tuple[str, ...]:
    """Write .nii or .nii.gz; ``source``, the NIfTI of the image, lends its affine.

    Returns
    -------
    what could not be kept, one sentence each
    """
    import nibabel

    edges = in_millimetres(masks.spacing, masks.units)
    notes: tuple[str, ...] = ()
    if masks.spacing is not None and edges is None:
        told = in_words(masks.spacing, masks.units)
        notes = (f"NIfTI counts in millimetres; pixel edges of {told} are left out.",)
    affine = np.diag([-edges[1], -edges[0], 1.0, 1.0]) if edges else np.diag([-1.0, -1, 1, 1])
    lent = None if source is None else _affine_of(Path(str(source)), masks.labels.shape)
    if lent is not None:
        affine = lent
    image = nibabel.Nifti1Image(masks.labels.T[:, :, None], affine, dtype=masks.labels.dtype)
    image.header.set_xyzt_units("mm" if edges or lent is not None else "unknown")
    image.header.set_intent("label", (), name="labels")
    text = remarks(masks).encode()
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", text))
    suffix = ".nii.gz" if file.name.lower().endswith(".gz") else ".nii"

    def save(part: Path) -> None:
        data = image.to_bytes()
        part.write_bytes(gzip.compress(data, 6, mtime=0) if suffix == ".nii.gz" else data)

    replace_by(file, save)
    return notes


def _affine_of(source: Path, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """Take the affine of the image's own NIfTI file."""
    if not source.name.lower().endswith((".nii", ".nii.gz")):
        return None
    found = load(source)
    if found.shape[:2] != shape[::-1]:
        raise ValueError(
            f"{source.name} has {found.shape[0]} x {found.shape[1]} pixels (x, y), the labels "
            f"{shape[1]} x {shape[0]}. Give the file that was segmented as source."
        )
    affine: NDArray[Any] = found.affine
    return affine


def load(file: Path) -> Any:
    """Open a NIfTI file without its pixels, after a look at what its header claims.

    Raises
    ------
    ValueError  if it is damaged or claims more than can be read.
    """
    import nibabel

    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    start = _start(file)
    if len(start) < HEADER:
        raise ValueError(f"{file.name} is shorter than a NIfTI header.")
    order = "<" if struct.unpack("<i", start[:4])[0] in (348, 540) else ">"
    if struct.unpack(f"{order}i", start[:4])[0] != 348:
        raise ValueError(f"{file.name} is not NIfTI-1.")
    if not 0 <= struct.unpack(f"{order}f", start[108:112])[0] <= MOST_HEADER:
        raise ValueError(f"the header of {file.name} claims to be larger than 1 MiB.")
    image = nibabel.Nifti1Image.from_filename(file)
    check_size(image.shape, file.name)
    if image.header.get_data_dtype().kind not in "uif":
        raise ValueError(
            f"it holds values of type {image.header.get_data_dtype()}, not one number."
        )
    return image


def _start(file: Path) -> bytes:
    """Read as much as a header needs."""
    if not file.name.lower().endswith(".gz"):
        with file.open("rb") as plain:
            return plain.read(HEADER)
    try:
        with gzip.open(file) as stream:
            return stream.read(HEADER)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{file.name}: the compressed data are damaged: {error}") from None


def planes(image: Any) -> NDArray[Any]:
    """Read the values as (planes, Y, X): stored (x, y, z, t), turned by nothing but that."""
    array = np.asanyarray(image.dataobj)
    array = array.reshape((*array.shape[:2], -1)) if array.ndim > 1 else array.reshape(-1, 1, 1)
    return np.ascontiguousarray(array.transpose(2, 1, 0))


def spacing_of(image: Any) -> tuple[tuple[float, float] | None, str | None]:
    """Read the pixel edges (Y, X); (None, None) if the header leaves the unit open."""
    unit = _UNITS.get(image.header.get_xyzt_units()[0])
    zooms = [float(edge) for edge in image.header.get_zooms()[:2]]
    if unit is None or len(zooms) < 2 or not all(0 < edge < np.inf for edge in zooms):
        return None, None
    return (zooms[1], zooms[0]), unit


def turned(image: Any) -> tuple[str, ...]:
    """Say where the affine would have a viewer mirror or turn the plane."""
    affine = image.affine[:3, :2]
    if not np.isfinite(affine).all():
        return ("Its affine is no numbers; the pixels are taken as they are stored.",)
    if np.abs(affine[0, 0]) <= np.abs(affine[1:, 0]).max() or (
        np.abs(affine[1, 1]) <= np.abs(affine[[0, 2], 1]).max()
    ):
        return ("Its planes are not axial ones; the pixels are taken as they are stored.",)
    sides = [
        side
        for side, sign in zip(("left-right", "up-down"), np.diag(affine), strict=False)
        if sign > 0
    ]
    if not sides:
        return ()
    return (
        f"Its affine mirrors the plane {' and '.join(sides)}; the pixels are taken as they are "
        "stored. Compare with the image.",
    )


def read(file: Path, shape: tuple[int, int] | None, plane: int | None) -> Masks:
    """Read one plane, rows and columns as stored, whatever the affine says."""
    image = load(file)
    number = choose_plane(image.shape[2:], plane, file.name)
    labels, _, notes = as_labels(planes(image)[number])
    spacing, units = spacing_of(image)
    told: dict[str, Any] = {"spacing": spacing, "units": units}
    for extension in image.header.extensions:
        ours = recall(extension.get_content().decode("utf-8", "replace").rstrip("\0"))
        if extension.get_code() == 6 and ours is not None:
            told |= {"names": ours["names"], "colours": ours["colours"]}
            told |= _exact(spacing, units, ours)
    return Masks(labels, **told, notes=notes + turned(image))


def _exact(
    spacing: tuple[float, float] | None, units: str | None, ours: dict[str, Any]
) -> dict[str, Any]:
    """Prefer the edges as they were written, where the header has the same in single precision."""
    edges = in_millimetres(ours["spacing"], ours["units"])
    if spacing is None or edges is None:
        return {}
    same = np.allclose(np.array(spacing) * MILLIMETRES[units or "mm"], edges, rtol=1e-6, atol=0)
    return {"spacing": ours["spacing"], "units": ours["units"]} if same else {}
