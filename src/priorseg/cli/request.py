"""What the command line says about priors, centres and volumes, turned into a head and a scene."""

import argparse
import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..session.settings import PriorChoice
from .region import Region

if TYPE_CHECKING:
    from torch import Tensor

    from ..links import Link
    from ..prior import Prior
    from ..scene import Scene
    from ..segmenter import Segmenter

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Request:
    """Hold what is asked of every file.

    Parameters
    ----------
    priors : tuple      to add to the model's, or to put in their place
    centres : mapping   label -> ((y, x), ...), pixels
    volumes : mapping   label -> pixels
    plain : bool        the network alone
    """

    priors: tuple[PriorChoice, ...] = ()
    centres: Mapping[int, Points] = field(default_factory=dict)
    volumes: Mapping[int, float] = field(default_factory=dict)
    plain: bool = False


def parse_centres(texts: Sequence[str]) -> dict[int, Points]:
    """Read ``LABEL:Y,X`` into label -> points.

    Raises
    ------
    ValueError  for anything else; shows the text.
    """
    centres: dict[int, Points] = {}
    for text in texts:
        label, _, point = text.partition(":")
        try:
            y, x = (float(value) for value in point.split(","))
            centres[int(label)] = (*centres.get(int(label), ()), (y, x))
        except ValueError:
            raise ValueError(f"--centre {text!r} must look like 2:120,133.5 (label:y,x).") from None
    return centres


def parse_volumes(texts: Sequence[str]) -> dict[int, float]:
    """Read ``LABEL=PIXELS`` into label -> pixels.

    Raises
    ------
    ValueError  for anything else; shows the text.
    """
    volumes: dict[int, float] = {}
    for text in texts:
        label, _, pixels = text.partition("=")
        try:
            volumes[int(label)] = float(pixels)
            if not math.isfinite(volumes[int(label)]):
                raise ValueError
        except ValueError:
            raise ValueError(f"--volume {text!r} must look like 1=3120 (label=pixels).") from None
    return volumes


def parse_prior(text: str) -> PriorChoice:
    """Read ``name`` or ``name(setting=value, ...)``; values are plain Python literals.

    Raises
    ------
    ValueError  for anything else; shows the text.
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if isinstance(node, ast.Name):
            return PriorChoice(node.id)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
            settings = {str(word.arg): ast.literal_eval(word.value) for word in node.keywords}
            return PriorChoice(node.func.id, settings)
    except (SyntaxError, ValueError):
        pass
    raise ValueError(f"--prior {text!r} must look like star(label=1) or volume.")


def parse(arguments: argparse.Namespace) -> Request:
    """Read the arguments; a centre brings its star prior, a volume the volume prior.

    Raises
    ------
    ValueError  for what cannot be read or does not go together.
    """
    centres, volumes = parse_centres(arguments.centre), parse_volumes(arguments.volume)
    chosen = [parse_prior(text) for text in arguments.prior]
    chosen += [PriorChoice("star", {"label": label}) for label in centres]
    chosen += [PriorChoice("volume")] if volumes else []
    if arguments.plain and chosen:
        raise ValueError("--plain leaves out all priors; take --prior, --centre, --volume away.")
    return Request(tuple(dict.fromkeys(chosen)), centres, volumes, arguments.plain)


def make_priors(request: Request) -> "list[Prior]":
    """Build the wanted priors; lengths are pixels of the image.

    Raises
    ------
    ValueError  for an unknown prior or setting; names the known ones.
    """
    from ..priors import make_prior

    return [make_prior(choice.name, choice.settings) for choice in request.priors]


def with_priors(trained: "Sequence[Prior]", wanted: "Sequence[Prior]") -> "list[Prior]":
    """Add the wanted priors to those of a network, in place of those with the same target."""
    priors = {_target(prior): prior for prior in (*trained, *wanted)}
    return list(priors.values())


def _target(prior: object) -> tuple[object, object]:
    """Tell priors apart: their kind, and the label for kinds that have one."""
    return type(prior), getattr(prior, "label", None)


def make_scene(
    request: Request, spacing: tuple[float, float], region: Region, segmenter: "Segmenter"
) -> "Scene":
    """Put together what is known about a region besides its pixels.

    Raises
    ------
    ValueError  if a label does not exist in the model, or a centre lies outside the region.
    """
    import torch

    from ..scene import Scene

    for label in (*request.centres, *request.volumes):
        if label not in segmenter.labels:
            known = ", ".join(f"{key} {name}" for key, name in segmenter.labels.items())
            raise ValueError(f"label {label} does not exist; the model has {known}.")
    rows, columns = region
    centres = {}
    for label, points in request.centres.items():
        local = [(y - rows.start, x - columns.start) for y, x in points]
        if not all(
            -0.5 <= at < part.stop - part.start - 0.5
            for point in local
            for at, part in zip(point, region, strict=True)
        ):
            raise ValueError(
                f"a centre of label {label} lies outside the region: rows {rows.start} to "
                f"{rows.stop - 1}, columns {columns.start} to {columns.stop - 1}."
            )
        centres[label] = torch.tensor(local)
    return Scene(
        spacing=spacing,
        centres=centres,
        volumes=_volume_row(request.volumes, segmenter.head.link, len(segmenter.labels)),
    )


def _volume_row(volumes: Mapping[int, float], link: "Link", count: int) -> "Tensor | None":
    import torch

    if not volumes:
        return None
    first = 1 if link.name == "ordered" else 0  # nested objects: channel of label j is j - 1
    row = torch.full((1, count - first), torch.nan, dtype=torch.float64)
    for label, pixels in volumes.items():
        if label < first:
            raise ValueError("the background of nested objects has no volume of its own.")
        row[0, label - first] = pixels
    return row
