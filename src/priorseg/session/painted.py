"""Painted pixels as a value that can be compared and hashed."""

from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Painted:
    """Hold the pixels that a person has painted; they cannot change.

    Parameters
    ----------
    pixels : (Y, X) uint8   of the full image: 0 = free, label + 1 = must have that label

    Raises
    ------
    ValueError  for another shape or type.
    """

    __slots__ = ("_digest", "pixels")

    pixels: NDArray[np.uint8]

    def __init__(self, pixels: ArrayLike) -> None:
        array = np.array(pixels, order="C")
        if array.ndim != 2 or array.dtype != np.uint8:
            raise ValueError(
                f"Painted pixels must be uint8 (Y, X), got {array.dtype} {array.shape}."
            )
        array.flags.writeable = False
        self.pixels = array
        head = repr(array.shape).encode()
        self._digest = blake2b(head + array.tobytes(), digest_size=16).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Painted) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        return f"Painted({self.pixels.shape}, {np.count_nonzero(self.pixels)} px)"
