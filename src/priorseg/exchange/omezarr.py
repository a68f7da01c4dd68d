"""OME-Zarr 0.4: a folder with a pyramid of labels, their names and colours.

Chunks can name the codec that opens them, and one of those codecs runs code. So every array's
description is read as text first and only codecs that compress are let through.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import replace_folder
from .masks import Colour, Masks, as_labels, check_size, choose_plane, default_colour
from .remarks import edges
from .units import LONG, short_unit

CHUNK, SMALLEST, LEVELS = 1024, 256, 8
MOST_JSON, MOST_CHUNK = 2**24, 2**26
_CODECS = {
    "blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "lzma", "bytes", "crc32c", "transpose",
    "sharding_indexed", "shuffle", "delta",
}  # fmt: skip


def write(file: Path, masks: Masks, source: object = None) -> tuple[str, ...]:
    """Write a multiscale label image; an OME-Zarr of that name is replaced as a whole.

    Raises
    ------
    ValueError  if there is something else of that name.
    """
    if file.exists() and not (_attributes(file) or {}).get("multiscales"):
        raise ValueError(f"{file.name} exists and is no OME-Zarr. Choose another name.")
    replace_folder(file, lambda part: _write(part, file.name, masks))
    unit = short_unit(masks.units)
    if masks.spacing is not None and unit is not None and unit not in LONG:
        return (f"OME-Zarr knows no unit {unit!r}; the pixel edges are kept without it.",)
    return ()


def _write(folder: Path, name: str, masks: Masks) -> None:
    import zarr

    root = zarr.create_group(str(folder), zarr_format=2)
    levels = [masks.labels]
    while max(levels[-1].shape) > SMALLEST and len(levels) < LEVELS:
        levels.append(
            levels[-1][::2, ::2]
        )  # the pixel at the same place: labels cannot be averaged
    for number, level in enumerate(levels):
        array = root.create_array(
            str(number),
            shape=level.shape,
            chunks=(min(CHUNK, level.shape[0]), min(CHUNK, level.shape[1])),
            dtype=level.dtype,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        array[:] = level
    root.attrs.update(_metadata(name, masks, len(levels)))


def _metadata(name: str, masks: Masks, levels: int) -> dict[str, Any]:
    axes: list[dict[str, str]] = [{"name": axis, "type": "space"} for axis in "yx"]
    unit = LONG.get(short_unit(masks.units) or "")
    if masks.spacing is not None and unit is not None:
        axes = [axis | {"unit": unit} for axis in axes]
    y, x = masks.spacing or (1.0, 1.0)
    datasets = [
        {
            "path": str(n),
            "coordinateTransformations": [{"type": "scale", "scale": [y * 2**n, x * 2**n]}],
        }
        for n in range(levels)
    ]
    label: dict[str, Any] = {"version": "0.4"}
    listed = sorted({*masks.names, *masks.colours} - {0})  # both lists must name the same labels
    if masks.colours:
        label["colors"] = [
            {"label-value": n, "rgba": [*masks.colours.get(n, default_colour(n)), 255]}
            for n in listed
        ]
    if masks.names:
        label["properties"] = [
            {"label-value": n, "name": masks.names.get(n, f"label {n}")} for n in listed
        ]
    scales = {"version": "0.4", "name": name, "axes": axes, "datasets": datasets}
    return {"multiscales": [scales], "image-label": label}


def read(file: Path, shape: tuple[int, int] | None, plane: int | None) -> Masks:
    """Read the finest level of a label image, or of the only one in an image's labels."""
    import zarr

    group, told = _labels_group(file)
    scales = _first(told.get("multiscales"), "multiscales")
    dataset = _first(scales.get("datasets"), "datasets")
    where = group / str(dataset.get("path", ""))
    if group.resolve() not in where.resolve().parents:
        raise ValueError("its metadata point outside the folder.")
    size = _checked(where)
    number = choose_plane(size[:-2], plane, file.name)
    array: Any = zarr.open_array(str(where), mode="r")
    index = np.unravel_index(number, size[:-2]) if len(size) > 2 else ()
    values: NDArray[Any] = np.asarray(array[(*index, slice(None), slice(None))])
    labels, _, notes = as_labels(values)
    spacing, units = _spacing(scales, dataset)
    names, colours = _properties(told.get("image-label"))
    return Masks(labels, spacing, units, names, colours, notes)


def _labels_group(file: Path) -> tuple[Path, dict[str, Any]]:
    told = _attributes(file)
    if told is None:
        raise ValueError("it has no Zarr metadata (.zattrs or zarr.json).")
    listing = (_attributes(file / "labels") or {}).get("labels")
    if "image-label" in told or not isinstance(listing, list):
        return file, told
    if len(listing) != 1:
        raise ValueError(f"it holds the labels {listing}. Open one, for example "
                         f"{file.name}/labels/{listing[0] if listing else 'name'}.")  # fmt: skip
    inner = file / "labels" / str(listing[0])
    if (file / "labels").resolve() not in inner.resolve().parents:
        raise ValueError("its metadata point outside the folder.")
    return inner, _attributes(inner) or {}


def _attributes(folder: Path) -> dict[str, Any] | None:
    """Read the attributes of a group of either version of Zarr; None if it is no group."""
    if (folder / "zarr.json").is_file():
        told = _json(folder / "zarr.json").get("attributes", {})
        return told.get("ome", told) if isinstance(told, dict) else {}
    if (folder / ".zgroup").is_file() or (folder / ".zattrs").is_file():
        return _json(folder / ".zattrs") if (folder / ".zattrs").is_file() else {}
    return None


def _json(file: Path) -> dict[str, Any]:
    if file.stat().st_size > MOST_JSON:
        raise ValueError(f"{file.name} is larger than {MOST_JSON} bytes.")
    found = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{file.name} is not what Zarr writes.")
    return found


def _first(found: object, what: str) -> dict[str, Any]:
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise ValueError(f"its metadata lack {what}: it is no OME-Zarr image.")
    return found[0]


def _checked(where: Path) -> list[int]:
    """Check the description of an array and the sizes of its chunks before Zarr sees it.

    Returns
    -------
    its shape
    """
    newer = (where / "zarr.json").is_file()
    told = _json(where / ("zarr.json" if newer else ".zarray"))
    shape = [int(edge) for edge in told["shape"]]
    check_size(shape)
    if len(shape) < 2:
        raise ValueError(f"a mask needs Y and X, its shape is {shape}.")
    grid = told["chunk_grid"]["configuration"]["chunk_shape"] if newer else told["chunks"]
    if any(int(edge) <= 0 for edge in grid) or np.prod([float(edge) for edge in grid]) > MOST_CHUNK:
        raise ValueError(f"its chunks of {grid} pixels are too large.")
    kind = str(told["data_type"] if newer else told["dtype"])
    if not newer and np.dtype(kind).kind not in "buif":
        raise ValueError(f"values of type {kind} are no labels.")
    _check_codecs(told["codecs"] if newer else [told.get("compressor"), *(told["filters"] or [])])
    most = 64 * int(np.prod([int(edge) for edge in grid])) + 65536
    if any(part.stat().st_size > most for part in where.rglob("*") if part.is_file()):
        raise ValueError("it has chunks larger than the pixels in them.")
    return shape


def _check_codecs(codecs: object) -> None:
    for codec in codecs if isinstance(codecs, list) else [codecs]:
        if codec is None:
            continue
        name = codec.get("name", codec.get("id")) if isinstance(codec, dict) else codec
        if name not in _CODECS:
            raise ValueError(f"its chunks need {name!r}, which is not opened: only compression is.")
        more = codec.get("configuration") or {} if isinstance(codec, dict) else {}
        _check_codecs(more.get("codecs", []))
        _check_codecs(more.get("index_codecs", []))


def _spacing(
    scales: dict[str, Any], dataset: dict[str, Any]
) -> tuple[tuple[float, float] | None, str | None]:
    axes = [axis for axis in scales.get("axes", []) if isinstance(axis, dict)]
    units = {axis.get("unit") for axis in axes[-2:]}
    found = [
        step.get("scale")
        for step in dataset.get("coordinateTransformations", [])
        if isinstance(step, dict) and step.get("type") == "scale"
    ]
    if len(found) != 1 or not isinstance(found[0], list):
        return None, None
    spacing = edges(found[0][-2:])
    unit = units.pop() if len(units) == 1 else None
    if unit is None and spacing == (1.0, 1.0):
        return None, None
    return spacing, short_unit(unit) if isinstance(unit, str) else None


def _properties(told: object) -> tuple[dict[int, str], dict[int, Colour]]:
    names: dict[int, str] = {}
    colours: dict[int, Colour] = {}
    parts = told if isinstance(told, dict) else {}
    for entry in parts.get("properties") or []:
        if isinstance(entry.get("label-value"), int) and isinstance(entry.get("name"), str):
            names[entry["label-value"]] = entry["name"]
    for entry in parts.get("colors") or []:
        rgba = entry.get("rgba")
        if isinstance(entry.get("label-value"), int) and isinstance(rgba, list) and len(rgba) == 4:
            red, green, blue = (min(255, max(0, int(part))) for part in rgba[:3])
            colours[entry["label-value"]] = (red, green, blue)
    return names, colours
