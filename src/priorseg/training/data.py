"""Images with their label maps; read from folders as their manifests describe them."""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

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
    instances : (Y, X)    int32, number of the object that a pixel belongs to, 0 = none; None =
                          objects are the connected parts of the labels
    """

    name: str
    image: Tensor
    labels: Tensor
    zoom: tuple[float, float] = (1.0, 1.0)
    instances: Tensor | None = None


class Batch(NamedTuple):
    """Hold what a network learns from: of one sample, or of several with an axis B in front.

    Parameters
    ----------
    images : (B, 3, Y, X)      float32 in [0, 1], or uint8
    labels : (B, Y, X)         int64
    instances : (B, Y, X)      int64, see `Sample`; None = not known
    """

    images: Tensor
    labels: Tensor
    instances: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """Move all parts to a device; instances stay, for centres are found by the CPU."""
        return Batch(self.images.to(device), self.labels.to(device), self.instances)


def stacked(parts: Sequence[Batch]) -> Batch:
    """Put single samples of equal size together; all of them know their instances, or none."""
    known = [part.instances for part in parts if part.instances is not None]
    return Batch(
        torch.stack([part.images for part in parts]),
        torch.stack([part.labels for part in parts]),
        torch.stack(known) if known else None,
    )


def load_samples(
    root: Path,
    folder: str,
    split: str,
    *,
    longest: int | None = None,
    zoom: tuple[float, float] = (1.0, 1.0),
    instances: bool = False,
) -> list[Sample]:
    """Read one split of one data set.

    Parameters
    ----------
    root : Path      the folder that holds the data sets
    folder : str     name of the data set
    split : str      'train' or 'val'
    longest : int    images with a longer side are shrunk to it (to save memory); None = as is
    zoom : (low, high)   see `Sample`
    instances : bool     read the maps of instances too, where the manifest lists them

    Raises
    ------
    FileNotFoundError  if the data set is missing; says where it was looked for.
    ValueError         if its manifest, an image, a mask or a map of instances is damaged.
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
    found = []
    for item in chosen:
        sample = _read(manifest.parent, item, zoom)
        if instances and "instances" in item:
            sample = replace(sample, instances=_numbers(manifest.parent, item, sample))
        found.append(sample if longest is None else _shrunk(sample, longest))
    return found


def _read(folder: Path, item: Mapping[str, str], zoom: tuple[float, float]) -> Sample:
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
    return Sample(f"{folder.name}/{item['id']}", picture.contiguous(), labels, zoom)


def _numbers(folder: Path, item: Mapping[str, str], sample: Sample) -> Tensor:
    numbers, shape = _pixels(folder / item["instances"]), tuple(sample.labels.shape)
    if numbers.dtype not in (np.uint8, np.uint16) or numbers.shape != shape:
        raise ValueError(
            f"{sample.name}: a map of instances of 8 or 16 bits and shape {shape} is needed, found "
            f"{numbers.dtype} {numbers.shape}."
        )
    return torch.from_numpy(numbers.astype(np.int32))


def _shrunk(sample: Sample, longest: int) -> Sample:
    if max(sample.labels.shape) <= longest:
        return sample
    scale = longest / max(sample.labels.shape)
    height, width = (round(side * scale) for side in sample.labels.shape)
    picture = resize(sample.image[None].float(), height, width)[0].round().clamp(0, 255).byte()
    numbers = sample.instances
    return replace(
        sample,
        image=picture.contiguous(),
        labels=resize_whole(sample.labels, height, width),
        instances=None if numbers is None else resize_whole(numbers, height, width),
    )


def resize_whole(numbers: Tensor, height: int, width: int) -> Tensor:
    """Bring a map of whole numbers below 2²⁴, (Y, X), to another size: the nearest pixel's."""
    found = torch.nn.functional.interpolate(
        numbers[None, None].float(), size=(height, width), mode="nearest-exact"
    )
    return found[0, 0].to(numbers.dtype)


def _pixels(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(imread(path))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, SyntaxError, struct.error) as error:  # Pillow's and tifffile's
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
