"""Which part of an image the network sees."""

import math
from typing import Any

from numpy.typing import NDArray

from ..card import Card
from ..session.image import is_full_frame, square_region

Region = tuple[slice, slice]


def parse_region(text: str) -> tuple[float, float, int] | str:
    """Read ``auto``, ``whole`` or ``Y,X,SIDE``.

    Raises
    ------
    ValueError  for anything else; shows the text.
    """
    if text in ("auto", "whole"):
        return text
    try:
        y, x, side = (float(value) for value in text.split(","))
        if not all(map(math.isfinite, (y, x, side))):
            raise ValueError
        return y, x, int(side)
    except ValueError:
        raise ValueError(f"--region {text!r} must be auto, whole or like 650,240,400.") from None


def choose_region(
    plane: NDArray[Any], wanted: tuple[float, float, int] | str, card: Card
) -> Region:
    """Give the rows and columns to segment.

    Parameters
    ----------
    plane : (Y, X) or (Y, X, C)
    wanted : see `parse_region`   auto: about the optic disc on full frames, if the model wants
             that, else whole
    card : Card

    Raises
    ------
    ValueError  if the region lies outside the image, or no disc can be found.
    """
    shape = (plane.shape[0], plane.shape[1])
    if not isinstance(wanted, str):
        return square_region(wanted[:2], wanted[2], shape)
    if wanted == "whole" or card.roi != "disc":
        return slice(0, shape[0]), slice(0, shape[1])
    from ..localise import disc_region

    if not is_full_frame(shape):
        return slice(0, shape[0]), slice(0, shape[1])
    y, x, side = disc_region(plane)
    return square_region((y, x), side, shape)
