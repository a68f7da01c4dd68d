"""``priorseg replay``: the labels of a recipe again, and whether they are the same."""

import argparse
import sys
from pathlib import Path

from ..annotation.recipe import read_recipe
from ..annotation.replaying import image_file, replay
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
    image = Path(arguments.image) if arguments.image else image_file(recipe)
    if arguments.out:
        format_of(arguments.out)  # before the work, not after it
        if Path(arguments.out).resolve() == image.resolve():
            raise ValueError(f"--out {arguments.out} is the image itself; name another file.")
    found = replay(recipe, image, arguments.model)
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
            source=image,
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
