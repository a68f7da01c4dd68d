"""What a solve shows: one immutable picture of its state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .settings import Settings

if TYPE_CHECKING:
    from ..prior import Certificate

Region = tuple[slice, slice]


@dataclass(frozen=True)
class Frame:
    """Hold labels and what is known about them; nobody writes to its arrays.

    Parameters
    ----------
    labels : (Y, X) uint8          the full image; 0 outside the region
    probs : (labels, y, x) float32 probability of each label in the region
    region : two slices            rows and columns of the image that were solved
    certificates : mapping         prior name -> `Certificate`, measured on `labels`;
                                   empty unless final
    residual : float               max |change of probability| in the last sweep
    sweeps : int                   sweeps since the start of this solve
    seconds : float                since the start of this solve
    final : bool                   True: the solve has ended and `labels` satisfy the priors
                                   exactly where they can; False: on the way, or a preview
    settings : Settings            what was solved
    counts : mapping               label -> pixels in `labels`
    messages : tuple of str        what a person should know, one sentence each
    """

    labels: NDArray[np.uint8]
    probs: NDArray[np.float32]
    region: Region
    certificates: Mapping[str, "Certificate"]
    residual: float
    sweeps: int
    seconds: float
    final: bool
    settings: Settings
    counts: Mapping[int, int]
    messages: tuple[str, ...] = ()


def on_canvas(
    labels: NDArray[np.uint8], region: Region, shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Place the labels of a region in an image of background, (Y, X)."""
    if labels.shape == shape:
        return labels
    canvas = np.zeros(shape, np.uint8)
    canvas[region] = labels
    return canvas


def count_labels(labels: NDArray[np.uint8], total: int, kinds: int) -> dict[int, int]:
    """Count the pixels of each label; those outside the region are background.

    Parameters
    ----------
    labels : (y, x)   the region
    total : int       pixels of the full image
    kinds : int       number of labels
    """
    counts = np.bincount(labels.ravel(), minlength=kinds)
    counts[0] += total - labels.size
    return {label: int(count) for label, count in enumerate(counts)}
