"""Vary how an image looks, as other cameras, lamps and files would have it."""

import io
import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from .augment import Augment

GREY = (0.299, 0.587, 0.114)  # shares of red, green and blue in brightness (ITU-R BT.601)


def vary(image: Tensor, told: "Augment", random: Generator) -> tuple[Tensor, Tensor | None]:
    """Go the way of light: object, lamp, lens, stop, sensor, file.

    Parameters
    ----------
    image : (1, 3, Y, X) in [0, 1]

    Returns
    -------
    (1, 3, Y, X), not cut to [0, 1]; (Y, X) bool, what a round stop hides, or None
    """
    if told.light:
        image = image.clamp_min(1e-4).pow_(math.exp(random.uniform(-told.light, told.light)))
    matrix, shift = _colours(image, told, random)
    if matrix is not None:
        image = (matrix @ image.flatten(2)).view_as(image) + shift
    field = _lamp(image, told, random)
    if field is not None:
        image = image * field
    if told.blur_px and random.random() < 0.4:
        image = blur(image, random.uniform(0.1, told.blur_px))
    if told.rescale > 1 and random.random() < 0.3:
        image = _rescaled(image, random.uniform(1, told.rescale))
    hidden = None
    if told.aperture and random.random() < told.aperture:
        image, hidden = _stopped(image, random)
    image = _grain(image, told, random)
    if told.jpeg and random.random() < told.jpeg:
        image = _stored(image, int(random.integers(25, 91)))
    return image, hidden


def _colours(
    image: Tensor, told: "Augment", random: Generator
) -> tuple[Tensor | None, Tensor | float]:
    """Draw a matrix (1, 3, 3) and a shift (1, 3, 1, 1) of the colours."""
    found = np.eye(3)
    grey = np.outer(np.ones(3), GREY)
    if told.colour:
        found += random.uniform(-told.colour, told.colour, (3, 3))
    if told.hue:
        found = _turn(math.radians(random.uniform(-told.hue, told.hue))) @ found
    if told.saturation:
        keep = 1 + random.uniform(-told.saturation, told.saturation)
        found = (keep * np.eye(3) + (1 - keep) * grey) @ found
    if told.warmth:
        warm = 1 + random.uniform(-told.warmth, told.warmth)
        found = np.diag([math.sqrt(warm), 1, 1 / math.sqrt(warm)]) @ found
    if told.grey and random.random() < told.grey:
        found = grey @ found
    shift = np.zeros(3)
    if told.light:
        contrast = math.exp(random.uniform(-told.light, told.light))
        gain = contrast * np.exp((random.random(3) - 0.5) * told.light * 0.7)
        tint = (random.random(3) - 0.5) * told.light * 0.5
        level = random.uniform(-told.light, told.light) * 0.2
        mean = float(image.mean())
        shift = mean * (1 - gain * found.sum(1)) + level + tint
        found = gain[:, None] * found
    if np.array_equal(found, np.eye(3)) and not shift.any():
        return None, 0.0
    return (
        torch.from_numpy(found[None].astype(np.float32)),
        torch.from_numpy(shift.astype(np.float32)).view(1, 3, 1, 1),
    )


def _turn(angle: float) -> np.ndarray:
    """Give the rotation of colours about the grey axis."""
    c, s = math.cos(angle), math.sin(angle) / math.sqrt(3)
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    return c * np.eye(3) + (1 - c) / 3 * np.ones((3, 3)) + s * across


def _lamp(image: Tensor, told: "Augment", random: Generator) -> Tensor | None:
    """Draw a field of brightness, (1, 1, Y, X)."""
    field: Tensor | None = None
    if told.illumination:
        coarse = random.uniform(-told.illumination, told.illumination, (1, 1, 3, 3))
        field = 1 + functional.interpolate(
            torch.from_numpy(coarse.astype(np.float32)),
            size=image.shape[2:],
            mode="bicubic",
            align_corners=True,
        )
    if told.vignette:
        loss = random.uniform(0, told.vignette)
        dark = 1 - loss * (_radius(image, random.uniform(-0.2, 0.2, 2)) / math.sqrt(2)).square()
        field = dark if field is None else field * dark
    return field


def _radius(image: Tensor, centre: np.ndarray) -> Tensor:
    """Give the distance from a centre, (Y, X); both axes go from -1 to 1."""
    height, width = image.shape[2:]
    down = torch.linspace(-1, 1, height)[:, None] - float(centre[0])
    along = torch.linspace(-1, 1, width)[None, :] - float(centre[1])
    return (down.square() + along.square()).sqrt_()


def _rescaled(image: Tensor, factor: float) -> Tensor:
    """Lose detail by shrinking and enlarging again."""
    height, width = image.shape[2:]
    small = (max(1, round(height / factor)), max(1, round(width / factor)))
    shrunk = functional.interpolate(image, size=small, mode="bilinear", antialias=True)
    return functional.interpolate(shrunk, size=(height, width), mode="bilinear")


def _stopped(image: Tensor, random: Generator) -> tuple[Tensor, Tensor]:
    """Darken the corners outside a circle."""
    radius = random.uniform(0.85, 1.3)
    away = _radius(image, random.uniform(-0.1, 0.1, 2)) - radius
    shown = (-away / random.uniform(0.01, 0.08)).clamp_(0, 1)
    dark = float(random.uniform(0, 0.12))
    return image * shown + dark * (1 - shown), shown < 0.5


def _grain(image: Tensor, told: "Augment", random: Generator) -> Tensor:
    """Add the noise of a sensor."""
    white = random.uniform(0, told.noise) if told.noise and random.random() < 0.5 else 0.0
    shot = random.uniform(0, told.shot) if told.shot and random.random() < 0.5 else 0.0
    if white or shot:
        grain = torch.from_numpy(random.standard_normal(tuple(image.shape), dtype=np.float32))
        if shot:
            grain *= (white**2 + shot**2 * image.clamp(0, 1)).sqrt_()
        else:
            grain *= white
        image = image + grain
    if told.pepper and random.random() < 0.25:
        share = random.uniform(0, told.pepper)
        drawn = torch.from_numpy(random.random(tuple(image.shape[2:]), dtype=np.float32))
        image = image.masked_fill(drawn < share, 0.0).masked_fill(drawn > 1 - share, 1.0)
    return image


def _stored(image: Tensor, quality: int) -> Tensor:
    """Store as JPEG and read again."""
    from PIL import Image

    pixels = (image[0].clamp(0, 1) * 255).round_().byte().permute(1, 2, 0).contiguous().numpy()
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as read:
        back = np.asarray(read.convert("RGB"))
    return torch.from_numpy(back.copy()).permute(2, 0, 1)[None].float() / 255


def blur(image: Tensor, sigma_px: float) -> Tensor:
    """Blur (B, C, Y, X) by a Gaussian, borders repeated."""
    reach = max(1, math.ceil(3 * sigma_px))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma_px) ** 2).to(image)
    taps = (taps / taps.sum()).view(1, 1, -1, 1).expand(image.shape[1], -1, -1, -1)
    image = functional.pad(image, (reach,) * 4, mode="replicate")
    image = functional.conv2d(image, taps, groups=image.shape[1])
    return functional.conv2d(image, taps.transpose(2, 3), groups=image.shape[1])
