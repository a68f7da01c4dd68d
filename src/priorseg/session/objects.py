"""Volumes of single star-shaped objects, from settings to the scene."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..intake import named, with_extents
from ..prior import Prior
from ..priors.object_volumes import sized_objects
from ..priors.star import Star
from ..priors.star_trees import ray_trees, sample_centres
from ..priors.volume import Volume, label_groups
from ..scene import Scene
from .settings import Settings

if TYPE_CHECKING:
    from .problem import Problem


def object_rows(settings: Settings) -> dict[int, Tensor]:
    """Give the wanted pixels of the object of each centre, label -> (N,); nan = free."""
    return {
        label: torch.tensor([math.nan if one is None else one for one in row], dtype=torch.float64)
        for label, row in settings.object_volumes.items()
    }


def check_objects(scene: Scene, priors: Sequence[Prior], problem: "Problem") -> None:
    """Raise ValueError, with names, where objects cannot have the volumes asked of them."""
    for prior in _stars(scene, priors):
        text = _objection(prior, scene, priors, problem)
        if text:
            raise ValueError(text)


def objects_that_fit(scene: Scene, priors: Sequence[Prior], problem: "Problem") -> Scene:
    """Free the objects of labels whose volumes the blocks of a preview cannot hold."""
    lost = {one.label for one in _stars(scene, priors) if _objection(one, scene, priors, problem)}
    kept = {label: row for label, row in scene.object_volumes.items() if label not in lost}
    return replace(scene, object_volumes=kept)


def _stars(scene: Scene, priors: Sequence[Prior]) -> list[Star]:
    return [one for one in priors if isinstance(one, Star) and one.label in scene.object_volumes]


def _objection(prior: Star, scene: Scene, priors: Sequence[Prior], problem: "Problem") -> str:
    channels = int(problem.logits.shape[1])
    scene = with_extents(scene, named(priors), problem.link, channels)
    extent = scene.extent(prior.label)
    centres = sample_centres(scene.centres[prior.label], 1, prior.label)[0]
    owners = ray_trees(problem.size, centres)[2]
    objects = sized_objects(scene, prior.label, owners[None], extent)
    groups = []
    if scene.volumes is not None and any(isinstance(one, Volume) for one in priors):
        row = np.asarray(scene.volumes[0])
        groups.append(label_groups(row, owners.size, problem.link))
    return "" if objects is None else objects.objection(problem.named(prior.label), groups, extent)
