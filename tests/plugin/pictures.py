"""Images for the panel's tests."""

import numpy as np

SIZE = 96


def blob_image(size: int = SIZE) -> np.ndarray:
    """Two bright lobes on a ring, with noise that smoothing removes; (size, size) uint8."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    disc = 0.55 * (np.hypot(y, x) < 0.36)
    lobes = 0.4 * ((np.hypot(y + 0.1, x) < 0.12) | (np.hypot(y - 0.12, x - 0.02) < 0.12))
    noise = np.random.default_rng(0).normal(0, 0.08, (size, size))
    return np.clip(255 * (disc + lobes + noise), 0, 255).astype(np.uint8)
