"""Time decoding and the exact blocks of star, convex and nested.

Usage: python tests/bench/exact_bench.py [side]
Prints a Markdown table of medians: wall time, and CPU time of the process.
"""

import sys
from collections.abc import Callable

import torch
from common import disc, interleaved, machine, print_table

from priorseg import Scene, Solution, geometry, priors, solve
from priorseg.links import Ordered


def stepping(solution: Solution, name: str) -> Callable[[], object]:
    """Give one block of a prior on the state of a solution: the fused one if it has one."""
    prior, prep, dual = solution.priors[name], solution.preps[name], solution.duals[name]
    height = solution.logits * solution.temperature + prior.field(solution.probs, dual, prep)

    def step() -> object:
        args = solution.probs, dual, prep, solution.temperature
        fused = prior.fused(*args, height)
        if fused is None:
            moved = prior.step(*args, height=height)
            scaled = (height - prior.field(solution.probs, moved, prep)) / solution.temperature
            return solution.link.probs(scaled)
        return fused

    return step


def rows(side: int) -> list[tuple[str, Callable[[], object]]]:
    """List what is timed."""
    logits, scene = disc(side)
    stacked = torch.stack([logits[:, 1:].logsumexp(1) - logits[:, 0], logits[:, 2] - 4], 1)
    std, star, convex = priors.ThresholdDynamics(2.0, 2.0), priors.Star(1), priors.Convex([1, 2])
    nested = priors.Nested((2, 1))
    cells = solve(logits, [std], scene, sweeps=10)
    full = solve(logits, [std, star, convex, nested], scene, sweeps=10)
    cup = solve(stacked, [std, convex, nested], scene, sweeps=10, link=Ordered((2, 1)))
    spacing = Scene(spacing=(1.0, 1.0))
    rough = solve(logits, [convex], spacing, sweeps=0)
    parent, order = full.preps["star"].parents[0], full.preps["star"].orders[0]
    weights = (full.logits[0, 1] - full.logits[0, 0]).double().numpy()
    round_one = (cells.probs[0, 0] < 0.5).numpy()
    centre = [(side / 2 + 0.3, side / 2 - 0.4)]
    return [
        ("decode: STD", cells.decode),
        ("decode: STD + star + convex + nested", full.decode),
        ("decode: STD + convex + nested, ordered", cup.decode),
        ("star, block of a sweep", stepping(full, "star")),
        ("star, hard closure", lambda: geometry.max_weight_closure(weights, parent, order)),
        (
            "star, new centre",
            lambda: geometry.topological_order(geometry.ray_tree((side, side), centre)),
        ),
        ("convex, hull closure", lambda: geometry.hull_closure(round_one)),
        ("convex, projection, smooth", lambda: convex.project(full.probs, full.preps["convex"])),
        ("convex, projection, noise", lambda: convex.project(rough.probs, rough.preps["convex"])),
        ("convex, projection, ordered", lambda: convex.project(cup.probs, cup.preps["convex"])),
        ("nested, block of a sweep, ordered", stepping(cup, "nested")),
    ]


def main() -> None:
    """Print the table."""
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    print(machine() + "\n")
    row = print_table((f"{side}², 3 classes", "wall ms", "CPU ms"))
    with torch.no_grad():
        for name, work in rows(side):
            time = interleaved({name: work}, 7)[name]
            row(name, f"{time.wall:.1f}", f"{time.cpu:.1f}")


if __name__ == "__main__":
    main()
