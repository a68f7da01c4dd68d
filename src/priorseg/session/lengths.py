"""Carry settings over to a region of another size: lengths grow with the pixels of an object."""

from dataclasses import replace
from typing import Any

from ..spec import enlarged, registered
from .settings import PriorChoice, Settings


def carried(settings: Settings, before: Settings, after: Settings) -> Settings:
    """Give settings that mean in another region what they meant in this one.

    What is as the network was trained becomes what was trained for the other region. Lengths that
    a person has changed or added grow by the ratio of the scales; all else stays.

    Parameters
    ----------
    settings : Settings        in use
    before, after : Settings   as trained, for this region and for the other; see
                               `Session.default_settings`
    """
    factor = after.scale / before.scale
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

    priors = tuple(moved(choice) for choice in settings.priors)
    return replace(settings, priors=priors, scale=after.scale)


def _key(choice: PriorChoice) -> tuple[str, Any]:
    return choice.name, choice.settings.get("label")
