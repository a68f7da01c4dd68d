"""Star-shaped objects about given centres."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..geometry import (
    ancestor_closure,
    closure_with_volume,
    max_weight_closure,
    settle_rays,
    star_violations,
)
from ..kernels.isotonic import TreeIsotonic
from ..links import SOFTMAX, Link
from ..prescribed import settled
from ..prior import (
    Certificate,
    Dual,
    Prior,
    check_labels,
    recovered_height,
    whole_numbers,
)
from ..scene import Scene
from ..spec import register
from .object_volumes import Objects, sized_objects, tree_counts
from .ranking import Ranking, as_array, holds, members, relabel
from .star_trees import Points, ray_trees, sample_centres

MUST, NEVER = 1e6, -1e13  # weights of pixels that earlier priors have settled


@dataclass(frozen=True)
class _Prep:
    parents: np.ndarray  # (B, Y * X) int32
    orders: np.ndarray  # (B, Y * X) int32
    channels: list[int]
    extent: tuple[int, ...]
    link: Link
    centres: tuple[Points, ...]  # of each sample
    forests: np.ndarray  # (B, Y * X) int32, parents without the rays that prescribed pixels cut
    owners: np.ndarray  # (B, Y * X) int32, the centre in which the ray of a pixel ends; -1 = none
    objects: Objects | None = None  # where single objects have a volume

    @property
    def tracked(self) -> tuple[Tensor, ...]:
        """Give what may take gradients."""
        return () if self.objects is None else (self.objects.asked,)

    def distance(self, sample: int, shape: tuple[int, ...]) -> np.ndarray:
        """Give the squared distance of every pixel to the nearest centre, (Y, X).

        nan without a centre: the object then neither claims ground nor cedes any.
        """
        if not self.centres[sample]:
            return np.full(shape, np.nan)
        grid = np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 2)
        away, _ = cKDTree(np.array(self.centres[sample])).query(grid)
        return np.asarray(away**2).reshape(shape)


@register("star")
class Star(Prior):
    """Make an object star-shaped about its centres in ``scene.centres[label]``.

    Every pixel hangs on the next pixel of its digital ray to the nearest centre; probabilities
    may not rise outwards. The block is exact: isotonic regression of the object's log-odds on
    that tree, the global minimiser. Under nested labels the object is the label with everything
    inside it. In a sample whose centres are all nan the object is free, as a volume of nan is. 2-D
    only. ``scene.object_volumes[label]`` gives the object of each centre its own volume: with a
    scalar for each tree the block stays exact.

    Parameters
    ----------
    label : int   label of the object

    Source: SS-STD of Liu, Wang and Tai with the sign that makes the inside star-shaped; exact
    block of docs/maths, E4 (D1, D10).
    """

    name = "star"
    stage = 3
    reads = ("centres", "fixed", "object_volumes")

    def __init__(self, label: int) -> None:
        super().__init__()
        (self.label,) = whole_numbers(label, "label")

    def settings(self) -> dict[str, Any]:
        """See `Prior.settings`."""
        return {"label": self.label}

    def prepare(self, scene: Scene, like: Tensor, *, link: Link = SOFTMAX) -> _Prep:
        """See `Prior.prepare`; raises ValueError for centres or volumes that cannot be."""
        if like.ndim != 4:
            raise ValueError("Star is 2-D for now: solve a volume plane by plane.")
        check_labels([self.label], like.shape[1], link, "Star")
        if self.label not in scene.centres:
            raise ValueError(
                f"Star(label={self.label}) needs scene.centres[{self.label}], (N, 2) pixel "
                "coordinates (y, x): click inside the object, or take the prior off the list."
            )
        shape = (int(like.shape[2]), int(like.shape[3]))
        points = sample_centres(scene.centres[self.label], like.shape[0], self.label)
        trees = [ray_trees(shape, row) for row in points]
        extent = scene.extent(self.label)
        if len(set(extent)) >= link.label_count(like.shape[1]):
            raise ValueError(f"Star(label={self.label}): the object {extent} is the whole image.")
        parents, orders, owners = (np.stack([tree[part] for tree in trees]) for part in range(3))
        channels = link.object_channels(self.label, extent)
        objects = sized_objects(scene, self.label, owners, extent)
        if objects is not None:
            objects.check(f"label {self.label}")
        kept = tuple(points)
        return _Prep(parents, orders, channels, extent, link, kept, parents, owners, objects)

    def narrow(self, allowed: Tensor, prep: _Prep) -> tuple[Tensor, _Prep]:
        """Take in the rays of prescribed pixels, and leave out what lies behind others.

        See `Prior.narrow`. A ray on which both kinds lie is cut.
        """
        must, never = (as_array(mask) for mask in settled(allowed, prep.extent))
        rows = zip(must, never, prep.parents, prep.orders, strict=True)
        held, barred, forests = map(
            np.stack, zip(*(settle_rays(*row) for row in rows), strict=True)
        )
        prep = replace(prep, forests=forests)
        if prep.objects is not None:
            flat = (part.reshape(len(part), -1) for part in (held, barred))
            *masks, objects = prep.objects.settled(*flat)
            held, barred = (mask.reshape(held.shape) for mask in masks)
            prep = replace(prep, objects=objects)
        inside, outside = (torch.as_tensor(mask, device=allowed.device) for mask in (held, barred))
        member = members(prep.extent, allowed.shape[1], inside)
        allowed = allowed & ~(inside.unsqueeze(1) & ~member) & ~(outside.unsqueeze(1) & member)
        return allowed, prep

    def start(self, u: Tensor, prep: _Prep) -> Dual:
        """See `Prior.start`."""
        return (torch.zeros_like(u[:, 0]),)

    def step(
        self,
        u: Tensor,
        dual: Dual,
        prep: _Prep,
        temperature: Tensor,
        *,
        height: Tensor | None = None,
    ) -> Dual:
        """Fit the log-odds on the tree exactly, and to the volumes; see `Prior.step`."""
        if height is None:
            height = recovered_height(u, self.field(u, dual, prep), temperature, prep.link)
        odds = prep.link.log_odds(height, prep.channels, temperature)
        fit = TreeIsotonic.apply(odds, prep.forests, prep.orders)  # type: ignore[no-untyped-call]
        if prep.objects is not None:
            fit = fit + prep.objects.shift(fit, temperature)
        return (odds - fit,)

    def field(self, u: Tensor, dual: Dual, prep: _Prep) -> Tensor:
        """Give the shift of the object's channels, 0 on the others; see `Prior.field`."""
        mask = torch.zeros(u.shape[1], dtype=u.dtype, device=u.device)
        mask[prep.channels] = 1
        return dual[0].unsqueeze(1) * mask.view(1, -1, 1, 1)

    def weights(self, ranking: Ranking, prep: _Prep) -> np.ndarray:
        """Give what each pixel gains by lying in the object, (B, Y, X) float64."""
        outside = [label for label in range(ranking.labels) if label not in prep.extent]
        best_in, best_out = ranking.best(prep.extent), ranking.best(outside)
        gain = (best_in - best_out) * ranking.scale
        if ranking.banned is not None:
            gain.masked_fill_(best_out == -torch.inf, MUST)
            gain.masked_fill_(best_in == -torch.inf, NEVER)
        return as_array(gain)

    def pick(self, prep: _Prep, sample: int) -> _Prep:
        """See `Prior.pick`."""
        one = slice(sample, sample + 1)
        parents, orders, forests = prep.parents[one], prep.orders[one], prep.forests[one]
        centres = prep.centres[one]
        objects = None if prep.objects is None else prep.objects.pick(sample)
        return replace(
            prep,
            parents=parents,
            orders=orders,
            centres=centres,
            forests=forests,
            owners=prep.owners[one],
            objects=objects,
        )

    def harden(
        self, labels: Tensor, probs: Tensor | Ranking, prep: _Prep, *, size: int | None = None
    ) -> Tensor:
        """Give the heaviest star-shaped object, or the heaviest of a size in pixels.

        Objects with a volume of their own get it where what is settled leaves it.
        """
        ranking, masks = Ranking.of(probs), []
        for sample, weight in enumerate(self.weights(ranking, prep)):
            parent, order = prep.parents[sample], prep.orders[sample]
            must, never = weight == MUST, weight == NEVER
            if ranking.fixed is not None or (prep.objects is not None and (must | never).any()):
                must, never, parent = settle_rays(must, never, parent, order)
                weight = np.where(must, MUST, np.where(never, NEVER, weight))
                if size is not None:
                    size = min(max(size, int(must.sum())), weight.size - int(never.sum()))
            if prep.objects is not None:
                objects = prep.objects.pick(sample)
                mask = objects.harden(weight, (parent, order), (must, never), size)
            elif size is not None:
                mask = closure_with_volume(weight, parent, size, order)
            else:
                mask = max_weight_closure(weight, parent, order)
            masks.append(mask)
        object_mask = torch.as_tensor(np.stack(masks), device=labels.device)
        return relabel(labels, ranking, object_mask, prep.extent)

    def closed(self, mask: Tensor, prep: _Prep) -> Tensor:
        """Give the smallest star-shaped superset of a mask, (B, Y, X) bool."""
        closed = [
            ancestor_closure(row, parent)
            for row, parent in zip(as_array(mask), prep.parents, strict=True)
        ]
        return torch.as_tensor(np.stack(closed), device=mask.device)

    def broken(self, labels: Tensor, prep: _Prep) -> int:
        """Count object pixels whose next pixel towards the centre is outside."""
        mask = as_array(holds(labels, prep.extent))
        return sum(
            int(star_violations(row, parent))
            for row, parent in zip(mask, prep.parents, strict=True)
        )

    def reached(self, labels: Tensor, prep: _Prep) -> bool:
        """Say whether a label map is as near to this prior as prescribed pixels leave it."""
        if prep.objects is not None:
            mask = as_array(holds(labels, prep.extent).flatten(1))
            if prep.objects.off(mask, prep.objects.volumes)[0]:
                return False
        return self.broken(labels, prep) == 0

    def violation(self, labels: Tensor, prep: _Prep) -> Certificate:
        """Count the pixels that break the star shape, and those that volumes are off by."""
        mask = as_array(holds(labels, prep.extent))
        count, size, off = self.broken(labels, prep), int(mask.sum()), 0
        text = f"{count} of {size} px of object {self.label} break the star shape"
        if count and prep.forests is not prep.parents:
            cut = int((prep.forests != prep.parents).sum())
            text += f"; prescribed pixels cut {cut} of its rays" if cut else ""
        free = sum(not points for points in prep.centres)
        if size == 0:
            text = f"object {self.label} is empty"
        elif free == len(prep.centres):
            text = f"object {self.label} has no centre: its shape is free"
        elif free:
            text += f"; free in {free} of {len(prep.centres)} samples, which have no centre"
        if prep.objects is not None:
            off, told = prep.objects.off(mask.reshape(len(mask), -1), prep.objects.asked)
            text += f"; volumes off by {off} px ({told})"
            text += prep.objects.reason() if off else ""
        flat, sizes = mask.reshape(len(mask), -1), {}
        if len(flat) == 1:
            row = tree_counts(flat, prep.owners, len(prep.centres[0]))[0]
            sizes[self.label] = tuple(int(one) for one in row)
        count += off
        return Certificate(count, count == 0, text, {self.label: count}, sizes)
