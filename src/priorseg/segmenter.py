"""A trained network with its preprocessing and its priors: image in, label map out."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .card import Card
from .decode import Decoded
from .guidance import with_centres, with_volumes
from .head import VariationalHead
from .inference import SMALLER, Solving
from .looks import Looks, wide_diameter, working_shape
from .memory import demand
from .parts import Steps
from .preprocessing import Preprocessing
from .prior import Prior
from .scene import Scene
from .tiles import Cancelled, Precision, Progress, Stop, number_type, ramp, tile_windows

__all__ = ["Cancelled", "Segmenter", "ramp", "tile_windows"]

Lengths = Literal["working", "image"]


class Segmenter(nn.Module):
    """Segment images of any size with a network and priors.

    Parameters
    ----------
    backbone : nn.Module           (B, C, Y, X) to (B, K, Y, X), with `in_channels`,
                                   `out_channels` and `settings()`, like `backbones.UNet`
    head : VariationalHead         priors, sweeps, temperature and link
    card : Card                    names the labels
    preprocessing : Preprocessing
    lengths : str                  what the lengths of the head's priors (sigma, radii) are pixels
                                   of: 'working' = the size the network works at, so that they
                                   grow with the image, see `priors`; 'image' = any image

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
        lengths: Lengths = "working",
    ) -> None:
        super().__init__()
        if lengths not in ("working", "image"):
            raise ValueError(f"lengths must be 'working' or 'image', got {lengths!r}.")
        self.lengths: Lengths = lengths
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
        there are the logits and little more. The card may ask for a second, closer look, or for a
        mirrored one, see `looks.Looks`.

        Parameters
        ----------
        image : (Y, X) or (Y, X, C)   any integer or float type, see `Preprocessing.picture`
        object_px : float             diameter of the objects in this image, > 0; sets the scale
                                      of frames with many objects. None = as the model says.
        precision : str               of the network: 'float32'; 'bfloat16', which moves logits by
                                      some hundredths; 'auto' = bfloat16 where the CPU multiplies
                                      matrices of it, see `network_precision`
        progress : call               told the number of finished and of all tiles; tiles of a
                                      second look that was not needed count as finished
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
        looks = self._looks(image, object_px)
        demand(looks.bytes, looks.picture.shape, remedy=SMALLER)
        stop = cancelled or _never
        return looks.run(precision, Steps(looks.steps, progress or _ignore, stop), stop)

    def _looks(self, image: NDArray[Any], object_px: float | None) -> Looks:
        picture = self.preprocessing.picture(image)
        looks = Looks(
            self.backbone, self.preprocessing, self.card, self.head.link, picture, object_px
        )
        _ = looks.working  # a diameter that cannot be is refused here
        return looks

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
        priors: Sequence[Prior] | None = None,
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
        scene : Scene                 what else is known; None = pixels of edge 1. `guide` adds
                                      centres and volumes that it lacks
        plain : bool                  leave the priors out; the link stays
        priors : list of Prior        in place of the trained ones, lengths in pixels of this
                                      image; None = what `priors` gives for it
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
        looks = self._looks(image, object_px)
        shape, known = looks.picture.shape, scene or Scene(spacing=(1.0, 1.0))
        chosen = self.priors(*shape, object_px) if priors is None else list(priors)
        solving = Solving(
            self.head,
            known,
            [] if plain else chosen,
            shape,
            lambda o, s: self.guide(o, s, object_px=object_px, priors=chosen),
        )
        solving.check(looks.bytes, looks.channels)
        stop = cancelled or _never
        steps = Steps(looks.steps + solving.steps, progress or _ignore, stop)
        device = next(self.backbone.parameters()).device
        with torch.no_grad():
            return solving.run(
                looks.run(precision, steps, stop),
                lambda: self.preprocessing.tensor(image).to(device),
                steps,
            )

    def priors(self, height: int, width: int, object_px: float | None = None) -> list[Prior]:
        """Give the trained priors as they act on an image of a size, lengths in its pixels.

        Lengths are multiplied by `scale`, within the ranges that the priors declare: a sigma stays
        between 0.5 and 40 px, radii between 1 and 64 (hulls of label maps are exact whatever the
        radii), unless training itself went beyond. Under ``lengths='image'`` they stay.
        """
        factor = self.scale(height, width, object_px) if self.lengths == "working" else 1.0
        return [prior.enlarged(factor) for prior in self.head.priors]  # type: ignore[operator]

    def scale(self, height: int, width: int, object_px: float | None = None) -> float:
        """Give the pixels of an image of a size over those that the network sees of it at first.

        A second look does not count: lengths must not depend on what was found.
        """
        working = working_shape(self.preprocessing, self.card, (height, width), object_px)
        return max(height, width) / max(working)

    def guide(
        self,
        logits: Tensor,
        scene: Scene | None = None,
        *,
        object_px: float | None = None,
        priors: Sequence[Prior] | None = None,
    ) -> Scene:
        """Complete a scene: volumes for a volume prior, star centres if the card says so.

        Volumes are the network's own, see `guidance.network_volumes`. `segment` does so by itself.
        With the scene at hand, ``guidance.instances`` can tell apart the objects of the label map
        of ``segment(image, scene=scene)``.

        Parameters
        ----------
        logits : (1, K, Y, X)   as `logits` gives them
        scene : Scene           what is known, which stays. None = pixels of edge 1
        object_px : float       diameter of the objects in this image, > 0; None = as the card says
        priors : list of Prior  that will solve; None = the head's

        Returns
        -------
        Scene   the given one if no prior reads what it lacks
        """
        solving: list[Prior] = list(self.head.priors if priors is None else priors)  # type: ignore[arg-type]
        link, temperature = self.head.link, float(self.head.temperature.detach())
        known = scene or Scene(spacing=(1.0, 1.0))
        scene = with_volumes(known, logits, solving, link, temperature)
        if self.card.centres != "network":
            return scene
        return with_centres(
            scene,
            logits,
            solving,
            link,
            temperature=temperature,
            object_px=self.typical_px(logits) if object_px is None else object_px,
            inner=self.card.inner,
        )

    def typical_px(self, logits: Tensor) -> float:
        """Give the diameter of an object in an image, by which its centres are proposed.

        It is the card's; where the card lets images be shrunk (``shrink``) and the typical object
        found is wider by more than an eighth, it is what that one measures.

        Parameters
        ----------
        logits : (1, K, Y, X)   as `logits` gives them
        """
        told = self.object_px(int(logits.shape[2]), int(logits.shape[3]))
        return wide_diameter(logits, self.head.link, self.card, told) or told

    def object_px(self, height: int, width: int) -> float:
        """Give the card's diameter of an object in pixels of an image of a size."""
        return self.card.object_px * self.scale(height, width)


def _ignore(done: int, total: int) -> None:
    return None


def _never() -> bool:
    return False
