"""``priorseg replay``: the labels of a recipe again, and whether they are the same."""

import argparse
import sys

from ..annotation.recipe import read_recipe
from ..annotation.replaying import replay
from ..exchange import format_of, write


def run(arguments: argparse.Namespace) -> int:
    """Replay a recipe, write the labels if wanted, and compare them with the recorded ones.

    Returns
    -------
    int   0, or 1 if pixels differ

    Raises
    ------
    ValueError, OSError  if it cannot be replayed or written.
    """
    recipe = read_recipe(arguments.recipe)
    if arguments.out:
        format_of(arguments.out)  # before the work, not after it
    found = replay(recipe, arguments.image, arguments.model)
    for note in found.notes:
        print(f"priorseg: {note}", file=sys.stderr)
    picture = recipe.state.picture
    if arguments.out:
        written = write(
            arguments.out,
            found.labels,
            spacing=picture.spacing,
            units=picture.units,
            names={label: name for label, name in found.names.items() if label},
            source=arguments.image or picture.path,
        )
        print(f"{written.path}: {written.format}")
    for name, certificate in found.frame.certificates.items():
        print(f"{name}: {certificate.message}")
    total = found.labels.size
    if not found.differing:
        print(f"{picture.name}: all {total:,} pixels are those of the recipe.")
        return 0
    share = 100 * found.differing / total
    print(
        f"priorseg: {picture.name}: {found.differing:,} of {total:,} pixels ({share:.2g} %) are "
        "not those of the recipe.",
        file=sys.stderr,
    )
    return 1
