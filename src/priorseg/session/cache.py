"""Logits that were computed once, so that a network never runs twice on the same pixels."""

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


def pixel_key(pixels: NDArray[Any], *context: object) -> str:
    """Hash pixels, their shape and type, and the context that changes the logits."""
    data = np.ascontiguousarray(pixels)
    digest = hashlib.sha256(repr((data.shape, data.dtype.str, context)).encode())
    digest.update(data.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


class LogitsCache:
    """Keep the logits used last, within a limit of memory.

    Parameters
    ----------
    limit : int   bytes; the newest entry is kept even if it alone is larger
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: OrderedDict[str, Tensor] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> "Tensor | None":
        """Look an entry up and mark it as used."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: str, logits: "Tensor") -> None:
        """Enter logits and drop the oldest until the rest fits."""
        with self._lock:
            self._entries[key] = logits
            self._entries.move_to_end(key)
            while len(self._entries) > 1 and self._bytes() > self.limit:
                self._entries.popitem(last=False)

    def _bytes(self) -> int:
        return sum(entry.numel() * entry.element_size() for entry in self._entries.values())
