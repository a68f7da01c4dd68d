"""Build priors from plain text and numbers."""

from collections.abc import Mapping
from typing import Any

from ..prior import Prior
from ..spec import parameters, registered


def make_prior(name: str, settings: Mapping[str, Any]) -> Prior:
    """Build a registered prior.

    Parameters
    ----------
    name : str           as the registry knows it; '-' and '_' are the same
    settings : mapping   its constructor arguments

    Raises
    ------
    ValueError  for unknown names, unknown or missing settings, or values that the prior refuses.
    """
    kinds = registered()
    kind = kinds.get(str(name).replace("-", "_"))
    if kind is None or not issubclass(kind, Prior):
        raise ValueError(f"There is no prior {name!r}. Use one of {sorted(kinds)}.")
    known = parameters(kind)
    unknown = sorted(str(key) for key in set(settings) - set(known))
    if unknown:
        raise ValueError(f"The prior {name!r} has no setting {unknown}; it has {sorted(known)}.")
    missing = [key for key, entry in known.items() if entry.required and key not in settings]
    if missing:
        raise ValueError(f"The prior {name!r} needs a value for {missing}.")
    try:
        return kind(**settings)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"The prior {name!r} cannot be built: {error}") from None
