"""What is measured, on which images, for which rows: read from a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .measures import MEASURES, Task, check_measures
from .modes import parse_mode
from .noise import KINDS, check_noise
from .strict import (
    choice,
    flag,
    many,
    mapped,
    read_table,
    real,
    required,
    text,
    unique,
    whole,
    whole_text,
)

_SEED = whole(0, 2**31 - 1)


@dataclass(frozen=True)
class ImageSet:
    """Name one split of a data set, and how its images are cut.

    Parameters
    ----------
    name, folder, split : str
    longest : int or None    images with a longer side are shrunk to it
    about : str              object that images are cut about, '' = not; see `crop_about`
    ratio : float            side of the square over the height of the object
    limit : int or None      only so many images, from the first
    """

    name: str
    folder: str
    split: str
    longest: int | None = None
    about: str = ""
    ratio: float = 1.2
    limit: int | None = None


@dataclass(frozen=True)
class Condition:
    """Name a noise; see `add_noise`."""

    name: str
    kind: str
    level: float


@dataclass(frozen=True)
class Row:
    """Say what one row of the tables measures.

    Parameters
    ----------
    name : str
    bundle : str              path relative to the folder of the runs, ``{seed}`` stands for the
                              seed; or the name of a shipped model
    mode : str                see `parse_mode`
    volumes, centres : str    see `Predictor`
    regressor : str           path like `bundle`, for volumes = "regressed"
    split : bool              see `Predictor`
    sweeps : int or None      of 'post'; None = the head's, if it has priors
    temperature : float       of the solve; None = the head's
    seeds : tuple             None = those of the protocol
    baseline : str            row to compare with; '' = that of the protocol
    """

    name: str
    bundle: str
    mode: str = "trained"
    volumes: str = "network"
    centres: str = "network"
    regressor: str = ""
    split: bool = False
    sweeps: int | None = None
    temperature: float | None = None
    seeds: tuple[int, ...] = (0,)
    baseline: str = ""


@dataclass(frozen=True)
class Protocol:
    """Hold a whole protocol; see docs/evaluation.md for the file.

    Parameters
    ----------
    draws, level : int, float   of the bootstrap
    relabel : mapping           value of the masks -> label that it becomes
    noise_seed : int            image i of a set gets the noise of seed noise_seed + i, in all rows
    """

    title: str
    task: Task
    sets: tuple[ImageSet, ...]
    conditions: tuple[Condition, ...]
    rows: tuple[Row, ...]
    measures: tuple[str, ...]
    relabel: Mapping[int, int] = field(default_factory=dict)
    noise_seed: int = 0
    draws: int = 10_000
    level: float = 0.95
    precision: str = "float32"

    def what(self) -> dict[str, Any]:
        """Give what two results must have in common to stand in one table, as JSON values."""
        task = asdict(self.task)
        task["objects"] = {name: list(one) for name, one in self.task.objects.items()}
        plain = {key: list(one) if isinstance(one, tuple) else one for key, one in task.items()}
        return {
            "task": plain,
            "relabel": {str(value): label for value, label in sorted(self.relabel.items())},
            "measures": list(self.measures),
            "noise_seed": self.noise_seed,
            "precision": self.precision,
        }


_SET = {
    "name": (text, ""),
    "folder": required(text),
    "split": (text, "val"),
    "longest": (whole(16, 2**15), None),
    "about": (text, ""),
    "ratio": (real(1, 100), 1.2),
    "limit": (whole(1, 10**6), None),
}
_CONDITION = {
    "name": (text, ""),
    "kind": required(choice(*KINDS)),
    "level": (real(0, 2550), None),
    "levels": (many(real(0, 2550)), None),
}
_ROW = {
    "name": required(text),
    "bundle": required(text),
    "mode": (text, "trained"),
    "volumes": (choice("truth", "network", "regressed"), "network"),
    "centres": (choice("truth", "clicks", "network"), "network"),
    "regressor": (text, ""),
    "split": (flag, False),
    "sweeps": (whole(1, 1000), None),
    "temperature": (real(1e-6, 1e6), None),
    "seeds": (many(_SEED), None),
    "baseline": (text, ""),
}


def _as_is(value: Any, where: str) -> Any:
    return value


_PROTOCOL = {
    "title": required(text),
    "labels": required(many(text, 2)),
    "objects": (mapped(many(whole(0, 254))), {}),
    "ignore": (whole(0, 255), None),
    "relabel": (mapped(whole(0, 254)), {}),
    "nested": (many(text), ()),
    "instances": (text, ""),
    "many": (flag, False),
    "measures": (many(choice(*MEASURES)), ("mIoU", "accuracy", "RE", "seconds")),
    "seeds": (many(_SEED), (0,)),
    "noise_seed": (_SEED, 0),
    "baseline": (text, ""),
    "draws": (whole(100, 10**6), 10_000),
    "level": (real(0.5, 0.999), 0.95),
    "precision": (choice("auto", "float32", "bfloat16"), "float32"),
    "data": required(many(_as_is)),
    "conditions": (many(_as_is), ({"kind": "none"},)),
    "rows": required(many(_as_is)),
}


def load_protocol(path: Path | str) -> Protocol:
    """Read a protocol file.

    Raises
    ------
    FileNotFoundError  if there is none.
    ValueError         for anything in it that is unknown, missing or out of range; names it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"The protocol {path} does not exist.")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"The protocol {path} is no TOML: {error}") from None
    try:
        return protocol_from(table)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def protocol_from(table: Mapping[str, Any]) -> Protocol:
    """Check the values of a protocol file; see `load_protocol`."""
    top = read_table(table, _PROTOCOL, "the protocol")
    unique(top["labels"], "labels")
    task = Task(
        labels=top["labels"],
        objects=top["objects"],
        ignore=top["ignore"],
        nested=top["nested"],
        instances=top["instances"],
        many=top["many"],
    )
    check_measures(top["measures"], task)
    sets = tuple(_set(one, at, task) for at, one in enumerate(top["data"]))
    conditions = tuple(
        condition for at, one in enumerate(top["conditions"]) for condition in _conditions(one, at)
    )
    rows = tuple(_row(one, at, top) for at, one in enumerate(top["rows"]))
    for what, named in (("data", sets), ("conditions", conditions), ("rows", rows)):
        unique([one.name for one in named], what)
    for row in rows:
        if row.baseline and row.baseline not in {one.name for one in rows}:
            raise ValueError(f"row {row.name!r}: the baseline {row.baseline!r} is no row.")
    relabel = {whole_text(value, "relabel"): label for value, label in top["relabel"].items()}
    if task.ignore in relabel:
        raise ValueError(
            f"The value {task.ignore} is both ignored and relabelled. Take it out of ignore or out "
            "of relabel."
        )
    kept = ("title", "measures", "noise_seed", "draws", "level", "precision")
    return Protocol(
        task=task,
        sets=sets,
        conditions=conditions,
        rows=rows,
        relabel=relabel,
        **{key: top[key] for key in kept},
    )


def _set(table: Any, at: int, task: Task) -> ImageSet:
    values = read_table(table, _SET, f"data[{at}]")
    if values["about"] and values["about"] not in task.objects:
        known = ", ".join(task.objects)
        raise ValueError(f"data[{at}].about: {values['about']!r} is no object; there are {known}.")
    values["name"] = values["name"] or f"{values['folder']} {values['split']}"
    return ImageSet(**values)


def _conditions(table: Any, at: int) -> list[Condition]:
    where = f"conditions[{at}]"
    values = read_table(table, _CONDITION, where)
    kind, level, levels = values["kind"], values["level"], values["levels"]
    if level is not None and levels is not None:
        raise ValueError(f"{where} has both level and levels; give one.")
    if kind != "none" and level is None and levels is None:
        raise ValueError(f"{where} needs a level or levels: {KINDS[kind]}.")
    if levels is not None and values["name"]:
        raise ValueError(f"{where}: levels are named by themselves; take the name away.")
    found = []
    for one in (level or 0.0,) if levels is None else levels:
        check_noise(kind, one)
        name = values["name"] or ("clean" if kind == "none" else f"{kind} {one:g}")
        found.append(Condition(name, kind, one))
    return found


def _row(table: Any, at: int, top: Mapping[str, Any]) -> Row:
    where = f"rows[{at}]"
    values = read_table(table, _ROW, where)
    try:
        parse_mode(values["mode"])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if (values["volumes"] == "regressed") != bool(values["regressor"]):
        raise ValueError(f'{where}: volumes = "regressed" and regressor go together.')
    if "{seed}" not in values["bundle"]:  # one network: it is measured once
        values["seeds"] = values["seeds"] or top["seeds"][:1]
        if len(values["seeds"]) > 1:
            raise ValueError(f"{where}: bundle needs {{seed}} in its path for several seeds.")
    values["seeds"] = values["seeds"] or top["seeds"]
    if len(set(values["seeds"])) < len(values["seeds"]):
        raise ValueError(f"{where}: a seed occurs twice in {values['seeds']}.")
    if values["baseline"] == "" and top["baseline"] != values["name"]:
        values["baseline"] = top["baseline"]
    return Row(**values)
