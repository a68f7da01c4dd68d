"""Change objects of a label map one by one and put them together again.

An object is a set of labels: (1, 2) for a disc made of rim and cup, (2,) for the cup inside it.
Objects are nested or have no label in common.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..prior import whole_numbers
from .inputs import Labels, Probs, as_labels, as_probs

Mask = NDArray[np.bool_]
Change = Callable[[Mask], Mask]
Objects = Sequence[Sequence[int]]


@dataclass(frozen=True)
class _Node:
    """Hold an object, the labels that it shares with none inside it, and those inside it.

    The root stands for the whole image; its own labels are the background.
    """

    labels: tuple[int, ...]
    own: tuple[int, ...]
    inside: tuple["_Node", ...]


def check_objects(objects: Objects | None, count: int) -> list[tuple[int, ...]]:
    """Read which labels make up each object, larger sets first.

    Parameters
    ----------
    objects : sequence of label sets   None = each label but 0 is an object of its own
    count : int                        labels 0 .. count - 1 exist

    Raises
    ------
    ValueError  if a label does not exist, an object is given twice, two overlap without one
                holding the other, or no label is left for what lies around the inner objects.
    """
    given = [(label,) for label in range(1, count)] if objects is None else objects
    sets = []
    for members in given:
        chosen = tuple(sorted(set(whole_numbers(members, "the labels of an object"))))
        if not chosen or chosen[0] < 0 or chosen[-1] >= count:
            raise ValueError(
                f"The object {members} must hold labels from 0 to {count - 1}, at least one."
            )
        sets.append(chosen)
    for position, a in enumerate(sets):
        for b in sets[position + 1 :]:
            common = set(a) & set(b)
            if a == b or (common and common != set(a) and common != set(b)):
                raise ValueError(
                    f"The objects {a} and {b} must be nested or have no label in common."
                )
    return sorted(sets, key=len, reverse=True)


def _tree(labels: tuple[int, ...], candidates: Sequence[tuple[int, ...]]) -> _Node:
    """Hang those of the candidates that lie inside an object under it; larger sets come first."""
    nodes: list[_Node] = []
    left = list(candidates)
    while left:
        top, *rest = left
        nodes.append(_tree(top, [c for c in rest if set(c) <= set(top)]))
        left = [c for c in rest if not set(c) <= set(top)]
    taken = {label for node in nodes for label in node.labels}
    own = tuple(label for label in labels if label not in taken)
    if not own:
        raise ValueError(
            f"The objects inside {labels} take all its labels: none is left for a pixel that "
            "belongs to none of them. Leave a label out of the inner ones."
        )
    return _Node(labels, own, tuple(nodes))


def rebuild(
    labels: ArrayLike,
    probs: ArrayLike,
    *,
    keep: Change,
    grow: Change,
    objects: Objects | None = None,
) -> Labels:
    """Keep a part of every object, let it grow, and give every other pixel its likeliest label.

    Outer objects come first; what is kept of an inner one lies in the outer one as it has become.
    Growing never takes a pixel that was kept for a neighbour. What two neighbours both grow into
    goes to the likelier one.

    Parameters
    ----------
    labels : (Y, X)     whole, 0 .. K - 1
    probs : (K, Y, X)   decides between the labels that a pixel may have
    keep : call         mask (Y, X) -> subset of it
    grow : call         mask (Y, X) -> superset of it
    objects : label sets, nested or disjoint; see `check_objects`

    Returns
    -------
    labels : (Y, X)   a pixel keeps its label where it may
    """
    planes = as_probs(probs)
    found = as_labels(labels, len(planes))
    if found.shape != planes.shape[1:]:
        raise ValueError(f"labels has shape {found.shape}, the planes of probs {planes.shape[1:]}.")
    root = _tree(tuple(range(len(planes))), check_objects(objects, len(planes)))
    result = found.copy()
    _paint(root, np.ones(found.shape, np.bool_), found, planes, keep, grow, result)
    return result


def _paint(
    node: _Node,
    area: Mask,
    labels: Labels,
    probs: Probs,
    keep: Change,
    grow: Change,
    result: Labels,
) -> None:
    """Write the final labels of an object's area, (Y, X), and of all objects inside it."""
    parts = _areas(node, area, labels, probs, keep, grow)
    rest = area.copy()
    for child, part in zip(node.inside, parts, strict=True):
        rest &= ~part
        _paint(child, part, labels, probs, keep, grow, result)
    wrong = rest & ~np.isin(labels, node.own)
    result[wrong] = np.asarray(node.own)[probs[list(node.own)][:, wrong].argmax(0)]


def _areas(
    node: _Node, area: Mask, labels: Labels, probs: Probs, keep: Change, grow: Change
) -> list[Mask]:
    """Give the disjoint final masks of the objects directly inside another one."""
    kept = [keep(np.isin(labels, child.labels) & area) for child in node.inside]
    taken = np.zeros_like(area)
    for mask in kept:
        taken |= mask
    grown = [mask | (grow(mask) & area & ~taken) for mask in kept]
    claims = sum((mask.astype(np.int64) for mask in grown), np.zeros(area.shape, np.int64))
    contested = claims > 1
    if contested.any():
        scores = np.stack([probs[list(child.labels)].sum(0) for child in node.inside])
        winner = np.where(np.stack(grown), scores, -1.0).argmax(0)
        grown = [mask & (~contested | (winner == i)) for i, mask in enumerate(grown)]
    return grown
