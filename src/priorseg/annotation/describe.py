"""Say in a few words what a step changed, to stand beside undo."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from ..session import PriorChoice, Settings
from .state import State


def describe(before: State, after: State, names: Mapping[int, str] | None = None) -> str:
    """Name the first difference between two states that a person would name.

    Parameters
    ----------
    before, after : State
    names : mapping   label -> name; a missing one is called by its number

    Returns
    -------
    str   empty if nothing differs but the result
    """
    known = dict(names or {})
    if after.model != before.model:
        return f"model {after.model or 'none'}"
    if after.things != before.things or after.kept != before.kept:
        return _things(before, after)
    if after.painted != before.painted:
        return "paint"
    if after.inverted != before.inverted:
        return "invert grey" if after.inverted else "grey as it is"
    if after.region != before.region:
        return "region"
    changed = _settings(before.settings, after.settings, known)
    return changed or ("accept centres" if after.proposed != before.proposed else "")


def _things(before: State, after: State) -> str:
    change = len(after.things) - len(before.things)
    if change > 0:
        return f"keep {_counted(change)}"
    if change < 0:
        left = {one.number for one in after.things}
        gone = [one for one in before.things if one.number not in left]
        only = all(one.undecided for one in gone)
        return (
            f"discard {_counted(-change, 'imported ')}" if only else f"delete {_counted(-change)}"
        )
    pairs = list(zip(before.things, after.things, strict=True))
    decided = [new.name for old, new in pairs if old.undecided and not new.undecided]
    if decided:
        return f"keep {decided[0] if len(decided) == 1 else _counted(len(decided))}"
    for old, new in pairs:
        if old.locked != new.locked:
            return f"{'lock' if new.locked else 'unlock'} {new.name}"
        if old.name != new.name:
            return f"rename {old.name} to {new.name}"
    return "keep again"


def _counted(count: int, kind: str = "") -> str:
    return f"{count} {kind}object" + "s" * (count > 1)


def _settings(before: Settings, after: Settings, names: dict[int, str]) -> str:
    for label in sorted({*before.centres, *after.centres}):
        old, new = before.centres.get(label, ()), after.centres.get(label, ())
        if old != new:
            verb = {1: "place", -1: "remove"}.get((len(new) > len(old)) - (len(new) < len(old)))
            return f"{verb or 'move'} centre of {names.get(label, label)}"
    for label in sorted({*before.volumes, *after.volumes}):
        old_volume, new_volume = before.volumes.get(label), after.volumes.get(label)
        if old_volume != new_volume:
            name = names.get(label, label)
            return f"volume of {name} {new_volume:,.0f} px" if new_volume else f"free {name}"
    return (
        _objects(before, after, names)
        or _priors(before, after)
        or ("settings" if before != after else "")
    )


def _objects(before: Settings, after: Settings, names: dict[int, str]) -> str:
    for label in sorted({*before.object_volumes, *after.object_volumes}):
        rows = (one.object_volumes.get(label, ()) for one in (before, after))
        for number, (old, new) in enumerate(zip_longest(*rows), 1):
            if old != new:
                name = f"object {number} of {names.get(label, label)}"
                return f"volume of {name} {new:,.0f} px" if new else f"free {name}"
    return ""


def _priors(before: Settings, after: Settings) -> str:
    old = {_key(choice): choice for choice in before.priors}
    new = {_key(choice): choice for choice in after.priors}
    for key in sorted({*old, *new}):
        was, now = old.get(key), new.get(key)
        title = key[0].replace("_", " ")
        if (was is not None and was.on) != (now is not None and now.on):
            return f"{title} {'on' if now is not None and now.on else 'off'}"
        if was is not None and now is not None and was.settings != now.settings:
            return f"{title} {_changed(was.settings, now.settings)}"
    return ""


def _key(choice: PriorChoice) -> tuple[str, str]:
    return choice.name, str(choice.settings.get("label", ""))


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            value = new.get(name)
            text = f"{value:.3g}" if isinstance(value, int | float) else str(value)
            return f"{name} {text}"
    return "changed"
