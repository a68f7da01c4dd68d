"""Build networks and read samples as a configuration says."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones import BACKBONES
from ..bundle import load_bundle
from ..spec import parameters
from .checkpoint import load_checkpoint
from .config import TrainConfig
from .data import Sample, hold_out, load_samples
from .losses import IGNORE


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
    ValueError         if a mask holds a value that is no label.
    """
    data = config.data
    chosen: list[tuple[Sample, int]] = []
    held: list[Sample] = []
    for told in data.sets:
        found = load_samples(root, told.folder, "train", longest=data.longest, zoom=told.zoom)
        if not found:
            raise ValueError(f"The data set {told.folder!r} has no training images.")
        kept, out = hold_out([_relabelled(s, config) for s in found], data.held_out, config.seed)
        chosen += [(sample, told.times) for sample in kept]
        held += out
    if data.limit is not None:
        order = np.random.default_rng([config.seed, 3]).permutation(len(chosen))
        chosen = [chosen[place] for place in sorted(order[: data.limit].tolist())]
    return [sample for sample, times in chosen for _ in range(times)], held


def _relabelled(sample: Sample, config: TrainConfig) -> Sample:
    data, count = config.data, len(config.data.labels)
    table = torch.arange(256)
    table[count:] = -1
    for value, label in data.relabel.items():
        if int(value) < 256:
            table[int(value)] = label
    if data.ignore is not None:
        table[data.ignore] = IGNORE
    labels = table[sample.labels]
    if bool((labels == -1).any()):
        values = sorted(set(sample.labels[labels == -1].tolist()))
        raise ValueError(
            f"The mask of {sample.name} holds {values}; data.labels names 0 to {count - 1}. "
            "Name them, or use data.ignore or data.relabel."
        )
    return Sample(sample.name, sample.image, labels, sample.zoom)


def make_backbone(config: TrainConfig) -> nn.Module:
    """Build the network and load the weights it starts from.

    Raises
    ------
    ValueError  for unknown names or settings, or weights that do not fit.
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
    elif told.weights != "none":
        _start_from(backbone, Path(told.weights))
    return backbone


def _start_from(backbone: nn.Module, path: Path) -> None:
    """Load weights; an output layer for another number of labels is left as it is."""
    if not path.is_file():
        raise FileNotFoundError(f"network.weights: there is no file {path}.")
    if path.suffix == ".priorseg":
        given: dict[str, Tensor] = load_bundle(path).backbone.state_dict()
    else:
        state = load_checkpoint(path)
        best = state["best"] or state["weights"]
        start = "backbone."
        given = {k.removeprefix(start): v for k, v in best.items() if k.startswith(start)}
    wanted = backbone.state_dict()
    other = {k for k in wanted if k in given and given[k].shape != wanted[k].shape}
    foreign = {k for k in other if given[k].shape[1:] != wanted[k].shape[1:]}
    if set(given) != set(wanted) or foreign:
        wrong = sorted(foreign | (set(given) ^ set(wanted)))[:3]
        raise ValueError(f"network.weights: {path} is of another network; {wrong} do not fit.")
    backbone.load_state_dict({k: wanted[k] if k in other else v for k, v in given.items()})
