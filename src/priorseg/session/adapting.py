"""Make of an image what a network takes: grey as colours, bright as dark."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def inverted(array: NDArray[Any]) -> NDArray[Any]:
    """Turn bright into dark, within the range of the type (floats: of the values)."""
    if array.dtype.kind == "b":
        return ~array
    if array.dtype.kind in "ui":
        limits = np.iinfo(array.dtype)
        return (limits.max - array) if limits.min == 0 else -1 - array
    finite = array[np.isfinite(array)]
    return (finite.max() + finite.min() - array) if finite.size else array


def adapted(array: Any, axes: str, channels: str | int, *, invert: bool = False) -> tuple[Any, str]:
    """Invert grey and repeat it for a network of colours; coloured images stay as they are.

    Parameters
    ----------
    array : image or stack
    axes : str       one letter per axis; with a C it is coloured
    channels : what the network takes, 'rgb', 'grey' or a number; see `Card`
    invert : bool    whether bright becomes dark

    Returns
    -------
    array, axes   nothing is copied but what is inverted
    """
    if "C" in axes:
        return array, axes
    if invert:
        array = inverted(np.asarray(array))
    if channels != "rgb":
        return array, axes
    grey = np.asarray(array)
    return np.broadcast_to(grey[..., None], (*grey.shape, 3)), f"{axes}C"
