"""Read folders of images with masks, as their manifests describe them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from skimage.io import imread
from torch import Tensor

from ..preprocessing import resize


@dataclass(frozen=True)
class Sample:
    """Hold one image with its label map.

    Parameters
    ----------
    name : str            folder and id
    image : (3, Y, X)     uint8
    labels : (Y, X)       int64
    zoom : (low, high)    side of the field of view over the longer side of the image, when varied
    """

    name: str
    image: Tensor
    labels: Tensor
    zoom: tuple[float, float] = (1.0, 1.0)


def load_samples(
    root: Path,
    folder: str,
    split: str,
    *,
    longest: int | None = None,
    zoom: tuple[float, float] = (1.0, 1.0),
) -> list[Sample]:
    """Read one split of one data set.

    Parameters
    ----------
    root : Path      the folder that holds the data sets
    folder : str     name of the data set
    split : str      'train' or 'val'
    longest : int    images with a longer side are shrunk to it (to save memory); None = as is
    zoom : (low, high)   see `Sample`

    Raises
    ------
    FileNotFoundError  if the data set is missing; says where it was looked for.
    """
    manifest = Path(root) / folder / "manifest.json"
    if not manifest.is_file():
        raise FileNotFoundError(
            f"The data set {folder!r} is missing: {manifest} does not exist. "
            "Give the folder that holds it with --data."
        )
    items = json.loads(manifest.read_text())["items"]
    chosen = [item for item in items if item["split"] == split]
    return [_read(manifest.parent, item, longest, zoom) for item in chosen]


def _read(
    folder: Path, item: Mapping[str, str], longest: int | None, zoom: tuple[float, float]
) -> Sample:
    picture = torch.from_numpy(np.ascontiguousarray(imread(folder / item["image"])[..., :3]))
    picture = picture.permute(2, 0, 1)  # (3, Y, X)
    labels = torch.from_numpy(imread(folder / item["mask"]).astype(np.int64))
    if longest is not None and max(labels.shape) > longest:
        scale = longest / max(labels.shape)
        height, width = (round(side * scale) for side in labels.shape)
        picture = resize(picture[None].float(), height, width)[0].round().clamp(0, 255).byte()
        labels = torch.nn.functional.interpolate(
            labels[None, None].float(), size=(height, width), mode="nearest-exact"
        )[0, 0].long()
    return Sample(f"{folder.name}/{item['id']}", picture.contiguous(), labels, zoom)


def hold_out(
    samples: Sequence[Sample],
    share: float,
    seed: int,
) -> tuple[list[Sample], list[Sample]]:
    """Split samples into a larger part to train on and a smaller one to choose by.

    Parameters
    ----------
    share : float   of the samples that are held out, in (0, 1); at least one sample
    seed : int      the same seed gives the same parts

    Returns
    -------
    training part, held-out part   both in the order of `samples`
    """
    count = max(1, round(share * len(samples)))
    order = np.random.default_rng(seed).permutation(len(samples))
    held = set(order[:count].tolist())
    return (
        [s for i, s in enumerate(samples) if i not in held],
        [s for i, s in enumerate(samples) if i in held],
    )
