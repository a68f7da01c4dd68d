"""Which network a training started from: told by its numbers, not by where its file lies."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..bundle import load_bundle
from .checkpoint import load_checkpoint
from .schema import stated

MARK = "weights_sha256"
FILELESS = ("none", "imagenet")


def network_of(path: Path) -> dict[str, Tensor]:
    """Read the weights of the network in a bundle or a checkpoint.

    Raises
    ------
    OSError     if the file cannot be read.
    ValueError  if it is damaged or holds something else.
    """
    if path.suffix == ".priorseg":
        found: dict[str, Tensor] = load_bundle(path).backbone.state_dict()
        return found
    state = load_checkpoint(path)
    start = "backbone."
    best = state["best"] or state["weights"]
    return {k.removeprefix(start): v for k, v in best.items() if k.startswith(start)}


def mark_of(weights: Mapping[str, Tensor]) -> str:
    """Give the SHA-256 of a network's weights, with their names, shapes and types."""
    found = hashlib.sha256()
    for name, value in sorted(weights.items()):
        plain = value.detach().cpu().contiguous()
        found.update(f"{name} {plain.dtype} {list(plain.shape)}\n".encode())
        found.update(plain.numpy().tobytes())
    return found.hexdigest()


def mark_at(weights: str) -> str | None:
    """Give the mark of the network in a file; None where no file can be read.

    The file may be written anew, with another card for instance: the mark stays.

    Parameters
    ----------
    weights : str   see `NetworkSettings`
    """
    if weights in FILELESS or not Path(weights).is_file():
        return None
    try:
        return mark_of(network_of(Path(weights)))
    except (OSError, ValueError):
        return None


def marked(network: Mapping[str, Any]) -> dict[str, Any]:
    """Add to plain settings of a network the mark of the weights that it starts from.

    Parameters
    ----------
    network : mapping   of `NetworkSettings`; a mark that it states stays
    """
    mark = network.get(MARK) or mark_at(str(network.get("weights", "none")))
    return {**network, MARK: mark}


def changed(told: Mapping[str, Any], mine: Mapping[str, Any]) -> list[str]:
    """Name the parts in which the configuration of a run and another one differ, as plain values.

    Networks start alike if their marks agree, wherever the files lie; one that is missing in
    `mine` is read from its file. Where a mark is not known (an older run, a file that has gone)
    the folder and the name of the file must agree.
    """
    one, two = stated(told), stated(mine)
    was, now = one.get("network"), two.get("network")
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        now = marked(now) if was.get(MARK) else now
        by_mark = bool(was.get(MARK) and now.get(MARK))
        one["network"], two["network"] = (_placeless(net, by_mark) for net in (was, now))
    return [key for key in sorted({*one, *two}) if one.get(key) != two.get(key)]


def _placeless(network: Mapping[str, Any], by_mark: bool) -> dict[str, Any]:
    rest = {key: value for key, value in network.items() if key != MARK}
    if by_mark:
        return {**rest, "weights": network[MARK]}
    return {**rest, "weights": list(Path(str(network.get("weights"))).parts[-2:])}
