"""Time every layer against the size of the image, and fit the exponent.

Usage: python tests/bench/scaling_bench.py [--sides 256 512 1024 2048 4096] [--repeats 7]
       [--layers "STD, 10 sweeps" ...]
Time ~ pixels^a: a is the least-squares slope of log time over log pixels; linear cost has a = 1.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from common import Work, disc, interleaved, machine, print_table
from torch import Tensor

from priorseg import Scene, geometry, priors, solve

BUDGET_S = 4.0  # for each layer and size


def std(logits: Tensor, scene: Scene) -> Work:
    prior = [priors.ThresholdDynamics(2.0, 2.0)]
    return lambda: solve(logits, prior, scene, sweeps=10)


def std_tick(logits: Tensor, scene: Scene) -> Work:
    warm = solve(logits, [priors.ThresholdDynamics(2.0, 2.0)], scene, sweeps=10)
    stronger = [priors.ThresholdDynamics(2.1, 2.0)]
    return lambda: solve(logits, stronger, scene, sweeps=3, warm=warm)


def tv(logits: Tensor, scene: Scene) -> Work:
    prior = [priors.TotalVariation(1.0)]
    return lambda: solve(logits, prior, scene, sweeps=20)


def volume(logits: Tensor, scene: Scene) -> Work:
    prior, more = [priors.Volume()], replace(scene, volumes=1.05 * scene.volumes)
    warm = solve(logits, prior, scene, sweeps=2)
    return lambda: solve(logits, prior, more, sweeps=1, warm=warm)


def star(logits: Tensor, scene: Scene) -> Work:
    prior = [priors.Star(1)]
    return lambda: solve(logits, prior, scene, sweeps=1)


def convex(logits: Tensor, scene: Scene) -> Work:
    prior = [priors.Convex([1, 2])]
    return lambda: solve(logits, prior, scene, sweeps=1)


def ray_tree(logits: Tensor, scene: Scene) -> Work:
    shape = (logits.shape[2], logits.shape[3])
    return lambda: geometry.ray_tree(shape, scene.centres[1].numpy())


def closure(logits: Tensor, scene: Scene) -> Work:
    parent = geometry.ray_tree((logits.shape[2], logits.shape[3]), scene.centres[1].numpy())
    order = geometry.topological_order(parent)
    weights = (logits[0, 1:].amax(0) - logits[0, 0]).double().numpy()
    return lambda: geometry.max_weight_closure(weights, parent, order)


def hull(logits: Tensor, scene: Scene) -> Work:
    smooth = solve(logits, [priors.ThresholdDynamics(2.0, 2.0)], scene, sweeps=10).logits
    mask = np.ascontiguousarray(smooth[0].argmax(0).numpy() > 0)
    return lambda: geometry.hull_closure(mask)


def decoding(logits: Tensor, scene: Scene) -> Work:
    everything = [
        priors.ThresholdDynamics(2.0, 2.0),
        priors.Star(1),
        priors.Convex([1, 2]),
        priors.Nested((2, 1)),
    ]
    return solve(logits, everything, scene, sweeps=3).decode


LAYERS: dict[str, Callable[[Tensor, Scene], Work]] = {
    "STD, 10 sweeps": std,
    "STD, 3 warm sweeps": std_tick,
    "TV, 20 sweeps": tv,
    "volume, warm, +5 %": volume,
    "star, 1 sweep": star,
    "convex, 1 sweep, 5 radii": convex,
    "ray tree": ray_tree,
    "star, hard closure": closure,
    "hull closure after STD": hull,
    "decode: STD + star + convex + nested": decoding,
}


def exponent(sides: Sequence[int], times: Sequence[float], least: int) -> str:
    """Fit the exponent over the sides from `least` on; – if fewer than two."""
    used = [(2 * np.log(s), np.log(t)) for s, t in zip(sides, times, strict=True) if s >= least]
    if len(used) < 2:
        return "–"
    return f"{np.polyfit(*zip(*used, strict=True), 1)[0]:.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print milliseconds for each layer and side, nanoseconds per pixel, and exponents."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 512, 1024, 2048, 4096])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    chosen = parser.parse_args(arguments)
    sides = sorted(chosen.sides)
    print(f"{machine()}\n")
    row = print_table(
        [
            "wall ms, in brackets ns per pixel",
            *(f"{side}²" for side in sides),
            f"exponent from {sides[0]}²",
            "from 512²",
        ]
    )
    with torch.no_grad():
        for name in chosen.layers:
            times = []
            for side in sides:
                work = LAYERS[name](*disc(side))
                times.append(interleaved({name: work}, chosen.repeats, BUDGET_S)[name].wall)
            cells = [
                f"{t:.3g} ({1e6 * t / side**2:.3g})" for side, t in zip(sides, times, strict=True)
            ]
            row(name, *cells, exponent(sides, times, sides[0]), exponent(sides, times, 512))


if __name__ == "__main__":
    main()
