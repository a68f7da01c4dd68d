"""Label images as text: their tiles, packed, with a digest of all pixels."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from ..evaluation.strict import read_table, required, text
from .raster import Raster, Window, tile_count, tile_windows
from .tile import DTYPES, Tile, constant, digest_of, unpack


def to_text(raster: Raster) -> dict[str, Any]:
    """Give plain data that stands for a raster.

    Returns
    -------
    digest : of shape, type and all pixels, see `Raster.digest`
    tiles : of 128 × 128 pixels, row by row: [value, number of equal tiles that follow each
            other], or the raw bytes under zlib and Base64
    """
    tiles: list[Any] = []
    for piece in raster.pieces:
        if piece.value is None:
            tiles.append(base64.b64encode(piece.packed).decode())
        elif tiles and isinstance(tiles[-1], list) and tiles[-1][0] == piece.value:
            tiles[-1][1] += 1
        else:
            tiles.append([piece.value, 1])
    return {"digest": raster.digest.hex(), "tiles": tiles}


def of_text(table: Any, shape: tuple[int, int], dtype: str, where: str) -> Raster:
    """Read what `to_text` gave; a tile at a time is unpacked, whatever the text claims.

    Parameters
    ----------
    table : mapping
    shape : (Y, X)   checked
    dtype : 'uint8' or 'int32'
    where : str      names the raster in errors

    Raises
    ------
    ValueError  if the pixels are damaged, too many or too few, or not those of the digest.
    """
    found = read_table(table, {"digest": required(text), "tiles": required(_listed)}, where)
    tiles = found["tiles"]
    counts = [_count(one, dtype, where) for one in tiles]
    if sum(counts) != tile_count(shape):
        raise ValueError(f"{where} lists {sum(counts)} tiles, its picture has {tile_count(shape)}.")
    windows = tile_windows(shape)
    pieces: list[Tile] = []
    for one, count in zip(tiles, counts, strict=True):
        pieces += _pieces(one, count, windows, dtype, where)
    raster = Raster(shape, dtype, tuple(pieces))
    if raster.digest.hex() != found["digest"]:
        raise ValueError(f"{where} was changed or damaged: its pixels are not those of its digest.")
    return raster


def _listed(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{where} must be a list, got {value!r:.60}.")
    return value


def _count(one: Any, dtype: str, where: str) -> int:
    if isinstance(one, str):
        return 1
    if not isinstance(one, list) or len(one) != 2 or any(type(part) is not int for part in one):
        raise ValueError(f"{where} holds {one!r:.60}: a text or [value, number] is needed.")
    most = 255 if dtype == "uint8" else 2**31 - 1
    if not 0 <= one[0] <= most or one[1] < 1:
        raise ValueError(f"{where} holds {one!r:.60}: values go from 0 to {most}.")
    return int(one[1])


def _pieces(
    one: Any, count: int, windows: Iterator[Window], dtype: str, where: str
) -> Iterator[Tile]:
    for _ in range(count):
        rows, columns = next(windows)
        pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
        if isinstance(one, str):
            yield _unpacked(one, pixels * DTYPES[dtype].itemsize, where)
        else:
            yield constant(one[0], dtype, pixels)


def _unpacked(one: str, size: int, where: str) -> Tile:
    try:
        packed = base64.b64decode(one, validate=True)
        return Tile(digest_of(unpack(packed, size)), None, packed)
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"{where} holds a damaged tile: {error}") from error


def rasters_of_text(
    table: Any, shape: tuple[int, int], kinds: Mapping[str, str], where: str
) -> dict[str, Raster]:
    """Read several rasters by name; see `of_text`."""
    found = read_table(table, {name: required(_any) for name in kinds}, where)
    return {
        name: of_text(found[name], shape, dtype, f"{where}.{name}") for name, dtype in kinds.items()
    }


def _any(value: Any, _where: str) -> Any:
    return value
