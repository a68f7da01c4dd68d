"""``priorseg convert``: a mask from one format into another."""

import argparse
import sys
from pathlib import Path

import numpy as np

from ..exchange import Masks, read, write


def run(arguments: argparse.Namespace) -> int:
    """Read, rename and renumber, write, and say what was done and what could not be kept."""
    source, target = Path(arguments.mask), Path(arguments.out)
    if arguments.units and not arguments.spacing:
        raise ValueError("--units needs --spacing: the edges of a pixel, Y and X.")
    masks = read(source, plane=arguments.plane)
    masks = _renumbered(masks, dict(_pair(text, "--label") for text in arguments.label))
    spacing, units = masks.spacing, masks.units
    if arguments.spacing:
        if len(arguments.spacing) > 2:
            raise ValueError("--spacing takes one or two lengths: the edges of a pixel, Y and X.")
        spacing = (arguments.spacing[0], arguments.spacing[-1])
        units = arguments.units or units
    names = {**masks.names, **dict(_name(text) for text in arguments.name)}
    written = write(
        target,
        masks.labels,
        spacing=spacing,
        units=units,
        names=names,
        colours=masks.colours,
        source=arguments.image,
        format=arguments.format,
    )
    for note in (*masks.notes, *written.notes):
        print(f"{source.name}: {note}", file=sys.stderr)
    rows, columns = masks.labels.shape
    print(f"{written.path}: {written.format}, {rows} x {columns}, {len(masks.present)} labels")
    return 0


def _pair(text: str, flag: str) -> tuple[int, int]:
    """Read ``255=1``."""
    old, _, new = text.partition("=")
    try:
        pair = int(old), int(new)
    except ValueError:
        raise ValueError(f"{flag} {text!r} must look like 255=1.") from None
    if min(pair) < 0:
        raise ValueError(f"{flag} {text!r}: labels are 0 or more.")
    return pair


def _name(text: str) -> tuple[int, str]:
    """Read ``1=optic disc``."""
    label, equals, name = text.partition("=")
    if not equals or not label.strip().isdigit() or not name.strip():
        raise ValueError(f"--name {text!r} must look like '1=optic disc'.")
    return int(label), name.strip()


def _renumbered(masks: Masks, numbers: dict[int, int]) -> Masks:
    """Give labels other numbers, all at once, so that two can be exchanged."""
    present = [0, *masks.present]
    missing = sorted(set(numbers) - set(present))
    if missing:
        raise ValueError(
            f"--label: the mask holds no label {missing[0]}; it holds {masks.present[:20]}."
        )
    if not numbers:
        return masks
    old, where = np.unique(masks.labels, return_inverse=True)
    new = np.array([numbers.get(int(label), int(label)) for label in old])
    kept = {label: numbers.get(label, label) for label in present}
    return Masks(
        new[where].reshape(masks.labels.shape),
        masks.spacing,
        masks.units,
        {kept[label]: name for label, name in masks.names.items() if kept.get(label)},
        {kept[label]: colour for label, colour in masks.colours.items() if kept.get(label)},
        masks.notes,
    )
