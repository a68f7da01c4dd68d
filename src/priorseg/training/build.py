"""Build networks and read samples as a configuration says."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..backbones import BACKBONES
from ..spec import parameters
from .config import TrainConfig
from .cores import cored
from .data import Sample, hold_out, load_samples
from .heads import make_head
from .losses import IGNORE
from .origin import mark_of, network_of


def samples_root(config: TrainConfig) -> Path:
    """Give the folder of the data sets: of the configuration, else of PRIORSEG_DATA.

    Raises
    ------
    FileNotFoundError  if neither says one.
    """
    told = config.data.root or os.environ.get("PRIORSEG_DATA")
    if not told:
        raise FileNotFoundError(
            "No folder of data sets is given. Use --data DIR, data.root or PRIORSEG_DATA."
        )
    return Path(told)


def read_samples(config: TrainConfig, root: Path) -> tuple[list[Sample], list[Sample]]:
    """Read the training parts and hold out a share of each.

    Returns
    -------
    samples to train on, repeated as often as their set says; held-out samples

    Raises
    ------
    FileNotFoundError  if a set is missing.
    ValueError         if a mask holds a value that is no label, or if only some of the samples
                       have the maps of instances that a star prior is told centres from.
    """
    data, wanted = config.data, reads_centres(config) and config.head.centres != "network"
    chosen: list[tuple[Sample, int]] = []
    held: list[Sample] = []
    for told in data.sets:
        found = load_samples(
            root,
            told.folder,
            "train",
            longest=data.longest,
            zoom=told.zoom,
            instances=wanted or told.core is not None,
        )
        if not found:
            raise ValueError(f"The data set {told.folder!r} has no training images.")
        if told.view_px is not None:
            found = [_viewed(sample, told.view_px) for sample in found]
        if told.core is not None:
            found = [cored(sample, told.core, keep=wanted) for sample in found]
        kept, out = hold_out([_relabelled(s, config) for s in found], data.held_out, config.seed)
        chosen += [(sample, told.times) for sample in kept]
        held += out
    _check_instances([*(sample for sample, _ in chosen), *held])
    if data.limit is not None:
        order = np.random.default_rng([config.seed, 3]).permutation(len(chosen))
        chosen = [chosen[place] for place in sorted(order[: data.limit].tolist())]
    return [sample for sample, times in chosen for _ in range(times)], held


def reads_centres(config: TrainConfig) -> bool:
    """Say whether a prior of the head is told centres."""
    priors: Any = make_head(config.head).priors
    return any("centres" in prior.reads for prior in priors)


def _check_instances(samples: Sequence[Sample]) -> None:
    with_map = [sample.name for sample in samples if sample.instances is not None]
    without = [sample.name for sample in samples if sample.instances is None]
    if with_map and without:
        raise ValueError(
            f"{with_map[0]} has a map of instances and {without[0]} has none: true or "
            "clicked centres would mean one thing here and another there. List maps for all of "
            "them in the manifests, or use head.centres = 'network'."
        )


def _viewed(sample: Sample, view_px: tuple[int, int]) -> Sample:
    longer = max(sample.labels.shape)
    return dataclasses.replace(sample, zoom=(view_px[0] / longer, view_px[1] / longer))


def _relabelled(sample: Sample, config: TrainConfig) -> Sample:
    data, count = config.data, len(config.data.labels)
    table = torch.arange(256)
    table[count:] = -1
    for value, label in data.relabel.items():
        if int(value) < 256:
            table[int(value)] = label
    if data.ignore is not None:
        table[data.ignore] = IGNORE
    labels = table[sample.labels.clamp(0, 255)]
    labels[(sample.labels < 0) | (sample.labels > 255)] = -1
    if bool((labels == -1).any()):
        values = sorted(set(sample.labels[labels == -1].tolist()))[:8]
        raise ValueError(
            f"The mask of {sample.name} holds {values}; data.labels names 0 to {count - 1}. "
            "Name them, or use data.ignore or data.relabel."
        )
    return dataclasses.replace(sample, labels=labels)


def make_backbone(config: TrainConfig, *, fresh: bool = True) -> nn.Module:
    """Build the network and load the weights it starts from.

    Parameters
    ----------
    fresh : bool   False: the weights come from a checkpoint, the file is not needed any more

    Raises
    ------
    FileNotFoundError  if the file of the weights is missing.
    ValueError         for unknown names or settings, or weights that do not fit.
    """
    told = config.network
    constructor = BACKBONES.get(told.name)
    if constructor is None:
        raise ValueError(f"network.name {told.name!r} is unknown; {sorted(BACKBONES)} are.")
    settings = {"in_channels": 3, "out_channels": config.outputs, **told.settings}
    unknown = sorted(set(settings) - set(parameters(constructor)))
    if unknown:
        known = sorted(parameters(constructor))
        raise ValueError(f"network.settings has no {unknown}; {told.name!r} has {known}.")
    try:
        backbone = constructor(**settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"network.settings: {error}") from None
    if told.weights == "imagenet":
        load = getattr(backbone, "load_imagenet", None)
        if load is None:
            raise ValueError(f"The network {told.name!r} has no ImageNet weights. Use 'none'.")
        load()
    elif told.weights != "none" and fresh:
        _start_from(backbone, Path(told.weights), told.weights_sha256)
    return backbone


def _start_from(backbone: nn.Module, path: Path, mark: str | None) -> None:
    """Load weights; an output layer for another number of labels is left as it is."""
    if not path.is_file():
        raise FileNotFoundError(f"network.weights: there is no file {path}.")
    given = network_of(path)
    if mark is not None and mark != mark_of(given):
        raise ValueError(
            f"network.weights: {path} holds other weights than network.weights_sha256 says. "
            "Leave that out to start from them."
        )
    wanted = backbone.state_dict()
    other = {k for k in wanted if k in given and given[k].shape != wanted[k].shape}
    foreign = {k for k in other if given[k].shape[1:] != wanted[k].shape[1:]}
    if set(given) != set(wanted) or foreign:
        wrong = sorted(foreign | (set(given) ^ set(wanted)))[:3]
        raise ValueError(f"network.weights: {path} is of another network; {wrong} do not fit.")
    backbone.load_state_dict({k: wanted[k] if k in other else v for k, v in given.items()})
