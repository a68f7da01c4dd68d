"""The file of results: one record per row, seed, set and condition, added as they are made."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..io import replace_whole
from .layout import shortened, unpack, write
from .measures import COUNTED
from .protocol import Protocol, Row

VERSION = 2  # 1 held one dict per image in all digits, and is still read
DIGEST = "regressor sha256"  # among the settings of a row that has a regressor
Key = tuple[str, int, str, str]  # row, seed, set, condition


@dataclass(frozen=True)
class Record:
    """Hold what was measured in one run over one set of images.

    Parameters
    ----------
    row, set, condition : str   names of the protocol
    seed : int                  of the network
    settings : mapping          of the row, and the digest of its regressor
    source : mapping            of the images: folder, split and how they were cut
    noise : mapping             kind and level
    bundle, sha256 : str        the network
    images : list of dict       {'name', 'scores': measure -> value or None, 'counts'}
    """

    row: str
    seed: int
    set: str
    condition: str
    settings: Mapping[str, Any]
    source: Mapping[str, Any]
    noise: Mapping[str, Any]
    bundle: str
    sha256: str
    images: Sequence[Mapping[str, Any]] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """Tell records apart."""
        return self.row, self.seed, self.set, self.condition

    def same_but_images(self, other: "Record") -> bool:
        """Say whether two records were made by the same network in the same way.

        The place of the network does not matter.
        """
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("row", "seed", "set", "condition", "sha256", "source", "noise")
        ) and _but_place(self.settings) == _but_place(other.settings)


def settings_of(row: Row) -> dict[str, Any]:
    """Give what changes the figures of a row, as JSON values."""
    named = asdict(row)
    return {key: named[key] for key in named if key not in ("name", "seeds", "baseline")}


def current(protocol: Protocol, results: "Results") -> list[Record]:
    """Give the records that a protocol asks for, in the order of the file.

    A file that is resumed may hold others too: of rows, seeds, sets and conditions that are there
    no longer, or were measured in another way and cannot be measured again because their network
    is missing.
    """
    rows = {row.name: row for row in protocol.rows}
    sets = {one.name: asdict(one) for one in protocol.sets}
    noises = {one.name: {"kind": one.kind, "level": one.level} for one in protocol.conditions}
    return [
        record
        for record in results.records.values()
        if record.row in rows
        and record.seed in rows[record.row].seeds
        and _but_digest(record.settings) == settings_of(rows[record.row])
        and record.source == sets.get(record.set)
        and record.noise == noises.get(record.condition)
    ]


def _but_digest(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != DIGEST}


def _but_place(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "bundle"}


def image_record(
    name: str, scores: Mapping[str, float], counts: Mapping[str, list[Any]]
) -> dict[str, Any]:
    """Give the JSON values of one image, in the digits that the file keeps; nan becomes null."""
    plain = {key: shortened(value) for key, value in scores.items()}
    return {"name": name, "scores": plain, "counts": dict(counts)}


class Results:
    """Read and extend a file of results.

    Parameters
    ----------
    path : Path
    what : mapping   `Protocol.what`: what all records have in common
    title : str
    """

    def __init__(self, path: Path, what: Mapping[str, Any], title: str) -> None:
        self.path, self.what, self.title = Path(path), dict(what), title
        self.records: dict[Key, Record] = {}
        self._seen: tuple[int, int] | None = None  # of the file, when it was last read or written

    @classmethod
    def open(cls, path: Path | str, protocol: Protocol, *, resume: bool) -> "Results":
        """Start a file, or go on with one.

        Raises
        ------
        FileExistsError  if the file exists and is not to be resumed.
        ValueError       if it is no file of results, or one of another protocol; says what differs.
        """
        path = Path(path)
        found = cls(path, protocol.what(), protocol.title)
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError(f"{path} must be a file in a folder that exists.")
        if not path.exists():
            return found
        if not resume:
            raise FileExistsError(
                f"{path} exists. Add --resume to go on with it, or name another file."
            )
        old = cls.read(path)
        differing = [key for key in found.what if old.what.get(key) != found.what[key]]
        if differing:
            raise ValueError(
                f"{path} was measured with another {', '.join(differing)}: "
                f"{ {key: old.what.get(key) for key in differing} } instead of "
                f"{ {key: found.what[key] for key in differing} }. Name another file."
            )
        found.records, found._seen = old.records, old._seen
        return found

    @classmethod
    def read(cls, path: Path | str) -> "Results":
        """Read a file of results.

        Raises
        ------
        FileNotFoundError  if there is none.
        ValueError         if it is something else or damaged.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"The file of results {path} does not exist.")
        try:
            found_at = _mark(path)
            plain = json.loads(path.read_text(encoding="utf-8"))
            if plain["version"] not in (1, VERSION):
                raise ValueError(f"version {plain['version']!r} is unknown")
            found = cls(path, plain["what"], str(plain["title"]))
            found._seen = found_at
            for one in unpack(plain) if plain["version"] == VERSION else plain["records"]:
                record = Record(**one)
                _check_images(record)
                if plain["version"] == 1:
                    record = _shorter(record, plain["what"]["measures"])
                found.records[record.key] = record
        except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
            raise ValueError(
                f"{path} is no file of results or is damaged ({error}). Move it away to start anew."
            ) from None
        return found

    def add(self, records: Sequence[Record]) -> None:
        """Add records and write the file; a failure leaves the file and its records as before.

        Where another run has written to the file meanwhile, its records are kept too.

        Raises
        ------
        OSError     if it cannot be written, for instance because the disk is full.
        ValueError  if the file has become something else.
        """
        before = dict(self.records)
        if self.path.exists() and _mark(self.path) != self._seen:
            other = Results.read(self.path)
            if other.what != self.what:
                raise ValueError(f"{self.path} was written by a run of another protocol meanwhile.")
            self.records = {**self.records, **other.records}
        self.records.update({record.key: record for record in records})
        try:
            self._write()
        except BaseException:
            self.records = before
            raise

    def _write(self) -> None:
        head = {"version": VERSION, "title": self.title, "what": self.what}
        write_whole(self.path, write(head, [asdict(one) for one in self.records.values()]))
        self._seen = _mark(self.path)


def _check_images(record: Record) -> None:
    """Raise ValueError or KeyError where the images of a record are not as `image_record` gives."""
    for image in record.images:
        values = list(dict(image["scores"]).values())
        if not (isinstance(image["name"], str) and isinstance(image["counts"], dict)):
            raise ValueError(f"row {record.row!r} holds {image!r:.80}")
        if not all(value is None or isinstance(value, int | float) for value in values):
            raise ValueError(f"row {record.row!r} holds scores that are no numbers")


def _shorter(record: Record, measures: Sequence[str]) -> Record:
    """Bring a record of version 1 to what is kept now."""
    kinds = {COUNTED[name] for name in measures if name in COUNTED}
    images = [
        image_record(
            image["name"],
            {key: math.nan if value is None else value for key, value in image["scores"].items()},
            {kind: count for kind, count in image["counts"].items() if kind in kinds},
        )
        for image in record.images
    ]
    return replace(record, images=images)


def _mark(path: Path) -> tuple[int, int]:
    """Tell states of a file apart: every write makes another file."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def write_whole(path: Path, text: str) -> None:
    """Replace a file by a text; after a failure the old file is still there, whole."""
    replace_whole(path, text.encode())
