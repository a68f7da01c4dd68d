"""Read folders of images with masks, as their manifests describe them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
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
    ValueError         if its manifest, an image or a mask is damaged.
    """
    manifest = Path(root) / folder / "manifest.json"
    if not manifest.is_file():
        raise FileNotFoundError(
            f"The data set {folder!r} is missing: {manifest} does not exist. "
            "Give the folder that holds it with --data."
        )
    try:
        items = json.loads(manifest.read_text())["items"]
        chosen = [item for item in items if item["split"] == split]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{manifest} is damaged ({error!r:.120}): it should list items with id, image, mask "
            "and split."
        ) from None
    return [_read(manifest.parent, item, longest, zoom) for item in chosen]


def _read(
    folder: Path, item: Mapping[str, str], longest: int | None, zoom: tuple[float, float]
) -> Sample:
    pixels, mask = (_pixels(folder / item[key]) for key in ("image", "mask"))
    if pixels.ndim == 2 or pixels.shape[2] < 3:  # grey, maybe with alpha
        pixels = np.repeat(pixels.reshape(*pixels.shape[:2], -1)[..., :1], 3, axis=2)
    if pixels.dtype != np.uint8 or mask.ndim != 2 or mask.shape != pixels.shape[:2]:
        raise ValueError(
            f"{folder.name}/{item['id']}: an image of 8 bits and a mask of its size are needed, "
            f"found {pixels.dtype} {pixels.shape} and {mask.shape}."
        )
    picture = torch.from_numpy(np.ascontiguousarray(pixels[..., :3])).permute(2, 0, 1)
    labels = torch.from_numpy(mask.astype(np.int64))
    if longest is not None and max(labels.shape) > longest:
        scale = longest / max(labels.shape)
        height, width = (round(side * scale) for side in labels.shape)
        picture = resize(picture[None].float(), height, width)[0].round().clamp(0, 255).byte()
        labels = torch.nn.functional.interpolate(
            labels[None, None].float(), size=(height, width), mode="nearest-exact"
        )[0, 0].long()
    return Sample(f"{folder.name}/{item['id']}", picture.contiguous(), labels, zoom)


def _pixels(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(imread(path))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, SyntaxError) as error:  # Pillow says some damage as SyntaxError
        raise ValueError(f"{path} cannot be read: {error!s:.120}. Get the file again.") from None


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
