"""The priors applied after training only, to be held against networks trained through them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike

from ..prior import Prior
from ..priors import ThresholdDynamics, TotalVariation
from ..scene import Scene
from ..solver import solve
from .inputs import Labels, as_image, as_probs, check_count, check_number

LEAST = 1e-7  # smaller probabilities count as this: their logarithms stay finite


def post(
    probs: ArrayLike,
    priors: Sequence[Prior],
    scene: Scene | None = None,
    *,
    sweeps: int,
    temperature: float = 1.0,
) -> Labels:
    """Solve with ln(probs) as logits and decode.

    Parameters
    ----------
    probs : (K, Y, X)     see `as_probs`; below 1e-7 they count as 1e-7
    priors : sequence     any of `priorseg.priors`
    scene : Scene         what they read, for a batch of one
    sweeps : int          >= 0
    temperature : float   > 0

    Returns
    -------
    labels : (Y, X)   with hard priors their exact form
    """
    planes = as_probs(probs)
    logits = torch.from_numpy(np.log(planes.clip(LEAST, None)))[None]  # (1, K, Y, X)
    count = check_count("sweeps", sweeps, least=0)
    heat = check_number("temperature", temperature, above=0)
    with torch.no_grad():
        solution = solve(logits, priors, scene, sweeps=count, temperature=heat)
        return solution.decode().labels[0].numpy().astype(np.int64)


def tv_post(
    probs: ArrayLike,
    image: ArrayLike | None = None,
    *,
    weight: float = 1.0,
    sweeps: int = 60,
    temperature: float = 1.0,
) -> Labels:
    """Shorten the outlines by total variation after the network.

    Parameters
    ----------
    probs : (K, Y, X)     see `as_probs`
    image : ignored
    weight : float        >= 0, see `priorseg.priors.TotalVariation`
    sweeps, temperature : see `post`
    """
    return post(probs, [TotalVariation(weight)], sweeps=sweeps, temperature=temperature)


def std_post(
    probs: ArrayLike,
    image: ArrayLike | None = None,
    *,
    weight: float = 2.0,
    sigma: float = 3.0,
    edge: float = 0.0,
    sweeps: int = 10,
    temperature: float = 1.0,
) -> Labels:
    """Smooth the outlines by soft threshold dynamics after the network.

    Parameters
    ----------
    probs : (K, Y, X)     see `as_probs`
    image : (Y, X, 3)     in [0, 1]; read only if `edge` is above 0
    weight, sigma, edge : see `priorseg.priors.ThresholdDynamics`; sigma in pixels
    sweeps, temperature : see `post`
    """
    prior = ThresholdDynamics(weight, sigma, edge)
    scene = None
    if prior.edge > 0:
        planes = as_probs(probs)
        picture = as_image(image, planes.shape[1:], "Threshold dynamics with edge > 0")
        colours = torch.from_numpy(picture.astype(planes.dtype))
        scene = Scene(image=colours.movedim(-1, 0)[None])  # (1, 3, Y, X)
    return post(probs, [prior], scene, sweeps=sweeps, temperature=temperature)
