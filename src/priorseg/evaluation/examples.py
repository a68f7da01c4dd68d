"""Images with their true labels, cut as a protocol says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..training.data import Sample, load_samples


@dataclass(frozen=True)
class Example:
    """Hold one image with what is true about it.

    Parameters
    ----------
    name : str           folder and id
    image : (Y, X, 3)    uint8
    labels : (Y, X)      int64
    instances : (Y, X)   whole numbers, 0 = none; None where the set has none
    """

    name: str
    image: NDArray[np.uint8]
    labels: NDArray[np.int64]
    instances: NDArray[np.int64] | None = None

    @property
    def unit(self) -> NDArray[np.float32]:
        """Give the image with values in [0, 1], (Y, X, 3)."""
        return np.divide(self.image, 255, dtype=np.float32)


def as_example(sample: Sample | Example) -> Example:
    """Turn a sample of the training into an example."""
    if isinstance(sample, Example):
        return sample
    image = np.ascontiguousarray(sample.image.permute(1, 2, 0).numpy())
    numbers = None if sample.instances is None else sample.instances.numpy().astype(np.int64)
    return Example(sample.name, image, sample.labels.numpy(), numbers)


def load_examples(
    root: Path, folder: str, split: str, *, longest: int | None = None, instances: bool = False
) -> list[Example]:
    """Read one split of one data set, in the order of its manifest.

    Parameters
    ----------
    root, folder, split, longest   see `priorseg.training.data.load_samples`
    instances : bool               read the numbers of the instances too

    Raises
    ------
    FileNotFoundError  if the data set is missing.
    ValueError         if the split is empty, or instances are wanted and the set has none.
    """
    samples = load_samples(Path(root), folder, split, longest=longest, instances=instances)
    if not samples:
        raise ValueError(f"The data set {folder!r} has no images in its split {split!r}.")
    found = [as_example(one) for one in samples]
    lacking = [one.name for one in found if one.instances is None]
    if instances and lacking:
        raise ValueError(f"{lacking[0]} has no map of instances in the manifest.")
    return found


def crop_about(example: Example, members: Sequence[int], ratio: float) -> Example:
    """Cut a square about an object whose side is a multiple of the object's height.

    Sets of fundus images show fields of view of 1.1 to 2.3 disc heights; a network trained on one
    is tested on another after cutting to the same. The true object says where: that is knowledge
    the network does not have, and it is the same for all rows. The square is moved to lie in the
    image; where the image is too small for it, the largest possible one is taken.

    Parameters
    ----------
    example : Example
    members : labels that make up the object
    ratio : float   side of the square over the height of the object, >= 1

    Raises
    ------
    ValueError  for a ratio below 1, or if the image lacks the object.
    """
    if not ratio >= 1:
        raise ValueError(f"ratio {ratio} must be >= 1: the square holds the object.")
    inside = np.isin(example.labels, members)
    if not inside.any():
        raise ValueError(
            f"{example.name} has no pixel of the labels {tuple(members)} to cut about."
        )
    ends = [np.flatnonzero(inside.any(axis))[[0, -1]] for axis in (1, 0)]
    side = min(round(ratio * float(ends[0][1] - ends[0][0] + 1)), *inside.shape)
    window = []
    for (first, last), whole in zip(ends, inside.shape, strict=True):
        start = round((float(first) + float(last) + 1 - side) / 2)
        start = min(max(start, 0), whole - side)
        window.append(slice(start, start + side))
    box = tuple(window)
    instances = None if example.instances is None else example.instances[box]
    return replace(
        example, image=example.image[box], labels=example.labels[box], instances=instances
    )
