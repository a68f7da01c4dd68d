"""What priors must be told besides the image, from the truth, the network or a regression."""

from .centres import instances, propose_centres, typical_diameter
from .guide import scene_of, with_centres
from .oracles import clicked_centres, true_centres
from .regression import VolumeRegressor, load_regressor, save_regressor
from .volumes import network_volumes, true_volumes, with_volumes

__all__ = [
    "VolumeRegressor",
    "clicked_centres",
    "instances",
    "load_regressor",
    "network_volumes",
    "propose_centres",
    "save_regressor",
    "scene_of",
    "true_centres",
    "true_volumes",
    "typical_diameter",
    "with_centres",
    "with_volumes",
]
