"""Find the optic disc on a full fundus frame."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .preprocessing import Preprocessing

Plane = NDArray[np.float64]

SIDE = 256  # pixels; the frame is shrunk until its longer side has this many
RADIUS = 0.08  # of the disc that is looked for, over the diameter of the field of view
USUAL = 0.19  # diameter of the disc over the diameter of the field of view, median
SHORT = 1.09  # the steepest fall of brightness lies that much inside the outline
VESSELS = 1.0  # weight of the vessels against the brightness
DISCS_PER_SIDE = 1.5  # side of a region about the disc over its diameter; 1.1 to 2.4 were trained
DARK = 0.06  # mean of red, green and blue below which a pixel lies outside the field of view


def locate_disc(image: NDArray[Any]) -> tuple[float, float, float]:
    """Find the optic disc by its brightness and the vessels that meet there.

    Parameters
    ----------
    image : (Y, X, 3)   colour fundus photograph, any range that `Preprocessing.tensor` takes;
                        the surroundings of the round field of view are dark, if there are any

    Returns
    -------
    y, x : pixels          centre of the disc
    diameter_px : float    rough rough diameter of the disc, good to about a fifth

    Raises
    ------
    ValueError  if the image is no colour image, or shows nothing but a dark or even field.

    Source: brightness as a difference of Gaussians at the size of the disc, plus the density of
    dark thin lines; weights chosen on the training frames of Drishti-GS1.
    """
    rgb = Preprocessing(channels=3).tensor(image)[0].numpy().astype(np.float64)
    shape = rgb.shape[1:]
    step = max(1.0, max(shape) / SIDE)
    small = np.stack([_shrink(plane, step) for plane in rgb])
    field = _field_of_view(small)
    span = float(np.sqrt(field.sum() * 4 / np.pi))
    if span < 16:
        raise ValueError(
            f"The image shows no fundus: hardly a pixel is brighter than {DARK:.0%} of the range."
        )
    bright = (small[0] + 2 * small[1]) / 3
    if bright[field].std() < 1e-6:
        raise ValueError("The image is even: no optic disc can be found.")
    score = _score(bright, small[1], field, RADIUS * span)
    row, column = (int(p) for p in np.unravel_index(int(score.argmax()), score.shape))
    diameter = (SHORT * _edge(bright, row, column, span) + USUAL * span) / 2
    y, x = (
        (place + 0.5) * side / n - 0.5
        for place, side, n in zip((row, column), shape, small.shape[1:], strict=True)
    )
    return y, x, diameter * step


def disc_region(image: NDArray[Any]) -> tuple[float, float, int]:
    """Find the square about the optic disc that the models want, on a full fundus frame.

    Parameters
    ----------
    image : (Y, X[, C])   see `locate_disc`, which also says what is raised

    Returns
    -------
    y, x, side   centre and side in pixels, at least 64
    """
    y, x, diameter = locate_disc(image)
    return y, x, max(64, round(DISCS_PER_SIDE * diameter))


def _shrink(plane: Plane, step: float) -> Plane:
    if step > 1:
        plane = ndimage.gaussian_filter(plane, 0.4 * step, mode="nearest")
    size = [max(1, round(side / step)) for side in plane.shape]
    rows, columns = (
        (np.arange(n) + 0.5) * side / n - 0.5 for n, side in zip(size, plane.shape, strict=True)
    )
    grid = np.meshgrid(rows, columns, indexing="ij")
    return np.asarray(ndimage.map_coordinates(plane, grid, order=1, mode="nearest"))


def _field_of_view(rgb: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Find the lit part of the frame, a little eroded."""
    lit = ndimage.binary_opening(rgb.mean(0) > DARK, iterations=2)
    lit = ndimage.binary_fill_holes(lit)
    return np.asarray(ndimage.binary_erosion(lit, iterations=4, border_value=1), dtype=bool)


def _mean(plane: Plane, field: NDArray[np.bool_], sigma: float) -> Plane:
    """Average over a Gaussian window, pixels outside the field left out."""
    weight = ndimage.gaussian_filter(field.astype(float), sigma)
    total = ndimage.gaussian_filter(np.where(field, plane, 0.0), sigma)
    return np.asarray(total / np.maximum(weight, 1e-3))


def _standard(plane: Plane, field: NDArray[np.bool_]) -> Plane:
    values = plane[field]
    return np.asarray((plane - values.mean()) / max(float(values.std()), 1e-9))


def _score(bright: Plane, green: Plane, field: NDArray[np.bool_], radius: float) -> Plane:
    """Rate every pixel as the centre of a disc of a radius; -inf outside the field."""
    blob = _mean(bright, field, 0.6 * radius) - _mean(bright, field, 1.8 * radius)
    filled = np.where(field, green, _mean(green, field, radius))
    lines = ndimage.grey_closing(filled, size=(7, 7)) - filled
    vessels = _mean(lines, field, 0.8 * radius)
    score = _standard(blob, field) + VESSELS * _standard(vessels, field)
    return np.where(field, score, -np.inf)


def _edge(bright: Plane, row: int, column: int, span: float) -> float:
    """Give the diameter of the circle about a point on which the brightness falls fastest."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radii = np.linspace(0.03, 0.16, 66) * span
    rays = [row + radii[:, None] * np.sin(angles), column + radii[:, None] * np.cos(angles)]
    profile = ndimage.map_coordinates(bright, rays, order=1, mode="nearest").mean(1)
    slope = ndimage.gaussian_filter1d(profile, 6, order=1)
    return float(2 * radii[8 + int(slope[8:-4].argmin())])
