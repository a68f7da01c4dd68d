"""How much memory is free, and a clear refusal where an image needs more."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

GROUPS = (  # of Linux containers: limit and use, in bytes
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


class TooLarge(ValueError):
    """Say that an image needs more memory than there is, and what to do."""


def available_memory() -> int | None:
    """Give the bytes that can still be taken without swapping; None = unknown."""
    try:
        if sys.platform == "linux":
            return _on_linux()
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return pages if pages > 0 else None  # all there is: an upper bound
    except (AttributeError, OSError, ValueError):
        return None


def _on_linux() -> int | None:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    free = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    for limit, used in GROUPS:
        try:
            room = int(Path(limit).read_text()) - int(Path(used).read_text())
            free.append(room + _cached(Path(used).parent / "memory.stat"))
        except (OSError, ValueError):  # no such group, or no limit: "max"
            continue
    return max(0, min(free)) if free else None


def _cached(file: Path) -> int:
    """Give the bytes of files that a container holds only as long as nobody needs the memory."""
    lines = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    for line in lines:
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0


def demand(
    needed: int,
    shape: tuple[int, int],
    *,
    remedy: str,
    available: Callable[[], int | None] | None = None,
) -> None:
    """Refuse work that does not fit into memory.

    Parameters
    ----------
    needed : int    bytes, an estimate
    shape : (Y, X)  of the image, for the message
    remedy : str    what to do, a sentence
    available : call   gives the free bytes; None = `available_memory`

    Raises
    ------
    TooLarge  with the two sizes and the remedy.
    """
    free = (available or available_memory)()
    if free is not None and needed > free:
        raise TooLarge(
            f"The image of {shape[0]} × {shape[1]} px needs about {needed / 1e9:.1f} GB of memory, "
            f"{free / 1e9:.1f} GB are free. {remedy}"
        )
