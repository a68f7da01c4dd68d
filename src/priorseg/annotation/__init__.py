"""A person's work on images: its states, their history, and how they are kept on disk.

Nothing here knows Qt or napari, and importing it does not import torch.
"""

from .claim import InUse
from .edits import delete, lock, paint, put_inside, relabel, rename
from .history import History
from .keeping import Candidate, Overlapping, keep
from .raster import Raster
from .recovery import (
    Loaded,
    SessionFolder,
    default_root,
    forget,
    load,
    load_picture,
    sessions,
    sessions_to_recover,
    tidy,
)
from .saver import Saver
from .state import Picture, State, pixel_digest
from .store import Store
from .thing import Thing
from .things import Locked, areas, decided, mask_of, members

__all__ = [
    "Candidate",
    "History",
    "InUse",
    "Loaded",
    "Locked",
    "Overlapping",
    "Picture",
    "Raster",
    "Saver",
    "SessionFolder",
    "State",
    "Store",
    "Thing",
    "areas",
    "decided",
    "default_root",
    "delete",
    "forget",
    "keep",
    "load",
    "load_picture",
    "lock",
    "mask_of",
    "members",
    "paint",
    "pixel_digest",
    "put_inside",
    "relabel",
    "rename",
    "sessions",
    "sessions_to_recover",
    "tidy",
]
