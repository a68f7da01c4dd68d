"""From settings to priors and a scene: what one solve is asked to do."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..links import Link
from ..prior import Prior
from ..priors import make_prior
from ..priors.star import Star
from ..scene import Scene
from ..spec import parameters, registered
from .corrections import check_painted_volumes, fixed_labels, pooled_paint, volumes_with_room
from .frame import Region
from .objects import object_rows
from .settings import Point, PriorChoice, Settings

OWN_VOLUMES = "Volume keeps what the network alone counts: no label has a wanted volume yet."
COARSEST = 4  # beyond, details go lost and the picture costs more than the solve


@dataclass(frozen=True)
class Problem:
    """Hold what stays the same while settings change.

    Parameters
    ----------
    logits : (1, K, y, x)        of the region, finite
    link : Link
    names : mapping              label -> name
    region : two slices          of the image of `shape`
    shape : (Y, X)
    spacing : (Y, X)             edge of a pixel
    image : call                 gives the region's pixels (1, C, y, x); None if only logits are
                                 known
    objects : mapping            label -> name with all that lies inside it, if it has one
    own_volumes : bool           whether the volume prior keeps the network's volumes while nobody
                                 wants others: it was trained with the network
    """

    logits: Tensor
    link: Link
    names: Mapping[int, str]
    region: Region
    shape: tuple[int, int]
    spacing: tuple[float, float]
    image: Callable[[], Tensor | None]
    objects: Mapping[int, str] = field(default_factory=dict)
    own_volumes: bool = False
    _coarse: dict[int, "Problem"] = field(default_factory=dict, repr=False, compare=False)

    def coarse(self, stride: int) -> "Problem":
        """Give the problem on averages over blocks of stride × stride pixels."""
        if stride not in self._coarse:
            logits = _pool(self.logits, stride)
            shape = int(logits.shape[2]), int(logits.shape[3])
            region = slice(0, shape[0]), slice(0, shape[1])

            def image() -> Tensor | None:
                whole = self.image()
                return None if whole is None else _pool(whole, stride)

            self._coarse[stride] = replace(
                self, logits=logits, region=region, shape=shape, image=cache(image), _coarse={}
            )
        return self._coarse[stride]

    @property
    def size(self) -> tuple[int, int]:
        """Give the pixels of the region, (y, x)."""
        return int(self.logits.shape[2]), int(self.logits.shape[3])

    def named(self, label: int) -> str:
        """Name the object of a label for a person."""
        return self.objects.get(label) or self.names.get(label) or str(label)

    @property
    def kinds(self) -> int:
        """Count the labels of the label map."""
        return self.link.label_count(int(self.logits.shape[1]))


def image_tensor(plane: NDArray[Any], preprocessing: Any = None) -> Tensor:
    """Turn a plane (Y, X[, C]) into (1, C, Y, X) float32, as the network's own priors see it."""
    if preprocessing is not None:
        return torch.as_tensor(preprocessing.tensor(plane))
    image = torch.from_numpy(np.ascontiguousarray(plane, dtype=np.float32))
    return image[None, None] if image.ndim == 2 else image.permute(2, 0, 1)[None]


def _waits_for(choice: PriorChoice, settings: Settings, problem: Problem) -> str:
    """Say what a prior still needs from the user; empty if nothing."""
    label = choice.settings.get("label")
    if choice.name == "star" and isinstance(label, int) and label not in settings.centres:
        return f"Star shape of {problem.named(label)} is off: it has no centre yet."
    own = problem.own_volumes and not _sizes_objects(settings)
    wanted = settings.volumes or own
    if choice.name == "volume" and not wanted:
        return "Volume is off: no label has a wanted volume yet."
    return ""


def _sizes_objects(settings: Settings) -> bool:
    stars = {one.settings.get("label") for one in settings.priors if one.on and one.name == "star"}
    return not stars.isdisjoint(settings.object_volumes)


def active_priors(settings: Settings, problem: Problem) -> tuple[list[Prior], list[str]]:
    """Build the priors that take part, and say which ones wait for a centre or a volume."""
    chosen, messages = [], []
    for choice in settings.priors:
        if not choice.on:
            continue
        missing = _waits_for(choice, settings, problem)
        if missing:
            messages.append(missing)
        else:
            chosen.append(make_prior(choice.name, choice.settings))
            if choice.name == "volume" and not settings.volumes:
                messages.append(OWN_VOLUMES)
    stars = {prior.label for prior in chosen if isinstance(prior, Star)}
    messages += [
        f"Volumes of single objects of {problem.named(label)} are off: its star shape is off."
        for label in settings.object_volumes
        if label not in stars
    ]
    return chosen, messages


def _check_label(label: int, what: str, problem: Problem) -> None:
    if not 0 <= label < problem.kinds:
        known = ", ".join(f"{key} {name}" for key, name in sorted(problem.names.items()))
        raise ValueError(f"The {what} of label {label} has no label to belong to: {known}.")


def _local_centres(label: int, points: Sequence[Point], problem: Problem) -> Tensor:
    _check_label(label, "centre", problem)
    rows, columns = problem.region
    local = []
    for number, (y, x) in enumerate(points, 1):
        inside = (
            rows.start - 0.5 <= y < rows.stop - 0.5
            and columns.start - 0.5 <= x < columns.stop - 0.5
        )
        if not inside:
            raise ValueError(
                f"Centre {number} of {problem.named(label)} (y {y:g}, x {x:g}) lies "
                f"outside the region: rows {rows.start} to {rows.stop - 1}, columns "
                f"{columns.start} to {columns.stop - 1}. Move the centre or the region."
            )
        local.append((y - rows.start, x - columns.start))
    return torch.tensor(local, dtype=torch.float64)


def _volume_row(settings: Settings, problem: Problem) -> Tensor | None:
    if not settings.volumes:
        return None
    first = 1 if problem.link.name == "ordered" else 0
    row = torch.full((1, problem.logits.shape[1]), math.nan, dtype=torch.float64)
    for label, pixels in settings.volumes.items():
        _check_label(label, "volume", problem)
        if label < first:
            raise ValueError(
                "The background of nested objects has no volume of its own: set the outermost "
                "object's instead."
            )
        row[0, label - first] = pixels
    return row


def make_scene(settings: Settings, problem: Problem, priors: Sequence[Prior]) -> Scene:
    """Tell the solver what the user said, in pixels of the region.

    The image goes along only if a prior looks at it.

    Raises
    ------
    ValueError  naming the centre outside the region, the label that does not exist, or the
                volume that painted pixels exceed.
    """
    centres = {
        label: _local_centres(label, points, problem) for label, points in settings.centres.items()
    }
    fixed = fixed_labels(settings.painted, problem)
    if fixed is not None and any(prior.name == "volume" for prior in priors):
        check_painted_volumes(fixed, settings.volumes, problem)
    edges = any("image" in prior.reads and getattr(prior, "edge", 1) > 0 for prior in priors)
    return Scene(
        spacing=problem.spacing,
        image=problem.image() if edges else None,
        centres=centres,
        volumes=_volume_row(settings, problem),
        fixed=fixed,
        object_volumes=object_rows(settings),
    )


def preview_stride(size: tuple[int, int], side: int) -> int:
    """Give the stride that leaves at most about side × side pixels, from 1 to `COARSEST`."""
    wanted = math.ceil(math.sqrt(size[0] * size[1]) / side - 0.05)
    return min(max(1, wanted), COARSEST)


def _pool(planes: Tensor, stride: int) -> Tensor:
    return torch.nn.functional.avg_pool2d(
        planes, stride, ceil_mode=True, count_include_pad=False
    )  # (1, C, ceil(y / stride), ceil(x / stride))


def _coarse_choice(choice: PriorChoice, stride: int) -> PriorChoice:
    """Keep the ratio of every length to the image: a pixel is now `stride` pixels wide."""
    settings = dict(choice.settings)
    kind = registered().get(choice.name)
    for name, entry in parameters(kind).items() if kind else ():
        if entry.range is None or not entry.range.grows:
            continue
        value = settings.get(name, entry.default)
        if isinstance(value, Sequence):
            settings[name] = sorted({max(1, round(one / stride)) for one in value})
        else:
            settings[name] = value / stride  # below its range too: it is a preview
    return replace(choice, settings=settings)


def coarsen(problem: Problem, settings: Settings, stride: int) -> tuple[Problem, Settings]:
    """Make the problem that looks the same on pixels `stride` times as wide.

    Logits are averaged over blocks: one block weighs as much against the unchanged energy of a
    smooth outline as its pixels did, once lengths are counted in blocks.
    """
    if stride == 1:
        return problem, settings
    small = problem.coarse(stride)
    height, width = small.size
    rows, columns = problem.region

    def block(point: Point) -> Point:
        y, x = point
        return (
            min(max((y - rows.start + 0.5) / stride - 0.5, 0), height - 1),
            min(max((x - columns.start + 0.5) / stride - 0.5, 0), width - 1),
        )

    scale = height * width / (problem.size[0] * problem.size[1])
    volumes = {key: pixels * scale for key, pixels in settings.volumes.items()}
    objects = {
        key: tuple(one and one * scale for one in row)
        for key, row in settings.object_volumes.items()
    }
    painted = settings.painted and pooled_paint(settings.painted, rows, columns, stride)
    return small, replace(
        settings,
        painted=painted,
        priors=tuple(_coarse_choice(choice, stride) for choice in settings.priors),
        centres={key: tuple(map(block, points)) for key, points in settings.centres.items()},
        volumes=volumes_with_room(fixed_labels(painted, small), volumes, small),
        object_volumes=objects,
    )


def enlarge(planes: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """Interpolate block values bilinearly back to pixels, (1, C, *size)."""
    if stride == 1:
        return planes
    wide = _stretch(_stretch(planes, stride, 3), stride, 2)
    return wide[:, :, : size[0], : size[1]]


def _stretch(planes: Tensor, stride: int, axis: int) -> Tensor:
    """Interpolate one axis between block centres; three times as fast as torch's own."""
    count = planes.shape[axis]
    before = torch.cat((planes.narrow(axis, 0, 1), planes.narrow(axis, 0, count - 1)), axis)
    after = torch.cat((planes.narrow(axis, 1, count - 1), planes.narrow(axis, -1, 1)), axis)
    wide = planes.new_empty((*planes.shape[: axis + 1], stride, *planes.shape[axis + 1 :]))
    for place in range(stride):
        shift = (place + 0.5) / stride - 0.5  # of the pixel's centre from the block's
        side = after if shift > 0 else before
        torch.lerp(planes, side, abs(shift), out=wide.select(axis + 1, place))
    return wide.flatten(axis, axis + 1)
