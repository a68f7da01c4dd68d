"""Synthetic images with exact ground truth: an optic disc with its cup, and a blood smear.

NumPy only and deterministic per seed. Every outline is a closed curve with a known area, so
that a mask can be checked against mathematics and not against another mask.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]

_SMALLEST = 64  # pixels; below this the outlines are too coarse to mean anything


@dataclass(frozen=True)
class Phantom:
    """Hold an image and all that is known about it.

    Parameters
    ----------
    image : (Y, X, 3) uint8
    labels : (Y, X) uint8     0 background, 1 outer part, 2 inner part (cup, nucleus)
    centres : mapping         label -> (N, 2) points (y, x) inside its objects, pixels
    areas : mapping           label -> area in pixels of the label and all inside it, closed form
    description : str         what is shown, for a person
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    centres: Mapping[int, Field]
    areas: Mapping[int, float]
    description: str


def _check(size: int, noise: float) -> None:
    if size < _SMALLEST:
        raise ValueError(f"size must be at least {_SMALLEST} pixels, got {size}.")
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise must be a finite standard deviation >= 0, got {noise}.")


def _grid(size: int) -> tuple[Field, Field]:
    return tuple(np.mgrid[:size, :size].astype(np.float64))


def _texture(rng: np.random.Generator, size: int, waves: int, finest: float) -> Field:
    """Sum plane waves of random direction and phase: smooth, mean 0, standard deviation 1."""
    y, x = _grid(size)
    total = np.zeros((size, size))
    for _ in range(waves):
        angle, phase = rng.uniform(0, 2 * math.pi, 2)
        length = size * rng.uniform(finest, 1.0)
        along = math.cos(angle) * y + math.sin(angle) * x
        total += np.cos(2 * math.pi * along / length + phase)
    spread: float = total.std()
    return np.asarray((total - total.mean()) / max(spread, 1e-9))


def _cover(signed: Field, softness: float) -> Field:
    """Turn a signed distance in pixels (< 0 inside) into an opacity."""
    scaled = np.clip(signed / softness, -30, 30)
    return np.asarray(1 / (1 + np.exp(2 * scaled)))


def _paint(image: Field, opacity: Field, colour: Sequence[float]) -> Field:
    alpha = opacity[..., None]
    return np.asarray(image * (1 - alpha) + alpha * np.asarray(colour))


def _quantise(image: Field, noise: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    noisy = image + noise * rng.standard_normal(image.shape)
    return np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def _vessel(
    rng: np.random.Generator, dark: Field, at: tuple[float, float], angle: float, width: float
) -> None:
    """Draw one vessel into an opacity map: a bent walk that thins out and branches."""
    size = dark.shape[0]
    y, x = at
    bend = rng.normal(0, 0.004)
    for step in range(4 * size):
        if not (-width <= y < size + width and -width <= x < size + width) or width < 0.7:
            return
        reach = math.ceil(2 * width) + 1
        rows = np.arange(max(0, int(y) - reach), min(size, int(y) + reach + 1))
        columns = np.arange(max(0, int(x) - reach), min(size, int(x) + reach + 1))
        distance = np.hypot(rows[:, None] - y, columns[None, :] - x)
        window = np.ix_(rows, columns)
        dark[window] = np.maximum(dark[window], np.exp(-((distance / width) ** 2)))
        angle += bend + rng.normal(0, 0.03)
        width *= 0.9985
        y, x = y + math.sin(angle), x + math.cos(angle)
        if step > 0.1 * size and rng.random() < 2.5 / size:
            _vessel(rng, dark, (y, x), angle + rng.choice([-0.6, 0.6]), 0.7 * width)


def _vessels(rng: np.random.Generator, size: int, centre: tuple[float, float]) -> Field:
    """Draw the arcades that leave the disc upwards and downwards; an opacity in [0, 1]."""
    dark = np.zeros((size, size))
    for side in (-1, 1):
        for lean in (-0.9, -0.25, 0.35, 1.0):
            angle = side * math.pi / 2 + lean + rng.normal(0, 0.12)
            start = (centre[0] + rng.normal(0, 0.01 * size), centre[1] - 0.02 * size)
            _vessel(rng, dark, start, angle, size * rng.uniform(0.006, 0.012))
    return dark


def _ellipse(
    grid: tuple[Field, Field], centre: Sequence[float], axes: tuple[float, float]
) -> Field:
    """Measure an ellipse with half axes along y and x: below 1 inside, 1 on it."""
    return np.hypot((grid[0] - centre[0]) / axes[0], (grid[1] - centre[1]) / axes[1])


def _retina(
    rng: np.random.Generator, size: int, levels: tuple[Field, Field], axes: tuple[float, float]
) -> Field:
    """Paint the background, the disc and the cup, before vessels and light; values in [0, 1]."""
    ground = np.ones((size, size, 3)) * (0.72, 0.33, 0.15)
    ground = ground * (1 + 0.05 * _texture(rng, size, 24, 0.03)[..., None])
    disc, cup = levels
    scale = min(axes)
    halo = 0.35 * np.exp(-np.clip(disc - 1, 0, None) * 4)
    image = _paint(ground, halo, (0.86, 0.52, 0.26))
    image = _paint(image, _cover((disc - 1) * scale, 0.012 * size), (0.89, 0.53, 0.30))
    return _paint(image, 0.95 * _cover((cup - 1) * scale, 0.013 * size), (1.00, 0.94, 0.75))


def cup_disc(
    size: int = 512,
    seed: int = 0,
    noise: float = 0.0,
    vcdr: float = 0.5,
    centre: tuple[float, float] | None = None,
) -> Phantom:
    """Make a fundus-like image of an optic disc with its cup.

    Parameters
    ----------
    size : int        edge of the square image in pixels, >= 64
    seed : int        the same seed gives the same image
    noise : float     standard deviation of added Gaussian noise, image in [0, 1]
    vcdr : float      vertical cup-to-disc ratio, in (0, 1); the cup is the disc scaled by it
    centre : (y, x)   of the disc in pixels; None = near the middle

    Raises
    ------
    ValueError  if the ratio is out of range or the disc does not fit into the image.
    """
    _check(size, noise)
    if not 0 < vcdr < 1:
        raise ValueError(f"vcdr must lie between 0 and 1, got {vcdr}.")
    rng = np.random.default_rng(seed)
    axes = (size * rng.uniform(0.20, 0.22), size * rng.uniform(0.18, 0.20))  # along y and x
    drift = rng.uniform(-0.04, 0.04, 2) * size
    middle = (size - 1) / 2
    at = (middle + drift[0], middle + drift[1]) if centre is None else centre
    if any(c - max(axes) < 0 or c + max(axes) > size - 1 for c in at):
        raise ValueError(f"A disc at {at} does not fit: keep it {max(axes):.0f} px off the border.")
    shift = 0.28 * (1 - vcdr) * rng.uniform(-1, 1, 2)  # in half axes: the cup stays inside
    within = (at[0] + shift[0] * axes[0], at[1] + shift[1] * axes[1])
    grid = _grid(size)
    disc = _ellipse(grid, at, axes)
    cup = _ellipse(grid, within, (vcdr * axes[0], vcdr * axes[1]))
    image = _retina(rng, size, (disc, cup), axes)
    image = _paint(image, 0.62 * _vessels(rng, size, within), (0.45, 0.10, 0.08))
    slope = rng.uniform(-0.12, 0.12, 2)
    light = 1 + (slope[0] * (grid[0] - middle) + slope[1] * (grid[1] - middle)) / middle
    vignette = 1 - 0.28 * ((grid[0] - middle) ** 2 + (grid[1] - middle) ** 2) / (2 * middle**2)
    image = image * (light * vignette)[..., None]
    area: float = math.pi * axes[0] * axes[1]
    return Phantom(
        _quantise(image, noise, rng),
        ((disc <= 1).astype(np.uint8) + (cup <= 1)).astype(np.uint8),
        {1: np.array([at]), 2: np.array([within])},
        {1: area, 2: vcdr**2 * area},
        f"synthetic optic disc (1: rim) and cup (2), vertical ratio {vcdr:.2f}, seed {seed}",
    )


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
    grid = _grid(size)
    for _ in range(count):
        at, radius = rng.uniform(0, size, 2), size * rng.uniform(0.055, 0.07)
        distance = np.hypot(grid[0] - at[0], grid[1] - at[1])
        image = _paint(image, 0.75 * _cover(distance - radius, 1.5), (0.86, 0.55, 0.52))
        image = _paint(image, 0.45 * np.exp(-((2.2 * distance / radius) ** 2)), (0.95, 0.80, 0.76))
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
    _check(size, noise)
    if not 1 <= cells <= 12:
        raise ValueError(f"cells must lie between 1 and 12, got {cells}.")
    rng = np.random.default_rng(seed)
    grid = _grid(size)
    placed = _place(rng, size, cells)
    image = np.ones((size, size, 3)) * (0.95, 0.88, 0.86)
    image = _red_cells(rng, image, 3 * cells + 8)
    labels = np.zeros((size, size), np.uint8)
    for cell in placed:
        body, nucleus = cell.signed(grid), cell.nucleus(grid)
        image = _paint(image, 0.92 * _cover(body, 1.5), (0.78, 0.70, 0.84))
        image = _paint(image, 0.95 * _cover(nucleus, 1.5), (0.40, 0.22, 0.56))
        labels[body <= 0] = 1
        labels[nucleus <= 0] = 2
    image = image * (1 + 0.02 * _texture(rng, size, 24, 0.03)[..., None])
    outer, inner = [c.centre for c in placed], [c.lobes[len(c.lobes) // 2] for c in placed]
    return Phantom(
        _quantise(image, noise, rng),
        labels,
        dict(enumerate((np.array(outer), np.array(inner)), 1)),
        {1: sum(c.area() for c in placed), 2: sum(c.nucleus_area() for c in placed)},
        f"synthetic blood smear: {cells} white cells (1: cytoplasm, 2: nucleus), seed {seed}",
    )
