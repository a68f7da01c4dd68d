"""Random problems and laws that every registered prior must obey."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from oracles import KINDS, random_logits
from priorseg import Prior, Scene, Solution, priors, solve
from priorseg.links import SOFTMAX, Link, Ordered

PLANAR = ("star", "convex")  # 2-D for now
CONSTRAINTS = ("volume", "star", "nested")
SMOOTHERS = ("total_variation", "threshold_dynamics")


@dataclass(frozen=True)
class Problem:
    """One random problem: what `solve` takes."""

    logits: Tensor
    scene: Scene
    temperature: float
    link: Link

    def solve(self, chosen: Sequence[Prior], **options: Any) -> Solution:
        """Solve it with these priors."""
        return solve(
            self.logits,
            chosen,
            self.scene,
            temperature=self.temperature,
            link=self.link,
            **options,
        )

    def take(self, sample: int) -> "Problem":
        """Cut one sample out of the batch."""
        scene, one = self.scene, slice(sample, sample + 1)
        image = None if scene.image is None else scene.image[one]
        volumes = None if scene.volumes is None else scene.volumes[one]
        centres = {k: v[one] if v.ndim == 3 else v for k, v in scene.centres.items()}
        scene = replace(scene, image=image, volumes=volumes, centres=centres)
        return replace(self, logits=self.logits[one], scene=scene)


def random_problem(
    seed: int,
    *,
    dims: int = 2,
    ordered: bool = False,
    kind: str | None = None,
    temperature: float | None = None,
) -> Problem:
    """Draw logits with a scene that holds what any prior may ask for."""
    rng = np.random.default_rng(seed)
    batch, channels = int(rng.integers(1, 4)), int(rng.integers(2, 5))
    largest = 13 if dims == 2 else 6
    shape = tuple(int(n) for n in rng.integers(1 if dims == 2 else 2, largest, dims))
    kind = kind or str(rng.choice(KINDS))
    logits = random_logits(rng, batch, channels, shape, kind)
    link: Link = (
        Ordered(tuple(int(k) for k in rng.permutation(channels) + 1)) if ordered else (SOFTMAX)
    )
    scene = Scene(
        spacing=tuple(float(s) for s in rng.choice([0.5, 1.0, 2.0], dims)),
        image=torch.from_numpy(rng.random((batch, 1, *shape))),
        centres={k: _centres(rng, shape) for k in range(channels + 1)} if dims == 2 else {},
        volumes=_volumes(rng, batch, channels, int(np.prod(shape)), link),
    )
    cold = float(rng.choice([0.1, 0.5, 1.0, 3.0]))
    return Problem(logits, scene, cold if temperature is None else temperature, link)


def _centres(rng: np.random.Generator, shape: Sequence[int]) -> Tensor:
    count = int(rng.integers(1, 3))
    return torch.from_numpy(rng.random((count, 2)) * (np.array(shape) - 1))


def _volumes(
    rng: np.random.Generator, batch: int, channels: int, pixels: int, link: Link
) -> Tensor:
    if isinstance(link, Ordered):
        rows = np.sort(rng.integers(0, pixels + 1, (batch, channels)), 1).astype(float)
        columns = np.array(link.nesting(channels)) - 1
        volumes = np.empty_like(rows)
        volumes[:, columns] = rows
    else:
        cuts = np.sort(rng.integers(0, pixels + 1, (batch, channels - 1)), 1)
        edges = np.hstack([np.zeros((batch, 1)), cuts, np.full((batch, 1), pixels)])
        volumes = np.diff(edges, axis=1).astype(float)
    if rng.random() < 0.5:
        volumes[rng.random(volumes.shape) < 0.4] = np.nan
    return torch.from_numpy(volumes)


def random_prior(name: str, problem: Problem, seed: int) -> Prior:
    """Draw a prior of a kind that fits the problem."""
    rng = np.random.default_rng(seed)
    channels = problem.logits.shape[1]
    labels = problem.link.label_count(channels)
    first = 1 if problem.link.name == "ordered" else 0
    if name == "total_variation":
        return priors.TotalVariation(float(rng.choice([0.05, 0.5, 2.0])))
    if name == "threshold_dynamics":
        edge = float(rng.choice([0.0, 3.0]))
        return priors.ThresholdDynamics(
            float(rng.choice([0.1, 1.0, 5.0])), float(rng.choice([0.7, 1.5, 3.0])), edge
        )
    if name == "volume":
        return priors.Volume()
    if name == "star":
        return priors.Star(int(rng.integers(first if channels > 2 else 1, labels)))
    if name == "convex":
        count = int(rng.integers(1, min(3, labels)))
        chosen = rng.choice(np.arange(1, labels), count, replace=False)
        return priors.Convex([int(k) for k in chosen], [1, 2, 4], single=bool(rng.random() < 0.3))
    if name == "nested":
        order = (
            problem.link.nesting(channels)
            if isinstance(problem.link, Ordered)
            else (tuple(int(k) for k in rng.permutation(channels - 1) + 1))
        )
        return priors.Nested(order if len(order) > 1 else (1, 0))
    raise KeyError(name)


def inside(u: Tensor) -> Tensor:
    """Mix probabilities with the uniform distribution, to stay off the boundary."""
    return 0.9 * u + 0.1 / u.shape[1]


def energy(problem: Problem, chosen: Sequence[Prior], u: Tensor) -> Tensor:
    """Give the whole energy of each sample, (B,)."""
    linear = -(problem.logits * u).flatten(1).sum(1)
    total = linear + problem.temperature * problem.link.entropy(u)
    for prior in chosen:
        prep = prior.prepare(problem.scene, problem.logits, link=problem.link)
        total = total + prior.energy(u, prep)
    return total


def seeds() -> st.SearchStrategy[int]:
    """Draw seeds of random problems."""
    return st.integers(0, 2**32 - 1)
