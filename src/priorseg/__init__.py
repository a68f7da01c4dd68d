"""Interactive segmentation with exact shape priors.

Names are loaded when first used, so that ``import priorseg`` costs milliseconds: torch is
imported with the first name that needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "CapturedReplay": "captured",
    "Certificate": "prior",
    "Decoded": "decode",
    "Prior": "prior",
    "Range": "spec",
    "Scene": "scene",
    "Segmenter": "segmenter",
    "Session": "session",
    "Solution": "solver",
    "VariationalHead": "head",
    "converge": "solver",
    "iterate": "solver",
    "load_bundle": "bundle",
    "replay": "solver",
    "save_bundle": "bundle",
    "solve": "solver",
}
_MODULES = ("backbones", "geometry", "paper", "priors")

__all__ = [
    "CapturedReplay",
    "Certificate",
    "Decoded",
    "Prior",
    "Range",
    "Scene",
    "Segmenter",
    "Session",
    "Solution",
    "VariationalHead",
    "backbones",
    "converge",
    "geometry",
    "iterate",
    "load_bundle",
    "paper",
    "priors",
    "replay",
    "save_bundle",
    "solve",
]

if TYPE_CHECKING:
    from . import backbones, geometry, paper, priors
    from .bundle import load_bundle, save_bundle
    from .captured import CapturedReplay
    from .decode import Decoded
    from .head import VariationalHead
    from .prior import Certificate, Prior
    from .scene import Scene
    from .segmenter import Segmenter
    from .session import Session
    from .solver import Solution, converge, iterate, replay, solve
    from .spec import Range


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module 'priorseg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, *_MODULES])
