"""Train what a configuration describes: data in, a bundle out."""

import dataclasses
import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from ..bundle import save_bundle
from ..segmenter import Segmenter
from .build import make_backbone, read_samples, reads_centres, samples_root
from .checkpoint import write_whole
from .config import TrainConfig
from .data import Sample
from .devices import Devices
from .feed import Feed, held_out_batches
from .heads import make_head, ship_head
from .journal import Journal
from .loop import SAVE_SECONDS, Trainer
from .model import Model
from .origin import MARK, marked

BUNDLE, CHECKPOINT = "model.priorseg", "checkpoint.pt"


def train(
    config: TrainConfig,
    out: str | Path,
    *,
    minutes: float = math.inf,
    progress: Callable[[str], None] | None = None,
    device: str = "auto",
    workers: int | None = None,
    save_seconds: float = SAVE_SECONDS,
    after_epoch: Callable[[int], None] | None = None,
) -> Path | None:
    """Train a network; call it again after an interruption and it goes on.

    Parameters
    ----------
    config : TrainConfig
    out : Path             gets model.priorseg, checkpoint.pt, log.csv, config.json, TensorBoard
                           events and, where volumes are regressed, regressor.safetensors
    minutes : float        no epoch is begun that would end later; one is always done
    progress : call        told lines for a person
    device : str           'auto', 'cpu', 'cuda' or 'mps'
    workers : int or None  threads that vary samples; None = 1, or up to 8 beside a GPU
    save_seconds : float   least time between two checkpoints
    after_epoch : call     told the number of finished epochs

    Returns
    -------
    Path of the bundle, or None when time was up: call again to go on

    Raises
    ------
    ImportError  without the extra 'train'.
    ValueError   if the data do not fit the configuration, or `out` holds another run.
    OSError      if data are missing or files cannot be written; the last checkpoint stays.
    """
    require_extra()
    folder = Path(out)
    devices = Devices(device, config.schedule.precision)
    trainer = make_trainer(config, folder, devices, progress, workers, save_seconds)
    if devices.first:
        trainer.resume()  # another run's folder is refused before anything is written to it
        told = config.to_dict()
        told["network"][MARK] = trainer.settings["network"].get(MARK)
        text = json.dumps(told, indent=2, allow_nan=False)
        write_whole(folder / "config.json", (text + "\n").encode())
    try:
        if not trainer.run(minutes=minutes, after_epoch=after_epoch):
            return None
    finally:
        trainer.journal.close()
    return ship(config, trainer, folder) if devices.first else folder / BUNDLE


def make_trainer(
    config: TrainConfig,
    folder: Path,
    devices: Devices,
    progress: Callable[[str], None] | None = None,
    workers: int | None = None,
    save_seconds: float = SAVE_SECONDS,
) -> Trainer:
    """Read the data and build the network; the seed draws its first weights."""
    train_part, held_out = read_samples(config, samples_root(config))
    if progress is not None and devices.first:
        progress(f"{len(train_part)} training samples, {len(held_out)} held out, {devices.device}")
    if workers is None:
        workers = 1 if devices.device.type == "cpu" else min(8, os.cpu_count() or 1)
    seed, noise = config.seed, config.noise
    feed = Feed(train_part, config.variations(), noise, seed=seed, workers=workers)
    batch = config.schedule.batch
    scored = held_out_batches(held_out, config.preprocessing, noise, batch=batch, seed=seed)
    torch.manual_seed(seed)
    head = make_head(config.head)
    model = Model(
        make_backbone(config, fresh=not (folder / CHECKPOINT).is_file()),
        head,
        config.preprocessing,
        volumes=config.head.volumes,
        centres=config.head.centres,
        inner=config.make_card().inner,
    )
    return Trainer(
        model,
        feed,
        scored,
        schedule=config.schedule,
        loss=config.loss,
        devices=devices,
        checkpoint=folder / CHECKPOINT,
        settings=_settings(config, train_part),
        journal=Journal(folder if devices.first else None, progress if devices.first else None),
        save_seconds=save_seconds,
    )


def _settings(config: TrainConfig, samples: Sequence[Sample]) -> dict[str, Any]:
    """Give what decides the weights; where files lie and how the network is shipped does not."""
    told = config.to_dict()
    extra: dict[str, Any] = {"samples": [sample.name for sample in samples]}
    if any(sample.instances is not None for sample in samples):
        extra["instances"] = True
    inner = config.make_card().inner
    if inner and config.head.centres == "network" and reads_centres(config):
        extra["inner"] = {str(label): part for label, part in inner.items()}
    for key in ("card", "ship"):
        told.pop(key)
    told["data"].pop("root")
    return {**told, "network": marked(told["network"]), **extra}


def ship(config: TrainConfig, trainer: Trainer, folder: Path) -> Path:
    """Write the bundle, with the held-out score on its card."""
    model: Model = trainer.model.cpu()
    per_cent = round(100 * trainer.best_score, 2)
    told = "noise" if config.noise else "clean"
    scores = {"held-out part of the training images": {told: {"mIoU": per_cent}}}
    card = config.make_card()
    card = dataclasses.replace(card, scores={**card.scores, **scores})
    head = ship_head(model.head, config.ship)
    backbone = model.backbone.eval()
    fixed = config.ship is not None and config.ship.scale is not None
    segmenter = Segmenter(
        backbone,
        head,
        card,
        preprocessing=config.preprocessing,
        lengths="image" if fixed else "working",
    )
    if model.regressor is not None:
        from ..guidance import save_regressor

        save_regressor(folder / "regressor.safetensors", model.regressor)
    return save_bundle(folder / BUNDLE, segmenter)


def require_extra() -> None:
    """Raise ImportError, saying what to install, without the extra 'train'."""
    from importlib.util import find_spec

    missing = [n for n in ("lightning_fabric", "monai", "tensorboard") if find_spec(n) is None]
    if missing:
        raise ImportError(
            f'Training needs {", ".join(missing)}. Install with: pip install "priorseg[train]"'
        )
