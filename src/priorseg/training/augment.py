"""Vary images and label maps at random, reproducibly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from ..spec import Range
from . import appearance
from .data import Batch, Sample, stacked


@dataclass(frozen=True)
class Augment:
    """Say how strongly samples are varied; every strength 0 = only resized.

    Parameters
    ----------
    size : int              side of the result, pixels
    zoom : bool             whether the field of view varies, within the range of the sample
    rotate : float          largest angle, degrees; above 0 half of the images are mirrored
    shift : float           largest shift over the side of the field of view
    roam : bool             larger shifts too, until the field of view meets the border
    stretch : float         largest relative change of the aspect ratio
    mirror_border : bool    what lies outside: the mirrored image, or its mean colour (label 0)
    light : float           strength of contrast, brightness, gamma and tint changes
    colour : float          largest share by which channels are mixed and scaled
    hue : float             largest turn of all colours about grey, degrees
    saturation : float      largest relative change of the saturation
    warmth : float          largest relative change of red against blue
    grey : float            share of the images that lose their colour
    illumination : float    largest relative change of a slow brightness field
    vignette : float        largest loss of light in the corners, as a share
    blur_px : float         largest standard deviation of a Gaussian blur
    rescale : float         largest factor by which an image is shrunk and enlarged again; 1 = not
    aperture : float        share of the images with dark corners (label 0), as of a round stop
    noise : float           largest standard deviation of white noise, image range 0 to 1
    shot : float            the same of noise that grows with the root of the brightness
    pepper : float          largest share of pixels that are black, and as many white ones
    jpeg : float            share of the images that are stored as JPEG, quality 25 to 90
    """

    size: Annotated[int, Range(8, 4096)]
    zoom: bool = False
    rotate: Annotated[float, Range(0, 180)] = 0.0
    shift: Annotated[float, Range(0, 1)] = 0.0
    roam: bool = False
    stretch: Annotated[float, Range(0, 1)] = 0.0
    mirror_border: bool = True
    light: Annotated[float, Range(0, 2)] = 0.0
    colour: Annotated[float, Range(0, 1)] = 0.0
    hue: Annotated[float, Range(0, 180)] = 0.0
    saturation: Annotated[float, Range(0, 1)] = 0.0
    warmth: Annotated[float, Range(0, 0.9)] = 0.0
    grey: Annotated[float, Range(0, 1)] = 0.0
    illumination: Annotated[float, Range(0, 1)] = 0.0
    vignette: Annotated[float, Range(0, 1)] = 0.0
    blur_px: Annotated[float, Range(0, 20)] = 0.0
    rescale: Annotated[float, Range(1, 16)] = 1.0
    aperture: Annotated[float, Range(0, 1)] = 0.0
    noise: Annotated[float, Range(0, 1)] = 0.0
    shot: Annotated[float, Range(0, 1)] = 0.0
    pepper: Annotated[float, Range(0, 0.5)] = 0.0
    jpeg: Annotated[float, Range(0, 1)] = 0.0

    def batch(self, samples: Sequence[Sample], random: Generator) -> Batch:
        """Vary each sample on its own; images become (B, 3, size, size) in [0, 1]."""
        return stacked([self.one(sample, random) for sample in samples])

    def one(self, sample: Sample, random: Generator) -> Batch:
        """Vary a sample; instances, if known, move with the labels and draw no random number."""
        image = sample.image[None].float() / 255
        grid, factor = self._grid(sample, random)
        if factor > 1.3:  # shrinks: blur first, against aliasing
            image = appearance.blur(image, 0.5 * math.sqrt(factor**2 - 1))
        border = "reflection" if self.mirror_border else "zeros"
        fill = image.new_zeros(1, 3, 1, 1)
        if not self.mirror_border:
            outside = (sample.labels == 0)[None, None].float()
            fill = (image * outside).sum((2, 3), keepdim=True) / outside.sum().clamp_min(1)
        moved = functional.grid_sample(
            image - fill, grid, padding_mode=border, align_corners=False
        ).add_(fill)
        planes = [_moved(sample.labels, grid, border)]
        if sample.instances is not None:
            planes.append(_copies_apart(_moved(sample.instances, grid, border), grid))
        varied, hidden = appearance.vary(moved.clamp_(0, 1), self, random)
        if hidden is not None:
            planes = [plane.masked_fill(hidden, 0) for plane in planes]
        return Batch(varied[0].clamp(0, 1), *planes)

    def _grid(self, sample: Sample, random: Generator) -> tuple[Tensor, float]:
        """Draw an affine sampling grid, (1, size, size, 2), and its shrinking factor."""
        shape = sample.labels.shape
        low, high = sample.zoom if self.zoom else (1.0, 1.0)
        zoom = math.exp(random.uniform(math.log(low), math.log(high)))
        angle = math.radians(random.uniform(-self.rotate, self.rotate))
        aspect = math.exp(random.uniform(-self.stretch, self.stretch) / 2)
        mirror = -1.0 if self.rotate and random.random() < 0.5 else 1.0
        longer = max(shape)
        half = zoom * longer  # in units where an axis of n pixels spans n
        c, s = math.cos(angle), math.sin(angle)
        rows = []
        for (first, second), side in (
            ((c * mirror * aspect, -s / aspect), shape[1]),
            ((s * mirror * aspect, c / aspect), shape[0]),
        ):
            shift = max(self.shift, (side / half - 1) / 2) if self.roam else self.shift
            move = random.uniform(-shift, shift) * half / side * 2
            rows.append([first * half / side, second * half / side, move])
        steps = (np.arange(self.size, dtype=np.float32) * 2 + 1) / self.size - 1
        down, along = torch.from_numpy(steps)[:, None], torch.from_numpy(steps)[None, :]
        planes = [row[0] * along + row[1] * down + row[2] for row in rows]
        return torch.stack(planes, -1)[None], zoom * longer / self.size


def _moved(numbers: Tensor, grid: Tensor, border: str) -> Tensor:
    """Sample a map of whole numbers below 2²⁴, (Y, X), at the nearest pixels; gives int64."""
    found = functional.grid_sample(
        numbers[None, None].float(), grid, mode="nearest", padding_mode=border, align_corners=False
    )
    return found[0, 0].round().long()


def _copies_apart(numbers: Tensor, grid: Tensor) -> Tensor:
    """Give the mirror images of an object beyond the border numbers of their own."""
    cells = ((grid[0] + 1) / 2).floor().long()  # x, y of the copy of the image; 0 = the image
    cells = cells - cells.amin((0, 1))
    copy = cells[..., 1] * (cells[..., 0].max() + 1) + cells[..., 0]
    return torch.where(numbers > 0, numbers + copy * (numbers.max() + 1), 0)
