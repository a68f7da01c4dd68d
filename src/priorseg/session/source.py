"""Where logits come from: an image, a plane, a region and a network, or given logits."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from .frame import Region
from .image import ImageInfo
from .settings import PriorChoice, Settings

if TYPE_CHECKING:
    from torch import Tensor

    from ..links import Link
    from .problem import Problem

NO_IMAGE = "There is no image yet. Use set_image first."


class NoLogits(ValueError):
    """Say that the network has not run on this image, region and model."""

    def __init__(self) -> None:
        super().__init__("The logits of this image are not there yet. Use compute_logits.")


@dataclass(frozen=True)
class Source:
    """Where logits come from; a change of anything here makes the old ones worthless."""

    array: Any = None
    info: ImageInfo | None = None
    index: int = 0
    plane: "NDArray[Any] | None" = None
    region: Region | None = None
    segmenter: Any = None
    identity: str = ""
    given: "Tensor | None" = None  # (1, K, Y, X), instead of a network's
    link: "Link | None" = None
    labels: Mapping[int, str] | None = None


def region_of(source: Source) -> Region:
    """Give the rows and columns to solve: all of them unless a region is set."""
    if source.info is None:
        return slice(0, 0), slice(0, 0)
    rows, columns = source.info.shape
    return source.region or (slice(0, rows), slice(0, columns))


def scale_of(source: Source) -> float:
    """Give what the trained lengths are multiplied by in the region; 1 before there is an image."""
    if source.info is None or getattr(source.segmenter, "lengths", "image") != "working":
        return 1.0
    rows, columns = region_of(source)
    return float(source.segmenter.scale(rows.stop - rows.start, columns.stop - columns.start))


def trained_settings(source: Source, scale: float) -> Settings:
    """Give the settings of the trained head, its lengths multiplied by a scale."""
    head = source.segmenter.head
    priors = [prior.enlarged(scale) for prior in head.priors]
    return Settings(
        priors=tuple(PriorChoice(prior.name, prior.settings()) for prior in priors),
        temperature=float(head.temperature),
        sweeps=int(head.sweeps),
        replay=True,
        scale=scale,
    )


def problem_of(source: Source, region: Region, logits: "Tensor") -> "Problem":
    """Put a source and its logits (1, K, y, x) together."""
    from ..links import as_link
    from .problem import Problem, image_tensor

    if source.info is None:
        raise ValueError(NO_IMAGE)
    plane, trained = source.plane, [] if source.given is not None else source.segmenter.head.priors
    preprocessing = getattr(source.segmenter, "preprocessing", None)
    return Problem(
        logits=logits,
        link=source.link or as_link(source.segmenter.head.link),
        names=names_of(source),
        objects=objects_of(source),
        own_volumes=any(prior.name == "volume" for prior in trained),
        region=region,
        shape=source.info.shape,
        spacing=source.info.spacing,
        image=cache(lambda: None if plane is None else image_tensor(plane[region], preprocessing)),
    )


def names_of(source: Source) -> dict[int, str]:
    """Give the name of every label; empty before anything is known."""
    if source.labels is not None:
        return dict(source.labels)
    return dict(source.segmenter.labels) if source.segmenter is not None else {}


def objects_of(source: Source) -> dict[int, str]:
    """Give the names of labels with all that lies inside them, where they have one of their own."""
    card = getattr(source.segmenter, "card", None) if source.labels is None else None
    return dict(card.objects) if card is not None else {}


def default_names(kinds: int) -> dict[int, str]:
    """Number the labels of logits that come without names."""
    return {label: f"class {label}" if label else "background" for label in range(kinds)}


def info_of_logits(shape: tuple[int, int]) -> ImageInfo:
    """Describe the image that is missing under given logits."""
    return ImageInfo("logits", "YX", shape, 1, 1, "float32", (1.0, 1.0), "px")
