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


def nuclei_image(rows: int = 2, columns: int = 3, step: int = 32) -> np.ndarray:
    """Bright discs of radius 13 with brighter middles, touching in pairs along a row; uint8."""
    y, x = np.mgrid[: rows * step, : columns * step].astype(float)
    places = nuclei_places(rows, columns, step)
    away = np.min([np.hypot(y - place[0], x - place[1]) for place in places], axis=0)
    return np.where(away < 7, 250, np.where(away < 13, 140, 10)).astype(np.uint8)


def nuclei_places(rows: int = 2, columns: int = 3, step: int = 32) -> list[tuple[int, int]]:
    """The middles (y, x) of the discs of `nuclei_image`."""
    half = step // 2
    return [
        (half + step * row, half + step * column - (6 if column % 2 else 0))
        for row in range(rows)
        for column in range(columns)
    ]
