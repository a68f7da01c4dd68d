"""What a solve shows: one immutable picture of its state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .settings import Settings

if TYPE_CHECKING:
    from ..prior import Certificate

Region = tuple[slice, slice]
FEW = 16  # labels that are counted one by one


@dataclass(frozen=True)
class Frame:
    """Hold labels and what is known about them; nobody writes to its arrays.

    Parameters
    ----------
    labels : (Y, X) uint8          the full image; 0 outside the region
    soft : call                    makes `probs`
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
    reached : bool                 whether the solve met its tolerance, or did its trained sweeps

    Attributes
    ----------
    probs : (labels, y, x) float32   probability of each label in the region, made when first
                                     asked for: pictures of a moving slider rarely show them
    """

    labels: NDArray[np.uint8]
    soft: Callable[[], NDArray[np.float32]] = field(repr=False, compare=False)
    region: Region
    certificates: Mapping[str, "Certificate"]
    residual: float
    sweeps: int
    seconds: float
    final: bool
    settings: Settings
    counts: Mapping[int, int]
    messages: tuple[str, ...] = ()
    reached: bool = True

    @cached_property
    def probs(self) -> NDArray[np.float32]:
        """Give the probability of each label in the region, (labels, y, x)."""
        return self.soft()

    @property
    def size(self) -> int:
        """Count the pixels of the region."""
        rows, columns = self.region
        return int((rows.stop - rows.start) * (columns.stop - columns.start))


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
    if kinds > FEW:
        found = np.bincount(labels.ravel(), minlength=kinds).tolist()
    else:  # comparing bytes is far faster than sorting them into bins
        found = [0, *(int(np.count_nonzero(labels == label)) for label in range(1, kinds))]
        found[0] = labels.size - sum(found)
    found[0] += total - labels.size
    return dict(enumerate(found))
