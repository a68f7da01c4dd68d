"""How many cores the solver's thread may use, so that painting and others have some left."""

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

PATTERNS = ("libgomp*.so*", "libomp*.dylib", "libiomp5*.dylib", "libiomp5md.dll")


def fair_share() -> int:
    """Give half of the cores, at least one.

    The sweeps are many short steps, each of which waits for the last of its threads. Where
    painting or anything else holds a core, more threads than free cores make a sweep many times
    slower.
    """
    return max(1, (os.cpu_count() or 1) // 2)


@contextlib.contextmanager
def at_most(count: int) -> Iterator[None]:
    """Let torch use that many threads in the calling thread, and there alone.

    Without an OpenMP library beside torch nothing happens.
    """
    import torch

    choose = _chooser()
    before = torch.get_num_threads()  # also reads torch's own setting into this thread
    if choose is None or before <= count:
        yield
        return
    choose(count)
    try:
        yield
    finally:
        choose(before)


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """Let the calling thread solve beside the window: all cores for compiled loops, half for torch.

    Compiled loops wait asleep, torch's threads wait spinning.
    """
    import torch

    from ..kernels.threads import workers

    with workers(torch.get_num_threads()), at_most(fair_share()):
        yield


@cache
def _chooser() -> Callable[[int], None] | None:
    """Find OpenMP's own call: other than `torch.set_num_threads` it is for one thread."""
    import torch

    home = Path(torch.__file__).parent
    for folder in (home / "lib", home.parent / "torch.libs"):
        for pattern in PATTERNS:
            for path in sorted(folder.glob(pattern)):
                with contextlib.suppress(OSError, AttributeError):
                    call = ctypes.CDLL(str(path)).omp_set_num_threads
                    call.argtypes, call.restype = [ctypes.c_int], None
                    return call
    return None
