"""TV-L¹ denoising of probabilities or labels, by a primal-dual method with a certificate."""

import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ..geometry.compiled import compiled
from ..operators import divergence, gradient
from .inputs import Labels, Probs, as_probs, best, check_count, check_number

SPACING = (1.0, 1.0)
RATIO = 4.0  # of the dual step to the primal one, each over 1 / |gradient| >= 1 / √8: the fastest
LOOK_EVERY = 25  # steps; a gap costs about as much as a few


@compiled
def _steps(
    f: Probs, v: Probs, ahead: Probs, down: Probs, along: Probs, fidelity: float, steps: int
) -> None:
    """Do primal-dual steps on one plane, in place; row by row, so that all of it is read once."""
    height, width = f.shape
    rise, fall = f.dtype.type(RATIO / math.sqrt(8)), f.dtype.type(1 / RATIO / math.sqrt(8))
    most, zero, one = fall * f.dtype.type(fidelity), f.dtype.type(0), f.dtype.type(1)
    for _ in range(steps):
        for y in range(height):
            below, above = min(y + 1, height - 1), max(y - 1, 0)
            kept = one if y > 0 else zero  # there is no dual above the first row
            for x in range(width):
                beside = min(x + 1, width - 1)
                a = down[y, x] + rise * (ahead[below, x] - ahead[y, x])
                b = along[y, x] + rise * (ahead[y, beside] - ahead[y, x])
                length = np.sqrt(max(one, a * a + b * b))
                down[y, x], along[y, x] = a / length, b / length
            for x in range(width):
                left = along[y, x - 1] if x > 0 else zero
                slope = down[y, x] - kept * down[above, x] + along[y, x] - left
                moved = v[y, x] + fall * slope - f[y, x]
                new = f[y, x] + moved - min(max(moved, -most), most)
                new = min(max(new, zero), one)
                ahead[y, x] = new + new - v[y, x]
                v[y, x] = new


def _gap(f: Probs, v: Probs, down: Probs, along: Probs, fidelity: float) -> float:
    """Give primal minus dual energy of one plane, >= 0 up to rounding."""
    target, found = torch.from_numpy(f)[None, None], torch.from_numpy(v)[None, None]
    dual = torch.from_numpy(np.stack((down, along)))[None, None]  # (1, 1, 2, Y, X)
    length = gradient(found, SPACING).square().sum(2).sqrt()
    primal = length + fidelity * (found - target).abs()
    slope = divergence(dual, SPACING)
    # min over v in [0, 1] of fidelity |v − f| − slope v lies at 0, f or 1
    ends = torch.minimum(fidelity * target, fidelity * (1 - target) - slope)
    return float((primal - torch.minimum(ends, -slope * target)).double().sum())


def _denoise(f: Probs, fidelity: float, iterations: int, tol: float) -> tuple[Probs, float]:
    """Denoise one contiguous plane; see `denoise_tv_l1`."""
    v, ahead = f.copy(), f.copy()
    down, along = np.zeros_like(f), np.zeros_like(f)
    gap = _gap(f, v, down, along, fidelity)  # TV(f), for the dual is 0
    enough, done = tol * gap, 0
    while done < iterations and gap > enough:
        steps = min(LOOK_EVERY, iterations - done)
        _steps(f, v, ahead, down, along, fidelity, steps)
        gap, done = _gap(f, v, down, along, fidelity), done + steps
    return v, gap


def denoise_tv_l1(
    planes: ArrayLike, *, fidelity: float, iterations: int = 500, tol: float = 1e-3
) -> tuple[Probs, NDArray[np.float64]]:
    """Minimise TV(v) + fidelity · Σ|v − f| over v in [0, 1], plane by plane.

    A disc of radius r vanishes if r < 2 / fidelity and stays as it is if r is larger, whatever
    its contrast.

    Parameters
    ----------
    planes : (K, Y, X)   f, in [0, 1]
    fidelity : float     > 0, per pixel
    iterations : int     at most, >= 1
    tol : float          a plane stops once its duality gap is at most this share of TV(f), >= 0

    Returns
    -------
    v : (K, Y, X)   float64 if the planes are, else float32
    gap : (K,)      bounds how far the energy of v lies above the minimum

    Source: Chambolle and Pock 2011, algorithm 1, for the model of Chan and Esedoḡlu 2005.
    """
    given = np.asarray(planes)
    if given.ndim != 3 or given.size == 0:
        raise ValueError(f"planes has shape {given.shape}; it must be (K, Y, X), not empty.")
    if not (np.isfinite(given).all() and given.min() >= 0 and given.max() <= 1):
        raise ValueError(f"planes goes from {given.min()} to {given.max()}; [0, 1] is allowed.")
    weight = check_number("fidelity", fidelity, above=0)
    steps = check_count("iterations", iterations, least=1)
    least = check_number("tol", tol)
    kind = np.float64 if given.dtype == np.float64 else np.float32
    found = [_denoise(plane, weight, steps, least) for plane in given.astype(kind)]
    return np.stack([v for v, _ in found]), np.array([gap for _, gap in found])


def tv_l1(
    probs: ArrayLike,
    image: ArrayLike | None = None,
    *,
    fidelity: float = 0.5,
    of: str = "probs",
    iterations: int = 500,
    tol: float = 1e-3,
) -> Labels:
    """Denoise every label's plane by TV-L¹ and take the largest.

    Parameters
    ----------
    probs : (K, Y, X)   see `as_probs`
    image : ignored
    fidelity : float    > 0; what is narrower than about 4 / fidelity pixels vanishes
    of : str            'probs', or 'labels' for the indicators of the likeliest labels
    iterations, tol : see `denoise_tv_l1`

    Returns
    -------
    labels : (Y, X)   of equal planes the lowest label
    """
    planes = as_probs(probs)
    if of not in ("probs", "labels"):
        raise ValueError(f"of must be 'probs' or 'labels', got {of!r}.")
    if of == "labels":
        indicators = best(planes) == np.arange(len(planes))[:, None, None]
        planes = np.ascontiguousarray(indicators, dtype=planes.dtype)
    planes = planes.clip(0, 1)
    if len(planes) == 2:  # the minimiser for 1 − f is 1 − v
        inner, _ = denoise_tv_l1(planes[1:], fidelity=fidelity, iterations=iterations, tol=tol)
        return np.asarray(inner[0] > 0.5, dtype=np.int64)
    smooth, _ = denoise_tv_l1(planes, fidelity=fidelity, iterations=iterations, tol=tol)
    return best(smooth)
