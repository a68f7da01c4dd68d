"""All that a person has done to one image, as one immutable value."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.strict import any_text, flag, many, read_table, real, required, text, whole
from ..session import Painted, Settings
from ..session.settings import FrozenMap
from .plain import centres_from_plain, settings_from_dict, settings_to_dict, to_plain
from .raster import Raster, Window, check_shape
from .thing import Thing, check_things
from .tile import digest_of

Points = tuple[tuple[float, float], ...]
VERSION = 2  # 1 did not say whether grey was inverted
RASTERS = {"painted": "uint8", "draft": "uint8", "kept": "int32"}


@dataclass(frozen=True)
class Picture:
    """Say which image, or which plane of a stack, a state belongs to.

    Parameters
    ----------
    name : str
    path : str or None    its file; None if the image only lived in memory
    digest : str          of the plane's pixels, see `pixel_digest`
    shape : (Y, X)
    plane : int           place in the stack; 0 for a single image
    spacing : (Y, X)      edges of a pixel
    units : str           of the spacing
    """

    name: str
    path: str | None
    digest: str
    shape: tuple[int, int]
    plane: int = 0
    spacing: tuple[float, float] = (1.0, 1.0)
    units: str = "px"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", check_shape(self.shape))
        spacing = tuple(float(edge) for edge in self.spacing)
        if len(spacing) != 2 or not all(math.isfinite(edge) and edge > 0 for edge in spacing):
            raise ValueError(f"spacing must be two finite numbers > 0, got {self.spacing}.")
        object.__setattr__(self, "spacing", spacing)


@dataclass(frozen=True)
class State:
    """Hold everything a person did to one image; change it by `dataclasses.replace` or `edits`.

    Parameters
    ----------
    picture : Picture
    model : str                    name or path of the network; '' = none
    model_sha256 : str
    region : two slices or None    rows and columns that are solved; None = all
    settings : Settings            its painted pixels are dropped: `painted` holds them
    painted : Raster uint8         0 = free, label + 1 = painted as that label
    draft : Raster uint8           labels of the last final result, as seen
    kept : Raster int32            0 or the number of a thing
    things : tuple of Thing        the kept objects, and imported ones that nobody has decided on
    proposed : mapping             label -> centres of the settings that the network proposed and
                                   nobody has accepted yet; others are left out
    inverted : bool                bright is made dark before the network sees it

    Raises
    ------
    ValueError  if rasters do not fit the picture or things contradict each other.
    """

    picture: Picture
    model: str
    model_sha256: str
    region: Window | None
    settings: Settings
    painted: Raster
    draft: Raster
    kept: Raster
    things: tuple[Thing, ...] = field(default=())
    proposed: Mapping[int, Points] = field(default_factory=FrozenMap)
    inverted: bool = False

    def __post_init__(self) -> None:
        for name, dtype in RASTERS.items():
            raster: Raster = getattr(self, name)
            if raster.shape != self.picture.shape or raster.dtype != dtype:
                raise ValueError(
                    f"{name} must be {dtype} of the picture's shape {self.picture.shape}, got "
                    f"{raster.dtype} {raster.shape}."
                )
        if self.settings.painted is not None:
            object.__setattr__(self, "settings", replace(self.settings, painted=None))
        object.__setattr__(self, "things", tuple(self.things))
        check_things(self.things)
        object.__setattr__(self, "proposed", _among(self.proposed, self.settings.centres))
        if self.region is not None:
            object.__setattr__(self, "region", _checked_region(self.region, self.picture.shape))

    @classmethod
    def fresh(cls, picture: Picture, settings: Settings | None = None) -> "State":
        """Make the state of an image that nobody has worked on."""
        painted, draft, kept = (Raster.zeros(picture.shape, kind) for kind in RASTERS.values())
        return cls(picture, "", "", None, settings or Settings(), painted, draft, kept)

    def __hash__(self) -> int:  # slices cannot be hashed before Python 3.12
        return hash((self.picture, self.settings, self.things, *self.rasters().values()))

    def rasters(self) -> dict[str, Raster]:
        """Give the three rasters by name."""
        return {name: getattr(self, name) for name in RASTERS}

    def thing(self, number: int) -> Thing:
        """Find a kept object.

        Raises
        ------
        KeyError  if there is none of this number.
        """
        for thing in self.things:
            if thing.number == number:
                return thing
        raise KeyError(f"There is no kept object {number}.")

    def to_solve(self) -> Settings:
        """Give the settings with the painted pixels, as a session takes them."""
        if not self.painted.any():
            return self.settings
        return replace(self.settings, painted=Painted(self.painted.array()))

    @property
    def clicks(self) -> int:
        """Count the centres that a person placed, moved or accepted."""
        placed, proposed = self.settings.centres.values(), self.proposed.values()
        return sum(map(len, placed)) - sum(map(len, proposed))

    def to_dict(self) -> dict[str, Any]:
        """Give all but the rasters as plain data for JSON."""
        region = self.region
        return {
            "version": VERSION,
            "picture": {one.name: _listed(getattr(self.picture, one.name)) for one in _PICTURE},
            "model": self.model,
            "model_sha256": self.model_sha256,
            "region": None if region is None else [[part.start, part.stop] for part in region],
            "settings": settings_to_dict(self.settings),
            "things": [thing.to_dict() for thing in self.things],
            **({"proposed": to_plain(self.proposed, "proposed")} if self.proposed else {}),
            "inverted": self.inverted,
        }

    @classmethod
    def from_dict(cls, table: Any, rasters: Mapping[str, Raster]) -> "State":
        """Read what `to_dict` wrote, also in version 1.

        Raises
        ------
        ValueError  if a key is unknown or missing, a value is wrong, or the data was written by
                    a newer version; says which.
        """
        if not isinstance(table, Mapping) or not isinstance(table.get("version"), int):
            raise ValueError("This is not a state of an annotation: it has no version.")
        if not 1 <= table["version"] <= VERSION:
            raise ValueError(
                f"The state has version {table['version']}, this program reads 1 to {VERSION}. "
                "Update priorseg."
            )
        keys = {**_STATE_KEYS, **(_NEW_KEYS if table["version"] > 1 else {})}
        found = read_table(table, keys, "state")
        found.pop("version")
        found.update({name: rasters[name] for name in RASTERS})
        return cls(**found)


def pixel_digest(pixels: NDArray[Any]) -> str:
    """Give the text that stands for pixels, their shape and type."""
    data = np.ascontiguousarray(pixels)
    head = repr((data.shape, data.dtype.str)).encode()
    return digest_of(head + digest_of(data.reshape(-1).view(np.uint8).data)).hex()


def _among(proposed: Mapping[int, Points], centres: Mapping[int, Points]) -> FrozenMap[int, Points]:
    """Give the proposed points that are centres."""
    known = {label: set(points) for label, points in proposed.items()}
    left = {
        label: tuple(point for point in points if point in known.get(label, ()))
        for label, points in centres.items()
    }
    return FrozenMap({label: points for label, points in left.items() if points})


def _checked_region(region: Window, shape: tuple[int, int]) -> Window:
    for part, side in zip(region, shape, strict=True):
        if part.step not in (None, 1) or not 0 <= part.start < part.stop <= side:
            raise ValueError(f"The region {region} does not lie in an image of {shape} pixels.")
    return slice(region[0].start, region[0].stop), slice(region[1].start, region[1].stop)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _optional(reader: Any) -> Any:
    return lambda value, where: None if value is None else reader(value, where)


def _region(value: Any, where: str) -> Window:
    ends = many(many(whole(0, 2**31 - 1), least=2), least=2)(value, where)
    if len(ends) != 2 or any(len(pair) != 2 for pair in ends):
        raise ValueError(f"{where} must be [[top, bottom], [left, right]], got {value!r:.60}.")
    return slice(*ends[0]), slice(*ends[1])


_PICTURE = fields(Picture)
_PICTURE_KEYS = {
    "name": required(any_text),
    "path": required(_optional(text)),
    "digest": required(any_text),
    "shape": required(many(whole(1, 2**31 - 1), least=2)),
    "plane": required(whole(0, 2**31 - 1)),
    "spacing": required(many(real(0, math.inf), least=2)),
    "units": required(any_text),
}
_STATE_KEYS = {
    "version": required(whole(1, VERSION)),
    "picture": required(lambda value, where: Picture(**read_table(value, _PICTURE_KEYS, where))),
    "model": required(any_text),
    "model_sha256": required(any_text),
    "region": required(_optional(_region)),
    "settings": required(settings_from_dict),
    "things": required(many(Thing.from_dict, least=0)),
    "proposed": (centres_from_plain, FrozenMap()),  # older files have none
}
_NEW_KEYS = {"inverted": required(flag)}  # since version 2
