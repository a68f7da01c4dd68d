"""Show one picture to a network: at which size, how often, and closer where its object is small."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor, nn

from .card import Card
from .geometry import largest_component
from .guidance import typical_diameter
from .links import Link
from .parts import Steps
from .preprocessing import Picture, Preprocessing, resize
from .tiles import Precision, Stop, Working, run_network, tile_windows

LONGEST = 2**15  # pixels; a side of the working image
CLOSER = 1.1, 3.0  # a second look enlarges at least and at most so much
WIDER = 1.125  # typical objects so much wider than the card's are shrunk
_TILE_BYTES = 1024  # per pixel of a tile, for the network's inner layers
_MEASURE_BYTES = 64  # per pixel of the picture, to part the objects and measure them
Window = tuple[slice, slice]


def working_shape(
    rule: Preprocessing, card: Card, shape: tuple[int, int], object_px: float | None = None
) -> tuple[int, int]:
    """Give the size at which a network sees an image, (Y, X).

    Parameters
    ----------
    rule : Preprocessing
    card : Card
    shape : (Y, X)      of the image
    object_px : float   diameter of the objects in the image, > 0; None = as the rule says

    Raises
    ------
    ValueError  for a diameter that is none, or that asks for too large an image.
    """
    if object_px is None:
        return rule.working_shape(*shape)
    if not 0 < object_px < float("inf"):
        raise ValueError(f"object_px must be a number of pixels > 0, got {object_px}.")
    scale = card.object_px / object_px
    if max(shape) * scale > LONGEST:
        raise ValueError(
            f"object_px {object_px} would enlarge the image {shape} by {scale:.1f} to more "
            f"than {LONGEST} pixels. The model expects objects of {card.object_px} px."
        )
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def wide_diameter(logits: Tensor, link: Link, card: Card, object_px: float) -> float | None:
    """Measure the typical object that a network found, if it is wider than the card expects.

    Parameters
    ----------
    logits : (1, K, Y, X)
    link : Link
    card : Card            names the inner parts, from which touching objects are parted
    object_px : float      the card's diameter, in pixels of the logits

    Returns
    -------
    float   pixels; None if the card does not ask, nothing was found, or the typical object is at
            most an eighth wider than `object_px`
    """
    if card.shrink == 0:
        return None
    found = link.class_logits(logits)[0].argmax(0).cpu().numpy()
    inner = np.isin(found, list(card.inner.values())) if card.inner else None
    diameter = typical_diameter(found > 0, inner, object_px=object_px)
    return diameter if diameter is not None and diameter > WIDER * object_px else None


@dataclass(frozen=True)
class Looks:
    """How a network sees one picture.

    With ``card.second_look`` it sees a picture that is resized to its working size twice: the
    whole, and the square about the object that it found there. Logits inside the square are the
    mean of both. Where the square is hardly smaller than the picture, where it would be enlarged
    by more than 3, or where nothing was found, one look is all.

    With ``card.shrink`` a picture that keeps its own scale is seen again, shrunk, where its typical
    object is wider than the card's `object_px` by more than an eighth; the logits are then those of
    that second look alone.

    Parameters
    ----------
    backbone : nn.Module
    rule : Preprocessing
    card : Card
    link : Link              tells what was found
    picture : Picture
    object_px : float        diameter of the objects if it is known: then one look is enough
    """

    backbone: nn.Module
    rule: Preprocessing
    card: Card
    link: Link
    picture: Picture
    object_px: float | None = None

    @cached_property
    def working(self) -> tuple[int, int]:
        """Give the size of the first look, (Y, X)."""
        return working_shape(self.rule, self.card, self.picture.shape, self.object_px)

    @property
    def twice(self) -> bool:
        """Say whether there may be a second look."""
        return self.card.second_look > 0 and self.object_px is None and not self._frame

    @property
    def shrinks(self) -> bool:
        """Say whether the picture may be seen again at a smaller scale."""
        return self.card.shrink > 0 and self.object_px is None and self._frame

    @property
    def _frame(self) -> bool:
        """Say whether the picture keeps its own scale."""
        rule, longer = self.rule, max(self.picture.shape)
        return rule.size is None or bool(rule.largest_fit and longer > rule.largest_fit)

    @property
    def steps(self) -> int:
        """Give the number of steps of `run`: tiles of all looks."""
        second = self._tiles((self.rule.size or 1,) * 2) if self.twice else 0
        return (1 + self.shrinks) * self._tiles(self.working) + second

    def _tiles(self, shape: tuple[int, int]) -> int:
        return sum(1 for _ in tile_windows(*shape, self.rule.tile, self.rule.overlap))

    @property
    def channels(self) -> int:
        """Give the channels of the logits."""
        return int(self.backbone.out_channels)  # type: ignore[arg-type]

    @property
    def bytes(self) -> int:
        """Estimate what is needed beside the image: logits twice if resized, one tile."""
        pixels, shape = math.prod(self.working), self.picture.shape
        if self.working != shape or self.shrinks:
            pixels += math.prod(shape)
        measured = _MEASURE_BYTES * math.prod(shape) if self.shrinks else 0
        tile = min(self.rule.tile**2, math.prod(self.working))
        return 4 * self.channels * pixels + max(measured, _TILE_BYTES * tile)

    def run(self, precision: Precision, steps: Steps, cancelled: Stop) -> Tensor:
        """Run the network, in evaluation mode.

        Returns
        -------
        (1, K, Y, X) float32   at the size of the picture

        Raises
        ------
        Cancelled  if `cancelled` says so before a tile.
        """
        training, end = self.backbone.training, steps.done + self.steps
        self.backbone.eval()
        try:
            seen = self._look(self.picture, self.working, precision, steps.take, cancelled)
            logits = resize(seen, *self.picture.shape)
            smaller = self._smaller(logits) if self.shrinks else None
            if smaller is not None:
                again = self._look(self.picture, smaller, precision, steps.take, cancelled)
                logits = resize(again, *self.picture.shape)
            window = self._window(seen) if self.twice else None
            if window is not None:
                part = Picture(self.picture.planes[window], self.picture.low, self.picture.high)
                size = self.rule.working_shape(*part.shape)
                again = self._look(part, size, precision, steps.take, cancelled)
                here = logits[(..., *window)]
                here.lerp_(resize(again, *part.shape), 0.5)
        finally:
            self.backbone.train(training)
        if steps.done < end:
            steps.take(end - steps.done)
        return logits

    def _look(
        self,
        picture: Picture,
        size: tuple[int, int],
        precision: Precision,
        step: Callable[[], None],
        cancelled: Stop,
    ) -> Tensor:
        return run_network(
            self.backbone,
            Working(picture, size, self.rule),
            self.channels,
            self.rule,
            precision=precision,
            progress=lambda done, total: step(),
            cancelled=cancelled,
            mirror=self.card.mirror,
        )

    def _smaller(self, logits: Tensor) -> tuple[int, int] | None:
        """Give the size at which typical objects are as the card says; None if they are."""
        diameter = wide_diameter(logits, self.link, self.card, self.card.object_px)
        if diameter is None:
            return None
        wanted = min(diameter, self.card.shrink * self.card.object_px)
        return working_shape(self.rule, self.card, self.picture.shape, wanted)

    def _window(self, seen: Tensor) -> Window | None:
        """Give the part of the picture to look at again; None if one look is enough."""
        found = self.link.class_logits(seen)[0].argmax(0).cpu().numpy() > 0
        if not found.any():
            return None
        found = largest_component(found)
        unit = max(self.picture.shape) / max(seen.shape[2:])
        side = unit * self.card.second_look * 2 * math.sqrt(found.sum() / math.pi)
        if not CLOSER[0] <= max(self.picture.shape) / side <= CLOSER[1]:
            return None
        parts = []
        for axis, whole in enumerate(self.picture.shape):
            centre = (float(found.nonzero()[axis].mean()) + 0.5) * whole / seen.shape[2 + axis]
            length = min(round(side), whole)
            start = min(max(round(centre - length / 2), 0), whole - length)
            parts.append(slice(start, start + length))
        return parts[0], parts[1]
