"""Pieces of label images: hashed and packed once, then shared."""

import hashlib
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES: dict[str, np.dtype[Any]] = {"uint8": np.dtype("u1"), "int32": np.dtype("<i4")}


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """Hold up to 128 × 128 pixels, packed.

    Parameters
    ----------
    digest : 16 bytes       of the raw bytes, row by row, little-endian
    value : int or None     of a tile whose pixels are all equal
    packed : bytes          the raw bytes under zlib; empty where `value` says it all
    """

    digest: bytes
    value: int | None
    packed: bytes

    @property
    def cost(self) -> int:
        """Estimate the memory of the tile; bytes."""
        return 0 if self.value is not None else 150 + len(self.packed)


def digest_of(data: bytes | memoryview) -> bytes:
    """Give the 16 bytes that stand for a content."""
    return hashlib.blake2b(data, digest_size=16).digest()


@lru_cache(1024)
def constant(value: int, dtype: str, pixels: int) -> Tile:
    """Give the tile of so many equal pixels."""
    return Tile(digest_of(np.full(pixels, value, DTYPES[dtype]).tobytes()), value, b"")


def unpack(packed: bytes, size: int) -> bytes:
    """Inflate to exactly `size` bytes.

    Raises
    ------
    ValueError  if it is damaged or holds another number of bytes; more are never made.
    """
    engine = zlib.decompressobj()
    try:
        raw = engine.decompress(packed, size + 1)
    except zlib.error as error:
        raise ValueError(f"Packed data is damaged: {error}.") from error
    if len(raw) != size or not engine.eof or engine.unused_data:
        raise ValueError(f"Packed data does not hold {size} bytes.")
    return raw


def tile_of(block: NDArray[Any], dtype: str) -> Tile:
    """Pack a contiguous block of the stored type."""
    first = int(block.flat[0])
    if bool((block == first).all()):
        return constant(first, dtype, block.size)
    raw = block.tobytes()
    return Tile(digest_of(raw), None, zlib.compress(raw, 1))
