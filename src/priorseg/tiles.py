"""Run a network over an image of any size, tile by tile, in bounded memory."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from .preprocessing import Picture, Preprocessing, resize

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]
Precision = Literal["auto", "float32", "bfloat16"]
WHOLE = 2**22  # pixels up to which an image is kept in float32
BLOCK = 1024  # pixels; side of the parts in which larger ones are read


class Cancelled(Exception):
    """Say that a computation was stopped on request."""


def number_type(precision: str, device: torch.device) -> torch.dtype:
    """Choose the numbers a network computes with.

    Parameters
    ----------
    precision : str   'float32', 'bfloat16', or 'auto': bfloat16 on CPUs that multiply matrices
                      of it (Intel AMX), else float32

    Raises
    ------
    ValueError  for anything else.
    """
    if precision not in get_args(Precision):
        raise ValueError(f"precision must be one of {get_args(Precision)}, got {precision!r}.")
    fast = precision == "auto" and device.type == "cpu" and _has_matrix_units()
    return torch.bfloat16 if fast or precision == "bfloat16" else torch.float32


def _has_matrix_units() -> bool:
    known = getattr(torch.cpu, "_is_amx_tile_supported", None)  # torch has no public name for it
    return bool(known and known())


def tile_windows(height: int, width: int, tile: int, overlap: int) -> Iterator[tuple[slice, slice]]:
    """Cover an image with windows that overlap by at least some pixels, evenly spread."""
    yield from itertools.product(starts(height, tile, overlap), starts(width, tile, overlap))


def starts(size: int, tile: int, overlap: int) -> list[slice]:
    """Cover one axis with windows of equal size; one window if it fits."""
    if size <= tile:
        return [slice(0, size)]
    count = -(-(size - overlap) // (tile - overlap))
    last = size - tile
    return [
        slice(round(i * last / (count - 1)), round(i * last / (count - 1)) + tile)
        for i in range(count)
    ]


def ramp(window: slice, size: int, overlap: int) -> Tensor:
    """Weigh the pixels of a window, (N,): rising over the overlap except at the image border."""
    count = window.stop - window.start
    place = torch.arange(count, dtype=torch.float32) + 0.5
    weight = torch.ones(count)
    if overlap and window.start > 0:
        weight = torch.minimum(weight, place / overlap)
    if overlap and window.stop < size:
        weight = torch.minimum(weight, (count - place) / overlap)
    return weight


def shares(size: int, tile: int, overlap: int) -> list[tuple[slice, Tensor]]:
    """Give the windows of one axis with weights that add up to 1 at every pixel."""
    windows = starts(size, tile, overlap)
    weights = [ramp(window, size, overlap) for window in windows]
    total = torch.zeros(size)
    for window, weight in zip(windows, weights, strict=True):
        total[window] += weight
    return [(w, weight / total[w]) for w, weight in zip(windows, weights, strict=True)]


@dataclass(frozen=True)
class Axis:
    """Resample one axis as `resize` does, for any window of the result.

    Parameters
    ----------
    size, target : int   pixels before and after
    """

    size: int
    target: int

    def support(self, window: slice) -> slice:
        """Give the pixels that a window of the result depends on."""
        if self.size == self.target:
            return window
        scale = self.size / self.target
        reach = max(scale, 1.0)
        low = int((window.start + 0.5) * scale - reach + 0.5)
        high = int((window.stop - 0.5) * scale + reach + 0.5)
        return slice(max(0, low), min(self.size, high))

    def weights(self, window: slice) -> Tensor | None:
        """Give the matrix (window, support); None where nothing is resampled."""
        if self.size == self.target:
            return None
        scale = self.size / self.target
        width = max(scale, 1.0)
        centre = (torch.arange(window.start, window.stop, dtype=torch.float64) + 0.5) * scale
        found = self.support(window)
        place = torch.arange(found.start, found.stop, dtype=torch.float64) + 0.5
        hat = (1 - (place[None] - centre[:, None]).abs() / width).clamp_min(0)
        return (hat / hat.sum(1, keepdim=True)).float()


class Working:
    """The image as the network sees it: resampled and standardised, part by part if it is large.

    Parameters
    ----------
    picture : Picture
    shape : (Y, X)          the size the network works at
    rule : Preprocessing
    """

    def __init__(self, picture: Picture, shape: tuple[int, int], rule: Preprocessing) -> None:
        self.picture, self.shape = picture, shape
        self._axes = tuple(Axis(*sizes) for sizes in zip(picture.shape, shape, strict=True))
        self._kept: Tensor | None = None
        whole = slice(0, shape[0]), slice(0, shape[1])
        small = shape[0] * shape[1] <= WHOLE
        if small and picture.shape[0] * picture.shape[1] <= WHOLE:
            everything = picture.part(slice(0, picture.shape[0]), slice(0, picture.shape[1]))
            self._kept = rule.standardise(resize(everything, *shape))
        elif small:
            self._kept = rule.standardise(self._resampled(*whole))
        else:
            self._shift, self._scale = self._statistics(rule)

    def window(self, rows: slice, columns: slice) -> Tensor:
        """Give a part, (1, C, y, x) float32."""
        if self._kept is not None:
            return self._kept[..., rows, columns]
        return (self._resampled(rows, columns) - self._shift) / self._scale

    def _resampled(self, rows: slice, columns: slice) -> Tensor:
        down, along = self._axes
        source, side = down.support(rows), along.support(columns)
        tall, wide = down.weights(rows), along.weights(columns)
        parts: list[Tensor] = []
        total: Tensor | None = None
        for start in range(source.start, source.stop, BLOCK // 4):
            band = slice(start, min(start + BLOCK // 4, source.stop))
            part = self.picture.part(band, side)
            if wide is not None:
                part = part @ wide.T
            if tall is None:
                parts.append(part)
                continue
            part = tall[:, band.start - source.start : band.stop - source.start] @ part
            total = part if total is None else total.add_(part)
        return torch.cat(parts, 2) if total is None else total

    def _statistics(self, rule: Preprocessing) -> tuple[Tensor, Tensor]:
        """Give what to subtract and to divide by, (1, C, 1, 1), from blocks."""
        channels = self.picture.planes.shape[2]
        if rule.statistics == "fixed":
            return torch.full((1, channels, 1, 1), 0.5), torch.full((1, channels, 1, 1), 0.25)
        total = torch.zeros(2, channels, dtype=torch.float64)
        for rows, columns in cells(self.shape, BLOCK):
            block = self._resampled(rows, columns).double() - 0.5  # near the mean: no cancellation
            total += torch.stack((block.sum((0, 2, 3)), block.square().sum((0, 2, 3))))
        mean, square = total / (self.shape[0] * self.shape[1])
        deviation = (square - mean.square()).clamp_min(0).sqrt().clamp_min(0.02)
        return (mean + 0.5).float().view(1, -1, 1, 1), deviation.float().view(1, -1, 1, 1)


def cells(shape: tuple[int, int], side: int) -> list[tuple[slice, slice]]:
    """Cut an image into squares that do not overlap."""
    rows, columns = (
        [slice(start, min(start + side, size)) for start in range(0, size, side)] for size in shape
    )
    return list(itertools.product(rows, columns))


def run_network(
    network: nn.Module,
    working: Working,
    channels: int,
    rule: Preprocessing,
    *,
    precision: str,
    progress: Progress,
    cancelled: Stop,
    mirror: bool = False,
) -> Tensor:
    """Run a network over all tiles and blend what it says.

    Parameters
    ----------
    mirror : bool   show it each tile mirrored too (left and right), and take the mean

    Returns
    -------
    (1, channels, Y, X) float32   on the network's device; a normal tensor, fit for autograd

    Raises
    ------
    Cancelled  if `cancelled` says so before a tile.
    """
    device = next(network.parameters()).device
    dtype = number_type(precision, device)
    height, width = working.shape
    total = torch.zeros(1, channels, height, width, device=device)
    down, along = (shares(size, rule.tile, rule.overlap) for size in (height, width))
    tiles = list(itertools.product(down, along))
    half = dtype == torch.bfloat16
    with torch.inference_mode():
        for done, ((rows, tall), (columns, wide)) in enumerate(tiles, 1):
            if cancelled():
                raise Cancelled("The network was stopped.")
            seen = working.window(rows, columns).to(device)
            seen = seen.contiguous(memory_format=torch.channels_last)  # what convolutions like
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                part = network(seen).float()
                if mirror:
                    part = (part + network(seen.flip(3)).float().flip(3)) / 2
            if len(tiles) > 1:
                part = part * (tall[:, None] * wide[None]).to(device)
            total[..., rows, columns] += part
            progress(done, len(tiles))
    return total
