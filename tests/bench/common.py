"""What the benchmarks share: problems, interleaved timing, Markdown tables."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numba
import numpy as np
import torch
from torch import Tensor

from priorseg import Scene, phantoms

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("PRIORSEG_DATA", ROOT.parent / "shared" / "data"))
Work = Callable[[], object]


def disc(side: int, noise: float = 1.0, seed: int = 0) -> tuple[Tensor, Scene]:
    """Draw logits of a disc with a cup under pixel noise; 3 classes, (1, 3, side, side)."""
    y, x = torch.meshgrid(torch.arange(1.0 * side), torch.arange(1.0 * side), indexing="ij")
    r = ((y - side / 2) ** 2 + (x - side / 2) ** 2).sqrt() / side
    clean = torch.stack([r - 0.3, 0.05 - (r - 0.25).abs(), 0.2 - r])[None] * 25
    shift = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    centre = torch.tensor([[side / 2, side / 2]])
    volumes = torch.tensor([[torch.nan, 0.15 * side**2, 0.12 * side**2]])
    return clean + noise * shift, Scene(centres={1: centre, 2: centre}, volumes=volumes)


def colour_logits(image: np.ndarray, means: np.ndarray, sharpness: float) -> Tensor:
    """Give minus the squared distance to mean colours (K, C), (1, K, Y, X) float32."""
    distance = ((image[None] - means[:, None, None]) ** 2).sum(-1)
    return torch.as_tensor(-sharpness * distance, dtype=torch.float32)[None]


def smear(side: int) -> tuple[Tensor, Scene]:
    """Draw colour logits of a noisy blood smear with six cells; 3 classes."""
    picture = phantoms.blood_smear(side, noise=0.08)
    image = picture.image / 255.0
    means = np.stack([image[picture.labels == k].mean(0) for k in range(3)])
    logits = colour_logits(image, means, 25.0)
    counts = [float((picture.labels == k).sum()) for k in (1, 2)]
    centres = {k: torch.as_tensor(picture.centres[k]) for k in (1, 2)}
    volumes = torch.tensor([[torch.nan, counts[0], counts[1]]])
    return logits, Scene(centres=centres, volumes=volumes)


PROBLEMS = {"disc": disc, "smear": smear}


@dataclass(frozen=True)
class Timing:
    """Hold medians in milliseconds."""

    wall: float
    cpu: float
    repeats: int


def interleaved(
    works: Mapping[str, Work], repeats: int, budget_s: float = 8.0
) -> dict[str, Timing]:
    """Time calls in turn, after one warm-up each.

    Parameters
    ----------
    works : name -> call
    repeats : int      of each call; fewer, but at least 3 (or `repeats`), if they would take
                       longer than the budget
    """
    start = time.perf_counter()
    for work in works.values():
        work()
    once = time.perf_counter() - start
    repeats = max(min(repeats, 3), min(repeats, int(budget_s / max(once, 1e-9))))
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    medians = {name: 1e3 * np.median(np.array(found), 0) for name, found in times.items()}
    return {name: Timing(float(w), float(c), repeats) for name, (w, c) in medians.items()}


def processor() -> str:
    """Name the processor model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores of {model}"


def machine() -> str:
    """Say when and on what was measured, on one line."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return (
        f"{date.today()}, {processor()}, {torch.get_num_threads()} threads, load {load:.1f}, "
        f"torch {torch.__version__}, numba {numba.__version__}"
    )


def print_table(head: Sequence[str]) -> Callable[..., None]:
    """Print the head of a Markdown table; give a function that prints its rows."""
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)
    return lambda *cells: print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def resident_mib(peak: bool) -> float:
    """Give the resident memory of this process now, or its peak, in MiB.

    Linux counts the peak of the address space; `getrusage` would also hold that of the parent.
    """
    try:
        text = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        import resource  # not on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    field = "VmHWM:" if peak else "VmRSS:"
    return int(next(line for line in text.splitlines() if line.startswith(field)).split()[1]) / 1024
