"""Time sweeps on a CUDA device: eager, and recorded as a CUDA graph by `CapturedReplay`.

Usage: python tests/bench/gpu_bench.py [--sides 512 2048] [--sweeps 10] [--repeats 30]
Sweeps are timed alone, calls with all that a user waits for: checks, preparation, copies of the
results. Without a CUDA device it says so and ends. Every result is compared with the CPU.
"""

import argparse
from collections.abc import Callable, Sequence

import numpy as np
import torch
from common import disc, machine, print_table
from torch import Tensor

from priorseg import Scene, priors, replay
from priorseg.blocks import Blocks, begin
from priorseg.captured import CapturedReplay

AGREE = 1e-4  # largest difference of probabilities to those of the CPU
CASES: dict[str, Callable[[], tuple[list, str]]] = {
    "STD": lambda: ([priors.ThresholdDynamics(2.0, 3.0)], "softmax"),
    "TV": lambda: ([priors.TotalVariation(1.0)], "softmax"),
    "volume": lambda: ([priors.Volume()], "softmax"),
    "STD + volume": lambda: ([priors.ThresholdDynamics(2.0, 3.0), priors.Volume()], "softmax"),
    "STD, ordered link": lambda: ([priors.ThresholdDynamics(2.0, 3.0)], "ordered"),
    "TV, ordered link": lambda: ([priors.TotalVariation(1.0)], "ordered"),
}


class FixedSweeps:
    """Run sweeps of one solve in memory that stays in place, without its start and its end.

    Parameters
    ----------
    state : Blocks   a solve that has begun; its tensors are copied
    sweeps : int     in one call
    """

    def __init__(self, state: Blocks, sweeps: int) -> None:
        self.state, self.sweeps = state, sweeps
        if len(state.priors) > 1:  # a field that is not there yet counts as 0
            for name in state.priors:
                state.fields.setdefault(name, torch.zeros_like(state.u))
        self.u = state.u.clone()
        self.scaled = state.scaled.clone()
        self.duals = {name: tuple(p.clone() for p in dual) for name, dual in state.duals.items()}
        self.fields = {name: field.clone() for name, field in state.fields.items()}
        self.first = [part.clone() for part in self.parts()]

    def parts(self) -> list[Tensor]:
        """List the tensors that hold the state."""
        duals = [part for dual in self.duals.values() for part in dual]
        return [self.u, self.scaled, *duals, *self.fields.values()]

    def reset(self) -> None:
        """Go back to the start."""
        for part, value in zip(self.parts(), self.first, strict=True):
            part.copy_(value)

    def run(self) -> None:
        """Do the sweeps from the state in place, and put the result there."""
        state = self.state
        state.u, state.scaled = self.u, self.scaled
        state.duals, state.fields = dict(self.duals), dict(self.fields)
        for _ in range(self.sweeps):
            state.sweep()
        self.u.copy_(state.u)
        self.scaled.copy_(state.scaled)
        for name, dual in self.duals.items():
            for part, value in zip(dual, state.duals[name], strict=True):
                part.copy_(value)
        for name, field in self.fields.items():
            field.copy_(state.fields[name])


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Give the median time on the device between two events."""
    for _ in range(3):
        work()
    torch.cuda.synchronize()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return float(np.median(times))


def problem(side: int, link: str) -> tuple[Tensor, Scene]:
    """Draw the disc with its cup; under the ordered link as two nested objects."""
    logits, scene = disc(side)
    if link == "ordered":
        logits = torch.stack([logits[:, 1:].amax(1) - logits[:, 0], logits[:, 2] - 5], 1)
    return logits, scene


def measure(case: str, side: int, sweeps: int, repeats: int) -> list[str]:
    """Give the cells of one row."""
    chosen, link = CASES[case]()
    logits, scene = problem(side, link)
    given = {"sweeps": sweeps, "link": link}
    truth = replay(logits, chosen, scene, **given).probs
    there = logits.cuda()
    fixed = FixedSweeps(begin(there, chosen, scene, 1.0, link, None), sweeps)

    def call() -> Tensor:
        return replay(there, chosen, scene, **given).probs

    off = float((call().cpu() - truth).abs().max())
    eager = [milliseconds(fixed.run, repeats) / sweeps, milliseconds(call, repeats)]
    try:
        captured = CapturedReplay(there, chosen, scene, **given)
    except ValueError as error:
        cells = [str(error).split(":")[0], "–"]
    else:
        off = max(off, float((captured(there).probs.cpu() - truth).abs().max()))
        graph = captured.recording.graph.replay
        whole = milliseconds(lambda: captured(there), repeats)
        cells = [f"{milliseconds(graph, repeats) / sweeps:.3f}", f"{whole:.3f}"]
    timed = [f"{eager[0]:.3f}", cells[0], f"{eager[1]:.3f}", cells[1]]
    return [case, f"{side}²", *timed, f"{off:.0e}", "yes" if off <= AGREE else "**no**"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or that there is no device."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 2048])
    parser.add_argument("--sweeps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=30)
    chosen = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print("No CUDA device is here: nothing measured.")
        return
    print(f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}; {machine()}\n")
    row = print_table(
        [
            f"{chosen.sweeps} sweeps",
            "side",
            "eager: a sweep ms",
            "graph: a sweep ms",
            "`replay` ms",
            "`CapturedReplay` ms",
            "largest Δu to the CPU",
            f"within {AGREE:g}",
        ]
    )
    with torch.no_grad():
        for case in CASES:
            for side in chosen.sides:
                row(*measure(case, side, chosen.sweeps, chosen.repeats))


if __name__ == "__main__":
    main()
