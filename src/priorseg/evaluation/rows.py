"""Check what the rows of a protocol ask for before anything is measured."""

import numpy as np

from ..priors import make_prior
from .measures import Task
from .modes import Mode, find_baseline, parse_mode
from .protocol import Protocol


def check_rows(protocol: Protocol) -> None:
    """Build the priors and try the baselines of all rows, without their networks.

    Raises
    ------
    ImportError  if a baseline needs a library that is missing.
    ValueError   for a mode, prior, baseline, label or setting that does not exist or is out of
                 range.
    Both name the row.
    """
    for row in protocol.rows:
        try:
            _check_mode(parse_mode(row.mode), protocol.task)
        except (ImportError, ValueError) as error:
            raise type(error)(f"row {row.name!r}: {error}") from error


def _check_mode(mode: Mode, task: Task) -> None:
    if mode.kind == "post":
        for call in mode.calls:
            _check_labels(make_prior(call.name, call.settings), call.name, task)
    elif mode.kind == "baseline":  # most of its settings are looked at when it is called
        count = len(task.labels)
        probs = np.full((count, 8, 8), 1 / count, np.float32)
        find_baseline(mode.calls[0], task)(probs, np.zeros((8, 8, 3), np.float32))


def _check_labels(prior: object, name: str, task: Task) -> None:
    single = getattr(prior, "label", None)
    named = [*(getattr(prior, "labels", None) or ()), *(getattr(prior, "order", None) or ())]
    for label in [*named, *([] if single is None else [single])]:
        if not 0 <= int(label) < len(task.labels):
            known = ", ".join(f"{key} {one}" for key, one in enumerate(task.labels))
            raise ValueError(f"{name}: there is no label {label}; known are {known}.")
