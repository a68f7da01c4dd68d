"""Volumes of single star-shaped objects of one class: one for each tree of the forest of rays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..geometry import closure_with_volumes, tree_shifts
from ..scene import Scene
from .object_wishes import asked_volumes, disagreement, misfit, whole_bounds
from .reachable import Group
from .volume import whole_volumes

LONGEST = 12  # objects that a certificate tells of
Mask = NDArray[np.bool_]
Groups = Sequence[Sequence[Group]]


@dataclass(frozen=True)
class Objects:
    """Hold the trees of one class with the pixels that they shall have.

    Parameters
    ----------
    owners : (B, N) int32   number of the centre in which the ray of a pixel ends, −1 = in none
    asked : (B, M)          wanted pixels of the object of each centre; nan = free
    least, most : (B, M)    pixels that prescribed labels put into each object, or leave to it
    must, never : (B, N) bool   pixels that are settled; None = none is
    """

    owners: NDArray[np.int32]
    asked: Tensor
    least: NDArray[np.float64]
    most: NDArray[np.float64]
    must: Mask | None = None
    never: Mask | None = None

    @property
    def volumes(self) -> Tensor:
        """Give the volumes nearest to the wanted ones that settled pixels leave, (B, M)."""
        least, most = (torch.as_tensor(part).to(self.asked) for part in (self.least, self.most))
        return torch.minimum(torch.maximum(self.asked, least), most)

    def objection(self, name: str, groups: Groups = (), extent: Sequence[int] = ()) -> str:
        """Say why no label map has these volumes, and what to do; empty if one has.

        Parameters
        ----------
        name : str     of the class
        groups : of each sample   labels that have a volume together, see `label_groups`
        extent : labels that make up the object
        """
        pixels = self.owners.shape[1]
        sizes = tree_counts(self.owners >= 0, self.owners, self.asked.shape[1])
        for sample, wanted in enumerate(self.asked.detach().cpu().numpy()):
            row = wanted, sizes[sample], self.least[sample], self.most[sample]
            text = misfit(name, *row)
            if groups and not text:
                bounds = whole_bounds(groups[sample], extent, pixels)
                text = disagreement(name, wanted, self.least[sample], self.most[sample], bounds)
            if text:
                return text
        return ""

    def check(self, name: str, groups: Groups = (), extent: Sequence[int] = ()) -> None:
        """Raise ValueError if there is an `objection`."""
        text = self.objection(name, groups, extent)
        if text:
            raise ValueError(text)

    def settled(self, must: Mask, never: Mask) -> "tuple[Mask, Mask, Objects]":
        """Take in what settled pixels leave: an object without a choice is settled whole.

        Parameters
        ----------
        must, never : (B, N) bool   closed along the rays
        """
        count = self.asked.shape[1]
        least = tree_counts(must, self.owners, count)
        most = tree_counts(self.owners >= 0, self.owners, count) - tree_counts(
            never, self.owners, count
        )
        found = replace(self, least=least, most=most)
        goals = found.volumes.detach().cpu().numpy()
        free = ~must & ~never
        never = never | (free & self._of(goals <= least))
        must = must | (free & self._of((goals >= most) & (goals > least)))
        return must, never, replace(found, must=must, never=never)

    def _of(self, chosen: Mask) -> Mask:
        """Mark the pixels of the chosen trees, (B, N)."""
        inside = np.take_along_axis(chosen, np.maximum(self.owners, 0).astype(np.int64), 1)
        return np.asarray(inside & (self.owners >= 0))

    def shift(self, fit: Tensor, temperature: Tensor) -> Tensor:
        """Give what to add to fitted log-odds so that probabilities sum to the volumes, (B, *S).

        Constant on every tree, so that what does not rise outwards still does not. Exact, and so
        is its gradient, by the implicit function theorem: the last Newton step is tracked.
        """
        free = np.ones_like(self.owners, bool)
        if self.must is not None and self.never is not None:
            free = ~self.must & ~self.never
        trees = np.where(free, self.owners, -1)
        goals = self.volumes
        if self.must is not None:
            held = tree_counts(self.must, self.owners, goals.shape[1])
            goals = goals - torch.as_tensor(held).to(goals)
        flat = fit.flatten(1)
        rows = zip(flat.detach().cpu().numpy(), trees, goals.detach().cpu().numpy(), strict=True)
        found = [tree_shifts(*row, float(temperature.detach())) for row in rows]
        q = torch.as_tensor(np.stack(found)).to(flat)
        index = torch.as_tensor(np.where(trees < 0, q.shape[1], trees)).to(flat.device).long()
        if torch.is_grad_enabled() and any(
            part.requires_grad for part in (fit, goals, temperature)
        ):
            q = q + _newton(flat, index, q, goals.to(flat), temperature)
        none = q.new_zeros(len(q), 1)
        return torch.cat((q, none), 1).gather(1, index).view_as(fit)

    def whole(self, volumes: Tensor) -> NDArray[np.int64]:
        """Round volumes so that each sample keeps its sum, (B, M); −1 = free."""
        rows = volumes.detach().cpu().numpy()
        pixels = self.owners.shape[1]
        return np.stack([whole_volumes(np.append(row, np.nan), pixels)[:-1] for row in rows])

    def harden(
        self,
        weight: NDArray[np.float64],
        forest: tuple[NDArray[np.int32], NDArray[np.int32]],
        settled: tuple[Mask, Mask],
        size: int | None,
    ) -> Mask:
        """Give a heavy star-shaped object of one sample in which each tree has its pixels, (Y, X).

        Parameters
        ----------
        weight : (Y, X)   what each pixel gains by lying in it
        forest : parents, order   (Y * X,)
        settled : must, never     (Y, X) bool, closed along the rays: they come before volumes
        size : int                pixels of the whole object; None = free
        """
        must, never = settled
        owner, wanted = self.owners[0], self.whole(self.volumes)[0]
        count = len(wanted)
        sizes, least, taken = (
            tree_counts(mask.reshape(1, -1), self.owners, count)[0].astype(np.int64)
            for mask in (owner >= 0, must, never)
        )
        fixed = np.where(wanted < 0, -1, np.clip(wanted, least, sizes - taken))
        rest = None
        if size is not None:
            given = self._of((fixed >= 0)[None])[0]
            low = int(must.reshape(-1)[~given].sum())
            high = int((~never.reshape(-1))[~given].sum())
            rest = min(max(size - int(fixed[fixed >= 0].sum()), low), high)
        return closure_with_volumes(weight, *forest, owner, fixed.tolist(), rest)

    def off(self, mask: np.ndarray, volumes: Tensor) -> tuple[int, str]:
        """Count the pixels by which the objects of a mask (B, N) miss their volumes, and tell."""
        counts = tree_counts(mask, self.owners, volumes.shape[1]).astype(np.int64)
        wanted = self.whole(volumes)
        texts = [
            f"centre {at + 1}: {counts[sample, at]} of {wanted[sample, at]} px"
            for sample, at in np.argwhere(wanted >= 0)
        ]
        off = int(np.abs(counts - wanted)[wanted >= 0].sum())
        return off, "; ".join(texts[:LONGEST]) + ("; ..." if len(texts) > LONGEST else "")

    def reason(self) -> str:
        """Say that settled pixels made a volume impossible; empty if they did not."""
        moved = self.whole(self.volumes) != self.whole(self.asked)
        return "; prescribed pixels do not leave them" if bool(moved.any()) else ""

    def pick(self, sample: int) -> "Objects":
        """Give one sample alone."""
        one = slice(sample, sample + 1)
        kept = {"must": self.must, "never": self.never}
        settled = {key: None if part is None else part[one] for key, part in kept.items()}
        return Objects(
            self.owners[one], self.asked[one], self.least[one], self.most[one], **settled
        )


def _newton(fit: Tensor, index: Tensor, q: Tensor, goals: Tensor, temperature: Tensor) -> Tensor:
    """Give a Newton step at the root: 0 in value, and the gradient of the root."""
    none = q.new_zeros(len(q), 1)
    share = torch.sigmoid((fit + torch.cat((q, none), 1).gather(1, index)) / temperature)
    zero = torch.cat((torch.zeros_like(q), none), 1)
    mass = zero.scatter_add(1, index, share)[:, :-1]
    rise = (share * (1 - share) / temperature).detach()
    slope = zero.scatter_add(1, index, rise)[:, :-1]
    bound = ~goals.isnan() & (slope > torch.finfo(slope.dtype).tiny)
    step = (goals.nan_to_num(0.0) - mass) / torch.where(bound, slope, torch.ones_like(slope))
    return torch.where(bound, step - step.detach(), torch.zeros_like(step))


def tree_counts(mask: Mask, owners: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """Count the pixels of a mask (B, N) in each tree, (B, M)."""
    return np.stack(
        [
            np.bincount(owner[row & (owner >= 0)], minlength=count).astype(np.float64)[:count]
            for row, owner in zip(mask, owners, strict=True)
        ]
    )


def sized_objects(
    scene: Scene, label: int, owners: NDArray[np.int32], extent: Sequence[int]
) -> Objects | None:
    """Read the volumes of the objects of a class; None if all are free.

    Parameters
    ----------
    owners : (B, N) int32   see `Objects`; centres are counted without those that are nan
    extent : labels that make up the object

    Raises
    ------
    ValueError  for volumes that are no numbers > 0, or not one for each centre.
    """
    if label not in scene.object_volumes:
        return None
    asked = asked_volumes(scene.object_volumes[label], scene.centres[label], len(owners), label)
    if bool(asked.isnan().all()):
        return None
    count = asked.shape[1]
    least = np.zeros(asked.shape)
    most = tree_counts(owners >= 0, owners, count)
    if scene.fixed is not None:
        fixed = scene.fixed.flatten(1).cpu().numpy()
        inside = np.isin(fixed, extent)
        least = tree_counts(inside, owners, count)
        most = most - tree_counts((fixed >= 0) & ~inside, owners, count)
    return Objects(owners, asked, least, most)
