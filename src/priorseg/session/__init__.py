"""One image under one network, solved again and again while its settings change.

Nothing here knows Qt or napari, and importing it does not import torch: a viewer may build its
panel first.
"""

from .frame import Frame
from .image import ImageInfo
from .live import Session
from .painted import Painted
from .settings import PriorChoice, Settings
from .source import NoLogits

__all__ = ["Frame", "ImageInfo", "NoLogits", "Painted", "PriorChoice", "Session", "Settings"]
