"""ImageJ regions of interest: one per label, along pixel edges, so that none is lost or moved."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import replace_whole
from .masks import Masks, check_size, smallest
from .outlines import fill, outlines
from .remarks import recall, remarks

FARTHEST = 60535  # the largest coordinate that ImageJ reads back
MOST_ROIS, MOST_BYTES = 65535, 2**26
_MOVE, _LINE, _QUADRATIC, _CUBIC, _CLOSE = range(5)


def write(file: Path, masks: Masks, source: object = None) -> tuple[str, ...]:
    """Write a .zip of regions for the ROI Manager, or a .roi with the only one.

    Raises
    ------
    ValueError  without labels, for several in a .roi, or an image that is too large.
    """
    present = masks.present
    if not present:
        raise ValueError(f"{file.name}: there is no label to write as a region.")
    if max(masks.labels.shape) > FARTHEST:
        raise ValueError(f"ImageJ's regions end at {FARTHEST} pixels; this image is larger.")
    single = file.suffix.lower() == ".roi"
    if single and len(present) > 1:
        raise ValueError(f"{file.name} can hold one label, there are {len(present)}. Use .zip.")
    regions = [
        (label, _region(masks, label, window).tobytes()) for label, window in _windows(masks)
    ]
    if single:
        replace_whole(file, regions[0][1])
        return ()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bundle:
        for label, data in regions:
            name = re.sub(r"[^\w .+-]", "_", masks.names.get(label, "label"))[:60]
            bundle.writestr(f"{label:04d}-{name}.roi", data)
    replace_whole(file, stream.getvalue())
    return ()


def _windows(masks: Masks) -> list[tuple[int, tuple[slice, slice]]]:
    """Find the rectangle about each label."""
    from scipy.ndimage import find_objects

    present = np.array(masks.present)
    rank = np.searchsorted(present, masks.labels) + 1
    rank[masks.labels == 0] = 0
    return list(zip(present.tolist(), find_objects(rank), strict=True))


def _region(masks: Masks, label: int, window: tuple[slice, slice]) -> Any:
    from roifile import ROI_TYPE, ImagejRoi

    rows, columns = window
    offset = np.array([columns.start, rows.start])
    paths = [path + offset for path in outlines(masks.labels[window] == label)]
    region = ImagejRoi(
        name="".join(  # two bytes a letter are all there is room for
            letter if ord(letter) < 65536 else "_"
            for letter in masks.names.get(label, f"label {label}")
        ),
        left=columns.start,
        top=rows.start,
        right=columns.stop,
        bottom=rows.stop,
    )
    own = {
        **json.loads(remarks(Masks(masks.labels, masks.spacing, masks.units))),
        "names": {str(label): masks.names[label]} if label in masks.names else {},
        "label": label,
        "shape": list(masks.labels.shape),
    }
    region.props = f"priorseg: {json.dumps(own)}\n"
    if label in masks.colours:
        region.stroke_color = bytes((255, *masks.colours[label]))
    if len(paths) == 1:
        region.roitype = ROI_TYPE.TRACED
        region.integer_coordinates = (paths[0] - offset).astype(np.int32)
        region.n_coordinates = len(paths[0])
    else:
        region.roitype = ROI_TYPE.RECT  # with a size of floats: a composite
        region.multi_coordinates = _path(paths)
        region.shape_roi_size = len(region.multi_coordinates)
    return region


def _path(paths: list[NDArray[np.int64]]) -> NDArray[np.float32]:
    parts: list[float] = []
    for path in paths:
        for at, (x, y) in enumerate(path.tolist()):
            parts += [_LINE if at else _MOVE, x, y]
        parts.append(_CLOSE)
    return np.array(parts, np.float32)


def read(file: Path, shape: tuple[int, int] | None, plane: int | None) -> Masks:
    """Read regions; the later one wins where two overlap.

    Parameters
    ----------
    shape : (Y, X) of the image   None = as the regions say, or as large as they need
    """
    regions, others = [], 0
    for region in _regions(file):
        paths = _paths(region)
        if paths is None:
            others += 1
        else:
            regions.append((region, _told(region), paths))
    if not regions:
        raise ValueError("it holds no region with an area.")
    notes: list[str] = []
    if others:
        notes.append(f"{others} regions are lines, points or texts: left out.")
    size = shape or next((told["shape"] for _, told, _ in regions if told["shape"]), None)
    if size is None:
        size = _cover(regions)
        notes.append(
            f"Regions do not say how large the image is; {size[0]} x {size[1]} holds them."
        )
    check_size(size)
    return _draw(regions, size, notes)


def _draw(regions: list[Any], size: tuple[int, int], notes: list[str]) -> Masks:
    labels, names, colours = np.zeros(size, np.int64), {}, {}
    ours = all(told["label"] for _, told, _ in regions)
    overlaps, empty = 0, 0
    for number, (region, told, paths) in enumerate(regions, 1):
        label = told["label"] if ours else number
        corner, inside = _pixels(paths, size)
        part = labels[
            corner[0] : corner[0] + inside.shape[0], corner[1] : corner[1] + inside.shape[1]
        ]
        overlaps += int(np.count_nonzero(inside & (part != 0) & (part != label)))
        empty += not inside.any()
        part[inside] = label
        if not ours or label in told["names"]:
            names[label] = told["names"].get(label) or region.name or f"label {label}"
        if region.stroke_color[1:] != b"\0\0\0":
            colours[label] = tuple(region.stroke_color[1:])
    if not ours:
        notes.append(f"The {len(regions)} regions became labels in their order.")
    if overlaps:
        notes.append(f"{overlaps} pixels lie in several regions; the last one has them.")
    if empty:
        notes.append(f"{empty} regions hold no pixel of the image.")
    first = regions[0][1]
    return Masks(smallest(labels), first["spacing"], first["units"], names, colours, tuple(notes))


def _regions(file: Path) -> list[Any]:
    from roifile import ImagejRoi

    if file.suffix.lower() != ".zip":
        if file.stat().st_size > MOST_BYTES:
            raise ValueError(f"a region has at most {MOST_BYTES} bytes.")
        return [ImagejRoi.frombytes(file.read_bytes())]
    with zipfile.ZipFile(file) as bundle:
        entries = [entry for entry in bundle.infolist() if entry.filename.lower().endswith(".roi")]
        if len(entries) > MOST_ROIS or sum(entry.file_size for entry in entries) > 4 * MOST_BYTES:
            raise ValueError(f"it claims more than {MOST_ROIS} regions or {4 * MOST_BYTES} bytes.")
        return [ImagejRoi.frombytes(bundle.read(entry)) for entry in entries]


def _told(region: Any) -> dict[str, Any]:
    """Read what we wrote into a region; None and empty where it is another's."""
    found = re.search(r"^priorseg: (\{.*\})\s*$", region.props or "", re.MULTILINE)
    known = recall(found[1]) if found else None
    if found is None or known is None:
        return {"label": None, "shape": None, "names": {}, "spacing": None, "units": None}
    told = json.loads(found[1])
    label, shape = told.get("label"), told.get("shape")
    fits = isinstance(shape, list) and len(shape) == 2 and all(isinstance(n, int) for n in shape)
    return {
        **known,
        "label": label if isinstance(label, int) and 0 < label < 2**31 else None,
        "shape": tuple(shape) if fits else None,
    }


def _paths(region: Any) -> list[NDArray[np.float64]] | None:
    """Give the closed outlines of a region, (x, y); None if it has no area."""
    from roifile import ROI_SUBTYPE, ROI_TYPE

    if region.subtype in (ROI_SUBTYPE.TEXT, ROI_SUBTYPE.ARROW, ROI_SUBTYPE.IMAGE):
        return None
    if region.roitype == ROI_TYPE.RECT and region.composite:
        found = _flatten(region.multi_coordinates.astype(float).tolist())
    elif region.roitype in (ROI_TYPE.RECT, ROI_TYPE.OVAL):
        found = [_box(region, round_one=region.roitype == ROI_TYPE.OVAL)]
    elif region.roitype in (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED):
        found = [np.asarray(region.coordinates(), np.float64)]
    else:
        return None
    found = [path for path in found if len(path) > 2]
    if not all(np.isfinite(path).all() for path in found):
        raise ValueError("a region has corners that are no numbers.")
    return found or None


def _box(region: Any, round_one: bool) -> NDArray[np.float64]:
    x, y = float(region.left), float(region.top)
    width, height = float(region.right - region.left), float(region.bottom - region.top)
    if region.subpixelrect:
        x, y, width, height = region.xd, region.yd, region.widthd, region.heightd
    unit = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    if round_one:
        angle = np.linspace(0, 2 * np.pi, 1440, endpoint=False)
        unit = np.stack([np.cos(angle), np.sin(angle)], 1) / 2 + 0.5
    return unit * [width, height] + [x, y]


def _flatten(path: list[float]) -> list[NDArray[np.float64]]:
    """Read the path of a composite region; curves become 32 edges."""
    found: list[list[tuple[float, float]]] = []
    at = 0
    while at < len(path):
        kind, points = int(path[at]), {_MOVE: 1, _LINE: 1, _QUADRATIC: 2, _CUBIC: 3, _CLOSE: 0}
        size = points.get(kind)
        if size is None or at + 1 + 2 * size > len(path) or (kind != _MOVE and not found):
            raise ValueError("a composite region has a damaged path.")
        corners = np.array(path[at + 1 : at + 1 + 2 * size]).reshape(size, 2)
        if kind == _MOVE:
            found.append([])
        if kind in (_MOVE, _LINE):
            found[-1].append((corners[0, 0], corners[0, 1]))
        elif size:
            found[-1] += _curve(np.vstack([found[-1][-1], corners]))
        at += 1 + 2 * size
    return [np.array(corners) for corners in found]


def _curve(control: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Give 32 points of a Bezier curve after its first, by de Casteljau's rule."""
    parts = np.linspace(0, 1, 33)[1:, None, None]
    points = np.broadcast_to(control, (32, *control.shape))
    while points.shape[1] > 1:
        points = points[:, :-1] * (1 - parts) + points[:, 1:] * parts
    return [(float(x), float(y)) for x, y in points[:, 0]]


def _cover(regions: list[Any]) -> tuple[int, int]:
    corners = np.concatenate([path for _, _, paths in regions for path in paths])
    right, bottom = np.clip(np.ceil(corners.max(0)), 1, 2**31)
    return int(bottom), int(right)


def _pixels(
    paths: list[NDArray[np.float64]], size: tuple[int, int]
) -> tuple[tuple[int, int], NDArray[np.bool_]]:
    """Give the corner of the rectangle about outlines, cut to the image, and what is inside."""
    corners = np.concatenate(paths)
    left, top = (int(v) for v in np.clip(np.floor(corners.min(0)), 0, size[::-1]))
    right, bottom = (int(v) for v in np.clip(np.ceil(corners.max(0)), 0, size[::-1]))
    inside = fill(
        [path - [left, top] for path in paths], (max(0, bottom - top), max(0, right - left))
    )
    return (top, left), inside
