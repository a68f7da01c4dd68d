"""Label images that share what did not change, so that a history of them costs little."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import ReferenceType, ref

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .tile import DTYPES, Tile, constant, digest_of, tile_of, unpack

Window = tuple[slice, slice]
EDGE = 128
MOST_PIXELS = 2**31 - 1


def tile_windows(shape: tuple[int, int]) -> Iterator[Window]:
    """Give rows and columns of each tile of an image, row by row."""
    for top in range(0, shape[0], EDGE):
        for left in range(0, shape[1], EDGE):
            yield (
                slice(top, min(top + EDGE, shape[0])),
                slice(left, min(left + EDGE, shape[1])),
            )


def tile_count(shape: tuple[int, int]) -> int:
    """Count the tiles of an image."""
    return -(-shape[0] // EDGE) * -(-shape[1] // EDGE)


def check_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Check the shape of an image (Y, X).

    Raises
    ------
    ValueError  if it is not two numbers > 0 with at most 2**31 - 1 pixels together.
    """
    sides = [int(side) for side in shape]
    if len(sides) != 2 or min(sides) < 1 or sides[0] * sides[1] > MOST_PIXELS:
        raise ValueError(
            f"A raster has the shape (Y, X), both > 0 and at most {MOST_PIXELS} pixels; got "
            f"{tuple(shape)}."
        )
    return sides[0], sides[1]


@dataclass(frozen=True, eq=False, repr=False)
class Raster:
    """Hold a label image that cannot change; make it by `zeros` or `of`.

    Versions made by `changed` and `with_array` share every tile that stayed the same. Two rasters
    are equal if shape, type and all pixels are.

    Parameters
    ----------
    shape : (Y, X)
    dtype : 'uint8' or 'int32'
    pieces : tiles, row by row
    """

    shape: tuple[int, int]
    dtype: str
    pieces: tuple[Tile, ...]
    _seen: list["ReferenceType[NDArray[Any]]"] = field(default_factory=list)

    @classmethod
    def zeros(cls, shape: Sequence[int], dtype: DTypeLike = np.uint8) -> "Raster":
        """Make an image of zeros without taking its memory."""
        checked, name = check_shape(shape), _dtype_name(dtype)
        sizes = (_pixels(window) for window in tile_windows(checked))
        return cls(checked, name, tuple(constant(0, name, size) for size in sizes))

    @classmethod
    def of(cls, array: ArrayLike) -> "Raster":
        """Make a raster of an array (Y, X), uint8 or int32.

        Raises
        ------
        ValueError  for another shape or type.
        """
        pixels = np.asarray(array)
        name, checked = _dtype_name(pixels.dtype), check_shape(pixels.shape)
        blocks = (pixels[window] for window in tile_windows(checked))
        return cls(checked, name, tuple(tile_of(_stored(block, name), name) for block in blocks))

    @cached_property
    def tiles(self) -> tuple[bytes, ...]:
        """Give the digest of each tile, row by row."""
        return tuple(piece.digest for piece in self.pieces)

    @cached_property
    def digest(self) -> bytes:
        """Give 16 bytes that stand for shape, type and all pixels."""
        return digest_of(repr((self.shape, self.dtype)).encode() + b"".join(self.tiles))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Raster) and (
            self.pieces is other.pieces or self.digest == other.digest
        )

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Raster({self.shape}, {self.dtype}, {self.digest.hex()[:8]})"

    def any(self) -> bool:
        """Say whether a pixel is not 0; nothing is unpacked."""
        return any(piece.value != 0 for piece in self.pieces)

    def array(self) -> NDArray[Any]:
        """Give all pixels, (Y, X), read-only; the same array as long as somebody holds it."""
        known = self._seen[0]() if self._seen else None
        if known is not None:
            return known
        array = np.zeros(self.shape, DTYPES[self.dtype])  # costs nothing where nobody writes
        for window, piece in zip(tile_windows(self.shape), self.pieces, strict=True):
            if piece.value != 0:
                array[window] = self._block(window, piece)
        array.flags.writeable = False
        self._seen[:] = [ref(array)]
        return array

    def crop(self, window: Window) -> NDArray[Any]:
        """Give the pixels of a window, a new array; only its tiles are unpacked."""
        rows, columns = self._inside(window)
        out = np.empty((rows.stop - rows.start, columns.stop - columns.start), DTYPES[self.dtype])
        for place in self._touched((rows, columns)):
            here, there = _meet(self._window(place), (rows, columns))
            out[there] = self._block(self._window(place), self.pieces[place])[here]
        return out

    def with_array(self, array: ArrayLike) -> "Raster":
        """Give a raster of these pixels that shares every tile that is the same here.

        Raises
        ------
        ValueError  if shape or type differ.
        """
        pixels = np.asarray(array)
        if pixels.shape != self.shape or _dtype_name(pixels.dtype) != self.dtype:
            raise ValueError(
                f"Pixels must be {self.dtype} of shape {self.shape}, got {pixels.dtype} "
                f"{pixels.shape}."
            )
        blocks = (pixels[window] for window in tile_windows(self.shape))
        return self._replaced(enumerate(blocks))

    def changed(
        self, window: Window, values: ArrayLike, where: ArrayLike | None = None
    ) -> "Raster":
        """Give a raster with other pixels in a window.

        Parameters
        ----------
        window : two slices           rows and columns; cut to the image
        values : (y, x) or a number   whole numbers that the type can hold
        where : (y, x) bool           pixels that change; default all

        Raises
        ------
        ValueError  if values do not fit the window or the type.
        """
        rows, columns = self._inside(window)
        size = (rows.stop - rows.start, columns.stop - columns.start)
        new = np.broadcast_to(_fitting(values, self.dtype), size)
        mask = None if where is None else np.broadcast_to(np.asarray(where, bool), size)

        def blocks() -> Iterator[tuple[int, NDArray[Any]]]:
            for place in self._touched((rows, columns)):
                here, there = _meet(self._window(place), (rows, columns))
                if mask is None or mask[there].any():
                    block = self._block(self._window(place), self.pieces[place]).copy()
                    np.copyto(block[here], new[there], where=True if mask is None else mask[there])
                    yield place, block

        return self._replaced(blocks())

    def _replaced(self, blocks: Iterable[tuple[int, NDArray[Any]]]) -> "Raster":
        pieces = list(self.pieces)
        for place, block in blocks:
            stored = _stored(block, self.dtype)
            old, first = pieces[place], int(stored.flat[0])
            if old.value is None or old.value != first or not bool((stored == first).all()):
                new = tile_of(stored, self.dtype)
                pieces[place] = old if new.digest == old.digest else new
        if all(new is old for new, old in zip(pieces, self.pieces, strict=True)):
            return self
        return Raster(self.shape, self.dtype, tuple(pieces))

    def _block(self, window: Window, piece: Tile) -> NDArray[Any]:
        size = tuple(part.stop - part.start for part in window)
        if piece.value is not None:
            return np.full(size, piece.value, DTYPES[self.dtype])
        raw = unpack(piece.packed, size[0] * size[1] * DTYPES[self.dtype].itemsize)
        return np.frombuffer(raw, DTYPES[self.dtype]).reshape(size)

    def _window(self, place: int) -> Window:
        row, column = divmod(place, -(-self.shape[1] // EDGE))
        return (
            slice(row * EDGE, min(row * EDGE + EDGE, self.shape[0])),
            slice(column * EDGE, min(column * EDGE + EDGE, self.shape[1])),
        )

    def _inside(self, window: Window) -> Window:
        if any(part.step not in (None, 1) for part in window):
            raise ValueError(f"A window has no steps, got {window}.")
        (top, bottom, _), (left, right, _) = (
            part.indices(side) for part, side in zip(window, self.shape, strict=True)
        )
        return slice(top, max(top, bottom)), slice(left, max(left, right))

    def _touched(self, window: Window) -> Iterator[int]:
        rows, columns = window
        across = -(-self.shape[1] // EDGE)
        if rows.stop > rows.start and columns.stop > columns.start:
            for row in range(rows.start // EDGE, (rows.stop - 1) // EDGE + 1):
                for column in range(columns.start // EDGE, (columns.stop - 1) // EDGE + 1):
                    yield row * across + column


def _dtype_name(dtype: DTypeLike) -> str:
    name = str(np.dtype(dtype).name)
    if name not in DTYPES:
        raise ValueError(f"A raster is uint8 or int32, got {name}.")
    return name


def _stored(block: NDArray[Any], dtype: str) -> NDArray[Any]:
    return np.ascontiguousarray(block, DTYPES[dtype])


def _pixels(window: Window) -> int:
    return int((window[0].stop - window[0].start) * (window[1].stop - window[1].start))


def _fitting(values: ArrayLike, dtype: str) -> NDArray[Any]:
    array, limits = np.asarray(values), np.iinfo(DTYPES[dtype])
    if array.dtype.kind not in "bui":
        raise ValueError(f"Pixels must be whole numbers, got {array.dtype}.")
    if array.size and not limits.min <= int(array.min()) <= int(array.max()) <= limits.max:
        raise ValueError(f"Pixels must lie between {limits.min} and {limits.max} ({dtype}).")
    return array.astype(DTYPES[dtype])


def _meet(tile: Window, window: Window) -> tuple[Window, Window]:
    """Give the part that two windows share, seen from each."""
    shared = [
        (max(one.start, two.start), min(one.stop, two.stop))
        for one, two in zip(tile, window, strict=True)
    ]
    (y0, y1), (x0, x1) = shared
    return (
        (
            slice(y0 - tile[0].start, y1 - tile[0].start),
            slice(x0 - tile[1].start, x1 - tile[1].start),
        ),
        (
            slice(y0 - window[0].start, y1 - window[0].start),
            slice(x0 - window[1].start, x1 - window[1].start),
        ),
    )
