"""The only loop: alternate the priors' blocks, one probability update after each."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from .blocks import begin
from .links import Link
from .prior import Prior
from .scene import Scene
from .solution import Solution

__all__ = ["Solution", "converge", "iterate", "replay", "solve"]

GAP_EVERY = 5  # sweeps; a gap costs about as much as one
INERTIA = 0.8  # fewest sweeps over weights of 1 to 10 times the temperature


def _full_precision(logits: Tensor) -> AbstractContextManager[Any]:
    """Switch autocast off where the logits live."""
    return torch.autocast(
        logits.device.type if isinstance(logits, Tensor) else "cpu", enabled=False
    )


def iterate(
    logits: Tensor,
    priors: Sequence[Prior],
    scene: Scene | None = None,
    *,
    temperature: float | Tensor = 1.0,
    link: str | Link = "softmax",
    warm: Solution | None = None,
    inertia: float = 0.0,
    reuse: bool = False,
) -> Iterator[Solution]:
    """Yield the state after every sweep, for ever.

    Parameters
    ----------
    logits : (B, K, *S)    floating point, finite; half precision is solved in float32
    priors : list          any of `priorseg.priors`, in any order; "off" means not in the list
    scene : Scene          None = unit spacing, nothing else known
    temperature : float    the entropy's weight (epsilon), > 0
    link : str or Link     'softmax' for exclusive classes, 'ordered' for nested objects
    warm : Solution        go on from here: u and those duals that still apply
    inertia : float        0 <= inertia < 1, see `converge`
    reuse : bool           True: only the newest state stays valid, with what was decoded from it,
                           so that no sweep allocates

    Raises
    ------
    ValueError  for logits, scene or settings that cannot be solved; says what to change.

    Source: docs/maths; Gauss-Seidel over the priors, each block as exact as its prior can.
    """
    _check_inertia(inertia)
    with _full_precision(logits):
        state = begin(logits, priors, scene, temperature, link, warm)
    if reuse:
        state.reuse()
    sweeps = 0
    while True:
        before, point = state.u, state.u if state.point is None else state.point
        with _full_precision(logits):
            if state.priors:
                state.sweep()
        sweeps += 1
        residual = state.push_on(point, before, inertia)
        yield state.solution(residual, sweeps)


def solve(
    logits: Tensor,
    priors: Sequence[Prior],
    scene: Scene | None = None,
    *,
    sweeps: int = 50,
    tol: float = 0.0,
    temperature: float | Tensor = 1.0,
    link: str | Link = "softmax",
    warm: Solution | None = None,
    inertia: float = 0.0,
) -> Solution:
    """Run sweeps until each sample meets the tolerance, at most `sweeps`.

    `replay` and `converge` are its two named uses.

    Parameters
    ----------
    logits, priors, scene, temperature, link, warm : see `iterate`
    sweeps : int      largest number of sweeps, >= 0
    tol : float       a sample stops once max |change of u| and the duality gap per pixel are both
                      at most this; total variation alone stops by its gap, which bounds the
                      distance to the minimiser. Never depends on batch-mates. 0 = do all sweeps.
    inertia : float   0 <= inertia < 1, see `converge`

    Returns
    -------
    Solution   with no priors ``probs`` is bit-equal to the plain link of ``logits / temperature``
    """
    if int(sweeps) != sweeps or sweeps < 0 or not tol >= 0:
        raise ValueError(f"sweeps and tol must be >= 0, sweeps whole; got {sweeps} and {tol}.")
    _check_inertia(inertia)
    with _full_precision(logits):
        state = begin(logits, priors, scene, temperature, link, warm)
        state.reuse()
        if sweeps == 0:
            state.settle()
        residual = state.u.new_full((len(state.u),), torch.inf if state.priors else 0.0)
        done = 0
        active = torch.ones_like(residual, dtype=torch.bool)
        while done < sweeps and state.priors and (tol == 0 or bool(active.any())):
            old = (state.u, state.scaled, dict(state.duals))
            point = state.u if state.point is None else state.point
            state.sweep()
            if tol > 0 and not bool(active.all()):
                state.freeze(active, old)
            done += 1
            looked_at = _due(state.priors, done, tol)
            if inertia == 0 and done < sweeps and not looked_at:
                continue  # nobody asks for the residual yet
            moved = state.push_on(point, old[0], inertia)
            residual = torch.where(active, moved, residual)
            if looked_at:
                active = active & ~met(state.solution(residual, done), tol)
        return state.solution(residual, done)


def _gap_alone(priors: Mapping[str, Prior]) -> bool:
    return len(priors) == 1 and all(prior.certified for prior in priors.values())


def _due(priors: Mapping[str, Prior], done: int, tol: float) -> bool:
    """Say whether the tolerance is looked at after so many sweeps."""
    return tol > 0 and (not _gap_alone(priors) or done % GAP_EVERY == 0)


def due(solution: Solution, tol: float) -> bool:
    """Say whether it is time to ask if the tolerance is `met`: a gap costs as much as a sweep."""
    return _due(solution.priors, solution.sweeps, tol)


def met(solution: Solution, tol: float) -> Tensor:
    """Say which samples meet the tolerance, (B,) bool; see `solve`."""
    near = solution.residual.detach() <= tol
    if _gap_alone(solution.priors):
        near = torch.ones_like(near)
    return near & (solution.gap.detach() <= tol) if bool(near.any()) else near


def _check_inertia(inertia: float) -> None:
    if not 0 <= inertia < 1:
        raise ValueError(f"inertia must be at least 0 and below 1, got {inertia}.")


def replay(
    logits: Tensor,
    priors: Sequence[Prior],
    scene: Scene | None = None,
    *,
    sweeps: int,
    temperature: float | Tensor = 1.0,
    link: str | Link = "softmax",
) -> Solution:
    """Do exactly what a network with this head computes: so many sweeps from a cold start.

    Parameters are those of `solve`.
    """
    return solve(logits, priors, scene, sweeps=sweeps, temperature=temperature, link=link)


def converge(
    logits: Tensor,
    priors: Sequence[Prior],
    scene: Scene | None = None,
    *,
    tol: float = 1e-3,
    sweeps: int = 400,
    temperature: float | Tensor = 1.0,
    link: str | Link = "softmax",
    warm: Solution | None = None,
    inertia: float = INERTIA,
) -> Solution:
    """Go to a fixed point of the sweeps, from a warm start if there is one.

    Inertia linearises threshold dynamics beyond u, at u + inertia (u − u before); a sample that
    turns back restarts. It ends at a fixed point of the same sweeps in fewer of them; where the
    weight exceeds the temperature there are several, and it may be another one than without.

    Parameters
    ----------
    tol : float       each sample stops by itself, see `solve`
    sweeps : int      at most
    inertia : float   0 <= inertia < 1

    The others are those of `solve`.
    """
    return solve(
        logits,
        priors,
        scene,
        sweeps=sweeps,
        tol=tol,
        temperature=temperature,
        link=link,
        warm=warm,
        inertia=inertia,
    )
