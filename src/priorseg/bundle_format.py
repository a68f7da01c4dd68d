"""The bundle file: safetensors whose header holds a JSON description; read without torch.

Layout: 8 bytes with the header's length, the header (JSON: a table of tensors and
``__metadata__``), the numbers. ``__metadata__`` holds ``priorseg`` (the description, JSON text)
and ``sha256``, the digest of the description, the table and the numbers. Nothing in the file is
code, and nothing in it is trusted before it was checked.
"""

import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = "priorseg-bundle"
VERSION = 2  # 1 lacks `lengths`: those of its priors are pixels of any image
MAX_FILE = 512 * 2**20  # bytes
MAX_HEADER = 4 * 2**20  # bytes
MAX_TENSORS = 4096
MAX_LIST = 64  # entries of a list among the settings
WIDTHS = {"F16": 2, "F32": 4, "F64": 8, "I64": 8}  # bytes of a number


class BundleError(ValueError):
    """Say what is wrong with a bundle file and what to do."""


@dataclass(frozen=True)
class Entry:
    """Describe a tensor of the file: number type, shape, first and last byte."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Header:
    """Hold the checked header of a bundle."""

    description: dict[str, Any]
    text: str
    digest: str
    table: Mapping[str, Entry]
    size: int  # bytes of the file before the numbers


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an entry occurs twice")
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def parse_json(text: str | bytes, what: str) -> dict[str, Any]:
    """Read a JSON object strictly: no repeated keys, no NaN, no endless nesting.

    Raises
    ------
    BundleError  if it is anything else; `what` names it.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BundleError(
            f"{what} is no valid JSON ({error}). The file is damaged or is no priorseg bundle."
        ) from None
    if not isinstance(value, dict):
        raise BundleError(f"{what} must be a JSON object, found {type(value).__name__}.")
    return value


def read_header(path: Path) -> Header:
    """Read and check the header of a bundle without reading its numbers.

    Raises
    ------
    BundleError  if the file is missing, truncated, foreign or inconsistent.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as stream:
            info = os.fstat(stream.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise BundleError(f"{path} is no ordinary file.")
            if info.st_size > MAX_FILE:
                raise BundleError(
                    f"{path} has {info.st_size} bytes, more than the {MAX_FILE} "
                    "that a bundle may have."
                )
            length = _header_length(stream.read(8), info.st_size)
            return _parse_header(stream.read(length), info.st_size)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}.") from error


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _header_length(prefix: bytes, size: int) -> int:
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or not 2 <= length <= size - 8:
        raise BundleError(
            "The file is truncated or no priorseg bundle: its header is said to "
            f"have {length} bytes, the file has {size}. Get the file again."
        )
    if length > MAX_HEADER:
        raise BundleError(f"The header has {length} bytes, more than the {MAX_HEADER} allowed.")
    return length


def _parse_header(raw: bytes, size: int) -> Header:
    whole = parse_json(_decode(raw), "The header")
    metadata = whole.pop("__metadata__", None)
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise BundleError("The file has no description: it is no priorseg bundle.")
    if set(metadata) != {"priorseg", "sha256"}:
        raise BundleError(
            "The file is safetensors but no priorseg bundle. Make one with save_bundle."
        )
    description = parse_json(metadata["priorseg"], "The description")
    if description.get("format") != FORMAT:
        raise BundleError(
            f"The description says format {description.get('format')!r}, {FORMAT!r} is needed."
        )
    version = description.get("version")
    if isinstance(version, bool) or version not in range(1, VERSION + 1):
        raise BundleError(
            f"The bundle has version {version!r}; this program reads versions 1 to {VERSION}. Use "
            "the program that wrote it, or newer."
        )
    table = parse_table(whole, size - 8 - len(raw))
    return Header(description, metadata["priorseg"], metadata["sha256"], table, 8 + len(raw))


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BundleError("The header is no text: the file is no priorseg bundle.") from None


def parse_table(whole: Mapping[str, Any], payload: int) -> dict[str, Entry]:
    """Check the table of tensors: they must fill the payload, in bytes, without gaps."""
    if len(whole) > MAX_TENSORS:
        raise BundleError(f"The file lists {len(whole)} tensors; {MAX_TENSORS} are allowed.")
    table = {name: _parse_entry(name, value) for name, value in whole.items()}
    place = 0
    for name, entry in sorted(table.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start != place:
            raise BundleError(f"Tensor {name!r} starts at byte {entry.start}, {place} is expected.")
        place = entry.stop
    if place != payload:
        raise BundleError(
            f"The tensors fill {place} bytes, the file holds {payload}: it is "
            "truncated or damaged. Get it again."
        )
    return table


def _parse_entry(name: str, value: Any) -> Entry:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise BundleError(f"Tensor {name!r} is not described as safetensors does.")
    shape, offsets, dtype = value["shape"], value["data_offsets"], value["dtype"]
    lists = (shape, offsets)
    if not all(isinstance(part, list) and len(part) <= 8 for part in lists) or not all(
        type(number) is int and 0 <= number <= MAX_FILE for part in lists for number in part
    ):
        raise BundleError(f"Tensor {name!r} has an impossible shape or place: {shape}, {offsets}.")
    if not isinstance(dtype, str) or dtype not in WIDTHS or len(offsets) != 2:
        raise BundleError(f"Tensor {name!r} holds {dtype!r}; {sorted(WIDTHS)} are allowed.")
    if math.prod(shape) * WIDTHS[dtype] != offsets[1] - offsets[0]:
        raise BundleError(f"Tensor {name!r} of shape {shape} does not fill its place {offsets}.")
    return Entry(dtype, tuple(shape), offsets[0], offsets[1])


def plain_value(value: Any, limit: float) -> bool:
    """Say whether a value is text, truth, None, or one or a few numbers within a limit."""
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, str):
        return len(value) <= 64
    if isinstance(value, int | float):
        return -limit <= value <= limit
    if isinstance(value, list):
        return len(value) <= MAX_LIST and all(
            plain_value(part, limit) and not isinstance(part, list) for part in value
        )
    return False


def digest(text: str, table: Mapping[str, Entry], numbers: bytes) -> str:
    """Hash description, table and numbers, as 64 hexadecimal digits."""
    mark = hashlib.sha256(text.encode("utf-8"))
    for name, entry in sorted(table.items()):
        mark.update(repr((name, entry.dtype, entry.shape, entry.start, entry.stop)).encode())
    mark.update(numbers)
    return mark.hexdigest()


def read_numbers(path: Path, header: Header) -> tuple[bytes, str]:
    """Read the whole file, check its digest, and give its bytes and their sha256.

    Raises
    ------
    BundleError  if the file was changed after it was written.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}.") from error
    if digest(header.text, header.table, data[header.size :]) != header.digest:
        raise BundleError(
            f"{path} is damaged: its digest is not the one it states. Get the file again."
        )
    return data, hashlib.sha256(data).hexdigest()
