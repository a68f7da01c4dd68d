"""A trained network with its preprocessing and its priors: image in, label map out."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .card import Card
from .decode import Decoded
from .head import VariationalHead
from .preprocessing import Preprocessing, resize
from .scene import Scene
from .solver import solve

Progress = Callable[[int, int], None]
_LONGEST = 2**15  # pixels; a side of the working image


class Cancelled(Exception):
    """Say that a computation was stopped on request."""


class Segmenter(nn.Module):
    """Segment images of any size with a network and priors.

    Parameters
    ----------
    backbone : nn.Module           (B, C, Y, X) to (B, K, Y, X), with `in_channels`,
                                   `out_channels` and `settings()`, like `backbones.UNet`
    head : VariationalHead         priors, sweeps, temperature and link
    card : Card                    names the labels
    preprocessing : Preprocessing

    Raises
    ------
    ValueError  if channels, labels and link do not fit together.
    """

    sha256: str | None

    def __init__(
        self,
        backbone: nn.Module,
        head: VariationalHead,
        card: Card,
        *,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        super().__init__()
        self.backbone, self.head, self.card = backbone, head, card
        channels, outputs = int(backbone.in_channels), int(backbone.out_channels)  # type: ignore[arg-type]
        self.preprocessing = preprocessing or Preprocessing(channels=channels)
        self.sha256 = None
        if self.preprocessing.channels != channels:
            raise ValueError(
                f"The network takes {channels} channels, the preprocessing gives "
                f"{self.preprocessing.channels}."
            )
        head.link.check(outputs)
        labels = head.link.label_count(outputs)
        if labels != len(card.labels):
            raise ValueError(
                f"The network and its {head.link.name} link give {labels} labels, the card names "
                f"{len(card.labels)}: {dict(card.labels)}."
            )

    @property
    def labels(self) -> dict[int, str]:
        """Give the name of each label; 0 is the background."""
        return dict(self.card.labels)

    def forward(self, image: Tensor, scene: Scene | None = None) -> Tensor:
        """Compute regularised logits for training.

        Parameters
        ----------
        image : (B, C, Y, X)   values in [0, 1], at the scale the network works at
        scene : Scene          see `VariationalHead.forward`

        Returns
        -------
        (B, K, Y, X)
        """
        regularised: Tensor = self.head(self.backbone(self.preprocessing.standardise(image)), scene)
        return regularised

    def logits(
        self,
        image: NDArray[Any],
        *,
        object_px: float | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Tensor:
        """Compute the network's logits, without priors.

        The image is brought to the working scale and, where it is larger than a tile, seen in
        overlapping tiles that are blended, so that memory does not grow with the network's depth.

        Parameters
        ----------
        image : (Y, X) or (Y, X, C)   any integer or float type, see `Preprocessing.tensor`
        object_px : float             diameter of the objects in this image, > 0; sets the scale
                                      of frames with many objects. None = as the model says.
        progress : call               told the number of finished and of all tiles
        cancelled : call              asked before every tile

        Returns
        -------
        (1, K, Y, X) float32   at the image's own resolution, not divided by the temperature

        Raises
        ------
        ValueError  if the image does not fit the model; says why.
        Cancelled   if `cancelled` says so.
        """
        whole = self.preprocessing.tensor(image)
        shape = int(whole.shape[2]), int(whole.shape[3])
        working = self._working_shape(shape, object_px)
        device = next(self.backbone.parameters()).device
        seen = self.preprocessing.standardise(resize(whole.to(device), *working))
        training = self.backbone.training
        self.backbone.eval()
        try:
            with torch.no_grad():
                logits = self._tiled(seen, progress or _ignore, cancelled or _never)
        finally:
            self.backbone.train(training)
        return resize(logits, *shape)

    def segment(
        self,
        image: NDArray[Any],
        *,
        scene: Scene | None = None,
        plain: bool = False,
        object_px: float | None = None,
    ) -> Decoded:
        """Make a label map.

        Parameters
        ----------
        image : (Y, X) or (Y, X, C)   see `logits`
        scene : Scene                 what else is known; None = pixels of edge 1
        plain : bool                  leave the priors out; the link stays
        object_px : float             see `logits`

        Returns
        -------
        Decoded   with one sample; ``.labels[0]`` is the label map (Y, X)

        Raises
        ------
        ValueError  if the image or the scene does not fit the model.
        """
        logits = self.logits(image, object_px=object_px)
        scene = scene or Scene(spacing=(1.0, 1.0))
        priors = [] if plain else list(self.head.priors)
        if scene.image is None and any("image" in prior.reads for prior in priors):  # type: ignore[operator]
            scene = replace(scene, image=self.preprocessing.tensor(image).to(logits.device))
        with torch.no_grad():
            return solve(
                logits,
                priors,  # type: ignore[arg-type]
                scene,
                sweeps=self.head.sweeps,
                temperature=self.head.temperature.detach(),
                link=self.head.link,
            ).decode()

    def _working_shape(self, shape: tuple[int, int], object_px: float | None) -> tuple[int, int]:
        if object_px is None:
            return self.preprocessing.working_shape(*shape)
        if not 0 < object_px < float("inf"):
            raise ValueError(f"object_px must be a number of pixels > 0, got {object_px}.")
        scale = self.card.object_px / object_px
        if max(shape) * scale > _LONGEST:
            raise ValueError(
                f"object_px {object_px} would enlarge the image {shape} by {scale:.1f} to more "
                f"than {_LONGEST} pixels. The model expects objects of {self.card.object_px} px."
            )
        return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))

    def _tiled(self, image: Tensor, progress: Progress, cancelled: Callable[[], bool]) -> Tensor:
        tile, overlap = self.preprocessing.tile, self.preprocessing.overlap
        height, width = image.shape[2:]
        windows = list(tile_windows(height, width, tile, overlap))
        total: Tensor | None = None
        weights = image.new_zeros(height, width)
        for done, (rows, columns) in enumerate(windows):
            if cancelled():
                raise Cancelled("The network was stopped.")
            part = self.backbone(image[..., rows, columns]).float()
            if len(windows) == 1:
                progress(1, 1)
                return part  # type: ignore[no-any-return]
            if total is None:
                total = image.new_zeros(1, part.shape[1], height, width)
            weight = ramp(rows, height, overlap)[:, None] * ramp(columns, width, overlap)[None]
            weight = weight.to(image)
            total[..., rows, columns] += part * weight
            weights[rows, columns] += weight
            progress(done + 1, len(windows))
        assert total is not None
        return total / weights


def tile_windows(height: int, width: int, tile: int, overlap: int) -> Iterator[tuple[slice, slice]]:
    """Cover an image with windows that overlap by at least some pixels, evenly spread."""

    def starts(size: int) -> list[slice]:
        if size <= tile:
            return [slice(0, size)]
        count = -(-(size - overlap) // (tile - overlap))
        last = size - tile
        return [
            slice(round(i * last / (count - 1)), round(i * last / (count - 1)) + tile)
            for i in range(count)
        ]

    yield from itertools.product(starts(height), starts(width))


def ramp(window: slice, size: int, overlap: int) -> Tensor:
    """Weigh the pixels of a window, (N,): rising over the overlap except at the image border."""
    count = window.stop - window.start
    place = torch.arange(count, dtype=torch.float32) + 0.5
    weight = torch.ones(count)
    if overlap and window.start > 0:
        weight = torch.minimum(weight, place / overlap)
    if overlap and window.stop < size:
        weight = torch.minimum(weight, (count - place) / overlap)
    return weight


def _ignore(done: int, total: int) -> None:
    return None


def _never() -> bool:
    return False
