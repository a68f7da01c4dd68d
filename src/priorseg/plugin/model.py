"""What the panel knows about the classes of a model; no Qt."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from . import edits, strings
from .widgets import BAD, OK, SYMBOLS

if TYPE_CHECKING:
    from ..annotation.keeping import Candidate
    from ..session import Frame, Settings


def short(number: float) -> str:
    """Write a count in at most four characters: 414, 6.9k."""
    if number < 1000:
        return f"{number:.3g}"
    return f"{number / 1000:.1f}k" if number < 10_000 else f"{number / 1000:.0f}k"


@dataclass(frozen=True)
class Classes:
    """Name the classes of a model and say how they nest.

    Parameters
    ----------
    names : mapping    label -> name, background included
    extents : mapping  label -> the labels that make up its object (cup and rim: the disc)
    ordered : bool     whether nesting is built into the model's link
    nesting : labels   that can lie inside one another, innermost first; empty if none can
    titles : mapping   label -> name of its object, where it has one of its own
    """

    names: Mapping[int, str]
    extents: Mapping[int, tuple[int, ...]]
    ordered: bool
    nesting: tuple[int, ...]
    titles: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, segmenter: Any) -> "Classes":
        """Read the classes of a segmenter."""
        names = dict(segmenter.labels)
        link = segmenter.head.link
        ordered = link.name == "ordered"
        objects = len(names) - 1
        extents = dict(link.extents(objects)) if ordered else {}
        trained = [prior for prior in segmenter.head.priors if prior.name == "nested"]
        if ordered:
            nesting = tuple(link.nesting(objects))
        elif trained:
            nesting = tuple(trained[0].order)
        else:
            nesting = (2, 1) if objects == 2 else ()
        return cls(
            names, {label: tuple(extents.get(label, (label,))) for label in names},
            ordered, nesting if len(nesting) > 1 else (), dict(segmenter.card.objects),
        )  # fmt: skip

    @property
    def objects(self) -> dict[int, str]:
        """Name the objects: a class with all that lies inside it, as 'disc' or 'rim + cup'."""
        return {
            label: self.titles.get(label)
            or " + ".join(self.names[part] for part in reversed(self.extents[label]))
            for label in self.names
            if label
        }

    def whole(self, label: int, settings: "Settings") -> tuple[int, ...]:
        """Give the labels that make up the object whose shape is constrained."""
        order = edits.nested_order(settings)
        inside = order[: order.index(label)] if label in order else ()
        return (label, *(part for part in (*self.extents[label], *inside) if part != label))

    def objects_in(self, frame: "Frame") -> "list[Candidate]":
        """Find the objects of a result, told apart by the centres of star-shaped ones.

        Raises
        ------
        ValueError  if there are too many; says what to do.
        """
        from ..annotation.drafting import candidates

        settings, stars = frame.settings, edits.star_labels(frame.settings)
        return candidates(
            frame.labels,
            self.objects,
            {label: self.whole(label, settings) for label in self.objects},
            {key: points for key, points in settings.centres.items() if key in stars},
        )

    def named(self, message: str) -> str:
        """Put names for the numbers of labels in a certificate's message."""

        def name(match: re.Match[str]) -> str:
            table = self.objects if match[1] == "object" else self.names
            return table.get(int(match[2]), match[0])

        return re.sub(r"\b(label|object) (\d+)", name, message)

    def counts(self, counts: Mapping[int, int]) -> dict[int, int]:
        """Count the pixels of each object from those of each label."""
        return {
            label: sum(counts.get(part, 0) for part in self.extents[label])
            for label in self.objects
        }

    def volumes(self, frame: "Frame", label: int) -> tuple[float, int]:
        """Give an object's sum of probabilities and its pixels in the label map."""
        parts = [part for part in self.extents[label] if part < len(frame.probs)]
        soft = sum(float(frame.probs[part].sum()) for part in parts)
        return soft, self.counts(frame.counts)[label]

    def volume_shown(
        self,
        settings: "Settings",
        frame: "Frame | None",
        label: int,
        network: int,
        place: int | None,
    ) -> dict[str, Any]:
        """Give what `VolumeRow.show_target` is told of a class, or of the object of a centre."""
        target, soft, hard, pixels = settings.volumes.get(label), None, None, 1
        if frame is not None:
            pixels = prod(part.stop - part.start for part in frame.region)
            hard = self.counts(frame.counts)[label]
            if frame.final and label in settings.volumes:  # nobody reads it off a sketch
                soft, hard = self.volumes(frame, label)
        if place is not None:
            row = settings.object_volumes.get(label)
            target, soft = row[place] if row else None, None
            hard = object_size(frame, label, settings.centres[label][place])
            network = round(target or hard or 0)
        return {
            "target": target,
            "network": network,
            "pixels": pixels,
            "soft": soft,
            "hard": hard,
            "single": place is not None,
        }

    def marks(self, frame: "Frame | None") -> dict[tuple[str, int], tuple[str, str]]:
        """Give the mark and the message of each (kind, label) that a frame certifies."""
        if frame is None:
            return {}
        found: dict[tuple[str, int], tuple[str, str]] = {}
        stars = edits.star_labels(frame.settings)
        for key, certificate in frame.certificates.items():
            name, label = edits.family(key)
            labels: tuple[int, ...]
            if name == "star":
                labels = (label,) if label is not None else stars
            elif name == "convex":
                labels = edits.convex_labels(frame.settings)
            elif name == "volume":
                labels = tuple(frame.settings.volumes)
            else:
                continue
            message = self.named(certificate.message)
            for one in labels:
                off = certificate.parts.get(one, certificate.violations)
                mark = f"{SYMBOLS[BAD]} {short(off)}" if off else f"{SYMBOLS[OK]} {strings.ON}"
                found[name, one] = (mark, message)
        return found

    def title(self, key: str) -> str:
        """Name a certificate for a person: 'star_2' -> 'star cup'."""
        name, label = edits.family(key)
        title = strings.CERTIFICATES.get(name, name.replace("_", " "))
        return f"{title}, {self.objects.get(label, label)}" if label is not None else title


def object_size(frame: "Frame | None", label: int, centre: tuple[float, float]) -> int | None:
    """Give the pixels of the object of a centre in the label map, where that is certified."""
    points = () if frame is None else frame.settings.centres.get(label, ())
    if frame is None or centre not in points:
        return None
    certificates = frame.certificates.values()
    sizes = next((one.objects[label] for one in certificates if label in one.objects), None)
    return sizes[points.index(centre)] if sizes else None
