"""The priors; each is one file."""

from .by_name import make_prior
from .convex import Convex
from .nested import Nested
from .star import Star
from .threshold_dynamics import ThresholdDynamics
from .total_variation import TotalVariation
from .volume import Volume

__all__ = [
    "Convex",
    "Nested",
    "Star",
    "ThresholdDynamics",
    "TotalVariation",
    "Volume",
    "make_prior",
]
