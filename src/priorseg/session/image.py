"""Planes of images: which axis is what, and what cannot be segmented."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAME_PX = 800  # shorter side from which on an image is a full frame; smaller ones are crops
MOST_PIXELS = 2**31 - 1
STACK = "TZ"


@dataclass(frozen=True)
class ImageInfo:
    """Describe an image.

    Parameters
    ----------
    name : str
    axes : str               one letter per axis of the array: T, Z, Y, X, C
    shape : (Y, X)           pixels of one plane
    channels : int           1 for grey
    planes : int             two-dimensional planes in the stack
    dtype : str
    spacing : (Y, X)         edge of a pixel
    units : str              of the spacing; 'px' if unknown
    """

    name: str
    axes: str
    shape: tuple[int, int]
    channels: int
    planes: int
    dtype: str
    spacing: tuple[float, float]
    units: str


def guess_axes(shape: Sequence[int]) -> str:
    """Name the axes of an array: a last axis of 1, 3 or 4 holds channels, others are a stack.

    Raises
    ------
    ValueError  if the shape is not that of a picture or a stack.
    """
    has_channels = len(shape) >= 3 and shape[-1] in (1, 3, 4) and min(shape[-3:-1]) > shape[-1]
    stacks = {0: "", 1: "Z", 2: "TZ"}
    depth = len(shape) - 2 - has_channels
    if depth not in stacks:
        raise ValueError(
            f"An image of shape {tuple(shape)} cannot be read as a picture or a stack. "
            "Say what its axes are, for example axes='TZYXC'."
        )
    return stacks[depth] + "YX" + "C" * has_channels


def check_axes(axes: str, shape: Sequence[int]) -> str:
    """Check the names of the axes against a shape; S (samples) is read as C.

    Raises
    ------
    ValueError  if a letter is unknown or repeated, Y or X is missing, or the number is wrong.
    """
    letters = axes.upper().replace("S", "C")
    for unknown in "QI":  # how tifffile calls a stack of an unknown kind
        free = next((letter for letter in "ZT" if letter not in letters), unknown)
        letters = letters.replace(unknown, free)
    wrong = set(letters) - set("TZYXC")
    if wrong or len(set(letters)) != len(letters) or not {"Y", "X"} <= set(letters):
        raise ValueError(
            f"axes {axes!r} must hold Y and X and may hold T, Z and C, each once, like 'ZYX'."
        )
    if len(letters) != len(shape):
        raise ValueError(
            f"axes {axes!r} names {len(letters)} axes, the image has {len(shape)}: {tuple(shape)}."
        )
    return letters


def plane_spacing(spacing: Sequence[float] | None, axes: str) -> tuple[float, float]:
    """Give the pixel edges (Y, X) from the edges of all axes (without C) or of Y and X.

    Raises
    ------
    ValueError  if their number is wrong or an edge is not a finite length > 0.
    """
    if spacing is None:
        return (1.0, 1.0)
    edges = [float(edge) for edge in spacing]
    spatial = axes.replace("C", "")
    if len(edges) == len(axes) != len(spatial):
        edges = [edge for edge, axis in zip(edges, axes, strict=True) if axis != "C"]
    if len(edges) == len(spatial):
        edges = [edges[spatial.index("Y")], edges[spatial.index("X")]]
    if len(edges) != 2 or not all(np.isfinite(edge) and edge > 0 for edge in edges):
        raise ValueError(
            f"spacing {tuple(spacing)} must hold one finite length > 0 for each axis of "
            f"{spatial!r}, or for Y and X."
        )
    return edges[0], edges[1]


def describe(
    array: Any,
    *,
    axes: str | None = None,
    spacing: Sequence[float] | None = None,
    units: str | None = None,
    name: str = "",
) -> ImageInfo:
    """Describe an array as an image; see `Session.set_image`.

    Raises
    ------
    ValueError  if it cannot be segmented; says what to do.
    """
    shape, dtype = tuple(int(size) for size in array.shape), np.dtype(array.dtype)
    if 0 in shape:
        raise ValueError(f"The image is empty: its shape is {shape}.")
    if dtype.kind not in "buif":
        raise ValueError(f"The image holds {dtype}; pixels must be real numbers.")
    if len(shape) < 2:
        raise ValueError(f"An image needs two axes, Y and X; this array has shape {shape}.")
    letters = guess_axes(shape) if axes is None else check_axes(axes, shape)
    size = dict(zip(letters, shape, strict=True))
    height, width = size["Y"], size["X"]
    if min(height, width) < 2:
        raise ValueError(f"A plane of {height} × {width} px is too small: 2 × 2 px at least.")
    if height * width > MOST_PIXELS:
        raise ValueError(
            f"A plane of {height} × {width} px is larger than 2³¹ px. Crop or bin the image."
        )
    planes = size.get("T", 1) * size.get("Z", 1)
    return ImageInfo(
        name, letters, (height, width), size.get("C", 1), planes, dtype.name,
        plane_spacing(spacing, letters), units or "px",
    )  # fmt: skip


def view_plane(array: Any, info: ImageInfo, index: int) -> NDArray[Any]:
    """Give one plane of a stack, (Y, X) or (Y, X, C), in the memory of the stack where it has one.

    Parameters
    ----------
    index : int   0 <= index < info.planes; with T and Z the later axis runs fastest

    Raises
    ------
    ValueError  if there is no such plane.
    """
    if not 0 <= index < info.planes:
        raise ValueError(
            f"Plane {index} does not exist; the planes go from 0 to {info.planes - 1}."
        )
    stack = [letter for letter in info.axes if letter in STACK]
    sizes = [array.shape[info.axes.index(letter)] for letter in stack]
    places = iter(np.unravel_index(index, sizes) if sizes else ())
    key = tuple(int(next(places)) if letter in STACK else slice(None) for letter in info.axes)
    rest = "".join(letter for letter in info.axes if letter not in STACK)
    order = [rest.index(letter) for letter in "YXC" if letter in rest]
    plane: NDArray[Any] = np.asarray(array[key]).transpose(order)
    return plane[:, :, 0] if plane.ndim == 3 and plane.shape[2] == 1 else plane


def take_plane(array: Any, info: ImageInfo, index: int) -> NDArray[Any]:
    """Copy one plane out of a stack, see `view_plane`; C contiguous.

    Raises
    ------
    ValueError  if there is no such plane, or it holds nan or infinite pixels.
    """
    plane = np.array(view_plane(array, info, index), order="C")
    if plane.dtype.kind == "f" and not np.isfinite(plane).all():
        bad = int((~np.isfinite(plane)).sum())
        raise ValueError(
            f"{bad} of {plane.size} pixel values are nan or infinite. Replace them first, for "
            "example with numpy.nan_to_num."
        )
    return plane


def is_full_frame(shape: tuple[int, ...]) -> bool:
    """Say whether an image is large enough for a full fundus frame rather than a crop.

    Parameters
    ----------
    shape : (Y, X, ...)
    """
    return min(shape[:2]) >= FRAME_PX


def square_region(
    centre: tuple[float, float], side: int, shape: tuple[int, int]
) -> tuple[slice, slice]:
    """Place a square about a centre, moved inside the image and cut where it is larger.

    Raises
    ------
    ValueError  if the centre lies outside the image or the side is below 2 pixels.
    """
    y, x = (float(value) for value in centre)
    if not (-0.5 <= y <= shape[0] - 0.5 and -0.5 <= x <= shape[1] - 0.5):
        raise ValueError(
            f"The centre of the region (y {y:g}, x {x:g}) lies outside the image of "
            f"{shape[0]} × {shape[1]} px."
        )
    if side < 2:
        raise ValueError(f"The side of the region must be at least 2 px, got {side}.")

    def span(place: float, size: int) -> slice:
        length = min(int(side), size)
        start = min(max(round(place - (length - 1) / 2), 0), size - length)
        return slice(start, start + length)

    return span(y, shape[0]), span(x, shape[1])
