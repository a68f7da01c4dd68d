"""Everything that makes a training run, as plain data; read from a TOML file."""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from ..card import Card
from ..preprocessing import Preprocessing
from ..spec import Range
from .augment import Augment
from .heads import HeadSettings, ShipSettings, check_head, link_of, make_head, ship_head
from .losses import LossSettings
from .noise import NoiseSettings
from .schedule import Schedule
from .schema import plain, read_section


@dataclass(frozen=True)
class NetworkSettings:
    """Name a registered backbone.

    Parameters
    ----------
    name : str           one of `priorseg.backbones.BACKBONES`
    settings : mapping   its constructor arguments; in_channels and out_channels are filled in
    weights : str        'none', 'imagenet' (networks with `load_imagenet`), or the path of a
                         .priorseg bundle or a checkpoint.pt whose network is started from
    weights_sha256 : str or None   digest of that network's weights, as a run notes it in its
                         config.json; where it is given, others are refused
    """

    name: str = "unet"
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: str = "none"
    weights_sha256: str | None = None

    def __post_init__(self) -> None:
        for name in ("in_channels", "out_channels"):
            if name in self.settings:
                raise ValueError(f"settings.{name} comes from the data. Leave it out.")


@dataclass(frozen=True)
class SetSettings:
    """Name a data set.

    Parameters
    ----------
    folder : str         below the root of the data
    times : int          how often each of its samples is seen in an epoch
    zoom : (low, high)   see `Sample.zoom`; used when the augmentation has zoom = true
    view_px : (low, high) or None   the same in pixels of the image, so that objects are seen at
                         the same sizes in small and large images; in place of `zoom`
    core : float or None   the set lists instances, labels are made of them: 1 = the core of
                         each, the pixels deeper than this share of its depth; 2 = its rim
    """

    folder: str
    times: Annotated[int, Range(1, 1000)] = 1
    zoom: tuple[Annotated[float, Range(0.01, 100)], Annotated[float, Range(0.01, 100)]] = (1.0, 1.0)
    core: Annotated[float, Range(0.0, 0.95)] | None = None
    view_px: tuple[Annotated[int, Range(8, 2**15)], Annotated[int, Range(8, 2**15)]] | None = None

    def __post_init__(self) -> None:
        for name, range_ in (("zoom", self.zoom), ("view_px", self.view_px)):
            if range_ is not None and range_[0] > range_[1]:
                raise ValueError(
                    f"{name} must be (low, high) with low <= high, got {list(range_)}."
                )
        if self.view_px is not None and self.zoom != (1.0, 1.0):
            raise ValueError("zoom and view_px say the same in two units. Leave one of them out.")


@dataclass(frozen=True)
class DataSettings:
    """Say what to train on.

    Parameters
    ----------
    labels : texts            names of the labels, label 0 first
    sets : data sets
    ignore : int or None      value of the masks that is left out of loss and scores
    relabel : mapping         value of the masks -> label that it becomes
    held_out : float          share of each set's training part by which the epoch is chosen
    limit : int or None       train on this many images only; a seeded choice, and a smaller one
                              is a part of a larger one
    longest : int or None     images with a longer side are shrunk to it
    root : str or None        folder of the data sets; relative to the configuration file
    """

    labels: tuple[str, ...]
    sets: tuple[SetSettings, ...]
    ignore: Annotated[int, Range(0, 255)] | None = None
    relabel: Mapping[str, Any] = field(default_factory=dict)
    held_out: Annotated[float, Range(0.001, 0.9)] = 0.1
    limit: Annotated[int, Range(1, 10**9)] | None = None
    longest: Annotated[int, Range(8, 2**15)] | None = None
    root: str | None = None

    def __post_init__(self) -> None:
        if not 2 <= len(self.labels) <= 256:
            raise ValueError(f"labels must name 2 to 256 labels, got {list(self.labels)}.")
        if not self.sets:
            raise ValueError("sets is empty. Name at least one data set.")
        for key, value in self.relabel.items():
            if not key.isdecimal() or type(value) is not int or not 0 <= value < len(self.labels):
                raise ValueError(f"relabel must map values to labels, got {key} = {value!r}.")
        if self.ignore in {int(key) for key in self.relabel}:
            raise ValueError(
                f"The value {self.ignore} is both ignored and relabelled. Take it out of ignore or "
                "out of relabel."
            )
        if self.ignore is not None and self.ignore < len(self.labels):
            raise ValueError(
                f"ignore = {self.ignore} is the label {self.labels[self.ignore]!r}; use a value "
                f"from {len(self.labels)} on."
            )


@dataclass(frozen=True)
class TrainConfig:
    """Hold a whole training run; docs/training.md lists the keys.

    Raises
    ------
    ValueError  if the parts do not fit together.
    """

    data: DataSettings
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0
    network: NetworkSettings = field(default_factory=NetworkSettings)
    head: HeadSettings = field(default_factory=HeadSettings)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    augment: Mapping[str, Any] = field(default_factory=dict)
    noise: tuple[NoiseSettings, ...] = ()
    loss: LossSettings = field(default_factory=LossSettings)
    schedule: Schedule = field(default_factory=Schedule)
    card: Mapping[str, Any] = field(default_factory=dict)
    ship: ShipSettings | None = None

    def __post_init__(self) -> None:
        weights = self.loss.class_weights
        if weights is not None and len(weights) != len(self.data.labels):
            raise ValueError(
                f"loss.class_weights has {len(weights)} entries for {len(self.data.labels)} labels."
            )
        if weights is not None and link_of(self.head.link).name != "softmax":
            raise ValueError("loss.class_weights needs head.link = 'softmax'. Leave them out.")
        if self.preprocessing.channels != 3:
            raise ValueError(
                f"preprocessing.channels is {self.preprocessing.channels}; training reads images "
                "as RGB: use 3."
            )
        check_head(make_head(self.head), self.outputs)
        if self.ship is not None:
            self._check_shipped(self.ship)
        self.variations()
        self.make_card()
        try:
            json.dumps(self.to_dict(), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"The settings hold what JSON cannot keep: {error}.") from None

    @property
    def outputs(self) -> int:
        """Give the number of channels of the logits."""
        labels = len(self.data.labels)
        return labels if link_of(self.head.link).name == "softmax" else labels - 1

    def _check_shipped(self, told: ShipSettings) -> None:
        try:
            check_head(ship_head(make_head(self.head), told), self.outputs)
        except ValueError as error:
            raise ValueError(f"ship: {error}") from None

    def variations(self) -> Augment:
        """Give the augmentation; its size is the working size unless said otherwise."""
        told = dict(self.augment)
        told.setdefault("size", self.preprocessing.size)
        if told["size"] is None:
            raise ValueError("augment.size is needed where preprocessing.size is left out.")
        return read_section(Augment, told, "augment")

    def make_card(self) -> Card:
        """Give the card of the network, without scores."""
        told = {"name": "model", **self.card, "seeds": [self.seed]}
        if "labels" in self.card:
            raise ValueError("card.labels comes from data.labels. Leave it out.")
        return Card.from_json({**told, "labels": dict(enumerate(self.data.labels))})

    def to_dict(self) -> dict[str, Any]:
        """Give plain values that JSON can hold; `from_dict` gives the configuration back."""
        found: dict[str, Any] = plain(self)
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainConfig":
        """Check and read plain values.

        Raises
        ------
        ValueError  for unknown keys, wrong types, values out of range; says where.
        """
        return read_section(cls, values, "config")

    @classmethod
    def from_toml(cls, path: str | Path) -> "TrainConfig":
        """Read a TOML file; `data.root` and `network.weights` may be relative to it.

        Raises
        ------
        FileNotFoundError  if there is none.
        ValueError         if it is no TOML, or see `from_dict`.
        """
        file = Path(path)
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FileNotFoundError(f"There is no configuration {file}.") from None
        except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, endless numbers
            raise ValueError(f"{file} is no TOML: {error}.") from None
        try:
            config = cls.from_dict(values)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        return config._placed(file.parent)

    def _placed(self, folder: Path) -> "TrainConfig":
        """Make the paths of a file that lies in a folder absolute."""
        data, network = self.data, self.network
        if data.root is not None:
            data = dataclasses.replace(data, root=str((folder / data.root).resolve()))
        if network.weights not in ("none", "imagenet"):
            place = str((folder / network.weights).resolve())
            network = dataclasses.replace(network, weights=place)
        return dataclasses.replace(self, data=data, network=network)
