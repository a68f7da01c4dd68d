"""Synthetic images with exact ground truth: optic disc with cup, blood smear, nuclei.

NumPy only and deterministic per seed. Every outline is a closed curve with a known area, so
that a mask can be checked against mathematics and not against another mask.
"""

from .nuclei import nuclei
from .parts import Phantom
from .retina import cup_disc
from .smear import blood_smear

__all__ = ["Phantom", "blood_smear", "cup_disc", "nuclei"]
