"""What a person should know about a trained network; plain data, readable without torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Card:
    """Describe a trained network.

    Parameters
    ----------
    name : str             short name, as `load_bundle` takes it
    title : str            one line
    description : str      what it does, for which images
    licence : str          of the weights
    data : str             what it was trained on, with its source and licence
    labels : mapping       label -> name; 0 is the background
    objects : mapping      label -> name of the label with all that lies inside it, where that has
                           a name of its own (rim with cup: the disc)
    channels : str or int  'rgb', 'grey' or a number of channels
    scores : mapping       data set -> condition -> measure -> value
    split : str            how the images were divided
    seeds : tuple of int   the seeds that the scores come from
    known_failures : tuple of str
    object_px : float      typical diameter of the object at the scale the network works at, > 0
    roi : str or None      'disc': wants a crop about the optic disc; None: whole images
    centres : str          where the centres of star-shaped objects come from, if not given:
                           'click' = a person; 'network' = proposed from the logits
    inner : mapping        star-shaped label -> label of an inner part of the object, which does
                           not touch those of others, from which centres are proposed
    second_look : float    0 = the network sees an image once; else it also sees the square about
                           the largest object found, its side so many times the diameter of the
                           object (at least 1), see `looks.Looks`
    shrink : float         0 = the network sees an image at one scale; else it sees one again whose
                           typical object is more than an eighth wider than `object_px`, shrunk to
                           that diameter, but at most by so much (1.125 to 8), see `looks.Looks`
    mirror : bool          whether the network sees each image mirrored too; logits are the mean

    Raises
    ------
    ValueError  for wrong types or values; says which.
    """

    name: str
    title: str = ""
    description: str = ""
    licence: str = ""
    data: str = ""
    labels: Mapping[int, str] = field(default_factory=lambda: {0: "background", 1: "object"})
    objects: Mapping[int, str] = field(default_factory=dict)
    channels: str | int = "rgb"
    scores: Mapping[str, Any] = field(default_factory=dict)
    split: str = ""
    seeds: tuple[int, ...] = ()
    known_failures: tuple[str, ...] = ()
    object_px: float = 100.0
    roi: str | None = None
    centres: str = "click"
    inner: Mapping[int, int] = field(default_factory=dict)
    second_look: float = 0.0
    mirror: bool = False
    shrink: float = 0.0

    def __post_init__(self) -> None:
        for name in ("name", "title", "description", "licence", "data", "split"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"card.{name} must be text, got {getattr(self, name)!r}.")
        if not self.name:
            raise ValueError("card.name is empty. Give the model a short name.")
        self._check_names()
        if self.channels not in ("rgb", "grey"):
            object.__setattr__(self, "channels", _whole("channels", self.channels))
        object.__setattr__(self, "seeds", tuple(_whole("seed", seed) for seed in self.seeds))
        failures = tuple(self.known_failures)
        if isinstance(self.known_failures, str) or not all(isinstance(f, str) for f in failures):
            raise ValueError("card.known_failures must be a list of texts.")
        object.__setattr__(self, "known_failures", failures)
        if (
            isinstance(self.object_px, bool)
            or not isinstance(self.object_px, int | float)
            or not (0 < self.object_px < 1e6)
        ):
            raise ValueError(
                f"card.object_px must be a number of pixels > 0, got {self.object_px!r}."
            )
        look = self.second_look
        if isinstance(look, bool) or not isinstance(look, int | float) or not _sides(look):
            raise ValueError(
                f"card.second_look must be 0 or a number of diameters from 1 to 10, got {look!r}."
            )
        if isinstance(self.shrink, bool) or not isinstance(self.shrink, int | float):
            raise ValueError(f"card.shrink must be a number, got {self.shrink!r}.")
        if not (self.shrink == 0 or 1.125 <= self.shrink <= 8):
            raise ValueError(f"card.shrink must be 0 or from 1.125 to 8, got {self.shrink!r}.")
        if not isinstance(self.mirror, bool):
            raise ValueError(f"card.mirror must be True or False, got {self.mirror!r}.")
        if self.roi not in (None, "disc"):
            raise ValueError(f"card.roi must be 'disc' or None, got {self.roi!r}.")
        if self.centres not in ("click", "network"):
            raise ValueError(f"card.centres must be 'click' or 'network', got {self.centres!r}.")

    def _check_names(self) -> None:
        labels = {_whole("label", key): value for key, value in dict(self.labels).items()}
        if sorted(labels) != list(range(len(labels))) or len(labels) < 2:
            raise ValueError(
                f"card.labels must name 0 (background), 1, ... without gaps, got {sorted(labels)}."
            )
        if not all(isinstance(value, str) for value in labels.values()):
            raise ValueError("card.labels must map whole numbers to names.")
        object.__setattr__(self, "labels", dict(sorted(labels.items())))
        objects = {_whole("object", key): value for key, value in dict(self.objects).items()}
        if not set(objects) <= set(labels) or not all(isinstance(v, str) for v in objects.values()):
            raise ValueError(f"card.objects must name labels of the card, got {self.objects}.")
        object.__setattr__(self, "objects", dict(sorted(objects.items())))
        inner = {_whole("inner", k): _whole("inner", v) for k, v in dict(self.inner).items()}
        if not {*inner, *inner.values()} <= set(labels) - {0}:
            raise ValueError(f"card.inner must map labels of the card, not 0, got {self.inner}.")
        object.__setattr__(self, "inner", dict(sorted(inner.items())))

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON values; label numbers become text keys."""
        plain = asdict(self)
        plain["labels"] = {str(key): value for key, value in self.labels.items()}
        plain["objects"] = {str(key): value for key, value in self.objects.items()}
        plain["inner"] = {str(key): value for key, value in self.inner.items()}
        plain["seeds"] = list(self.seeds)
        plain["known_failures"] = list(self.known_failures)
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "Card":
        """Rebuild a card from `to_json`.

        Raises
        ------
        ValueError  for unknown keys, wrong types or values.
        """
        if not isinstance(plain, Mapping):
            raise ValueError(f"The card must be a JSON object, got {type(plain).__name__}.")
        known = {entry.name for entry in fields(cls)}
        unknown = sorted(set(plain) - known)
        if unknown or "name" not in plain:
            raise ValueError(f"The card has unknown entries {unknown} or lacks a name.")
        values = dict(plain)
        for key in ("labels", "objects", "scores", "inner"):
            if key in values and not isinstance(values[key], Mapping):
                raise ValueError(f"card.{key} must be a JSON object.")
        for key in ("seeds", "known_failures"):
            if key in values and not isinstance(values[key], list | tuple):
                raise ValueError(f"card.{key} must be a list.")
        return cls(**values)


def _sides(look: float) -> bool:
    return look == 0 or 1 <= look <= 10


def _whole(name: str, value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 7:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError(f"card: {name} must be a whole number >= 0, got {value!r}.")
    return value
