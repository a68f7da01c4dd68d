"""The bytes of one saved state: a header, tiles that no older file has, and a checksum.

::

    "PSSTATE1" | length of the header (4 bytes) | header (JSON, zlib) | tiles | checksum (16 bytes)

Nothing in a file is ever executed, and nothing that it claims about sizes is believed before it is
checked.
"""

import json
import struct
import time
import zlib
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

from .raster import Raster, check_shape, tile_count, tile_windows
from .state import RASTERS, State
from .things import own_areas
from .tile import DTYPES, Tile, constant, digest_of, unpack

MAGIC = b"PSSTATE1"
LARGEST_HEADER = 24 * 2**20
LARGEST_FILE = 2**31
_LENGTH = struct.Struct("<I")
_START, _END = len(MAGIC) + _LENGTH.size, 16


@dataclass(frozen=True)
class StateFile:
    """Hold what one file says.

    Parameters
    ----------
    header : mapping      as JSON holds it; its parts are checked when a state is made
    bodies : mapping      digest of a tile -> its packed bytes
    """

    header: dict[str, Any]
    bodies: dict[bytes, bytes]

    @property
    def time(self) -> float:
        """Give when it was saved; seconds since 1970."""
        found = self.header.get("time")
        return float(found) if isinstance(found, int | float) and 0 <= found < 1e12 else 0.0

    @property
    def picture(self) -> tuple[str, str]:
        """Give name and digest of the image, ('', '') if it does not say; nothing is checked."""
        state = self.header.get("state")
        table = state.get("picture") if isinstance(state, dict) else None
        found = [table.get(key) for key in ("name", "digest")] if isinstance(table, dict) else []
        name, digest = (one if isinstance(one, str) else "" for one in found or ("", ""))
        return name, digest


def new_tiles(state: State, held: Set[bytes]) -> dict[bytes, bytes]:
    """Give the tiles that have to be written: digest -> packed bytes."""
    return {
        piece.digest: piece.packed
        for raster in state.rasters().values()
        for piece in raster.pieces
        if piece.value is None and piece.digest not in held
    }


def write_state(state: State, bodies: dict[bytes, bytes]) -> bytes:
    """Give the bytes of a file that holds a state and these of its tiles."""
    header = {
        "time": time.time(),
        "state": state.to_dict(),
        "rasters": {name: _runs(raster) for name, raster in state.rasters().items()},
        "bodies": [[digest.hex(), len(body)] for digest, body in bodies.items()],
    }
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
    packed = zlib.compress(text, 1)
    data = b"".join((MAGIC, _LENGTH.pack(len(packed)), packed, *bodies.values()))
    return data + digest_of(data)


def _runs(raster: Raster) -> list[Any]:
    """List tiles: the digest of one, or [value, number of equal tiles that follow each other]."""
    runs: list[Any] = []
    for piece in raster.pieces:
        if piece.value is None:
            runs.append(piece.digest.hex())
        elif runs and isinstance(runs[-1], list) and runs[-1][0] == piece.value:
            runs[-1][1] += 1
        else:
            runs.append([piece.value, 1])
    return runs


def read_file(data: bytes) -> StateFile:
    """Read the bytes of a file.

    Raises
    ------
    ValueError  if it is cut off, damaged or no such file; says which.
    """
    if not data.startswith(MAGIC):
        raise ValueError("it is no saved state")
    if len(data) < _START + _END or digest_of(memoryview(data)[:-_END]) != data[-_END:]:
        raise ValueError("it is cut off or damaged")
    place = _START + _LENGTH.unpack_from(data, len(MAGIC))[0]
    if place > len(data) - _END:
        raise ValueError("its header is longer than the file")
    header = _header(data[_START:place])
    bodies = {}
    for digest, size in _checked_bodies(header.get("bodies")):
        bodies[digest] = data[place : place + size]
        place += size
    if place != len(data) - _END:
        raise ValueError("its tiles do not fill the file")
    return StateFile(header, bodies)


def _header(packed: bytes) -> dict[str, Any]:
    engine = zlib.decompressobj()
    try:
        text = engine.decompress(packed, LARGEST_HEADER + 1)
        if len(text) > LARGEST_HEADER or not engine.eof:
            raise ValueError(f"its header is cut off, or takes more than {LARGEST_HEADER} bytes")
        header = json.loads(text, parse_constant=_refuse)
    except (zlib.error, ValueError, RecursionError) as error:
        raise ValueError(f"its header cannot be read: {error}") from error
    if not isinstance(header, dict):
        raise ValueError("its header is no table")
    return header


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _digest(value: Any) -> bytes:
    if not isinstance(value, str) or len(value) != 32:
        raise ValueError(f"{value!r:.40} is no digest of a tile")
    return bytes.fromhex(value)


def _checked_bodies(listed: Any) -> list[tuple[bytes, int]]:
    if not isinstance(listed, list):
        raise ValueError("its list of tiles is missing")
    found = []
    for pair in listed:
        if not isinstance(pair, list) or len(pair) != 2 or type(pair[1]) is not int or pair[1] < 1:
            raise ValueError(f"its list of tiles holds {pair!r:.40}")
        found.append((_digest(pair[0]), pair[1]))
    return found


def wanted_tiles(file: StateFile) -> set[bytes]:
    """Give the digests of all tiles that the state of a file needs.

    Raises
    ------
    ValueError  if the lists of tiles are damaged.
    """
    listed = _raster_lists(file.header)
    return {_digest(one) for runs in listed.values() for one in runs if not isinstance(one, list)}


def _raster_lists(header: dict[str, Any]) -> dict[str, list[Any]]:
    listed = header.get("rasters")
    if not isinstance(listed, dict) or set(listed) != set(RASTERS):
        raise ValueError(f"it must hold the rasters {', '.join(RASTERS)}")
    if not all(isinstance(runs, list) for runs in listed.values()):
        raise ValueError("its lists of tiles are damaged")
    return listed


def read_state(file: StateFile, find: Callable[[bytes], bytes | None]) -> State:
    """Make the state of a file.

    Parameters
    ----------
    file : StateFile
    find : call    digest -> packed tile, or None if it is nowhere

    Raises
    ------
    ValueError  if a tile is missing or damaged, or anything contradicts itself; says what.
    """
    table = file.header.get("state")
    picture = table.get("picture") if isinstance(table, dict) else None
    shape = picture.get("shape") if isinstance(picture, dict) else None
    if not isinstance(shape, list) or not all(type(side) is int for side in shape):
        raise ValueError("it does not say how large its picture is")
    checked = check_shape(shape)
    good: dict[tuple[bytes, int], Tile] = {}
    rasters = {}
    for name, runs in _raster_lists(file.header).items():
        pieces = _pieces(runs, checked, RASTERS[name], find, good)
        rasters[name] = Raster(checked, RASTERS[name], pieces)
    state = State.from_dict(table, rasters)
    known = {0, *(thing.number for thing in state.things)}
    unknown = sorted(set(own_areas(state.kept)) - known)
    if unknown:
        raise ValueError(f"it has pixels of objects {unknown[:5]} that it does not list")
    return state


def _pieces(
    runs: list[Any],
    shape: tuple[int, int],
    dtype: str,
    find: Callable[[bytes], bytes | None],
    good: dict[tuple[bytes, int], Tile],
) -> tuple[Tile, ...]:
    """Give the tiles of a raster, each checked against its digest."""
    counts = [_run_length(one, dtype) for one in runs]
    if sum(counts) != tile_count(shape):
        raise ValueError(f"it lists {sum(counts)} tiles, its picture has {tile_count(shape)}")
    windows, pieces = tile_windows(shape), []
    for one, count in zip(runs, counts, strict=True):
        for _ in range(count):
            rows, columns = next(windows)
            pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
            if isinstance(one, list):
                pieces.append(constant(one[0], dtype, pixels))
                continue
            key = _digest(one), pixels * DTYPES[dtype].itemsize
            if key not in good:
                good[key] = _found(*key, find)
            pieces.append(good[key])
    return tuple(pieces)


def _run_length(one: Any, dtype: str) -> int:
    if not isinstance(one, list):
        return 1
    if len(one) != 2 or any(type(part) is not int for part in one) or one[1] < 1:
        raise ValueError(f"its lists of tiles hold {one!r:.40}")
    most = 255 if dtype == "uint8" else 2**31 - 1
    if not 0 <= one[0] <= most:
        raise ValueError(f"a tile of {dtype} cannot hold {one[0]}")
    return int(one[1])


def _found(digest: bytes, size: int, find: Callable[[bytes], bytes | None]) -> Tile:
    packed = find(digest)
    if packed is None:
        raise ValueError(f"tile {digest.hex()} is in no file that is whole")
    if digest_of(unpack(packed, size)) != digest:
        raise ValueError(f"tile {digest.hex()} is damaged")
    return Tile(digest, None, packed)
