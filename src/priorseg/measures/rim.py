"""The rim between cup and disc, ray by ray, finer than a pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .outline import Mask, Spacing

Reals = NDArray[np.float64]

RAYS = 360
_MARGIN = 5  # pixels about a mask that is blurred
_BLUR_PX = 1.0  # takes the stairs off the outline; moves one of radius r inwards by 1/(2r) px
_STEPS_PER_PX = 2  # the blurred edge is almost straight between them
_SAMPLES = 2_000_000  # at a time

# half-open sectors of 90 degrees about the axes of the image; 0 = right, 90 = up
SECTORS = {"superior": 90.0, "inferior": 270.0, "image left": 180.0, "image right": 0.0}
EYES = {
    "right": {"image left": "temporal", "image right": "nasal"},
    "left": {"image left": "nasal", "image right": "temporal"},
}


@dataclass(frozen=True)
class RimProfile:
    """Hold the rim along rays from the disc's centre.

    Parameters
    ----------
    degrees : (360,)       0.5, 1.5, ... 359.5; 0 = right in the image, 90 = up
    width : (360,)         disc edge minus cup edge, >= 0; nan where the ray misses the cup
    disc, cup : (360,)     outermost edge on the ray, from the centre; nan = none
    centre_px : (Y, X)     centroid of the disc (rim and cup), where all rays begin
    units : str            of the lengths
    folded : int           rays that cross an edge more than once
    """

    degrees: Reals
    width: Reals
    disc: Reals
    cup: Reals
    centre_px: tuple[float, float]
    units: str
    folded: int


@dataclass(frozen=True)
class Reading:
    """Hold one figure, or why there is none.

    Parameters
    ----------
    value : float or None
    reason : str   "" if there is a value
    """

    value: float | None
    reason: str = ""


@dataclass(frozen=True)
class Sector:
    """Hold the rim width in a quarter of the disc.

    Parameters
    ----------
    name : str              superior, inferior, and nasal and temporal, or image left and image
                            right where the eye is not known
    mean, narrowest : Reading
    narrowest_degrees : float or None   where it is narrowest
    """

    name: str
    mean: Reading
    narrowest: Reading
    narrowest_degrees: float | None = None


def _soft(mask: Mask) -> Reals:
    """Blur a mask with a margin of `_MARGIN` pixels; the outline is where one half is crossed."""
    padded = np.pad(mask, _MARGIN).astype(np.float64)
    blurred: Reals = ndimage.gaussian_filter(padded, _BLUR_PX)
    return blurred


def _outermost(soft: Reals, start: Reals, steps: Reals, unit: Reals) -> tuple[Reals, int]:
    """Find the outermost edge on each ray and count the rays that cross more than one.

    Parameters
    ----------
    soft : (Y, X)        of `_soft`
    start : (2,)         where the rays begin, Y and X in pixels of the mask
    steps : (samples,)   lengths along the ray, evenly rising from 0
    unit : (rays, 2)     pixels per length, Y and X

    Returns
    -------
    (rays,)   lengths; nan where a ray does not meet the object
    int
    """
    places = start[:, None, None] + _MARGIN + unit.T[:, :, None] * steps
    level = ndimage.map_coordinates(soft, places, order=1, mode="constant") - 0.5
    within = level >= 0
    last = within.shape[1] - 1 - within[:, ::-1].argmax(1)  # the last sample inside
    met = within.any(1) & (last < within.shape[1] - 1)
    last = np.where(met, last, 0)
    rays = np.arange(len(unit))
    above, below = level[rays, last], level[rays, last + 1]
    share = np.divide(above, above - below, out=np.zeros(len(unit)), where=met)
    found = np.where(met, steps[last] + share * steps[1], math.nan)
    crossings = np.count_nonzero(within[:, :-1] != within[:, 1:], axis=1)
    expected = np.where(within[:, 0], 1, 2)  # out; or in and out
    return found, int(np.count_nonzero(crossings > expected))


def _edges(mask: Mask, start: Reals, steps: Reals, unit: Reals) -> tuple[Reals, int]:
    """Do `_outermost` in parts that fit into little memory."""
    soft = _soft(mask)
    parts = np.array_split(unit, math.ceil(len(unit) * len(steps) / _SAMPLES))
    found = [_outermost(soft, start, steps, part) for part in parts]
    return np.concatenate([edge for edge, _ in found]), sum(folded for _, folded in found)


def rim_profile(
    disc: Mask, cup: Mask, corner: tuple[int, int], spacing: Spacing, units: str
) -> RimProfile:
    """Measure the rim along 360 rays from the disc's centroid.

    Edges are where the masks, blurred by a Gaussian of 1 px, fall below one half; the outermost
    one counts. Angles and lengths are those of the spacing, not of the pixels.

    Parameters
    ----------
    disc : (Y, X) bool   rim and cup, not empty; the array holds little else
    cup : (Y, X) bool    within the disc
    corner : (Y, X)      the pixel of the image where the arrays begin
    spacing : (Y, X)
    units : str
    """
    start = np.array([np.arange(n) @ disc.sum(1 - axis) for axis, n in enumerate(disc.shape)])
    start = start / np.count_nonzero(disc)
    degrees: Reals = (np.arange(RAYS, dtype=np.float64) + 0.5) * 360 / RAYS
    angle = np.radians(degrees)
    unit = np.stack([-np.sin(angle) / spacing[0], np.cos(angle) / spacing[1]], 1)
    reach = (
        np.maximum(start, np.array(disc.shape) - 1 - start) + 3 * _BLUR_PX
    )  # to the farthest pixel
    far = math.hypot(*(reach * spacing))
    step = min(spacing) / _STEPS_PER_PX
    steps: Reals = np.arange(math.ceil(far / step) + 2, dtype=np.float64) * step
    outer, folded_disc = _edges(disc, start, steps, unit)
    inner, folded_cup = _edges(cup, start, steps, unit)
    return RimProfile(
        degrees=degrees,
        width=np.maximum(outer - inner, 0.0),
        disc=outer,
        cup=inner,
        centre_px=(float(start[0] + corner[0]), float(start[1] + corner[1])),
        units=units,
        folded=max(folded_disc, folded_cup),
    )


def sectors(profile: RimProfile, eye: str | None) -> tuple[Sector, ...]:
    """Sum the profile up over four sectors of 90 degrees about the axes of the image.

    Parameters
    ----------
    profile : RimProfile
    eye : 'right', 'left' or None   None: the sides keep the names of the image

    Returns
    -------
    inferior, superior, nasal, temporal; or inferior, superior, image left, image right
    """
    sides = EYES[eye] if eye else {}
    order = ("inferior", "superior", "nasal", "temporal", "image left", "image right")
    found = []
    for place, middle in SECTORS.items():
        name = sides.get(place, place)
        inside = (profile.degrees - middle + 45) % 360 < 90
        width, degrees = profile.width[inside], profile.degrees[inside]
        missing = int(np.isnan(width).sum())
        if missing:
            reason = f"{missing} of {width.size} rays from the disc's centre miss an edge"
            none = Reading(None, reason)
            found.append(Sector(name, none, none))
            continue
        least = int(width.argmin())
        narrowest = Reading(float(width[least]))
        found.append(Sector(name, Reading(float(width.mean())), narrowest, float(degrees[least])))
    return tuple(sorted(found, key=lambda sector: order.index(sector.name)))
