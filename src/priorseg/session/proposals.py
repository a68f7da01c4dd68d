"""Star centres that a network proposes, as settings that a person may then change."""

from collections.abc import Mapping
from dataclasses import replace

from ..guidance import with_centres
from ..priors import make_prior
from ..scene import Scene
from .problem import Problem
from .settings import FrozenMap, Settings


def with_proposals(
    problem: Problem, settings: Settings, object_px: float | None, inner: Mapping[int, int]
) -> Settings:
    """Add proposed centres for star-shaped labels that have none; see `Session.propose_centres`.

    Parameters
    ----------
    object_px : float   typical diameter in pixels of the image; None = measured in the image
    inner : mapping     see `Card`
    """
    priors = [make_prior(choice.name, choice.settings) for choice in settings.priors if choice.on]
    given = {label: problem.logits.new_zeros(1, 2) for label in settings.centres}
    scene = with_centres(
        Scene(centres=given),
        problem.logits,
        priors,
        problem.link,
        temperature=settings.temperature,
        object_px=object_px,
        inner=inner,
    )
    rows, columns = problem.region
    found = dict(settings.centres)
    for label in set(scene.centres) - set(given):
        points = scene.centres[label][0]
        found[label] = tuple(
            (float(y) + rows.start, float(x) + columns.start)
            for y, x in points[~points.isnan().any(1)]
        )
    return replace(settings, centres=FrozenMap(found))
