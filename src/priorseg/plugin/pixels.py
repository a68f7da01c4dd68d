"""From an image layer of napari to what a session takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image

from . import strings

OURS = "priorseg"  # marks the layers that the panel has made, in their metadata


def is_candidate(layer: Any) -> bool:
    """Say whether a layer can be segmented: an image that the panel has not made."""
    return isinstance(layer, Image) and OURS not in layer.metadata


def read(layer: Image) -> dict[str, Any]:
    """Give the arguments of `Session.set_image` for a layer.

    Raises
    ------
    ValueError  if the layer is no picture and no stack; says what to do.
    """
    array = layer.data[0] if layer.multiscale else layer.data
    stack = layer.ndim - 2
    if not 0 <= stack <= 2:
        raise ValueError(strings.TOO_MANY_AXES.format(count=layer.ndim))
    if not layer.rgb and array.shape[-1] in (3, 4) and stack:
        raise ValueError(strings.COLOUR_AS_STACK.format(shape=tuple(array.shape)))
    units = [str(unit) for unit in layer.units[-2:]]
    return {
        "array": array,
        "axes": "TZ"[2 - stack :] + "YX" + "C" * bool(layer.rgb),
        "spacing": tuple(abs(float(edge)) for edge in np.asarray(layer.scale)[-2:]),
        "units": "px" if units[0] in ("pixel", "pixels") else units[0],
        "name": layer.name,
    }


def plane_index(layer: Image, step: Sequence[int]) -> int:
    """Give the number of the plane of a stack that the viewer shows.

    Parameters
    ----------
    step : the viewer's current step along every axis
    """
    stack = layer.ndim - 2
    if stack == 0:
        return 0
    shape = (layer.data[0] if layer.multiscale else layer.data).shape[:stack]
    place = [
        min(max(int(at), 0), size - 1)
        for at, size in zip(list(step)[-layer.ndim : -2], shape, strict=True)
    ]
    return int(np.ravel_multi_index(place, shape))


def inverted(array: np.ndarray) -> np.ndarray:
    """Turn bright into dark, within the range of the type (floats: of the values)."""
    if array.dtype.kind == "b":
        return ~array
    if array.dtype.kind in "ui":
        limits = np.iinfo(array.dtype)
        return (limits.max - array) if limits.min == 0 else -1 - array
    finite = array[np.isfinite(array)]
    return (finite.max() + finite.min() - array) if finite.size else array
