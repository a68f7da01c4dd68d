"""``priorseg measure``: sizes and shapes of the objects in label images, as tables."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry import label_components
from ..io import read_image
from ..measures import (
    CupDisc,
    ObjectMeasures,
    Table,
    class_table,
    csv_text,
    cup_disc_table,
    measure,
    measure_cup_disc,
    object_table,
    profile_table,
    write_csv,
    write_xlsx,
)
from ..measures.objects import as_objects, boxes_of
from .segment import expand


@dataclass(frozen=True)
class _Wish:
    """What is the same for every file."""

    spacing: tuple[float, float] | None
    units: str | None
    names: dict[int, str]
    inside: dict[int, int]
    split: bool
    instances: bool
    disc: tuple[int, ...]
    cup: tuple[int, ...]
    eye: str | None


@dataclass
class _Found:
    """What was measured so far."""

    units: str | None = None
    objects: list[tuple[str, list[ObjectMeasures]]] = field(default_factory=list)
    pixels: list[int] = field(default_factory=list)
    discs: list[tuple[str, CupDisc]] = field(default_factory=list)


def _labels(text: str, flag: str) -> tuple[int, ...]:
    """Read ``1,2``."""
    try:
        found = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        found = (-1,)
    if any(label < 1 for label in found):
        raise ValueError(f"{flag} {text!r} must be labels from 1 on, like 1,2.")
    return found


def _pairs(texts: Sequence[str], sign: str, flag: str, example: str) -> dict[int, str]:
    """Read ``1=rim`` or ``2:1``."""
    found = {}
    for text in texts:
        label, _, rest = text.partition(sign)
        if not (label.strip().isdecimal() and rest.strip()):
            raise ValueError(f"{flag} {text!r} must look like {example}.")
        found[int(label)] = rest.strip()
    return found


def _wish(arguments: argparse.Namespace) -> _Wish:
    edges = arguments.spacing
    if edges is not None and len(edges) not in (1, 2):
        raise ValueError(f"--spacing takes one pixel edge, or Y and X, got {len(edges)} numbers.")
    if (edges is None) != (arguments.units is None):
        raise ValueError("--spacing and --units go together, for example --spacing 0.01 --units mm")
    for file, ending in ((arguments.csv, ".csv"), (arguments.xlsx, ".xlsx")):
        if file and Path(file).suffix.lower() != ending:
            raise ValueError(f"{file}: the name of the table must end in {ending}.")
        if file and not Path(file).parent.is_dir():
            raise ValueError(f"{file}: there is no folder {Path(file).parent}.")
    disc, cup = _labels(arguments.disc, "--disc"), _labels(arguments.cup, "--cup")
    if bool(disc) != bool(cup):
        raise ValueError("--disc and --cup go together, for example --disc 1,2 --cup 2")
    inside = _pairs(arguments.inside, ":", "--inside", "2:1 (object 2 lies in object 1)")
    if not all(outer.isdecimal() for outer in inside.values()):
        raise ValueError("--inside takes one object within one other, like 2:1.")
    return _Wish(
        spacing=(edges[0], edges[-1]) if edges else None,
        units=arguments.units,
        names=_pairs(arguments.name, "=", "--name", "1=rim"),
        inside={inner: int(outer) for inner, outer in inside.items()},
        split=arguments.split,
        instances=arguments.instances,
        disc=disc,
        cup=cup,
        eye=arguments.eye,
    )


def read_mask(path: Path) -> tuple[NDArray[Any], tuple[float, float] | None, str | None]:
    """Read one plane of labels with the pixel edges of the file, if it has any.

    Raises
    ------
    ValueError, OSError  if the file is no label image; says why.
    """
    stored = read_image(path)
    array = stored.array
    while array.ndim > 2 and 1 in array.shape:
        array = array.squeeze(array.shape.index(1))
    if stored.axes == "YXC" and (array == array[..., :1]).all():  # grey, stored as colour
        array = array[..., 0]
    if array.ndim != 2:
        shape = stored.array.shape
        raise ValueError(
            f"is no label image of one plane but has shape {shape}: one number a pixel"
        )
    if array.dtype.kind == "f":
        whole = np.isfinite(array) & (array == np.rint(array)) & (np.abs(array) < 2**31)
        if not whole.all():
            raise ValueError("holds values that are no whole numbers: it is no label image")
        array = array.astype(np.int32)
    return as_objects(array), stored.spacing, stored.units


def split_objects(labels: NDArray[Any], wish: _Wish) -> tuple[NDArray[Any], dict[int, int]]:
    """Number the 8-connected pieces of each label.

    Returns
    -------
    objects : (Y, X) int32
    labels : of the objects, by number
    """
    objects = np.zeros(labels.shape, np.int32)
    owner: dict[int, int] = {}
    for label, box in boxes_of(labels).items():
        pieces, count = label_components(labels[box] == label)
        objects[box][pieces > 0] = pieces[pieces > 0] + len(owner)
        owner |= {len(owner) + 1 + index: label for index in range(count)}
    return objects, owner


def measure_objects(
    labels: NDArray[Any], wish: _Wish, edges: Mapping[str, Any]
) -> list[ObjectMeasures]:
    """Measure what counts as an object: labels, pieces of labels, or numbered instances.

    Parameters
    ----------
    labels : (Y, X)
    wish : _Wish
    edges : spacing and units
    """
    if wish.split:
        objects, owner = split_objects(labels, wish)
        classes = {number: wish.names.get(label, str(label)) for number, label in owner.items()}
        return measure(objects, **edges, classes=classes)
    present = {int(number) for number in np.unique(labels)} - {0}
    inside = {inner: outer for inner, outer in wish.inside.items() if inner in present}
    if wish.instances:
        return measure(labels, **edges, names=wish.names, inside=inside)
    classes = {n: wish.names.get(n, str(n)) for n in present | set(inside.values())}
    return measure(labels, **edges, classes=classes, inside=inside)


def _measure_file(path: Path, wish: _Wish, found: _Found) -> str:
    """Measure one file and say what was found."""
    labels, spacing, units = read_mask(path)
    spacing, units = (wish.spacing, wish.units) if wish.spacing else (spacing, units)
    if spacing is None or units in (None, "px", "pixel", "pixels"):
        spacing, units = (1.0, 1.0), "px"
    if found.units not in (None, units):
        raise ValueError(
            f"is measured in {units}, the files before it in {found.units}: give --spacing and "
            "--units for all, or measure it on its own"
        )
    edges: dict[str, Any] = {"spacing": spacing, "units": units}
    measured = measure_objects(labels, wish, edges)
    disc = None
    if wish.disc:
        masks = (np.isin(labels, wish.disc), np.isin(labels, wish.cup))
        disc = measure_cup_disc(*masks, **edges, eye=wish.eye)
        found.discs.append((str(path), disc))
    found.units = units
    found.objects.append((str(path), measured))
    found.pixels.append(labels.size)
    text = f"{len(measured)} object{'' if len(measured) == 1 else 's'}"
    if disc is not None:
        ratio = disc.vertical
        shown = ratio.reason if ratio.value is None else f"{ratio.value:.3f}"
        text += f"; vertical cup-to-disc ratio: {shown}"
    return text


def _beside(path: Path, word: str) -> Path:
    return path.with_name(f"{path.stem}_{word}{path.suffix}")


def _write(found: _Found, arguments: argparse.Namespace) -> None:
    """Write what was asked for, or print the objects."""
    named: dict[str, Table] = {"": object_table(found.objects)}
    counted = [(*pair, size) for pair, size in zip(found.objects, found.pixels, strict=True)]
    named["classes"] = class_table(counted)
    if found.discs:
        named["cup_disc"] = cup_disc_table(found.discs)
        named["rim_profile"] = profile_table(found.discs)
    written = []
    if arguments.csv:
        base = Path(arguments.csv)
        written = [write_csv(_beside(base, word) if word else base, t) for word, t in named.items()]
    if arguments.xlsx:
        written.append(write_xlsx(arguments.xlsx, list(named.values())))
    for file in written:
        print(f"-> {file}")
    if not written:
        print(csv_text(named.get("cup_disc", named[""])), end="")


def run(arguments: argparse.Namespace) -> int:
    """Measure the files; report a bad one and go on with the rest.

    Returns
    -------
    int   0, or 1 if any file failed

    Raises
    ------
    ValueError, OSError, ImportError  if nothing can be done: bad arguments, no folder, no openpyxl.
    """
    wish, found = _wish(arguments), _Found()
    paths = expand(arguments.masks)
    to_file = bool(arguments.csv or arguments.xlsx)
    failed = 0
    for path in paths:
        try:
            text = _measure_file(path, wish, found)
            print(f"{path}: {text}", file=sys.stdout if to_file else sys.stderr, flush=True)
        except (ValueError, OSError, MemoryError) as error:
            failed += 1
            reason = " ".join(str(error).split()) or type(error).__name__
            print(f"priorseg: {path}: {reason}", file=sys.stderr)
    if found.objects:
        _write(found, arguments)
    if failed:
        print(f"priorseg: {failed} of {len(paths)} files failed", file=sys.stderr)
    return 1 if failed else 0
