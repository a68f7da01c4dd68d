"""From an image of any kind to what a network was trained on, and back."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Statistics = Literal["fixed", "image"]
_EXACT = {np.dtype(np.uint8): 255.0, np.dtype(np.bool_): 1.0}


@dataclass(frozen=True)
class Preprocessing:
    """Say how an image becomes the input of a network.

    Parameters
    ----------
    channels : int        channels of the network, >= 1; 3 = RGB
    grey_to_rgb : bool    whether an image of one channel may be repeated to fill `channels`
    size : int or None    working size: the longer side of the image is resized to this many
                          pixels; None = the image keeps its own scale
    largest_fit : int     images with a longer side above this many pixels are frames, not crops
                          of one object: they keep their own scale and are tiled; 0 = no limit
    statistics : str      'fixed': (x - 0.5) / 0.25; 'image': each channel gets mean 0 and
                          standard deviation 1 over the image
    tile : int            largest side the network sees at once, pixels
    overlap : int         pixels that neighbouring tiles share, < tile
    """

    channels: int = 3
    grey_to_rgb: bool = False
    size: int | None = None
    largest_fit: int = 0
    statistics: Statistics = "fixed"
    tile: int = 512
    overlap: int = 64

    def __post_init__(self) -> None:
        whole = {
            "channels": (1, 64),
            "largest_fit": (0, 2**20),
            "tile": (16, 4096),
            "overlap": (0, 4095),
        }
        for name, (low, high) in whole.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ValueError(
                    f"{name} must be a whole number from {low} to {high}, got {value!r}."
                )
        size = self.size
        if size is not None and (type(size) is not int or not 8 <= size <= 4096):
            raise ValueError(f"size must be None or a whole number from 8 to 4096, got {size!r}.")
        if self.overlap >= self.tile:
            raise ValueError(f"overlap {self.overlap} must be below tile {self.tile}.")
        if self.statistics not in ("fixed", "image"):
            raise ValueError(f"statistics must be 'fixed' or 'image', got {self.statistics!r}.")
        if type(self.grey_to_rgb) is not bool:
            raise ValueError(f"grey_to_rgb must be True or False, got {self.grey_to_rgb!r}.")

    def settings(self) -> dict[str, Any]:
        """Give the constructor arguments as plain values."""
        return asdict(self)

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Give the size at which the network sees an image of a size, (Y, X)."""
        longer = max(height, width)
        if self.size is None or (self.largest_fit and longer > self.largest_fit):
            return height, width
        scale = self.size / longer
        return max(1, round(height * scale)), max(1, round(width * scale))

    def tensor(self, image: NDArray[Any]) -> Tensor:
        """Check an image and bring its values to [0, 1]; see `picture`.

        Returns
        -------
        (1, channels, Y, X) float32
        """
        picture = self.picture(image)
        return picture.part(slice(0, picture.shape[0]), slice(0, picture.shape[1]))

    def picture(self, image: NDArray[Any]) -> "Picture":
        """Check an image and find the scale of its values, without copying it.

        uint8 is divided by 255. Floats inside [0, 1] are taken as they are. Every other integer
        type and range is stretched: its 0.1 and 99.9 percentiles become 0 and 1, and what lies
        beyond is cut, because cameras fill 10, 12 or 14 of 16 bits without saying so. An alpha
        channel (a fourth one where three are wanted) is dropped.

        Parameters
        ----------
        image : (Y, X) or (Y, X, C)

        Raises
        ------
        ValueError  for empty images, nan, infinity, complex numbers or wrong channels.
        """
        array = np.asarray(image)
        if array.dtype.kind not in "buif":
            raise ValueError(f"The image holds {array.dtype}; numbers are needed.")
        if array.ndim not in (2, 3) or array.size == 0:
            raise ValueError(
                f"The image has shape {array.shape}; (Y, X) or (Y, X, channels) with at least "
                "one pixel is needed."
            )
        if array.dtype.kind == "f":
            bad = sum(int((~np.isfinite(band)).sum()) for band in _bands(array))
            if bad:
                raise ValueError(f"{bad} values of the image are nan or infinite. Replace them.")
        planes = self._with_channels(array[..., None] if array.ndim == 2 else array)
        return Picture(planes, *_range(planes))

    def _with_channels(self, planes: NDArray[Any]) -> NDArray[Any]:
        found = planes.shape[2]
        if found == self.channels:
            return planes
        if found == 4 and self.channels == 3:
            return planes[..., :3]
        if found == 1 and self.grey_to_rgb:
            return np.broadcast_to(planes, (*planes.shape[:2], self.channels))
        wanted = "RGB (3 channels)" if self.channels == 3 else f"{self.channels} channel(s)"
        hint = "Choose the channel(s) to use"
        if found == 1:
            hint = "Load the colour image, or use a model for grey images"
        elif found > 4 and planes.shape[0] == self.channels:
            hint = "Move the channels to the last axis: numpy.moveaxis(image, 0, -1)"
        noun = "channel" if found == 1 else "channels"
        raise ValueError(
            f"The model wants {wanted}, the image has {found} {noun} "
            f"(shape {planes.shape}). {hint}."
        )

    def standardise(self, image: Tensor) -> Tensor:
        """Shift and scale values in [0, 1] as the network wants them, (B, C, Y, X)."""
        if self.statistics == "fixed":
            return (image - 0.5) / 0.25
        mean = image.mean((2, 3), keepdim=True)
        deviation = image.std((2, 3), keepdim=True, unbiased=False)
        return (image - mean) / deviation.clamp_min(0.02)


@dataclass(frozen=True)
class Picture:
    """An image that was checked; its values are brought to [0, 1] where they are asked for.

    Parameters
    ----------
    planes : (Y, X, C)   as stored
    low, high : float    values that become 0 and 1; what lies beyond is cut
    """

    planes: NDArray[Any]
    low: float
    high: float

    @property
    def shape(self) -> tuple[int, int]:
        """Give the size, (Y, X)."""
        return int(self.planes.shape[0]), int(self.planes.shape[1])

    def part(self, rows: slice, columns: slice) -> Tensor:
        """Give a part with values in [0, 1], (1, C, y, x) float32."""
        planes = self.planes[rows, columns]
        if not self.high > self.low:
            unit = np.zeros(planes.shape, np.float32)
        elif planes.dtype in _EXACT:
            unit = (planes / np.float32(self.high)).astype(np.float32)
        elif (self.low, self.high) == (0.0, 1.0) and planes.dtype.kind == "f":
            unit = planes.clip(0, 1).astype(np.float32)
        else:
            wide = (planes.astype(np.float64) - self.low) / (self.high - self.low)
            unit = wide.clip(0, 1).astype(np.float32)
        return torch.from_numpy(np.ascontiguousarray(unit.transpose(2, 0, 1)))[None]


def _bands(array: NDArray[Any], rows: int = 256) -> Iterator[NDArray[Any]]:
    """Cut an image into bands of rows, so that what is computed of one stays small."""
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


def _range(planes: NDArray[Any]) -> tuple[float, float]:
    """Give the values that become 0 and 1; equal ones for an even image."""
    if planes.dtype in _EXACT:
        return 0.0, _EXACT[planes.dtype]
    low, high = float(planes.min()), float(planes.max())
    if planes.dtype.kind == "f" and low >= 0 and high <= 1:
        return 0.0, 1.0
    inner = _percentiles(planes, (0.1, 99.9))
    return inner if inner[1] > inner[0] else (low, high)


def _percentiles(planes: NDArray[Any], per_cent: tuple[float, float]) -> tuple[float, float]:
    """Give percentiles as `numpy.percentile` does, without a copy in float64."""
    places = [share / 100 * (planes.size - 1) for share in per_cent]
    if planes.dtype.kind in "ui" and planes.dtype.itemsize <= 2:
        base = int(np.iinfo(planes.dtype).min)
        kinds = 1 << (8 * planes.dtype.itemsize)
        counts = np.zeros(kinds, np.int64)
        for band in _bands(planes):
            counts += np.bincount(band.ravel().astype(np.int32) - base, minlength=kinds)
        reached = counts.cumsum()

        def ranked(place: int) -> float:
            return float(np.searchsorted(reached, place, side="right") + base)
    else:
        flat = planes.flatten()
        flat.partition(
            sorted({n for p in places for n in (int(p), min(int(p) + 1, flat.size - 1))})
        )

        def ranked(place: int) -> float:
            return float(flat[place])

    found = []
    for place in places:
        below, above = ranked(int(place)), ranked(min(int(place) + 1, planes.size - 1))
        found.append(below + (above - below) * (place - int(place)))
    return found[0], found[1]


def resize(image: Tensor, height: int, width: int) -> Tensor:
    """Resize (B, C, Y, X) bilinearly, blurring first when it shrinks; same size = unchanged."""
    if image.shape[2:] == (height, width):
        return image
    return functional.interpolate(image, size=(height, width), mode="bilinear", antialias=True)
