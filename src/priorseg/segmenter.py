"""A trained network with its preprocessing and its priors: image in, label map out."""

import math
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .card import Card
from .decode import Decoded
from .guidance import with_centres
from .head import VariationalHead
from .inference import SMALLER, Solving
from .memory import demand
from .parts import Steps
from .preprocessing import Picture, Preprocessing, resize
from .scene import Scene
from .tiles import (
    Cancelled,
    Precision,
    Progress,
    Stop,
    Working,
    number_type,
    ramp,
    run_network,
    tile_windows,
)

__all__ = ["Cancelled", "Segmenter", "ramp", "tile_windows"]

_LONGEST = 2**15  # pixels; a side of the working image
_TILE_BYTES = 1024  # per pixel of a tile, for the network's inner layers


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
        precision: Precision = "auto",
        progress: Progress | None = None,
        cancelled: Stop | None = None,
    ) -> Tensor:
        """Compute the network's logits, without priors.

        The image is brought to the working scale and, where it is larger than a tile, seen in
        overlapping tiles that are blended. Large images are read part by part: beside the image
        there are the logits and little more.

        Parameters
        ----------
        image : (Y, X) or (Y, X, C)   any integer or float type, see `Preprocessing.picture`
        object_px : float             diameter of the objects in this image, > 0; sets the scale
                                      of frames with many objects. None = as the model says.
        precision : str               of the network: 'float32'; 'bfloat16', which moves logits by
                                      some hundredths; 'auto' = bfloat16 where the CPU multiplies
                                      matrices of it, see `network_precision`
        progress : call               told the number of finished and of all tiles
        cancelled : call              asked before every tile

        Returns
        -------
        (1, K, Y, X) float32   at the image's own resolution, not divided by the temperature

        Raises
        ------
        ValueError  if the image does not fit the model; says why.
        TooLarge    (a ValueError) if the image does not fit into memory.
        Cancelled   if `cancelled` says so.
        """
        picture = self.preprocessing.picture(image)
        working = self._working_shape(picture.shape, object_px)
        demand(self._network_bytes(picture.shape, working), picture.shape, remedy=SMALLER)
        return self._logits(picture, working, precision, progress or _ignore, cancelled or _never)

    def _logits(
        self,
        picture: Picture,
        working: tuple[int, int],
        precision: Precision,
        progress: Progress,
        cancelled: Stop,
    ) -> Tensor:
        training = self.backbone.training
        self.backbone.eval()
        try:
            logits = run_network(
                self.backbone,
                Working(picture, working, self.preprocessing),
                self._channels,
                self.preprocessing,
                precision=precision,
                progress=progress,
                cancelled=cancelled,
            )
        finally:
            self.backbone.train(training)
        return resize(logits, *picture.shape)

    @property
    def _channels(self) -> int:
        return int(self.backbone.out_channels)  # type: ignore[arg-type]

    def network_precision(self, precision: Precision = "auto") -> str:
        """Say what the network computes with here: 'float32' or 'bfloat16'; see `logits`."""
        device = next(self.backbone.parameters()).device
        return str(number_type(precision, device)).removeprefix("torch.")

    def segment(
        self,
        image: NDArray[Any],
        *,
        scene: Scene | None = None,
        plain: bool = False,
        object_px: float | None = None,
        precision: Precision = "auto",
        progress: Progress | None = None,
        cancelled: Stop | None = None,
    ) -> Decoded:
        """Make a label map.

        An image above 8 million pixels is solved in parts if all its priors are local (threshold
        dynamics without edge weights, convex objects, nested channels); the result is that of the
        whole image. Other priors see the whole image at once, which must then fit into memory.

        Parameters
        ----------
        image : (Y, X) or (Y, X, C)   see `logits`
        scene : Scene                 what else is known; None = pixels of edge 1. Centres of
                                      star-shaped objects that it lacks are proposed if the card
                                      says so, see `guide`
        plain : bool                  leave the priors out; the link stays
        object_px, precision          see `logits`
        progress : call               told the number of finished and of all steps: tiles of the
                                      network, then sweeps or parts of the solver
        cancelled : call              asked before every step

        Returns
        -------
        Decoded   with one sample; ``.labels[0]`` is the label map (Y, X), uint8 if it was made in
                  parts

        Raises
        ------
        ValueError  if the image or the scene does not fit the model.
        TooLarge    (a ValueError) if the image does not fit into memory.
        Cancelled   if `cancelled` says so.
        """
        picture = self.preprocessing.picture(image)
        working = self._working_shape(picture.shape, object_px)
        known = scene or Scene(spacing=(1.0, 1.0))
        solving = Solving(
            self.head,
            known,
            plain,
            picture.shape,
            lambda o, s: self.guide(o, s, object_px=object_px),
        )
        solving.check(self._network_bytes(picture.shape, working), self._channels)
        rule, stop = self.preprocessing, cancelled or _never
        tiles = sum(1 for _ in tile_windows(*working, rule.tile, rule.overlap))
        steps = Steps(tiles + solving.steps, progress or _ignore, stop)
        device = next(self.backbone.parameters()).device
        with torch.no_grad():
            return solving.run(
                self._logits(picture, working, precision, lambda done, total: steps.take(), stop),
                lambda: rule.tensor(image).to(device),
                steps,
            )

    def guide(
        self, logits: Tensor, scene: Scene | None = None, *, object_px: float | None = None
    ) -> Scene:
        """Complete a scene as the card says: propose the star centres that it lacks.

        `segment` does so by itself. With the scene at hand, ``guidance.instances`` can tell apart
        the objects of ``head.solve(logits, scene).decode()``.

        Parameters
        ----------
        logits : (1, K, Y, X)   as `logits` gives them
        scene : Scene           what is known; its centres stay. None = pixels of edge 1
        object_px : float       diameter of the objects in this image, > 0; None = as the card says

        Returns
        -------
        Scene   the given one if the card wants clicks, or no prior reads centres
        """
        scene = scene or Scene(spacing=(1.0, 1.0))
        if self.card.centres != "network":
            return scene
        typical = self.object_px(int(logits.shape[2]), int(logits.shape[3]))
        return with_centres(
            scene,
            logits,
            list(self.head.priors),  # type: ignore[arg-type]
            self.head.link,
            temperature=self.head.temperature.detach(),
            object_px=typical if object_px is None else object_px,
            inner=self.card.inner,
        )

    def object_px(self, height: int, width: int) -> float:
        """Give the card's diameter of an object in pixels of an image of a size."""
        working = self.preprocessing.working_shape(height, width)
        return self.card.object_px * max(height, width) / max(working)

    def _network_bytes(self, shape: tuple[int, int], working: tuple[int, int]) -> int:
        """Estimate what the network needs beside the image: logits twice if resized, one tile."""
        pixels = math.prod(working) + (math.prod(shape) if working != shape else 0)
        return 4 * self._channels * pixels + _TILE_BYTES * min(
            self.preprocessing.tile**2, math.prod(working)
        )

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


def _ignore(done: int, total: int) -> None:
    return None


def _never() -> bool:
    return False
