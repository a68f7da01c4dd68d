"""A stained blood smear."""

import math
from dataclasses import dataclass

import numpy as np

from .parts import Field, Phantom, check, cover, grid_of, paint, quantised, texture


@dataclass(frozen=True)
class _Cell:
    """A white cell: r(angle) = radius (1 + sum of wobbles cos(k angle)), and its lobes."""

    centre: tuple[float, float]
    radius: float
    wobbles: tuple[tuple[int, float], ...]
    lobes: Field  # (L, 2) centres on an arc; neighbours overlap, others are apart
    lobe_radius: float

    def signed(self, grid: tuple[Field, Field]) -> Field:
        y, x = grid[0] - self.centre[0], grid[1] - self.centre[1]
        angle = np.arctan2(y, x)
        outline = 1 + sum(a * np.cos(k * angle) for k, a in self.wobbles)
        return np.asarray(np.hypot(y, x) - self.radius * outline)

    def nucleus(self, grid: tuple[Field, Field]) -> Field:
        parts = [np.hypot(grid[0] - y, grid[1] - x) - self.lobe_radius for y, x in self.lobes]
        return np.asarray(np.min(parts, 0))

    def area(self) -> float:
        return math.pi * self.radius**2 * (1 + sum(a * a for _, a in self.wobbles) / 2)

    def nucleus_area(self) -> float:
        r, total = self.lobe_radius, len(self.lobes) * math.pi * self.lobe_radius**2
        for first, second in zip(self.lobes, self.lobes[1:], strict=False):
            d = math.dist(first, second)
            total -= 2 * r * r * math.acos(d / (2 * r)) - d / 2 * math.sqrt(4 * r * r - d * d)
        return total


def _white_cell(
    rng: np.random.Generator, centre: tuple[float, float], radius: float, *, round_outline: bool
) -> _Cell:
    count, turn = int(rng.integers(2, 5)), rng.uniform(0, 2 * math.pi)
    angles = turn + math.radians(60) * (np.arange(count) - (count - 1) / 2)
    arc = 0.45 * radius
    lobes = np.array(centre) + arc * np.stack((np.sin(angles), np.cos(angles)), 1)
    # (L, 2); neighbours are 0.45 radius apart, the next ones 0.78
    wobbles = () if round_outline else tuple((k, rng.uniform(-0.04, 0.04)) for k in (2, 3))
    return _Cell(centre, radius, wobbles, lobes, 0.29 * radius)


def _place(rng: np.random.Generator, size: int, count: int) -> list[_Cell]:
    """Put white cells without overlap; the first two, when there are two, touch."""
    cells: list[_Cell] = []
    radius = size * min(0.13, 0.29 / math.sqrt(count))
    for _ in range(2000):
        if len(cells) == count:
            return cells
        r = radius * rng.uniform(0.85, 1.0)
        if len(cells) == 1:
            angle, reach = rng.uniform(0, 2 * math.pi), cells[0].radius + r
            y, x = cells[0].centre
            at = (y + reach * math.sin(angle), x + reach * math.cos(angle))
        else:
            at = (rng.uniform(0, size), rng.uniform(0, size))
        inside = all(1.1 * r < c < size - 1 - 1.1 * r for c in at)
        others = cells if len(cells) > 1 else []
        apart = all(math.dist(at, c.centre) > 1.1 * (r + c.radius) for c in others)
        if inside and apart:
            cells.append(_white_cell(rng, at, r, round_outline=len(cells) < 2))
    raise ValueError(f"{count} cells do not fit into {size} pixels: ask for fewer.")


def _red_cells(rng: np.random.Generator, image: Field, count: int) -> Field:
    """Paint red cells anywhere, paler in the middle; they may touch and overlap."""
    size = image.shape[0]
    grid = grid_of(size)
    for _ in range(count):
        at, radius = rng.uniform(0, size, 2), size * rng.uniform(0.055, 0.07)
        distance = np.hypot(grid[0] - at[0], grid[1] - at[1])
        image = paint(image, 0.75 * cover(distance - radius, 1.5), (0.86, 0.55, 0.52))
        image = paint(image, 0.45 * np.exp(-((2.2 * distance / radius) ** 2)), (0.95, 0.80, 0.76))
    return image


def blood_smear(size: int = 512, seed: int = 0, cells: int = 6, noise: float = 0.0) -> Phantom:
    """Make a stained blood smear: white cells with lobed nuclei among red cells.

    Parameters
    ----------
    size : int      edge of the square image in pixels, >= 64
    seed : int      the same seed gives the same image
    cells : int     white cells, 1 to 12; the first two touch; red cells count as background
    noise : float   standard deviation of added Gaussian noise, image in [0, 1]

    Raises
    ------
    ValueError  if the number of cells is out of range.
    """
    check(size, noise)
    if not 1 <= cells <= 12:
        raise ValueError(f"cells must lie between 1 and 12, got {cells}.")
    rng = np.random.default_rng(seed)
    grid = grid_of(size)
    placed = _place(rng, size, cells)
    image = np.ones((size, size, 3)) * (0.95, 0.88, 0.86)
    image = _red_cells(rng, image, 3 * cells + 8)
    labels = np.zeros((size, size), np.uint8)
    for cell in placed:
        body, nucleus = cell.signed(grid), cell.nucleus(grid)
        image = paint(image, 0.92 * cover(body, 1.5), (0.78, 0.70, 0.84))
        image = paint(image, 0.95 * cover(nucleus, 1.5), (0.40, 0.22, 0.56))
        labels[body <= 0] = 1
        labels[nucleus <= 0] = 2
    image = image * (1 + 0.02 * texture(rng, size, 24, 0.03)[..., None])
    outer, inner = [c.centre for c in placed], [c.lobes[len(c.lobes) // 2] for c in placed]
    return Phantom(
        quantised(image, noise, rng),
        labels,
        dict(enumerate((np.array(outer), np.array(inner)), 1)),
        {1: sum(c.area() for c in placed), 2: sum(c.nucleus_area() for c in placed)},
        f"synthetic blood smear: {cells} white cells (1: cytoplasm, 2: nucleus), seed {seed}",
    )
