"""Shapes with closed forms, drawn as masks: a pixel belongs to a shape if its centre does."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ellipe

Mask = NDArray[np.bool_]
Inside = Callable[[NDArray, NDArray], Mask]


@dataclass(frozen=True)
class Truth:
    """What a shape of circumradius r measures, in units."""

    area: float
    perimeter: float
    feret_max: float
    feret_min: float
    solidity: float

    @property
    def circularity(self) -> float:
        return 4 * math.pi * self.area / self.perimeter**2


def disc(r: float) -> tuple[Inside, Truth]:
    truth = Truth(math.pi * r * r, 2 * math.pi * r, 2 * r, 2 * r, 1.0)
    return lambda u, v: u * u + v * v <= r * r, truth


def ellipse(r: float) -> tuple[Inside, Truth]:
    b = r / 2
    truth = Truth(math.pi * r * b, 4 * r * float(ellipe(0.75)), 2 * r, 2 * b, 1.0)
    return lambda u, v: (u / r) ** 2 + (v / b) ** 2 <= 1, truth


def square(r: float) -> tuple[Inside, Truth]:
    side = r * math.sqrt(2)
    truth = Truth(side**2, 4 * side, 2 * r, side, 1.0)
    return lambda u, v: np.maximum(abs(u), abs(v)) <= side / 2, truth


def annulus(r: float) -> tuple[Inside, Truth]:
    truth = Truth(0.75 * math.pi * r * r, 3 * math.pi * r, 2 * r, 2 * r, 0.75)
    return lambda u, v: (u * u + v * v <= r * r) & (u * u + v * v > r * r / 4), truth


SHAPES = {"disc": disc, "ellipse 2:1": ellipse, "square": square, "annulus 2:1": annulus}


def draw(
    inside: Inside,
    radius: float,
    spacing: tuple[float, float] = (1.0, 1.0),
    *,
    shift: tuple[float, float] = (0.0, 0.0),
    turn: float = 0.0,
) -> tuple[Mask, tuple[float, float]]:
    """Draw a shape; gives the mask and its true centre in pixels.

    Parameters
    ----------
    inside : of coordinates in units, from the centre
    radius : of a disc that holds it, in units
    spacing : pixel edges (Y, X)
    shift : of the centre, in pixels
    turn : radians
    """
    half = [math.ceil(radius / edge) + 3 for edge in spacing]
    y = (np.arange(-half[0], half[0] + 1)[:, None] - shift[0]) * spacing[0]
    x = (np.arange(-half[1], half[1] + 1)[None] - shift[1]) * spacing[1]
    u, v = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    return inside(u, v), (half[0] + shift[0], half[1] + shift[1])
