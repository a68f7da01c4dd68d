"""One label image that no mirror image, turn or transposition leaves as it is."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def labels() -> NDArray[np.int64]:
    """Three labels: one with a hole and an island, one inside it, one at the border; (37, 53)."""
    drawn = np.zeros((37, 53), np.int64)
    drawn[2:12, 3:30] = 1
    drawn[5:8, 6:9] = 0
    drawn[30:33, 40:42] = 1
    drawn[4:9, 15:22] = 2
    drawn[20:26, 45:53] = 3
    drawn[26, 44] = 3  # touches the rest in a corner only
    return drawn


@pytest.fixture
def known() -> dict[str, Any]:
    return {
        "spacing": (0.5, 0.25),
        "units": "µm",
        "names": {1: "optic disc", 2: "Höhlung", 3: "rest: 50 %"},
        "colours": {1: (1, 2, 3), 2: (230, 159, 0), 3: (0, 255, 128)},
    }
