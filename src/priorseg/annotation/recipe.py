"""`recipe.toml`: how the labels of one image came about, to be read by people and replayed."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from .. import __version__
from ..evaluation.strict import (
    any_text,
    flag,
    mapped,
    read_table,
    required,
    text,
    whole,
    whole_text,
)
from ..exchange.masks import check_size
from ..files import replace_whole
from ..session import Settings
from .packing import rasters_of_text, to_text
from .plain import SEPARATE
from .raster import check_shape
from .state import RASTERS, VERSION, State
from .things import decided, own_areas
from .toml_text import toml_text

RECIPE_VERSION = 1
LARGEST = 64 * 2**20  # bytes of a recipe
HEAD = """\
# A recipe of priorseg: how the labels of one image came about. Again, without a window:
#     priorseg replay RECIPE.toml --out labels.tif
# Lengths are pixels of the image, places are (y, x). The tables painted, draft and kept hold
# pixels: a constraint, the labels that were seen, the objects that were kept.

"""
SCALARS = tuple(
    one.name
    for one in fields(Settings)
    if one.default is not MISSING and one.name not in ("priors", *SEPARATE)
)
TABLES = tuple(one.name for one in fields(Settings) if one.default is MISSING)


@dataclass(frozen=True)
class Recipe:
    """Hold a state, and what else its pixels depend on.

    Parameters
    ----------
    state : State
    axes : str or None   of the image as it was opened, one letter per axis; None = as in its file
    made : mapping       what it was made with, name -> text; only to be told
    file : Path or None  where it was read from
    """

    state: State
    axes: str | None = None
    made: Mapping[str, str] = field(default_factory=dict, compare=False)
    file: Path | None = field(default=None, compare=False)


def as_recipe(what: "State | Recipe") -> Recipe:
    """Give a recipe of a state, or the recipe itself."""
    return what if isinstance(what, Recipe) else Recipe(what)


def recipe_text(what: "State | Recipe") -> str:
    """Write a recipe; imported objects that nobody has decided on are left out.

    Raises
    ------
    ValueError  for images above 2**29 pixels.
    TypeError   for settings that no file holds.
    """
    recipe = as_recipe(what)
    state = decided(recipe.state)
    check_size(state.picture.shape, "The image")
    plain = state.to_dict()
    settings = plain["settings"]
    table = {
        "version": RECIPE_VERSION,
        "picture": {**plain["picture"], "axes": recipe.axes, "inverted": state.inverted},
        "model": {"name": state.model, "sha256": state.model_sha256},
        "made": {"priorseg": __version__, **recipe.made},
        "solve": {"region": plain["region"], **{one: settings[one] for one in SCALARS}},
        "prior": [
            {**choice, "settings": {key: _out(one) for key, one in choice["settings"]["pairs"]}}
            for choice in settings["priors"]
        ],
        **{
            name: {str(k): _out(one) for k, one in settings[name]["pairs"]}
            for name in TABLES
            if name in settings
        },
        "object": plain["things"],
        **{name: to_text(raster) for name, raster in state.rasters().items()},
    }
    return HEAD + toml_text(table)


def write_recipe(path: str | os.PathLike[str], what: "State | Recipe") -> Path:
    """Write a recipe whole; a file that was there is replaced.

    Raises
    ------
    ValueError, TypeError  see `recipe_text`.
    OSError                if the file cannot be written; what was there before stays.
    """
    data = recipe_text(what).encode()
    if len(data) > LARGEST:
        raise ValueError(
            f"The recipe would take {len(data) / 2**20:.0f} MiB; at most {LARGEST // 2**20} are "
            "read. Export the labels instead."
        )
    replace_whole(Path(path), data)
    return Path(path)


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read a recipe strictly; nothing in it is executed.

    Raises
    ------
    FileNotFoundError  if there is no such file.
    ValueError         if it is damaged, too large, of a newer version, or holds what is not
                       understood; says what.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    if file.stat().st_size > LARGEST:
        raise ValueError(f"{file.name} is no recipe: it is larger than {LARGEST // 2**20} MiB.")
    try:
        return _read(tomllib.loads(file.read_bytes().decode()), file)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file.name} is no TOML: {error}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{file.name} is no recipe: it is no plain text, or nested.") from error
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f"{file.name}: {error}") from error


def _read(table: dict[str, Any], file: Path) -> Recipe:
    version = table.get("version")
    if type(version) is not int:
        raise ValueError("It is no recipe: it has no version.")
    if version != RECIPE_VERSION:
        raise ValueError(
            f"The recipe has version {version}, this program reads {RECIPE_VERSION}. "
            "Update priorseg."
        )
    found = read_table(table, _KEYS, "recipe")
    picture = dict(found["picture"])
    axes = picture.pop("axes", None)
    inverted = flag(picture.pop("inverted", False), "picture.inverted")
    shape = _shape(picture)
    solve = dict(found["solve"])
    region = solve.pop("region", None)
    plain = {
        "version": VERSION,
        "picture": {"path": None, **picture},
        "model": found["model"]["name"],
        "model_sha256": found["model"]["sha256"],
        "region": region,
        "settings": _settings(solve, found),
        "things": [{"inside": None, **one} for one in found["object"]],
        "inverted": inverted,
    }
    kinds = {name: found[name] for name in RASTERS}
    state = State.from_dict(plain, rasters_of_text(kinds, shape, RASTERS, "recipe"))
    unknown = sorted(set(own_areas(state.kept)) - {0, *(one.number for one in state.things)})
    if unknown:
        raise ValueError(f"kept has pixels of objects {unknown[:5]} that are not listed.")
    axes = None if axes is None else text(axes, "picture.axes")
    return Recipe(state, axes, found["made"], file)


def _shape(picture: Mapping[str, Any]) -> tuple[int, int]:
    shape = picture.get("shape")
    if not isinstance(shape, list) or not all(type(side) is int for side in shape):
        raise ValueError("picture.shape must be [rows, columns].")
    checked = check_shape(shape)
    check_size(checked, "The picture")
    return checked


def _settings(solve: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings as `plain.settings_from_dict` reads them."""
    missing = sorted(set(SCALARS) - set(solve))
    if missing:
        raise ValueError(f"solve lacks the key {missing[0]!r}.")
    tables = {
        name: {
            "pairs": [
                [whole_text(key, name), _back(one, f"{name}.{key}")]
                for key, one in found[name].items()
            ]
        }
        for name in TABLES
    }
    return {**solve, **tables, "priors": [_prior(one) for one in found["prior"]]}


def _prior(table: Mapping[str, Any]) -> dict[str, Any]:
    settings = table.get("settings", {})
    if not isinstance(settings, dict):
        raise ValueError(f"prior.settings must be a table, got {settings!r:.60}.")
    pairs = [[key, _back(one, f"prior.settings.{key}")] for key, one in settings.items()]
    return {**table, "settings": {"pairs": pairs}}


def _out(value: Any) -> Any:
    """Turn data for JSON into data for TOML, which knows infinities but no null."""
    if value is None:
        return {"none": True}
    if isinstance(value, list):
        return [_out(one) for one in value]
    if isinstance(value, dict) and "number" in value:
        return float(value["number"])
    if isinstance(value, dict):
        return {"pairs": _out(value["pairs"])}
    return value


def _back(value: Any, where: str, depth: int = 0) -> Any:
    if depth > 20:
        raise ValueError(f"{where} is nested too deeply.")
    if value == {"none": True}:
        return None
    if isinstance(value, list):
        return [_back(one, where, depth + 1) for one in value]
    if isinstance(value, dict) and list(value) == ["pairs"]:
        return {"pairs": _back(value["pairs"], where, depth + 1)}
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{where} holds {value!r:.60}, which no setting is.")


def _any_table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be a table, got {value!r:.60}.")
    return value


def _any_tables(value: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise ValueError(f"{where} must be a list of tables, got {value!r:.60}.")
    return [_any_table(one, where) for one in value]


def _model(value: Any, where: str) -> dict[str, str]:
    return read_table(value, {"name": required(any_text), "sha256": required(any_text)}, where)


_KEYS: dict[str, Any] = {
    "version": required(whole(1, RECIPE_VERSION)),
    "picture": required(_any_table),
    "model": required(_model),
    "made": (mapped(any_text), {}),
    "solve": required(_any_table),
    "prior": (_any_tables, []),
    "object": (_any_tables, []),
    **{name: (_any_table, {}) for name in TABLES},
    **{name: required(_any_table) for name in RASTERS},
}
