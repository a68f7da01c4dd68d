"""Vary images and label maps at random, reproducibly."""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from .data import Sample


@dataclass(frozen=True)
class Augment:
    """Say how strongly samples are varied; every strength 0 = only resized.

    Parameters
    ----------
    size : int              side of the result, pixels
    zoom : bool             whether the field of view varies, within the range of the sample
    rotate : float          largest angle, degrees
    shift : float           largest shift over the side of the field of view
    stretch : float         largest relative change of the aspect ratio
    mirror_border : bool    what lies outside: the mirrored image, or its mean colour (label 0)
    light : float           strength of contrast, brightness, gamma and tint changes
    colour : float          largest share by which channels are mixed and scaled
    illumination : float    largest relative change of a slow brightness field
    blur_px : float         largest standard deviation of a Gaussian blur
    noise : float           largest standard deviation of white noise, image range 0 to 1
    """

    size: int
    zoom: bool = False
    rotate: float = 0.0
    shift: float = 0.0
    stretch: float = 0.0
    mirror_border: bool = True
    light: float = 0.0
    colour: float = 0.0
    illumination: float = 0.0
    blur_px: float = 0.0
    noise: float = 0.0

    def batch(self, samples: list[Sample], random: Generator) -> tuple[Tensor, Tensor]:
        """Vary each sample on its own.

        Returns
        -------
        images : (B, 3, size, size) float32 in [0, 1]
        labels : (B, size, size) int64
        """
        pairs = [self._one(sample, random) for sample in samples]
        return torch.stack([p[0] for p in pairs]), torch.stack([p[1] for p in pairs])

    def _one(self, sample: Sample, random: Generator) -> tuple[Tensor, Tensor]:
        image = sample.image[None].float() / 255
        labels = sample.labels[None, None].float()
        grid, factor = self._grid(sample, random)
        if factor > 1.3:  # shrinks: blur first, against aliasing
            image = blur(image, 0.5 * math.sqrt(factor**2 - 1))
        border = "reflection" if self.mirror_border else "zeros"
        fill = image.new_zeros(1, 3, 1, 1)
        if not self.mirror_border:
            outside = (labels == 0).float()
            fill = (image * outside).sum((2, 3), keepdim=True) / outside.sum().clamp_min(1)
        moved = (
            functional.grid_sample(image - fill, grid, padding_mode=border, align_corners=False)
            + fill
        )
        moved_labels = functional.grid_sample(
            labels, grid, mode="nearest", padding_mode=border, align_corners=False
        )
        varied = self._colours(moved, random)
        return varied[0].clamp(0, 1), moved_labels[0, 0].round().long()

    def _grid(self, sample: Sample, random: Generator) -> tuple[Tensor, float]:
        """Draw an affine sampling grid, (1, size, size, 2), and its shrinking factor."""
        shape = sample.labels.shape
        low, high = sample.zoom if self.zoom else (1.0, 1.0)
        zoom = math.exp(_uniform(random, math.log(low), math.log(high)))
        angle = math.radians(_uniform(random, -self.rotate, self.rotate))
        aspect = math.exp(_uniform(random, -self.stretch, self.stretch) / 2)
        mirror = -1.0 if self.rotate and _uniform(random, 0, 1) < 0.5 else 1.0
        longer = max(shape)
        half = zoom * longer  # in units where an axis of n pixels spans n
        c, s = math.cos(angle), math.sin(angle)
        rows = []
        for (first, second), side in (
            ((c * mirror * aspect, -s / aspect), shape[1]),
            ((s * mirror * aspect, c / aspect), shape[0]),
        ):
            move = _uniform(random, -self.shift, self.shift) * half / side * 2
            rows.append([first * half / side, second * half / side, move])
        theta = torch.tensor([rows])
        grid = functional.affine_grid(theta, [1, 1, self.size, self.size], align_corners=False)
        return grid, zoom * longer / self.size

    def _colours(self, image: Tensor, random: Generator) -> Tensor:
        """Vary light, sharpness and noise of (1, 3, Y, X)."""
        if self.colour:
            change = (torch.rand(3, 3, generator=random) * 2 - 1) * self.colour
            image = torch.einsum("ij,bjyx->biyx", torch.eye(3) + change, image)
        if self.light:
            gamma = math.exp(_uniform(random, -self.light, self.light))
            contrast = math.exp(_uniform(random, -self.light, self.light))
            tint = (torch.rand(1, 3, 1, 1, generator=random) - 0.5) * self.light * 0.5
            gain = torch.exp((torch.rand(1, 3, 1, 1, generator=random) - 0.5) * self.light * 0.7)
            shift = _uniform(random, -self.light, self.light) * 0.2
            mean = image.mean((1, 2, 3), keepdim=True)
            image = (image.clamp(1e-4, 1) ** gamma - mean) * contrast * gain + mean + shift + tint
        if self.illumination:
            coarse = (torch.rand(1, 1, 3, 3, generator=random) * 2 - 1) * self.illumination
            field = functional.interpolate(
                coarse, size=image.shape[2:], mode="bicubic", align_corners=True
            )
            image = image * (1 + field)
        if self.blur_px and _uniform(random, 0, 1) < 0.4:
            image = blur(image, _uniform(random, 0.1, self.blur_px))
        if self.noise and _uniform(random, 0, 1) < 0.5:
            level = _uniform(random, 0, self.noise)
            image = image + level * torch.randn(image.shape, generator=random)
        return image


def blur(image: Tensor, sigma_px: float) -> Tensor:
    """Blur (B, C, Y, X) by a Gaussian, borders repeated."""
    reach = max(1, math.ceil(3 * sigma_px))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma_px) ** 2).to(image)
    taps = (taps / taps.sum()).view(1, 1, -1, 1).expand(image.shape[1], -1, -1, -1)
    image = functional.pad(image, (reach,) * 4, mode="replicate")
    image = functional.conv2d(image, taps, groups=image.shape[1])
    return functional.conv2d(image, taps.transpose(2, 3), groups=image.shape[1])


def _uniform(random: Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=random, dtype=torch.float64))
