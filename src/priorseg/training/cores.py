"""Labels from instances: a core, which never touches that of a neighbour, and a rim around it."""

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from .data import Sample

CORE, RIM = 1, 2


def core_labels(instances: NDArray[np.integer], share: float) -> NDArray[np.int64]:
    """Part every instance into its core and its rim.

    Parameters
    ----------
    instances : (Y, X)   0 = none
    share : float        of the instance's largest depth, in [0, 1); pixels deeper than that are
                         core. The depth is the distance to the nearest pixel of anything else; what
                         lies beyond the border of the image counts as the instance's own.

    Returns
    -------
    (Y, X)   0, 1 = core, 2 = rim; every instance has a core of at least one pixel
    """
    labels = np.zeros(instances.shape, np.int64)
    for number, place in enumerate(ndimage.find_objects(instances), start=1):
        if place is None:
            continue
        wide = tuple(slice(max(0, part.start - 1), part.stop + 1) for part in place)
        mask = instances[wide] == number
        if mask.all():  # fills the image: nothing else is near
            labels[wide] = CORE
            continue
        depth = ndimage.distance_transform_edt(mask)
        core = mask & (depth > share * depth.max())
        labels[wide][mask] = RIM
        labels[wide][core] = CORE
    return labels


def cored(sample: Sample, share: float, *, keep: bool) -> Sample:
    """Give a sample the labels of `core_labels`.

    Parameters
    ----------
    keep : bool   whether the sample keeps its map of instances

    Raises
    ------
    ValueError  if it has none.
    """
    if sample.instances is None:
        raise ValueError(
            f"{sample.name} lists no instances; sets with `core` need them for every image."
        )
    labels = torch.from_numpy(core_labels(sample.instances.numpy(), share))
    return dataclasses.replace(sample, labels=labels, instances=sample.instances if keep else None)
