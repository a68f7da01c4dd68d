"""Write and read checkpoints; a killed process, a full disk or a foreign file does no harm."""

import errno
import io
import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

State = dict[str, Any]


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
    wrong = [name for name, holds in _PARTS.items() if not holds(state[name])]
    if wrong or state["epoch"] != len(state["history"]):
        raise ValueError(
            f"{path} does not fit the network or any other: {wrong or 'history'} cannot come from "
            "a training. Delete it to start afresh."
        )
    if any(bool(value.isnan().any()) for value in state["weights"].values()):
        raise ValueError(
            f"{path} holds weights that are nan: its training failed. Delete it, and lower "
            "schedule.rate or schedule.prior_rate."
        )
    return state


def _is_row(row: Any) -> bool:
    numbers = isinstance(row, dict) and all(type(v) in (int, float) for v in row.values())
    return numbers and {"epoch", "loss", "score", "seconds"} <= set(row)


def _are_weights(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(part, torch.Tensor) for key, part in value.items()
    )


def _is_mean(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"steps", "state"}:
        return False
    return type(value["steps"]) is int and value["steps"] >= 0 and _are_weights(value["state"])


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


_PARTS: dict[str, Callable[[Any], bool]] = {
    "epoch": lambda value: type(value) is int and value >= 0,
    "weights": _are_weights,
    "best": lambda value: value is None or _are_weights(value),
    "best_score": lambda value: type(value) is float and not math.isnan(value),
    "history": lambda value: isinstance(value, list) and all(map(_is_row, value)),
    "optimiser": lambda value: isinstance(value, dict) and set(value) == {"state", "param_groups"},
    "mean": lambda value: value is None or _is_mean(value),
    "settings": lambda value: isinstance(value, dict) and _is_plain(value),
}
KEYS = set(_PARTS)
