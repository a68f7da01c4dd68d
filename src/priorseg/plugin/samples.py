"""Sample images: two photographs of scikit-image and three phantoms of ours with truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from skimage import data

from .. import phantoms
from . import strings
from .layers import colormap

LayerData = tuple[Any, dict[str, Any], str]


@dataclass(frozen=True)
class Start:
    """Say how a sample is best segmented.

    Parameters
    ----------
    model : str
    centre : (y, x)   of the region of interest; None = as the model suggests
    side : int        of the region, pixels
    clicks : (y, x)   star centres that a user would place; empty = the middle of each piece
    invert : bool     whether its objects are bright on dark, other than in training
    """

    model: str
    centre: tuple[float, float] | None = None
    side: int = 0
    clicks: tuple[tuple[float, float], ...] = ()
    invert: bool = False


STARTS = {
    "retina": Start("cup-disc"),
    "cell": Start("cells", (375, 427), 164, invert=True),
    "cup_disc_phantom": Start("cup-disc", (236, 236), 340),
    "blood_smear_phantom": Start("cells", (336, 329), 214, ((373, 278), (289, 346))),
    "nuclei_phantom": Start("nuclei"),
}


def retina() -> list[LayerData]:
    """Give the fundus photograph of scikit-image, (1411, 1411, 3) uint8."""
    return [(data.retina(), {"name": "retina", "rgb": True}, "image")]


def cell() -> list[LayerData]:
    """Give the photograph of a cell of scikit-image, (660, 550) uint8."""
    return [(data.cell(), {"name": "cell"}, "image")]


def cup_disc_phantom() -> list[LayerData]:
    """Give a synthetic optic disc and the label map it was drawn from."""
    return _with_truth(phantoms.cup_disc(), "cup-disc phantom")


def blood_smear_phantom() -> list[LayerData]:
    """Give a synthetic blood smear and the label map it was drawn from."""
    return _with_truth(phantoms.blood_smear(), "blood smear phantom")


def nuclei_phantom() -> list[LayerData]:
    """Give synthetic nuclei, some touching, and the label map they were drawn from."""
    return _with_truth(phantoms.nuclei(), "nuclei phantom")


def _with_truth(phantom: Any, name: str) -> list[LayerData]:
    truth = {
        "name": f"{name}, {strings.TRUTH}",
        "visible": False,
        "colormap": colormap(),
    }
    return [
        (phantom.image, {"name": name, "rgb": phantom.image.ndim == 3}, "image"),
        (np.asarray(phantom.labels), truth, "labels"),
    ]
