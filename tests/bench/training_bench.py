"""Time and weigh STD as a layer in training: 10 sweeps forward and backward.

Usage: python tests/bench/training_bench.py [--side 256] [--batch 8] [--repeats 7]
Each contender's peak memory is taken in a process of its own, after a warm-up at a tiny size.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence

import torch
from common import Timing, interleaved, machine, print_table, resident_mib
from torch import Tensor

from priorseg import VariationalHead, paper, priors
from priorseg.kernels.blur import squared

WEIGHT, SIGMA, SWEEPS = 2.0, 3.0, 10


def printed_kernel(sigma: float) -> Tensor:
    """Give our kernel k = h∗h as the dense square that the printed form convolves with."""
    prior = priors.ThresholdDynamics(WEIGHT, sigma)
    half = priors.threshold_dynamics.half_taps(
        prior.sigma, priors.threshold_dynamics.blur_radius(sigma)
    )
    taps = torch.as_tensor(squared(half), dtype=torch.float32)
    whole = torch.cat([taps.flip(0), taps[1:]])
    return whole[:, None] * whole


def ours(learnable: bool) -> Callable[[Tensor], Tensor]:
    """Give our layer as a call; learnable: its weight, sigma and temperature take gradients."""
    head = VariationalHead(
        [priors.ThresholdDynamics(WEIGHT, SIGMA)], sweeps=SWEEPS, learnable=learnable
    )
    return lambda logits: torch.log_softmax(head(logits), 1)


def unrolled() -> Callable[[Tensor], Tensor]:
    """Give the printed algorithm, unrolled by autograd."""
    kernel = printed_kernel(SIGMA)
    return lambda logits: paper.std_softmax(
        logits, WEIGHT, 1.0, kernel, SWEEPS, padding="symmetric"
    ).log()


CONTENDERS: dict[str, Callable[[], Callable[[Tensor], Tensor]]] = {
    "ours": lambda: ours(False),
    "ours, learning its parameters": lambda: ours(True),
    "printed, unrolled": unrolled,
    "softmax alone": lambda: lambda logits: torch.log_softmax(logits, 1),
}


def batch_of(batch: int, side: int) -> tuple[Tensor, Tensor]:
    """Draw logits and labels."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(batch, 3, side, side, generator=generator)
    return logits, torch.randint(0, 3, (batch, side, side), generator=generator)


def train_step(layer: Callable[[Tensor], Tensor], logits: Tensor, labels: Tensor) -> Tensor:
    """Run forward and backward once; give the gradient of the logits."""
    leaf = logits.detach().requires_grad_()
    torch.nn.functional.nll_loss(layer(leaf), labels).backward()
    assert leaf.grad is not None
    return leaf.grad


def times(batch: int, side: int, repeats: int, names: Sequence[str]) -> dict[str, Timing]:
    """Time the contenders in turn."""
    logits, labels = batch_of(batch, side)
    layers = {name: CONTENDERS[name]() for name in names}
    works = {n: lambda f=f: train_step(f, logits, labels) for n, f in layers.items()}
    return interleaved(works, repeats, budget_s=20.0)


def disagreement(batch: int, side: int) -> float:
    """Compare our gradient with the unrolled one: largest difference over largest value."""
    logits, labels = batch_of(batch, side)
    one, two = (train_step(CONTENDERS[n](), logits, labels) for n in ("ours", "printed, unrolled"))
    return float((one - two).abs().max() / two.abs().max())


def weigh(name: str, batch: int, side: int) -> float:
    """Give the growth of the peak memory by one training step in this process, MiB."""
    layer = CONTENDERS[name]()
    train_step(layer, *batch_of(1, 64))
    logits, labels = batch_of(batch, side)
    before = resident_mib(peak=False)
    train_step(layer, logits, labels)
    return max(0.0, resident_mib(peak=True) - before)


def memory(name: str, batch: int, side: int) -> float:
    """Weigh a contender in a fresh process, MiB."""
    command = [sys.executable, __file__, "--weigh", name, f"--batch={batch}", f"--side={side}"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(found.stdout.split()[-1])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--weigh", choices=CONTENDERS, help="only the memory of one, here")
    chosen = parser.parse_args(arguments)
    if chosen.weigh:
        print(weigh(chosen.weigh, chosen.batch, chosen.side))
        return
    print(f"{machine()}\n")
    found = times(chosen.batch, chosen.side, chosen.repeats, list(CONTENDERS))
    row = print_table(
        [
            f"STD σ = {SIGMA:g}, T = {SWEEPS}, forward + backward, {chosen.batch}×3×{chosen.side}²",
            "wall ms",
            "CPU ms",
            "peak memory MiB",
            "repeats",
        ]
    )
    for name, timing in found.items():
        weight = memory(name, chosen.batch, chosen.side)
        row(name, f"{timing.wall:.0f}", f"{timing.cpu:.0f}", f"{weight:.0f}", timing.repeats)
    error = disagreement(1, min(64, chosen.side))
    print(f"\nlargest difference of our gradient to the unrolled one: {error:.1e} of its maximum")


if __name__ == "__main__":
    main()
