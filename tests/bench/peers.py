"""Other people's ways from logits to labels, and ours, under one call: problem -> labels."""

import importlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from skimage.restoration import denoise_tv_chambolle
from skimage.segmentation import random_walker
from torch import Tensor

from priorseg import Scene, priors, solve


class Absent(Exception):
    """Something that a comparison needs is not here."""


@dataclass(frozen=True)
class Problem:
    """Hold logits (1, K, Y, X), true labels (Y, X) and perhaps the image (Y, X, 3) in [0, 1]."""

    logits: Tensor
    truth: np.ndarray
    image: np.ndarray | None

    @property
    def probs(self) -> np.ndarray:
        """Give softmax probabilities, (K, Y, X) float32."""
        return torch.softmax(self.logits[0], 0).numpy()


@dataclass(frozen=True)
class Method:
    """Hold a method and the settings it is tuned over."""

    run: Callable[..., np.ndarray]
    names: Sequence[str] = ()
    values: Sequence[Sequence[Any]] = ()
    needs: str | None = None

    @property
    def grid(self) -> list[tuple[Any, ...]]:
        """Give all settings."""
        return list(product(*self.values))

    def load(self) -> None:
        """Raise Absent if the method is not installed."""
        if self.needs:
            found(self.needs)

    def at_end(self, setting: tuple[Any, ...]) -> bool:
        """Say whether a value is the first or last of at least three."""
        pairs = zip(setting, self.values, strict=True)
        return any(len(v) >= 3 and value in (v[0], v[-1]) for value, v in pairs)


@lru_cache
def found(module: str) -> ModuleType:
    """Import a module that need not be installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise Absent(f"{module.split('.')[0]} is not installed") from None


def best(scores: Any) -> np.ndarray:
    """Take the arg max of scores (K, Y, X); several times faster than argmax over planes."""
    planes = np.asarray(scores)
    labels, top = np.zeros(planes.shape[1:], np.int64), planes[0]
    for k, plane in enumerate(planes[1:], 1):
        labels[plane > top] = k
        top = np.maximum(top, plane)
    return labels


def arg_max(problem: Problem) -> np.ndarray:
    return best(problem.logits[0])


def std(problem: Problem, weight: float) -> np.ndarray:
    """Run 10 sweeps of soft threshold dynamics, sigma 3 px."""
    prior = priors.ThresholdDynamics(weight, 3.0)
    return best(solve(problem.logits, [prior], sweeps=10).logits[0])


def edge_std(problem: Problem, weight: float, edge: float) -> np.ndarray:
    """Run 10 sweeps of soft threshold dynamics that is cheaper on edges of the image."""
    if problem.image is None:
        raise Absent("it needs an image")
    image = torch.as_tensor(problem.image, dtype=torch.float32).movedim(-1, 0)[None]
    prior = priors.ThresholdDynamics(weight, 3.0, edge)
    solution = solve(problem.logits, [prior], Scene(image=image), sweeps=10)
    return best(solution.logits[0])


def tv(problem: Problem, weight: float) -> np.ndarray:
    """Run 60 sweeps of total variation."""
    found = solve(problem.logits, [priors.TotalVariation(weight)], sweeps=60)
    return best(found.logits[0])


def _crf(problem: Problem) -> Any:
    probs = np.ascontiguousarray(problem.probs)
    classes, height, width = probs.shape
    crf = found("pydensecrf.densecrf").DenseCRF2D(width, height, classes)
    unary = found("pydensecrf.utils").unary_from_softmax(probs)
    crf.setUnaryEnergy(np.ascontiguousarray(unary))
    return crf


def _crf_labels(crf: Any, problem: Problem) -> np.ndarray:
    return best(np.reshape(crf.inference(10), (-1, *problem.truth.shape)))


def gaussian_crf(problem: Problem, compat: float) -> np.ndarray:
    """Run 10 mean-field steps of a dense CRF with a Gaussian kernel of 3 px."""
    crf = _crf(problem)
    crf.addPairwiseGaussian(sxy=3, compat=compat)
    return _crf_labels(crf, problem)


def bilateral_crf(problem: Problem, compat: float, colour: float) -> np.ndarray:
    """Run 10 mean-field steps of a dense CRF that also looks at the image."""
    if problem.image is None:
        raise Absent("it needs an image")
    crf = _crf(problem)
    image = np.ascontiguousarray((255 * problem.image).astype(np.uint8))
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=30, srgb=colour, rgbim=image, compat=compat)
    return _crf_labels(crf, problem)


def alpha_expansion(problem: Problem, weight: float) -> np.ndarray:
    """Minimise the 4-connected Potts energy by alpha-expansion."""
    costs = np.ascontiguousarray(np.moveaxis(-problem.logits[0].double().numpy(), 0, -1))
    costs = costs - costs.min()
    potts = weight * (1 - np.eye(costs.shape[-1]))
    return np.asarray(found("maxflow.fastmin").aexpansion_grid(costs, potts)).astype(np.int64)


def chambolle(problem: Problem, weight: float) -> np.ndarray:
    """Denoise the probabilities by total variation, class by class."""
    planes = [denoise_tv_chambolle(plane, weight=weight) for plane in problem.probs]
    return best(planes)


def walker(problem: Problem, sure: float, beta: float) -> np.ndarray:
    """Spread seeds, the likeliest pixels of each class, over the image or the probabilities."""
    probs = problem.probs.astype(np.float64)
    best = probs.argmax(0)
    seeds = np.zeros(best.shape, np.int64)
    for k, plane in enumerate(probs):
        own = best == k
        if own.any():
            seeds[own & (plane >= np.quantile(plane[own], sure))] = k + 1
    data = np.moveaxis(probs, 0, -1) if problem.image is None else problem.image
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of its tolerance and of faster solvers
        return random_walker(data, seeds, beta=beta, mode="cg_j", channel_axis=-1) - 1


def gaussian(problem: Problem, sigma: float) -> np.ndarray:
    """Blur the probabilities."""
    return best([ndimage.gaussian_filter(plane, sigma) for plane in problem.probs])


def median(problem: Problem, width: int) -> np.ndarray:
    """Take the median of the labels in a square window."""
    return ndimage.median_filter(arg_max(problem), size=width)


SIX = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
METHODS = {
    "arg max": Method(arg_max),
    "**STD, 10 sweeps**": Method(std, ("weight",), (SIX,)),
    "**STD, 10 sweeps, edges of the image**": Method(
        edge_std, ("weight", "edge"), ((2.0, 6.0, 18.0), (1.0, 10.0))
    ),
    "**TV, 60 sweeps**": Method(tv, ("weight",), (SIX,)),
    "dense CRF, Gaussian": Method(gaussian_crf, ("compat",), (SIX,), "pydensecrf.densecrf"),
    "dense CRF, bilateral": Method(
        bilateral_crf, ("compat", "srgb"), ((1.0, 3.0, 10.0), (10, 30)), "pydensecrf.densecrf"
    ),
    "alpha-expansion": Method(alpha_expansion, ("weight",), (SIX,), "maxflow.fastmin"),
    "TV-Chambolle of probabilities": Method(
        chambolle, ("weight",), ((0.1, 0.3, 1.0, 3.0, 10.0, 30.0),)
    ),
    "random walker": Method(walker, ("seeds from", "beta"), ((0.2, 0.5, 0.9), (10, 130))),
    "Gaussian blur of probabilities": Method(gaussian, ("sigma",), (SIX,)),
    "median of labels": Method(median, ("width",), ((3, 5, 7, 9, 13, 19),)),
}
