"""A recipe as a Python program with the public names only."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..session import PriorChoice
from .plain import ADDED
from .recipe import SCALARS, TABLES, Recipe, as_recipe
from .replaying import square_of
from .state import State
from .things import fixed_pixels

_PROGRAM = '''\
"""Segment {title} as priorseg did; other files: python SCRIPT IMAGE OUT."""

import sys

import numpy as np

from priorseg import Session, load_bundle
from priorseg.io import read_image, write_labels
from priorseg.session import Painted, PriorChoice, Settings
from priorseg.session.adapting import adapted

IMAGE = sys.argv[1] if len(sys.argv) > 1 else {image}
OUT = sys.argv[2] if len(sys.argv) > 2 else {out}

stored, segmenter = read_image(IMAGE), load_bundle({model})  # sha256 {sha256}
axes = {axes}
array, axes = adapted(stored.array, axes, segmenter.card.channels, invert={inverted})

session = Session(segmenter)
session.set_image(array, axes=axes, spacing={spacing}, units={units})
session.set_plane({plane})
{region}session.compute_logits()
{painted}
settings = Settings(
    priors=(
{priors}    ),
{scalars}    painted={fixed},
)
*_, frame = session.frames(settings)
write_labels(OUT, frame.labels, spacing={spacing}, units={units})
for name, certificate in frame.certificates.items():
    print(f"{{name}}: {{certificate.message}}")
'''
_PAINTED = """
painted = np.zeros({shape}, np.uint8)  # 0 = free, label + 1 = stays that label
for row, start, stop, value in (
{runs}):
    painted[row, start:stop] = value
"""


def as_python(what: State | Recipe) -> str:
    """Write a program that makes the labels of a state again.

    Raises
    ------
    ValueError  if nothing was run, or for a region that a session cannot take.
    """
    recipe = as_recipe(what)
    state, picture = recipe.state, recipe.state.picture
    if not state.model:
        raise ValueError("There is no model yet: run one, then copy the program.")
    fixed = fixed_pixels(state)
    settings = state.settings
    scalars = {name: getattr(settings, name) for name in (*SCALARS, *TABLES)}
    scalars = {name: one for name, one in scalars.items() if one or name not in ADDED}
    return _PROGRAM.format(
        title=_words(picture.name),
        image=repr(picture.path or "IMAGE.tif"),
        out=repr(f"{_words(picture.name)}_labels.png"),
        model=repr(state.model),
        sha256=state.model_sha256[:12] or "unknown",
        axes='stored.axes or "YX"' if recipe.axes is None else repr(recipe.axes),
        inverted=recipe.state.inverted,
        spacing=literal(picture.spacing),
        units=repr(picture.units),
        plane=picture.plane,
        region=_region(state),
        painted=_painted(fixed) if fixed.any() else "",
        priors="".join(f"        {_choice(one)},\n" for one in settings.priors),
        scalars="".join(f"    {name}={literal(one)},\n" for name, one in scalars.items()),
        fixed="Painted(painted)" if fixed.any() else "None",
    )


def _words(name: str) -> str:
    """Give a name that may stand in a comment and in a file name."""
    return "".join(one if one.isalnum() or one in " -_." else "_" for one in name)


def _region(state: State) -> str:
    if state.region is None:
        return ""
    centre, side = square_of(state.region, state.picture.shape)
    return f"session.set_region({literal(centre)}, {side})\n"


def _choice(choice: PriorChoice) -> str:
    end = "" if choice.on else ", on=False"
    return f"PriorChoice({choice.name!r}, {literal(choice.settings)}{end})"


def _painted(fixed: NDArray[np.uint8]) -> str:
    runs = "".join(f"    {run},\n" for run in runs_of_values(fixed))
    return _PAINTED.format(shape=fixed.shape, runs=runs)


def runs_of_values(image: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
    """List the stretches of equal values above 0 in each row: row, start, stop, value."""
    padded = np.pad(image, ((0, 0), (1, 1)))
    rows, places = np.nonzero(np.diff(padded, axis=1))
    found = []
    for row, start, stop in zip(rows[:-1], places[:-1], places[1:], strict=True):
        value = int(padded[row, start + 1])
        if value and stop > start:
            found.append((int(row), int(start), int(stop), value))
    return found


def literal(value: Any) -> str:
    """Write a plain value as Python.

    Raises
    ------
    TypeError  for anything but numbers, texts, sequences and mappings.
    """
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()  # a number of NumPy's
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{literal(k)}: {literal(one)}' for k, one in value.items())}}}"
    if isinstance(value, list | tuple):
        inner = ", ".join(literal(one) for one in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    raise TypeError(f"A {type(value).__name__} cannot be written as Python.")
