"""PNG: grey or indexed, names and pixel edges as a text chunk; BMP and GIF are read too."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import replace_by
from .masks import Colour, Masks, as_labels, check_size, choose_plane, default_colour
from .remarks import recall, remarks
from .units import in_millimetres


def write(file: Path, masks: Masks, source: object = None) -> tuple[str, ...]:
    """Write 8 bits where they suffice, else 16; colours make it an indexed picture.

    Returns
    -------
    what could not be kept for other programs, one sentence each
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    picture = Image.fromarray(masks.labels)
    notes: tuple[str, ...] = ()
    if masks.colours and masks.labels.dtype == np.uint8:
        picture.putpalette(_palette(masks))  # the picture becomes an indexed one
    elif masks.colours:
        notes = ("Labels above 255 make a grey picture; only priorseg reads its colours.",)
    text = PngInfo()
    text.add_itxt("priorseg", remarks(masks))
    more: dict[str, Any] = {}
    edges = in_millimetres(masks.spacing, masks.units)
    if edges is not None and max(edges) < 100:  # whole pixels per metre say little above
        more["dpi"] = (25.4 / edges[1], 25.4 / edges[0])
    replace_by(file, lambda part: picture.save(part, pnginfo=text, **more))
    return notes


def _palette(masks: Masks) -> list[int]:
    table = np.zeros((256, 3), np.uint8)
    for label in range(1, 256):
        table[label] = masks.colours.get(label, default_colour(label))
    table[0] = masks.colours.get(0, (0, 0, 0))
    flat: list[int] = table.ravel().tolist()
    return flat


def read(file: Path, shape: tuple[int, int] | None, plane: int | None) -> Masks:
    """Read a picture; the numbers of an indexed one are its labels.

    A resolution in dots per inch is taken for a printer's: pixel edges come from our text alone.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its own limit is lower
        with Image.open(file) as picture:
            check_size((picture.height, picture.width))
            frames = getattr(picture, "n_frames", 1)
            picture.seek(choose_plane((frames,), plane, file.name))
            info = {key: str(value) for key, value in picture.info.items()}
            colours = _colours(picture)
            array = _pixels(picture)
    labels, found, notes = as_labels(array)
    told = recall(info.get("priorseg", ""))
    if told is not None:
        return Masks(labels, **told, notes=notes)
    present = set(np.unique(labels).tolist())
    kept = {label: colour for label, colour in colours.items() if label in present}
    return Masks(labels, colours=found or kept, notes=notes)


def _pixels(picture: Any) -> NDArray[Any]:
    if picture.mode == "LA":
        array = np.asarray(picture)
        return np.where(array[:, :, 1] == 0, 0, array[:, :, 0])
    if picture.mode == "P" and picture.format != "PNG":  # there the order of colours says nothing
        picture = picture.convert("RGB")
    if picture.mode not in ("1", "L", "P", "I", "I;16", "F", "RGB", "RGBA"):
        picture = picture.convert("RGB")
    return np.asarray(picture)


def _colours(picture: Any) -> dict[int, Colour]:
    if picture.mode != "P" or picture.format != "PNG":
        return {}
    flat = picture.getpalette("RGB") or []
    return {n: (flat[3 * n], flat[3 * n + 1], flat[3 * n + 2]) for n in range(1, len(flat) // 3)}
