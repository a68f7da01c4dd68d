"""Carry settings over to a region of another size: lengths grow with the pixels of an object."""

from dataclasses import replace
from typing import Any

from ..spec import enlarged, parameters, registered
from .settings import PriorChoice, Settings


def carried(settings: Settings, before: Settings, after: Settings) -> Settings:
    """Give settings that mean in another region what they meant in this one.

    What is as the network was trained becomes what was trained for the other region. Lengths that
    a person has changed or added grow by the same factor; all else stays.

    Parameters
    ----------
    settings : Settings        in use
    before, after : Settings   as trained, for this region and for the other; see
                               `Session.default_settings`
    """
    if before.priors == after.priors:
        return settings
    factor = _factor(before, after)
    now = {_key(choice): choice for choice in after.priors}
    was = {_key(choice): choice for choice in before.priors}

    def moved(choice: PriorChoice) -> PriorChoice:
        trained, wanted = was.get(_key(choice)), now.get(_key(choice))
        if trained and wanted and dict(trained.settings) == dict(choice.settings):
            return replace(choice, settings=wanted.settings)
        kind = registered().get(choice.name)
        if kind is None:
            return choice
        return replace(choice, settings=enlarged(kind, choice.settings, factor))

    return replace(settings, priors=tuple(moved(choice) for choice in settings.priors))


def _key(choice: PriorChoice) -> tuple[str, Any]:
    return choice.name, choice.settings.get("label")


def _factor(before: Settings, after: Settings) -> float:
    """Give the ratio of the trained lengths; single numbers first, for lists are rounded."""
    ratios = []
    for old, new in zip(before.priors, after.priors, strict=False):
        kind = registered().get(old.name)
        for name, entry in parameters(kind).items() if kind and old.name == new.name else ():
            if entry.range is None or not entry.range.grows:
                continue
            was, now = old.settings[name], new.settings[name]
            single = not isinstance(was, tuple)
            ratios.append((single, now / was if single else max(now) / max(was)))
    return float(max(ratios, key=lambda one: one[0])[1]) if ratios else 1.0
