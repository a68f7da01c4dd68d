"""The measures by name, computed for one image."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import metrics
from .instances import components, instance_counts, instance_scores
from .validity import is_convex, is_nested, is_star

Labels = NDArray[Any]


@dataclass(frozen=True)
class Found:
    """What a predictor gives for one image.

    Parameters
    ----------
    labels : (Y, X)      whole numbers
    instances : (Y, X)   0 = none; None: the components of the object
    centres : mapping    labels of an object -> (N, 2) y, x of the star centres that were used
    seconds : mapping    'network' and 'solve'
    """

    labels: Labels
    instances: Labels | None = None
    centres: Mapping[tuple[int, ...], NDArray[np.float64]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def centres_of(self, members: Sequence[int]) -> NDArray[np.float64] | None:
        """Give the centres of an object, or else of the largest part of it that has some."""
        inside = [labels for labels in self.centres if set(labels) <= set(members)]
        return self.centres[max(inside, key=len)] if inside else None


@dataclass(frozen=True)
class Task:
    """Say what is in the label maps.

    Parameters
    ----------
    labels : tuple of str   names of the labels, 0 first
    objects : mapping       name -> labels that make it up; (1, 2) for disc = rim and cup
    ignore : int or None    wanted label of pixels that do not count
    nested : tuple of str   inner and outer object, for 'nested' and 'vCDR error'
    instances : str         the object whose instances are compared
    many : bool             whether an image may hold several objects of a kind

    Raises
    ------
    ValueError  if names and labels do not fit together; says which.
    """

    labels: tuple[str, ...]
    objects: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ignore: int | None = None
    nested: tuple[str, ...] = ()
    instances: str = ""
    many: bool = False

    def __post_init__(self) -> None:
        count = len(self.labels)
        if count < 2:
            raise ValueError(f"labels must name at least two labels, got {self.labels}.")
        objects = {name: tuple(members) for name, members in self.objects.items()}
        if not objects:
            objects = {name: (label,) for label, name in enumerate(self.labels) if label}
        object.__setattr__(self, "objects", objects)
        for name, members in objects.items():
            if not members or not set(members) <= set(range(count)):
                raise ValueError(
                    f"object {name!r} is made of the labels {members}; 0 to {count - 1} exist."
                )
        for name in (*self.nested, *([self.instances] if self.instances else [])):
            if name not in objects:
                raise ValueError(f"{name!r} is no object; there are {', '.join(objects)}.")
        if len(self.nested) not in (0, 2):
            raise ValueError(f"nested must name the inner and the outer object: {self.nested}.")
        if self.nested:
            inner, outer = (objects[name] for name in self.nested)
            if not set(inner) < set(outer):
                raise ValueError(
                    f"nested {self.nested}: the labels {inner} of the inner object must be some of "
                    f"those of the outer one, {outer}. A disc is made of rim and cup."
                )


@dataclass(frozen=True)
class _Case:
    found: Found
    wanted: Labels
    wanted_instances: Labels | None
    task: Task
    spacing: tuple[float, float]

    def each(self, score: Callable[[tuple[int, ...]], float]) -> list[tuple[str, float]]:
        return [(name, float(score(members))) for name, members in self.task.objects.items()]

    def mask(self, members: Sequence[int]) -> NDArray[np.bool_]:
        return np.isin(self.found.labels, members)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Mark the pixels that count, (Y, X)."""
        if self.task.ignore is None:
            return np.ones(self.wanted.shape, bool)
        return np.asarray(self.wanted != self.task.ignore)

    def wants(self, members: Sequence[int]) -> bool:
        return bool(np.isin(self.wanted, members).any())


Scores = dict[str, float]
Counts = dict[str, list[Any]]


def _mean_iou(case: _Case) -> Scores:
    counts = _confusion(case)
    return {"mIoU image": metrics.mean_iou(counts) if counts.sum() else float("nan")}


def _confusion(case: _Case) -> NDArray[np.int64]:
    task = case.task
    return metrics.confusion(case.found.labels, case.wanted, len(task.labels), ignore=task.ignore)


def _accuracy(case: _Case) -> Scores:
    found = metrics.accuracy(case.found.labels, case.wanted, ignore=case.task.ignore)
    return {"accuracy": found}


def _overlap(name: str, score: Callable[..., float]) -> Callable[[_Case], Scores]:
    def measure(case: _Case) -> Scores:
        pair = (case.found.labels, case.wanted)
        found = case.each(lambda members: score(*pair, members, ignore=case.task.ignore))
        return {f"{name} {key}": value for key, value in found}

    return measure


def _boundary(case: _Case) -> Scores:
    scores: Scores = {}
    for name, members in case.task.objects.items():
        scores[f"HD95 {name}"], scores[f"ASSD {name}"] = metrics.boundary_errors(
            case.found.labels,
            case.wanted,
            members,
            spacing=case.spacing,
            ignore=case.task.ignore,
        )
    return scores


def _roughness(case: _Case) -> Scores:
    known = case.known
    return {
        "RE": metrics.boundary_fraction(case.found.labels, known=known),
        "RE of the truth": metrics.boundary_fraction(case.wanted, known=known),
    }


def _ratio(case: _Case) -> Scores:
    inner, outer = (case.task.objects[name] for name in case.task.nested)
    pair = (case.found.labels, case.wanted)
    error = metrics.height_ratio_error(*pair, inner, outer, ignore=case.task.ignore)
    return {"vCDR error": error}


def _shape(name: str, holds: Callable[[_Case, tuple[int, ...]], bool]) -> Callable[[_Case], Scores]:
    """Rate a shape; an object that is missing though wanted has it not, else it has no rate."""

    def measure(case: _Case) -> Scores:
        def rate(members: tuple[int, ...]) -> float:
            if not case.wants(members) and not case.mask(members).any():
                return float("nan")
            return float(holds(case, members))

        return {f"{name} {key}": value for key, value in case.each(rate)}

    return measure


def _convex(case: _Case, members: tuple[int, ...]) -> bool:
    return is_convex(case.mask(members), single=not case.task.many)


def _star(case: _Case, members: tuple[int, ...]) -> bool:
    return is_star(case.mask(members), case.found.centres_of(members))


def _nested(case: _Case) -> Scores:
    inner, outer = (case.task.objects[name] for name in case.task.nested)
    return {"nested": float(is_nested(case.found.labels, inner, outer))}


def _instance_counts(case: _Case) -> NDArray[np.int64]:
    members = case.task.objects[case.task.instances]
    found, wanted = case.found.instances, case.wanted_instances
    if found is None:
        found = components(case.mask(members) & case.known)
    inside = np.isin(case.wanted, members) & case.known
    if wanted is None:
        wanted = components(inside)
    # a map of true instances may hold objects of other kinds too
    return instance_counts(np.where(case.known, found, 0), np.where(inside, wanted, 0))


def _instances(case: _Case) -> Scores:
    scores = instance_scores(_instance_counts(case))
    return scores if case.known.any() else dict.fromkeys(scores, float("nan"))


def _seconds(case: _Case) -> Scores:
    parts = case.found.seconds
    return {"seconds": float(sum(parts.values())), "seconds of the solve": parts.get("solve", 0.0)}


MEASURES: dict[str, Callable[[_Case], Scores]] = {
    "mIoU": _mean_iou,
    "accuracy": _accuracy,
    "Dice": _overlap("Dice", metrics.dice),
    "IoU": _overlap("IoU", metrics.iou),
    "boundary": _boundary,
    "RE": _roughness,
    "vCDR": _ratio,
    "convex": _shape("convex", _convex),
    "star": _shape("star", _star),
    "nested": _nested,
    "volume": _overlap("volume error", metrics.volume_error),
    "instances": _instances,
    "seconds": _seconds,
}
# measure -> the counts that it is pooled from
COUNTED = dict.fromkeys(("mIoU", "accuracy", "IoU"), "confusion") | {"instances": "instances"}
_COUNTS = {"confusion": _confusion, "instances": _instance_counts}
_NEEDS = {"vCDR": "nested", "nested": "nested", "instances": "instances"}


def check_measures(names: Sequence[str], task: Task) -> None:
    """Check the names of measures.

    Raises
    ------
    ValueError  for an unknown name, or one that needs what the task does not say.
    """
    for name in names:
        if name not in MEASURES:
            raise ValueError(f"measure {name!r} is unknown. Use some of {', '.join(MEASURES)}.")
        if name in _NEEDS and not getattr(task, _NEEDS[name]):
            raise ValueError(f"measure {name!r} needs the key {_NEEDS[name]!r} of the task.")


def measure(
    found: Found,
    wanted: Labels,
    task: Task,
    names: Sequence[str],
    *,
    wanted_instances: Labels | None = None,
    spacing: tuple[float, float] = (1.0, 1.0),
) -> tuple[Scores, Counts]:
    """Measure one image.

    Parameters
    ----------
    found : Found
    wanted : (Y, X)             true labels
    task : Task
    names : keys of `MEASURES`
    wanted_instances : (Y, X)   true instances; None: the components of the true object
    spacing : (float, float)    pixel edges, for distances

    Returns
    -------
    scores   name -> value; nan where the image has none
    counts   to be summed over images, where a measure is pooled too, see `COUNTED`: 'confusion'
             (labels, labels), 'instances' (thresholds, 3)

    Raises
    ------
    ValueError  if the maps do not fit together, or hold anything but labels of the task at the
                pixels that count.
    """
    for name, labels in (("found", found.labels), ("wanted", wanted)):
        if np.asarray(labels).dtype.kind not in "biu":
            raise ValueError(
                f"The {name} labels are {np.asarray(labels).dtype}; whole numbers are needed, not "
                "probabilities."
            )
    metrics.check_labels(found.labels, wanted, len(task.labels), ignore=task.ignore)
    case = _Case(found, wanted, wanted_instances, task, spacing)
    scores: Scores = {}
    for name in names:
        scores.update(MEASURES[name](case))
    kinds = {COUNTED[name] for name in names if name in COUNTED}
    return scores, {kind: _COUNTS[kind](case).tolist() for kind in sorted(kinds)}
