"""Time every layer at 512² with 3 classes, beside the printed algorithms.

Usage: python tests/bench/layers_bench.py [side]
Prints a Markdown table of medians: wall time, and CPU time of the process.
"""

import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import date

import numpy as np
import torch

from priorseg import Scene, paper, priors, solve

REPEATS = 7


def problem(side: int) -> tuple[torch.Tensor, Scene]:
    """Draw a disc with a cup under pixel noise."""
    y, x = torch.meshgrid(torch.arange(1.0 * side), torch.arange(1.0 * side), indexing="ij")
    r = ((y - side / 2) ** 2 + (x - side / 2) ** 2).sqrt() / side
    clean = torch.stack([r - 0.3, 0.05 - (r - 0.25).abs(), 0.2 - r])[None] * 25
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    centre = torch.tensor([[side / 2, side / 2]])
    volumes = torch.tensor([[torch.nan, 0.15 * side**2, 0.12 * side**2]])
    return clean + noise, Scene(centres={1: centre, 2: centre}, volumes=volumes)


def median(work: Callable[[], object]) -> tuple[float, float]:
    """Give the median wall and CPU milliseconds of a call that has been warmed up."""
    work()
    wall, cpu = [], []
    for _ in range(REPEATS):
        start = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start[0])
        cpu.append(time.process_time() - start[1])
    return 1e3 * float(np.median(wall)), 1e3 * float(np.median(cpu))


def rows(side: int) -> list[tuple[str, Callable[[], object]]]:
    """List what is timed."""
    logits, scene = problem(side)
    kernel = paper.gaussian_kernel(2.0, 9)
    std, tv = priors.ThresholdDynamics(2.0, 2.0), priors.TotalVariation(1.0)
    star, volume, convex = priors.Star(1), priors.Volume(), priors.Convex([1, 2])
    nested = priors.Nested((2, 1))
    everything = [std, star, nested, convex]
    warm = solve(logits, [std], scene, sweeps=30)
    solved = solve(logits, everything, scene, sweeps=10)
    return [
        ("STD, 10 sweeps", lambda: solve(logits, [std], scene, sweeps=10)),
        (
            "STD as printed, 10 iterations",
            lambda: paper.std_softmax(logits, 2.0, 1.0, kernel, 10, padding="symmetric"),
        ),
        ("TV, 20 sweeps", lambda: solve(logits, [tv], scene, sweeps=20)),
        (
            "TV as printed, scheme (15), 20 iterations",
            lambda: paper.tv_softmax(logits, 1.0, 1.0, 0.25, 20),
        ),
        ("volume, 1 sweep, cold", lambda: solve(logits, [volume], scene, sweeps=1)),
        ("star, 1 sweep", lambda: solve(logits, [star], scene, sweeps=1)),
        ("convex, 1 sweep, 5 radii, 2 objects", lambda: solve(logits, [convex], scene, sweeps=1)),
        ("tick: STD warm, 3 sweeps", lambda: solve(logits, [std], scene, sweeps=3, warm=warm)),
        ("decode: STD + star + convex + nested", solved.decode),
    ]


def main() -> None:
    """Print the table."""
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    load = os.getloadavg()[0]
    print(
        f"{date.today()}, {platform.processor() or platform.machine()}, "
        f"{torch.get_num_threads()} threads, load {load:.1f}\n"
    )
    print(f"| {side}², 3 classes | wall ms | CPU ms |\n|---|---|---|")
    with torch.no_grad():
        for name, work in rows(side):
            wall, cpu = median(work)
            print(f"| {name} | {wall:.1f} | {cpu:.1f} |", flush=True)


if __name__ == "__main__":
    main()
