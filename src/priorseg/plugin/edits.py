"""Edits of the settings, one per control; pure functions, no Qt."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..session import PriorChoice, Settings

SMOOTHERS = ("threshold_dynamics", "total_variation")
RADII = (2.0, 4.0, 8.0, 12.0, 16.0)

Point = tuple[float, float]
Centres = Mapping[int, Sequence[Point]]


def _without(settings: Settings, names: Iterable[str]) -> tuple[PriorChoice, ...]:
    gone = set(names)
    return tuple(choice for choice in settings.priors if choice.name not in gone)


def _named(settings: Settings, name: str) -> list[PriorChoice]:
    return [choice for choice in settings.priors if choice.name == name]


def smoother(settings: Settings) -> str:
    """Give the name of the smoothing prior that is on; empty if none."""
    found = (choice.name for choice in settings.priors if choice.on and choice.name in SMOOTHERS)
    return next(found, "")


def smoother_values(settings: Settings, name: str) -> dict[str, Any]:
    """Give the settings kept for a smoothing prior, on or off."""
    return dict(next((choice.settings for choice in _named(settings, name)), {}))


def with_smoother(
    settings: Settings, name: str, values: Mapping[str, Any] | None = None
) -> Settings:
    """Switch to one smoothing prior (empty name: none); the others keep their values."""
    kept = {key: smoother_values(settings, key) for key in SMOOTHERS if _named(settings, key)}
    if name:
        kept[name] = {**kept.get(name, {}), **(values or {})}
    chosen = tuple(PriorChoice(key, kept[key], on=key == name) for key in kept)
    return replace(settings, priors=chosen + _without(settings, SMOOTHERS))


def star_labels(settings: Settings) -> tuple[int, ...]:
    """Give the labels that shall be star-shaped."""
    return tuple(int(c.settings["label"]) for c in _named(settings, "star") if c.on)


def with_star(settings: Settings, label: int, on: bool) -> Settings:
    """Switch the star prior of a label."""
    labels = {*star_labels(settings)} - {label} | ({label} if on else set())
    chosen = tuple(
        PriorChoice("star", {**_star_values(settings, one), "label": one}) for one in sorted(labels)
    )
    return replace(settings, priors=_without(settings, ("star",)) + chosen)


def _star_values(settings: Settings, label: int) -> dict[str, Any]:
    found = (c.settings for c in _named(settings, "star") if c.settings.get("label") == label)
    return dict(next(found, {}))


def convex_labels(settings: Settings) -> tuple[int, ...]:
    """Give the labels that shall be convex."""
    labels = {int(k) for c in _named(settings, "convex") if c.on for k in c.settings["labels"]}
    return tuple(sorted(labels))


def convex_radii(settings: Settings) -> tuple[float, ...]:
    """Give the radii of the convexity test in pixels."""
    found = (
        tuple(c.settings["radii"]) for c in _named(settings, "convex") if c.settings.get("radii")
    )
    return next(found, RADII)


def with_convex(
    settings: Settings, labels: Iterable[int], radii: Sequence[float] | None = None
) -> Settings:
    """Choose the labels that shall be convex, and the radii of the test."""
    chosen = tuple(sorted(set(labels)))
    old = next((dict(choice.settings) for choice in _named(settings, "convex")), {})
    kept = {
        **old,
        "labels": chosen or tuple(old.get("labels", (1,))),
        "radii": tuple(radii or convex_radii(settings)),
    }
    choice = PriorChoice("convex", kept, on=bool(chosen))
    return replace(settings, priors=(*_without(settings, ("convex",)), choice))


def nested_order(settings: Settings) -> tuple[int, ...]:
    """Give the labels that lie inside one another, innermost first; empty if off."""
    found = (tuple(c.settings["order"]) for c in _named(settings, "nested") if c.on)
    return next(found, ())


def with_nested(settings: Settings, order: Sequence[int]) -> Settings:
    """Keep labels inside one another, innermost first; empty = no nesting."""
    old = _named(settings, "nested")
    rest = _without(settings, ("nested",))
    if order:
        return replace(settings, priors=(*rest, PriorChoice("nested", {"order": tuple(order)})))
    return replace(settings, priors=rest + tuple(replace(choice, on=False) for choice in old))


def with_volume(settings: Settings, label: int, pixels: float | None) -> Settings:
    """Ask for a volume of a label; None leaves it free."""
    volumes = {key: value for key, value in settings.volumes.items() if key != label}
    if pixels is not None:
        volumes[label] = float(pixels)
    choice = PriorChoice("volume", on=bool(volumes))
    return replace(settings, volumes=volumes, priors=(*_without(settings, ("volume",)), choice))


def with_centres(settings: Settings, centres: Centres) -> Settings:
    """Replace the star centres; volumes of objects go along with theirs."""
    wanted = {key: tuple(points) for key, points in centres.items()}
    volumes = {
        key: _carried(row, settings.centres[key], wanted.get(key, ()))
        for key, row in settings.object_volumes.items()
    }
    return replace(settings, centres=wanted, object_volumes=volumes)


def _carried(
    row: Sequence[float | None], before: Sequence[Point], after: Sequence[Point]
) -> tuple[float | None, ...]:
    """Give volumes to centres of which some were dragged, or else some came or went."""
    if len(before) == len(after):
        return tuple(row)
    known = dict(zip(before, row, strict=True))
    return tuple(known.get(point) for point in after)


def without_volume(settings: Settings, label: int) -> tuple[Point, ...]:
    """Give the centres of a label whose objects have no volume of their own."""
    points = settings.centres.get(label, ())
    volumes = settings.object_volumes.get(label, (None,) * len(points))
    return tuple(point for point, one in zip(points, volumes, strict=True) if one is None)


def with_volume_of(
    settings: Settings, label: int, place: int | None, pixels: float | None
) -> Settings:
    """Ask for a volume of the object of a centre, by its place, or of the class; None = free."""
    if place is None:
        return with_volume(settings, label, pixels)
    points = settings.centres.get(label, ())
    row = list(settings.object_volumes.get(label, [None] * len(points)))
    row[place] = None if pixels is None else float(pixels)
    return replace(settings, object_volumes={**settings.object_volumes, label: tuple(row)})


def family(certificate: str) -> tuple[str, int | None]:
    """Split a certificate's name into the prior and the label behind it: 'star_2' -> star, 2."""
    name, _, tail = certificate.rpartition("_")
    return (name, int(tail)) if name and tail.isdigit() else (certificate, None)


def conflict(
    settings: Settings,
    names: Mapping[int, str],
    order: Sequence[int],
    pixels: int,
    locked: Container[int] = (),
) -> tuple[str, int] | None:
    """Find volume targets that no label map can have.

    Parameters
    ----------
    names : mapping   label -> name of its object
    order : labels    whose volumes hold those before them, innermost first; may be empty
    pixels : int      of the region that is solved
    locked : labels   that are freed only if there is no other

    Returns
    -------
    (sentence, label to free), or None if nothing contradicts
    """
    inner, inner_label = 0.0, 0
    for label in order:
        volume = settings.volumes.get(label, inner)
        if volume < inner:
            return (
                f"{names[inner_label]} {inner:,.0f} px > {names[label]} {volume:,.0f} px, but "
                f"{names[inner_label]} lies inside {names[label]}.",
                _to_free((label, inner_label), locked),
            )
        if label in settings.volumes:
            inner, inner_label = volume, label
    outermost = [key for key in settings.volumes if key not in order[:-1]]
    total = sum(settings.volumes[key] for key in outermost)
    if total > pixels:
        text = " + ".join(f"{names[k]} {settings.volumes[k]:,.0f} px" for k in outermost)
        return f"{text} is more than the region's {pixels:,} px.", _to_free(outermost, locked)
    return None


def _to_free(labels: Sequence[int], locked: Container[int]) -> int:
    """Give the last label that is not locked; of locked ones the last."""
    return next((label for label in reversed(labels) if label not in locked), labels[-1])
