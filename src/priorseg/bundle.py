"""Save and load a trained segmenter as one file; nothing in a file is ever executed."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bundle_format import (
    FORMAT,
    VERSION,
    BundleError,
    digest,
    parse_json,
    parse_table,
    read_header,
    read_numbers,
)
from .card import Card

if TYPE_CHECKING:
    from torch import Tensor

    from .segmenter import Segmenter

__all__ = ["BundleError", "load_bundle", "models", "read_card", "save_bundle"]

SUFFIX = ".priorseg"
ZOO = Path(__file__).parent / "zoo"
TOLERANCE = 1e-3  # of the check output, relative to its largest value


def models() -> list[tuple[str, Card]]:
    """List the shipped models, without importing torch.

    Returns
    -------
    list of (name, Card)   sorted by name; `load_bundle` takes the name
    """
    return [(path.stem, read_card(path)) for path in sorted(ZOO.glob(f"*{SUFFIX}"))]


def read_card(path: str | Path) -> Card:
    """Read the card of a bundle, without importing torch.

    Raises
    ------
    BundleError  if the file is no bundle.
    """
    return _card(read_header(_find(path)).description)


def _card(description: Mapping[str, Any]) -> Card:
    try:
        return Card.from_json(description.get("card", {}))
    except (ValueError, TypeError) as error:
        raise BundleError(f"The card of the bundle is wrong: {error}") from None


def _find(path: str | Path) -> Path:
    """Give the file of a path or of a shipped model's name; names come first."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise BundleError(f"A path or the name of a model is needed, got {path!r}.")
    if "\0" in text:
        raise BundleError("The path holds a zero byte.")
    names = [found.stem for found in sorted(ZOO.glob(f"*{SUFFIX}"))]
    if isinstance(path, str) and text in names:
        return ZOO / f"{text}{SUFFIX}"
    if isinstance(path, str) and Path(text).name == text and not Path(text).exists():
        raise BundleError(
            f"There is no file and no model called {text!r}. Models: {', '.join(names) or 'none'}."
        )
    return Path(text)


def load_bundle(path: str | Path) -> "Segmenter":
    """Load a segmenter from a file or, by name, from the models that are shipped.

    The description may only name registered networks, priors and links with arguments in range;
    every tensor must have the name, shape and type the network expects, and finite numbers; and
    the network must give the recorded output for the recorded input.

    Parameters
    ----------
    path : str or Path   a bundle file, or a name that `models` lists

    Returns
    -------
    Segmenter   in evaluation mode, on the CPU; ``.sha256`` is the digest of the file

    Raises
    ------
    BundleError  if the file is missing, damaged, foreign, hostile or fails its check.
    """
    from .bundle_build import build, check_output, fill

    file = _find(path)
    header = read_header(file)
    card = _card(header.description)
    segmenter = build(header.description, card, header.table)
    data, sha256 = read_numbers(file, header)
    tensors = _tensors(data)
    fill(segmenter, tensors)
    check_output(segmenter, tensors, TOLERANCE)
    segmenter.sha256 = sha256
    return segmenter


def _tensors(data: bytes) -> "dict[str, Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return dict(load(data))
    except (SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise BundleError(f"The numbers of the bundle cannot be read: {error}") from None


def save_bundle(path: str | Path, segmenter: "Segmenter", card: Card | None = None) -> Path:
    """Write a segmenter to one file; an existing file is replaced only when all is written.

    Weights with two or more axes are stored in half precision where that is exact to 0.1 %, so
    the loaded network differs from the given one by rounding.

    Parameters
    ----------
    path : str or Path     usually ends in ``.priorseg``
    segmenter : Segmenter  its network and priors must be registered ones
    card : Card            None = the segmenter's

    Returns
    -------
    Path   of the file

    Raises
    ------
    BundleError  if the segmenter cannot be described, or holds numbers that are not finite.
    OSError      if the file cannot be written; what was there before stays.
    """
    from .bundle_build import check_pair, describe, stored_tensors
    from .io import replace_whole

    card = card or segmenter.card
    description = {
        "format": FORMAT,
        "version": VERSION,
        "card": card.to_json(),
        **describe(segmenter),
    }
    try:
        text = json.dumps(description, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BundleError(f"The card or the settings are no plain JSON values: {error}") from None
    tensors = stored_tensors(segmenter)
    tensors.update(check_pair(description, card, tensors))
    target = Path(path)
    replace_whole(target, _serialise(text, tensors))
    return target


def _serialise(text: str, tensors: "dict[str, Tensor]") -> bytes:
    """Lay the file out; the same description and tensors always give the same bytes."""
    from safetensors.torch import save

    bare = save(tensors)
    size = 8 + int.from_bytes(bare[:8], "little")
    whole, numbers = parse_json(bare[8:size], "The header"), bare[size:]
    mark = digest(text, parse_table(whole, len(numbers)), numbers)
    header = {"__metadata__": {"priorseg": text, "sha256": mark}, **whole}
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)  # safetensors aligns the numbers
    return len(raw).to_bytes(8, "little") + raw + numbers
