"""A label image with what is known about it, and the checks that every format shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_PIXELS = 2**29  # of one mask: 23 000 x 23 000
MOST_LABEL = 2**31 - 1
MOST_COLOURS = 256  # of a mask painted in colours

Colour = tuple[int, int, int]
OKABE_ITO: tuple[Colour, ...] = (  # told apart by colour-blind people too
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)


def default_colour(label: int) -> Colour:
    """Give a colour to a label (>= 1) that has none where a format wants one for each."""
    return OKABE_ITO[(label - 1) % len(OKABE_ITO)]


@dataclass(frozen=True)
class Masks:
    """Hold a label image.

    Parameters
    ----------
    labels : (Y, X) unsigned or int32   0 is background
    spacing : (Y, X) or None            pixel edges; None = unknown
    units : str or None                 of the spacing
    names : label -> name
    colours : label -> (red, green, blue), each 0 to 255
    notes : tuple of str                what a person should know, one sentence each
    """

    labels: NDArray[Any]
    spacing: tuple[float, float] | None = None
    units: str | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    colours: Mapping[int, Colour] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def present(self) -> list[int]:
        """List the labels that occur, without 0."""
        return [int(label) for label in np.unique(self.labels) if label]


def check_size(shape: Sequence[int], what: str = "The mask") -> None:
    """Refuse a mask without pixels or with too many, before memory is taken.

    Raises
    ------
    ValueError  with the claimed shape.
    """
    if any(int(edge) <= 0 for edge in shape):
        raise ValueError(f"{what} has no pixels: its shape is {tuple(map(int, shape))}.")
    pixels = 1
    for edge in shape:
        pixels *= int(edge)
    if pixels > MOST_PIXELS:
        raise ValueError(
            f"{what} claims {' x '.join(str(int(edge)) for edge in shape)} values; "
            f"at most {MOST_PIXELS} are read. Cut it into parts."
        )


def smallest(labels: NDArray[Any]) -> NDArray[Any]:
    """Give whole numbers from 0 on in 8, 16 or 32 bits, whichever holds them.

    Raises
    ------
    ValueError  for labels below 0 or above 2**31 - 1.
    """
    if labels.dtype.kind == "b":
        return labels.astype(np.uint8)
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > MOST_LABEL:
        raise ValueError(f"Labels must lie between 0 and {MOST_LABEL}, got {low} to {high}.")
    kind = np.uint8 if high < 2**8 else np.uint16 if high < 2**16 else np.int32
    return np.ascontiguousarray(labels, dtype=kind)


def to_write(labels: Any, spacing: Sequence[float] | None) -> NDArray[Any]:
    """Check what a caller wants to write.

    Raises
    ------
    ValueError  for another shape than (Y, X), fractions, labels out of range or a spacing that
                is not two lengths above 0.
    """
    array = np.asarray(labels)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "bui":
        raise ValueError(f"Labels must be whole numbers (Y, X), got {array.dtype} {array.shape}.")
    if spacing is not None and (
        len(spacing) != 2 or not all(np.isfinite(edge) and edge > 0 for edge in spacing)
    ):
        raise ValueError(f"spacing {spacing} must be two lengths above 0, of Y and X.")
    return smallest(array)


def as_labels(array: NDArray[Any]) -> tuple[NDArray[Any], dict[int, Colour], tuple[str, ...]]:
    """Make labels of what a file holds: grey values, 0/255, whole floats or colours.

    Parameters
    ----------
    array : (Y, X), (Y, X, 1), or (Y, X, 3 or 4) for colours

    Returns
    -------
    labels : (Y, X)
    colours : label -> colour, of a mask in colours
    notes : what was done

    Raises
    ------
    ValueError  for another shape, fractions, negative values, or a picture in full colour.
    """
    if array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8:
        return _of_colours(array)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2:
        raise ValueError(f"A mask must be one plane (Y, X), this one has the shape {array.shape}.")
    if array.dtype.kind == "f":
        array = _whole(array)
    elif array.dtype.kind not in "bui":
        raise ValueError(f"Values of type {array.dtype} are no labels; use whole numbers.")
    labels = smallest(array)
    if labels.max() == 255 and np.isin(labels, (0, 255)).all():
        return labels // 255, {}, ("Values 0 and 255: 255 became label 1.",)
    return labels, {}, ()


def _whole(array: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(array).all():
        raise ValueError("The mask holds values that are not numbers (nan or infinity).")
    if not (array == np.round(array)).all():
        wrong = array[array != np.round(array)].flat[0]
        raise ValueError(
            f"The mask holds fractions such as {wrong:.4g}: these are probabilities or an "
            "interpolated mask, not labels. Threshold it, or export it without interpolation."
        )
    if array.min() < 0 or array.max() > MOST_LABEL:
        raise ValueError(
            f"Labels must lie between 0 and {MOST_LABEL}, got {array.min():g} to {array.max():g}."
        )
    return array.astype(np.int64)


def _of_colours(array: NDArray[Any]) -> tuple[NDArray[Any], dict[int, Colour], tuple[str, ...]]:
    pixels = array[:, :, :3].astype(np.uint32)
    codes = pixels[:, :, 0] << 16 | pixels[:, :, 1] << 8 | pixels[:, :, 2]
    if array.shape[2] == 4:
        codes[array[:, :, 3] == 0] = 0  # transparent is background
    found, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    if (found % 0x010101 == 0).all():  # grey written as colour
        return as_labels((codes & 0xFF).astype(np.uint8))
    if len(found) > MOST_COLOURS:
        raise ValueError(
            f"The picture has {len(found)} colours: a photograph, or a mask that was smoothed or "
            f"saved as JPEG on the way. A mask in colours has at most {MOST_COLOURS}."
        )
    ground = 0 if 0 in found else int(found[counts.argmax()])
    others = [int(code) for code in found if code != ground]
    number = np.zeros(len(found), np.int64)
    for label, code in enumerate(others, 1):
        number[np.searchsorted(found, code)] = label
    colours = {
        label: (code >> 16, code >> 8 & 0xFF, code & 0xFF) for label, code in enumerate(others, 1)
    }
    listing = ", ".join(f"{n} = #{code:06x}" for n, code in enumerate(others[:12], 1))
    more = ", ..." if len(others) > 12 else ""
    note = f"Colours became labels: {listing}{more}; #{ground:06x} is background."
    return smallest(number[inverse.reshape(codes.shape)]), colours, (note,)


def choose_plane(shape: Sequence[int], plane: int | None, what: str) -> int:
    """Choose one plane of a stack.

    Parameters
    ----------
    shape : of the axes before Y and X
    plane : which one, from 0; None is allowed where there is only one

    Returns
    -------
    its number when the leading axes are laid flat

    Raises
    ------
    ValueError  if there are several and none was chosen, or there is no such plane.
    """
    planes = int(np.prod(shape, dtype=np.int64)) if len(shape) else 1
    if plane is None:
        if planes != 1:
            raise ValueError(
                f"{what} holds {planes} planes. Choose one with plane=0 to {planes - 1}."
            )
        return 0
    if not 0 <= plane < planes:
        raise ValueError(f"{what} holds {planes} planes, there is no plane {plane}.")
    return plane
