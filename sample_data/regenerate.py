"""Write the phantoms of this folder: ``python sample_data/regenerate.py``."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image

from priorseg.phantoms import Phantom, blood_smear, cup_disc

PHANTOMS: dict[str, Callable[[], Phantom]] = {
    "cup_disc": partial(cup_disc, 256, seed=0, vcdr=0.5),
    "cup_disc_noisy": partial(cup_disc, 144, seed=3, vcdr=0.7, noise=0.05),
    "blood_smear": partial(blood_smear, 256, seed=2, cells=3),
}


def main() -> None:
    """Write image and labels of every phantom beside this file."""
    folder = Path(__file__).parent
    for name, make in PHANTOMS.items():
        phantom = make()
        Image.fromarray(phantom.image).save(folder / f"{name}.png", optimize=True)
        Image.fromarray(phantom.labels).save(folder / f"{name}_labels.png", optimize=True)


if __name__ == "__main__":
    main()
