"""Run compiled loops on strips of rows, on as many threads as torch uses or `workers` says."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch

_here = threading.local()
SMALL = 1 << 15  # values below which threads cost more than they save


@lru_cache(maxsize=1)
def _pool(workers: int, process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="priorseg-kernel")


@contextmanager
def workers(count: int) -> Iterator[None]:
    """Let compiled loops that the calling thread starts use that many threads.

    Unlike torch's threads these do not spin while they wait: they may be as many as there are
    cores, even where something else works on them.
    """
    before = getattr(_here, "workers", None)
    _here.workers = count
    try:
        yield
    finally:
        _here.workers = before


def over_rows(work: Callable[[int, int], None], rows: int, values: int) -> None:
    """Call ``work(low, high)`` for strips that cover all rows, and wait for them.

    Parameters
    ----------
    work : callable   must release the interpreter lock and write to its own rows only
    rows : int
    values : int      size of the problem; small ones stay on the calling thread
    """
    workers = min(getattr(_here, "workers", None) or torch.get_num_threads(), rows)
    if values < SMALL or workers < 2:
        work(0, rows)
        return
    cuts = np.linspace(0, rows, workers + 1).astype(int).tolist()
    pool = _pool(workers, os.getpid())
    jobs = [pool.submit(work, low, high) for low, high in pairwise(cuts[1:])]
    work(cuts[0], cuts[1])
    for job in jobs:
        job.result()
