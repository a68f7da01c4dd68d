"""Write and read checkpoints; a killed process, a full disk or a foreign file does no harm."""

import errno
import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

State = dict[str, Any]
KEYS = {"epoch", "weights", "best", "best_score", "history", "optimiser", "mean", "settings"}


def write_whole(target: Path, data: bytes) -> None:
    """Write a file so that the old one stays until the new one is complete.

    Raises
    ------
    OSError  if it cannot be written; says so, and that the old file is unharmed.
    """
    fresh = target.with_name(f".{target.name}.writing")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(fresh, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(fresh, target)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = f"free {len(data) / 2**20:.1f} MiB" if full else "choose another folder"
        raise OSError(
            error.errno,
            f"{target} could not be written ({error.strerror or error}). What was there before is "
            f"unharmed; {remedy} and run the command again",
        ) from error


def save_checkpoint(target: Path, state: State) -> None:
    """Write a checkpoint; see `write_whole`."""
    stream = io.BytesIO()
    torch.save(state, stream)
    write_whole(target, stream.getvalue())


def load_checkpoint(path: Path) -> State:
    """Read a checkpoint; nothing in it is executed.

    Raises
    ------
    OSError     if the file cannot be read.
    ValueError  if it is damaged or no checkpoint of this program.
    """
    data = path.read_bytes()
    try:
        state = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except Exception as error:  # damaged archives raise a dozen types
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{path} cannot be read ({first:.120}): it is damaged or no checkpoint. "
            "Delete it to start afresh."
        ) from None
    if not isinstance(state, dict) or set(state) != KEYS:
        raise ValueError(
            f"{path} is no checkpoint of this program: it should hold {sorted(KEYS)}. "
            "Delete it to start afresh."
        )
    return state
