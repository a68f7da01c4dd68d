"""TIFF as ImageJ writes it, and OME-TIFF; both with pixel edges and names."""

import math
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ..files import replace_by
from .masks import Masks, as_labels, check_size, choose_plane
from .remarks import edges, from_hex, recall, remarks, to_hex
from .units import MILLIMETRES, in_millimetres, short_unit

_SPACE = "priorseg.labels/"
_OME_UNITS = (*MILLIMETRES, "pixel", "Å", "km", "in", "ft", "pm", "fm", "dm")


def write_imagej(file: Path, masks: Masks, source: object = None) -> tuple[str, ...]:
    """Write a TIFF that ImageJ shows with its scale; names are in its info text."""
    import tifffile

    metadata: dict[str, Any] = {"axes": "YX"}
    if masks.names or masks.colours:
        metadata["Info"] = remarks(masks, ascii_only=True)
    more: dict[str, Any] = {}
    if masks.spacing is not None:
        metadata["unit"] = ascii_only(masks.units or "px")
        more["resolution"] = (1 / masks.spacing[1], 1 / masks.spacing[0])
    replace_by(
        file,
        lambda part: tifffile.imwrite(part, masks.labels, imagej=True, metadata=metadata, **more),
    )
    return ()


def ascii_only(text: str) -> str:
    """Write letters beyond ASCII as ImageJ does: µm is \\u00B5m."""
    units = text.encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(chr(code) if code < 128 else f"\\u{code:04X}" for code in codes)


def from_ascii(text: str) -> str:
    """Undo `ascii_only`."""
    plain = re.sub(r"\\u([0-9A-Fa-f]{4})", lambda code: chr(int(code[1], 16)), text)
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def write_ome(file: Path, masks: Masks, source: object = None) -> tuple[str, ...]:
    """Write an OME-TIFF: edges as PhysicalSize, names and colours as map annotations."""
    import tifffile

    metadata: dict[str, Any] = {"axes": "YX", "Name": file.name}
    notes: tuple[str, ...] = ()
    if masks.spacing is not None:
        unit = short_unit(masks.units) or "pixel"
        if unit not in _OME_UNITS:
            notes = (f"OME knows no unit {unit!r}; the pixel edges are left out.",)
        else:
            for axis, edge in zip("YX", masks.spacing, strict=True):
                metadata |= {f"PhysicalSize{axis}": edge, f"PhysicalSize{axis}Unit": unit}
    maps = []
    if masks.names:
        names = {str(label): name for label, name in masks.names.items()}
        maps.append({"Namespace": _SPACE + "names", "Value": names})
    if masks.colours:
        colours = {str(label): to_hex(colour) for label, colour in masks.colours.items()}
        maps.append({"Namespace": _SPACE + "colours", "Value": colours})
    if maps:
        metadata["MapAnnotation"] = maps
    kind = masks.labels if masks.labels.dtype.kind == "u" else masks.labels.astype("uint32")
    save: dict[str, Any] = {
        "ome": True,
        "metadata": metadata,
        "compression": "zlib",
        "photometric": "minisblack",
    }
    millimetres = in_millimetres(masks.spacing, masks.units)
    if millimetres is not None:  # for programs that do not read OME
        save["resolution"] = (10 / millimetres[1], 10 / millimetres[0])
        save["resolutionunit"] = "CENTIMETER"
    replace_by(file, lambda part: tifffile.imwrite(part, kind, **save))
    return notes


def read(file: Path, shape: tuple[int, int] | None, plane: int | None) -> Masks:
    """Read one plane of a TIFF of any kind that has grey values or colours."""
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        if re.search(r"\.ome\.tiff?$", file.name.lower()) and not tiff.is_ome:
            raise ValueError(
                "it lacks the OME description that its name promises: it may be cut short. "
                "Name it .tif to read its pixels alone."
            )
        series = tiff.series[0]
        check_size(series.shape)
        colour = series.axes.endswith(("S", "C")) and series.shape[-1] in (3, 4)
        check_whole(tiff, file.stat().st_size)
        stack = series.shape[: -3 if colour else -2]
        number = choose_plane(stack, plane, file.name)
        rows = series.shape[len(stack) :]
        labels, colours, notes = as_labels(series.asarray().reshape((-1, *rows))[number])
        told: dict[str, Any] = {"colours": colours}
        if tiff.is_ome:
            told |= {k: v for k, v in _ome(tiff.ome_metadata or "").items() if v}
        else:
            told["spacing"], told["units"] = spacing_of(tiff)
            told |= _info(tiff)
    return Masks(labels, **told, notes=notes)


def check_whole(tiff: Any, size: int) -> None:
    """Refuse a TIFF whose strips or tiles lie beyond the end of the file, or hide more than pixels.

    Raises
    ------
    ValueError  if pixels are missing, or a strip is larger than the pixels in it.
    """
    for page in tiff.series[0].pages:
        if page is None:
            continue
        ends = [o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)]
        if not ends or max(ends) > size:
            raise ValueError("the file ends before its pixels do. Copy it again.")
        raw = page.dtype.itemsize * math.prod(page.chunks)
        if max(page.databytecounts) > 2 * raw + 65536:  # what it unpacks to is bounded so
            raise ValueError("it has strips larger than the pixels in them.")


def spacing_of(tiff: Any) -> tuple[tuple[float, float] | None, str | None]:
    """Read the pixel edges of an OME, ImageJ or plain TIFF; (None, None) if it has none."""
    if tiff.is_ome:
        told = _ome(tiff.ome_metadata or "")
        return told["spacing"], told["units"]
    tags = tiff.pages[0].tags
    kind = int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 0
    unit = {2: "inch", 3: "cm"}.get(kind)
    if tiff.imagej_metadata:
        unit = tiff.imagej_metadata.get("unit")
    found = []
    for tag in ("YResolution", "XResolution"):
        above, below = tags[tag].value if tag in tags else (0, 0)
        found.append(below / above if above and below else 0.0)
    if unit in (None, "", "inch") or min(found) <= 0:  # inches are a printer's default
        return None, None
    return (found[0], found[1]), from_ascii(str(unit))


def _info(tiff: Any) -> dict[str, Any]:
    text = (tiff.imagej_metadata or {}).get("Info", "")
    told = recall(text) if isinstance(text, str) else None
    return {} if told is None else {"names": told["names"], "colours": told["colours"]}


def _ome(text: str) -> dict[str, Any]:
    """Read spacing, units, names and colours from the XML of an OME-TIFF."""
    told: dict[str, Any] = {"spacing": None, "units": None, "names": {}, "colours": {}}
    root = ElementTree.fromstring(text)
    pixels = next((node for node in root.iter() if node.tag.endswith("}Pixels")), None)
    if pixels is not None:
        pair = [pixels.get(f"PhysicalSize{axis}") for axis in "YX"]
        units = {pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "YX"}
        if len(units) == 1 and units != {"pixel"}:
            told["spacing"] = edges(pair)
            told["units"] = units.pop() if told["spacing"] else None
    for node in root.iter():
        space = node.get("Namespace", "").removeprefix(_SPACE)
        if not node.tag.endswith("}MapAnnotation") or space not in ("names", "colours"):
            continue
        for entry in node.iter():
            key = entry.get("K", "")
            if entry.tag.endswith("}M") and key.isascii() and key.isdigit() and len(key) < 11:
                value = entry.text or ""
                told[space][int(key)] = value if space == "names" else from_hex(value)
    told["colours"] = {k: v for k, v in told["colours"].items() if v is not None}
    return told
