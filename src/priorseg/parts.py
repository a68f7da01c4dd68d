"""Solve and decode images that are too large to be solved at once, part by part, exactly.

A prior that is local moves a pixel by what lies within its reach. After N sweeps nothing beyond N
times that reach has been felt, so a part that is solved with such a margin around it comes out as
in the whole image.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .decode import Decoded
from .geometry import hull_closure, hulls_beside, largest_component
from .intake import named
from .links import Link, Ordered, likeliest
from .memory import TooLarge
from .operators import blur_radius, relative_spacing
from .prior import Prior
from .priors.convex import Convex
from .priors.nested import Nested
from .priors.threshold_dynamics import ThresholdDynamics
from .scene import Scene
from .solver import iterate, solve
from .tiles import Cancelled, Progress, Stop, cells

BAND = 256  # rows that are decoded at once
CUT = 2**24  # pixels up to which touching hulls of rivals are cut apart


def reach(priors: Sequence[Prior], scene: Scene, link: Link) -> int | None:
    """Give how far one sweep carries, in pixels; None where a prior sees the whole image."""
    if scene.fixed is not None:
        return None  # painted pixels are decoded in the whole image
    total = 0
    for prior in priors:
        if isinstance(prior, ThresholdDynamics) and prior.edge == 0:
            edge = min(relative_spacing(scene.spacing))
            total += 2 * blur_radius(float(prior.sigma.detach()) / edge)
        elif isinstance(prior, Convex):
            objects = 1 if isinstance(link, Ordered) else len(prior.labels)
            total += objects * max(prior.radii, default=0)
        elif not (isinstance(prior, Nested) and isinstance(link, Ordered)):
            return None
    return total


class Steps:
    """Count the steps of a computation, tell them, and stop between them on request."""

    def __init__(self, total: int, progress: Progress, cancelled: Stop) -> None:
        self.total, self.done = total, 0
        self._progress, self._cancelled = progress, cancelled

    def check(self) -> None:
        """Raise Cancelled if that was asked for."""
        if self._cancelled():
            raise Cancelled("The segmentation was stopped.")

    def take(self, count: int = 1) -> None:
        """Tell that a step is done, or several were not needed."""
        self.done += count
        self._progress(self.done, self.total)


@dataclass(frozen=True)
class Parts:
    """How a large image is solved.

    Parameters
    ----------
    priors : list of Prior   local ones, see `reach`
    scene : Scene
    link : Link
    sweeps : int             of the head; no tolerance, so that every part does the same
    temperature : ()
    margin : int             pixels, at least sweeps times the reach
    side : int               pixels of a part without its margin
    """

    priors: Sequence[Prior]
    scene: Scene
    link: Link
    sweeps: int
    temperature: Tensor
    margin: int
    side: int

    def count(self, shape: tuple[int, int]) -> int:
        """Give the number of steps: parts, labels, hulls of each object, probabilities."""
        hulls = sum(len(p.labels) for p in self.priors if isinstance(p, Convex))
        return len(cells(shape, self.side)) + 2 + hulls

    def bytes(self, shape: tuple[int, int], channels: int) -> int:
        """Estimate what is needed beside the image, logits included."""
        labels, pixels = self.link.label_count(channels), math.prod(shape)
        part = math.prod(min(size, self.side + 2 * self.margin) for size in shape)
        solving = 8 * channels * pixels + part * (24 * channels + 24)
        hulls = 26 if any(isinstance(prior, Convex) for prior in self.priors) else 0
        copied = 4 * labels if labels != channels else 0
        return max(solving, pixels * (4 * channels + 1 + max(hulls, copied)))

    def solve(self, logits: Tensor, steps: Steps) -> Tensor:
        """Give the regularised logits, as `priorseg.solve` does for the whole image.

        Parameters
        ----------
        logits : (1, K, Y, X)
        steps : Steps   told of each part; may stop between them

        Returns
        -------
        (1, K, Y, X) float32   divided by the temperature
        """
        shape = int(logits.shape[2]), int(logits.shape[3])
        found = torch.empty_like(logits)
        for rows, columns in cells(shape, self.side):
            steps.check()
            tall, top = _widened(rows, self.margin, shape[0])
            wide, left = _widened(columns, self.margin, shape[1])
            solved = self._one(logits[..., tall, wide].contiguous(), steps)
            found[..., rows, columns] = solved[..., top, left]
            steps.take()
        return found

    def _one(self, logits: Tensor, steps: Steps) -> Tensor:
        """Solve one part; may stop between its sweeps."""
        given = (logits, self.priors, self.scene)
        numbers = {"temperature": self.temperature, "link": self.link}
        if self.sweeps == 0 or not self.priors:
            return solve(*given, sweeps=0, **numbers).logits  # type: ignore[arg-type]
        for solution in iterate(*given, **numbers):  # type: ignore[arg-type]
            if solution.sweeps == self.sweeps:
                break
            steps.check()
        return solution.logits

    def decode(self, solved: Tensor, steps: Steps) -> Decoded:
        """Make the label map, as `Solution.decode` does; its type is uint8.

        Parameters
        ----------
        solved : (1, K, Y, X)   what `solve` gave; may be overwritten
        steps : Steps           see `solve`

        Raises
        ------
        TooLarge  where convex objects that exclude each other touch, in a very large image.
        """
        shape = int(solved.shape[2]), int(solved.shape[3])
        labels = np.empty(shape, np.uint8)
        bands = [slice(at, min(at + BAND, shape[0])) for at in range(0, shape[0], BAND)]
        for rows in bands:
            labels[rows] = likeliest(self.scores(solved[:, :, rows]))[0].cpu().numpy()
        steps.take()
        priors, scene = named(self.priors), self._whole_scene(solved.shape[1])
        preps = {name: p.prepare(scene, solved, link=self.link) for name, p in priors.items()}
        for name, prior in priors.items():
            if isinstance(prior, Convex):
                self._hulls(labels, solved, prior, preps[name], bands, steps)
        given = torch.from_numpy(labels)[None]
        certificates = {name: p.violation(given, preps[name]) for name, p in priors.items()}
        probs = self._probs(solved, bands)
        steps.take()
        return Decoded(given, certificates, lambda: probs)

    def _whole_scene(self, channels: int) -> Scene:
        """Say which labels make up each object, as a solve of the whole image does."""
        extents = dict(self.link.extents(channels))
        for prior in self.priors:
            if isinstance(prior, Nested):
                extents.update(prior.extents())
        return replace(self.scene, extents={**extents, **self.scene.extents})

    def scores(self, solved: Tensor) -> Tensor:
        """Give one logit per label, (1, labels, *S) float64."""
        return self.link.class_logits(solved.double())

    def _probs(self, solved: Tensor, bands: list[slice]) -> Tensor:
        count = self.link.label_count(solved.shape[1])
        same = count == solved.shape[1]
        probs = solved if same else solved.new_empty(1, count, *solved.shape[2:])
        for rows in bands:
            probs[:, :, rows] = torch.softmax(self.scores(solved[:, :, rows]), 1).float()
        return probs

    def _hulls(
        self,
        labels: NDArray[np.uint8],
        solved: Tensor,
        prior: Convex,
        prep: Any,
        bands: list[slice],
        steps: Steps,
    ) -> None:
        """Replace components by their hulls in place, as `Convex.harden` does."""
        done: list[tuple[tuple[int, ...], NDArray[np.bool_]]] = []
        count = self.link.label_count(solved.shape[1])
        for extent in prep.extents:
            steps.check()
            mask = _members(extent)[labels]
            rivals = [k for other, _ in done if not set(other) & set(extent) for k in other]
            hulls = np.asarray(hull_closure(largest_component(mask) if prior.single else mask))
            hulls = _beside(hulls, labels, rivals)
            for rows in bands:
                changed = hulls[rows] != mask[rows]
                if not changed.any():
                    continue
                at = torch.from_numpy(changed)
                scores = self.scores(solved[:, :, rows][:, :, at])[0]  # (labels, pixels)
                ranks = 1 / (1 + scores.amax(0) - scores)  # in (0, 1]
                for other, inside in done:
                    ranks[_illegal(other, inside[rows][changed], count)] = -0.5
                ranks[_illegal(extent, hulls[rows][changed], count)] = -1
                labels[rows][changed] = ranks.argmax(0).cpu().numpy()
            done.append((extent, hulls))
            steps.take()


def _widened(window: slice, margin: int, size: int) -> tuple[slice, slice]:
    """Add a margin within the image; give the window and where the old one lies in it."""
    start = max(0, window.start - margin)
    wide = slice(start, min(size, window.stop + margin))
    return wide, slice(window.start - start, window.stop - start)


def _members(extent: Sequence[int]) -> NDArray[np.bool_]:
    """Give a table: label -> whether it belongs to an object."""
    table = np.zeros(256, np.bool_)
    table[list(extent)] = True
    return table


def _illegal(extent: Sequence[int], inside: NDArray[np.bool_], count: int) -> Tensor:
    """Mark labels that pixels in and outside an object may not take, (labels, pixels)."""
    return torch.from_numpy(_members(extent)[:count, None] != inside[None])


def _beside(
    hulls: NDArray[np.bool_], labels: NDArray[np.uint8], rivals: Sequence[int]
) -> NDArray[np.bool_]:
    if not rivals:
        return hulls
    taken = _members(rivals)[labels]
    if not (hulls & taken).any():
        return hulls
    if hulls.size > CUT:
        raise TooLarge(
            "Convex objects that exclude each other overlap; cutting them apart needs the whole "
            f"image of {hulls.shape[0]} × {hulls.shape[1]} px at once. Choose a smaller region."
        )
    return np.asarray(hulls_beside(hulls, taken))
