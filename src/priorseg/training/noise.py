"""Noise on training images, of a kind and strength drawn for each image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor

from ..spec import Range


@dataclass(frozen=True)
class NoiseSettings:
    """Name a kind of noise and the range of its level.

    Parameters
    ----------
    kind : str           'none', 'gaussian' (level = standard deviation, image range 0 to 1),
                         'pepper', 'salt' (level = share of the pixels)
    low, high : float    the level is drawn evenly between them
    """

    kind: Literal["none", "gaussian", "pepper", "salt"]
    low: Annotated[float, Range(0, 1)] = 0.0
    high: Annotated[float, Range(0, 1)] = 0.0

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}.")


def disturb(image: Tensor, kinds: Sequence[NoiseSettings], random: np.random.Generator) -> Tensor:
    """Add noise of one of some kinds, each as likely as the others.

    Parameters
    ----------
    image : (3, Y, X) in [0, 1]
    kinds : may be empty: the image is then unchanged

    Returns
    -------
    (3, Y, X) in [0, 1]
    """
    if not kinds:
        return image
    chosen = kinds[int(random.integers(len(kinds)))]
    level = float(random.uniform(chosen.low, chosen.high))
    if chosen.kind == "none" or level == 0:
        return image
    if chosen.kind == "gaussian":
        grain = random.standard_normal(tuple(image.shape), dtype=np.float32)
        return (image + level * torch.from_numpy(grain)).clamp(0, 1)
    hit = torch.from_numpy(random.random(tuple(image.shape[1:]), dtype=np.float32) < level)
    return image.masked_fill(hit, 1.0 if chosen.kind == "salt" else 0.0)
