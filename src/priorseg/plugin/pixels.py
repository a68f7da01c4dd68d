"""From an image layer of napari to what a session takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image

from ..exchange.units import short_unit
from . import strings

ALIKE = 0.01  # edges of a pixel that differ by less count as equal; so do right angles
DARK, RED = 0.1, 1.3  # of a fundus frame: corners over the brightest; red over green, at least
SPARSE = 16  # every so many pixels are looked at before all of them are
SIZE = "priorseg pixel size"  # in an image's metadata: edges (Y, X), unit, where it comes from
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
    array = _finest(layer)
    stack = layer.ndim - 2
    if not 0 <= stack <= 2:
        raise ValueError(strings.TOO_MANY_AXES.format(count=layer.ndim))
    if not layer.rgb and array.shape[-1] in (3, 4) and stack:
        raise ValueError(strings.COLOUR_AS_STACK.format(shape=tuple(array.shape)))
    units = short_unit(str(layer.units[-2]))
    spacing = tuple(float(np.linalg.norm(edge)) for edge in pixel_edges(layer))
    size = layer.metadata.get(SIZE) if units is None else None
    if size is not None:
        spacing = tuple(edge * one for edge, one in zip(spacing, size[0], strict=True))
        units = size[1]
    return {
        "array": array,
        "axes": "TZ"[2 - stack :] + "YX" + "C" * bool(layer.rgb),
        "spacing": spacing,
        "units": units or "px",
        "name": layer.name,
    }


def pixel_edges(layer: Image) -> np.ndarray:
    """Give the edges of a pixel along Y and X in the world, by scale, affine and all, (2, ndim)."""
    origin = np.zeros(layer.ndim)
    start = np.asarray(layer.data_to_world(origin), float)
    steps = np.eye(layer.ndim)[-2:]
    return np.stack([np.asarray(layer.data_to_world(step), float) - start for step in steps])


def plane_index(layer: Image, point: Sequence[float]) -> int:
    """Give the number of the plane of a stack that is shown, in the layer's own steps.

    Parameters
    ----------
    point : the viewer's place in the world along every axis; other layers may have finer steps
    """
    stack = layer.ndim - 2
    if stack == 0:
        return 0
    shape = _finest(layer).shape[:stack]
    inside = np.clip(np.round(layer.world_to_data(point)[:stack]), 0, np.asarray(shape) - 1)
    return int(np.ravel_multi_index(tuple(inside.astype(int)), shape))


def is_square(spacing: Sequence[float]) -> bool:
    """Say whether the edges of a pixel are equal."""
    return max(spacing) <= (1 + ALIKE) * min(spacing)


def remarks(layer: Image, plane: int, spacing: Sequence[float]) -> list[str]:
    """Say what a person should know about a layer that can be segmented, sentence by sentence.

    Parameters
    ----------
    plane : int         as `plane_index` gives it
    spacing : (Y, X)    edges of a pixel
    """
    found, edges = [], pixel_edges(layer)
    array = _finest(layer)
    if layer.ndim == 3 and not layer.rgb and array.shape[0] in (3, 4):
        text = strings.CHANNELS_FIRST.format(count=array.shape[0])
        found.append(text)
    if not is_square(spacing):
        found.append(strings.NOT_SQUARE)
    if abs(edges[0] @ edges[1]) > ALIKE * np.prod(np.linalg.norm(edges, axis=1)):
        found.append(strings.SHEARED)
    stack = array.shape[: layer.ndim - 2]
    if _is_constant(array[np.unravel_index(plane, stack) if stack else ...]):
        found.append(strings.CONSTANT)
    return found


def is_fundus(plane: np.ndarray) -> bool:
    """Say whether a picture looks like a fundus frame: a reddish disc of light in the dark.

    Parameters
    ----------
    plane : (Y, X[, C])
    """
    if plane.ndim != 3 or plane.shape[2] < 3:
        return False
    small = plane[::SPARSE, ::SPARSE, :3].astype(float)
    light = small.mean(2)
    corners = light[:: max(1, len(light) - 1), :: max(1, light.shape[1] - 1)]
    limit = DARK * light.max()
    lit = small[light > limit]
    return bool(len(lit) and (corners <= limit).all() and lit[:, 0].sum() > RED * lit[:, 1].sum())


def _is_constant(plane: Any) -> bool:
    """Say whether all pixels are equal; of most images only a few are looked at."""
    for step in (SPARSE, 1):
        pixels = np.asarray(plane[::step, ::step])
        if (pixels != pixels[0, 0]).any():
            return False
    return True


def _finest(layer: Image) -> Any:
    return layer.data[0] if layer.multiscale else layer.data
