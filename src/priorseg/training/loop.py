"""Train a network through its head; stop and go on at any epoch with the same result."""

import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..head import VariationalHead
from ..metrics import confusion, mean_iou
from ..preprocessing import Preprocessing
from .augment import Augment
from .data import Sample
from .losses import segmentation_loss

log = logging.getLogger(__name__)
State = dict[str, Any]


@dataclass(frozen=True)
class Schedule:
    """Say how long and how fast to train.

    Parameters
    ----------
    epochs : int          in all; the learning rate rises over the first and falls to 0
    head_epochs : int     the last ones, with the loss on the regularised logits
    batch : int           samples per step
    rate : float          largest learning rate of the network (AdamW)
    prior_rate : float    learning rate of the priors and the temperature; 0 = they stay
    seed : int            of the weights, the order and the augmentation
    half : bool           run the network in bfloat16 (the head and the loss stay in float32)
    """

    epochs: int
    head_epochs: int = 0
    batch: int = 8
    rate: float = 2e-3
    prior_rate: float = 1e-2
    seed: int = 0
    half: bool = False

    def rate_at(self, progress: float) -> float:
        """Give the factor on the learning rates at a share of the training, in [0, 1]."""
        warm = min(1.0, progress * self.epochs + 0.02)
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class Trainer:
    """Train a backbone and a head on samples.

    All randomness of an epoch comes from the seed and the number of the epoch, so a run that was
    killed and started again gives the same weights as one that was not.

    Parameters
    ----------
    backbone : nn.Module          image to logits
    head : VariationalHead
    preprocessing : Preprocessing how images in [0, 1] are shifted and scaled
    train, held_out : samples     to learn from, and to choose the best epoch by
    augment : Augment             strength of the variations; held-out samples are only resized
    schedule : Schedule
    checkpoint : Path             written after every epoch, read when it exists
    """

    def __init__(
        self,
        backbone: nn.Module,
        head: VariationalHead,
        preprocessing: Preprocessing,
        *,
        train: Sequence[Sample],
        held_out: Sequence[Sample],
        augment: Augment,
        schedule: Schedule,
        checkpoint: Path,
    ) -> None:
        self.backbone, self.head, self.preprocessing = backbone, head, preprocessing
        self.train, self.held_out = list(train), list(held_out)
        self.augment, self.schedule, self.checkpoint = augment, schedule, Path(checkpoint)
        if not self.train or not self.held_out:
            raise ValueError("Training needs at least one sample to train on and one held out.")
        head.requires_grad_(schedule.prior_rate > 0)
        self.optimiser = torch.optim.AdamW(
            [
                {"params": list(backbone.parameters()), "base": schedule.rate},
                {
                    "params": list(head.parameters()),
                    "base": schedule.prior_rate,
                    "weight_decay": 0.0,
                },
            ],
            lr=schedule.rate,
            weight_decay=1e-4,
        )
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.best: State | None = None
        self.best_score = -math.inf

    def run(
        self, *, minutes: float = math.inf, after_epoch: Callable[[int], None] | None = None
    ) -> bool:
        """Train until the last epoch or until time is up.

        Parameters
        ----------
        minutes : float      stop after the epoch that ends later than this
        after_epoch : call   told the number of finished epochs

        Returns
        -------
        bool   whether all epochs are done; the network then holds the best weights
        """
        self.resume()
        started = time.monotonic()
        while self.epoch < self.schedule.epochs:
            if time.monotonic() - started > 60 * minutes:
                return False
            loss = self._epoch()
            self.epoch += 1
            score = self.score()
            self._keep(score)
            self.history.append({"loss": loss, "score": score})
            log.info(
                "epoch %d/%d loss %.4f held-out mIoU %.4f (%.0f s)",
                self.epoch,
                self.schedule.epochs,
                loss,
                score,
                time.monotonic() - started,
            )
            self._save()
            if after_epoch is not None:
                after_epoch(self.epoch)
        if self.best is not None:
            self._load_weights(self.best)
        return True

    def through_head(self) -> bool:
        """Say whether the present epoch trains through the head."""
        return self.epoch >= self.schedule.epochs - self.schedule.head_epochs

    def _epoch(self) -> float:
        random = torch.Generator().manual_seed(self.schedule.seed * 100_003 + self.epoch)
        order = torch.randperm(len(self.train), generator=random).tolist()
        chunks = [
            order[i : i + self.schedule.batch] for i in range(0, len(order), self.schedule.batch)
        ]
        self.backbone.train()
        total = 0.0
        for step, chunk in enumerate(chunks):
            done = (self.epoch + step / len(chunks)) / self.schedule.epochs
            for group in self.optimiser.param_groups:
                group["lr"] = group["base"] * self.schedule.rate_at(done)
            images, labels = self.augment.batch([self.train[i] for i in chunk], random)
            total += self._step(images, labels) * len(chunk)
        return total / len(order)

    def _step(self, images: Tensor, labels: Tensor) -> float:
        logits = self._logits(images, self.through_head())
        loss = segmentation_loss(logits, labels, self.head.link)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"The loss is {float(loss)} in epoch {self.epoch + 1}.")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.backbone.parameters(), 1.0)
        self.optimiser.step()
        return float(loss.detach())

    def _logits(self, images: Tensor, through_head: bool) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.schedule.half):
            logits: Tensor = self.backbone(self.preprocessing.standardise(images))
        scaled = logits.float() / self.head.temperature
        regularised: Tensor = self.head(logits.float()) if through_head else scaled
        return regularised

    @torch.no_grad()
    def score(self) -> float:
        """Give the pooled mean IoU on the held-out samples at the working size."""
        self.backbone.eval()
        channels = self.backbone.out_channels
        labels = self.head.link.label_count(int(channels))  # type: ignore[arg-type]
        counts = np.zeros((labels, labels), np.int64)
        plain = Augment(self.augment.size, mirror_border=self.augment.mirror_border)
        random = torch.Generator().manual_seed(0)
        for start in range(0, len(self.held_out), self.schedule.batch):
            images, wanted = plain.batch(self.held_out[start : start + self.schedule.batch], random)
            found = self.head.link.class_logits(self._logits(images, self.through_head())).argmax(1)
            counts += confusion(found.numpy(), wanted.numpy(), labels)
        return mean_iou(counts)

    def _weights(self) -> State:
        parts = {"backbone": self.backbone, "head": self.head}
        return {
            name: {key: value.detach().clone() for key, value in part.state_dict().items()}
            for name, part in parts.items()
        }

    def _load_weights(self, state: State) -> None:
        self.backbone.load_state_dict(state["backbone"])
        self.head.load_state_dict(state["head"])

    def _keep(self, score: float) -> None:
        """Remember the best weights; those trained through the head win over earlier ones."""
        first_with_head = self.schedule.epochs - self.schedule.head_epochs + 1
        if self.epoch == first_with_head:
            self.best_score = -math.inf
        if score > self.best_score:
            self.best_score, self.best = score, self._weights()

    def _settings(self) -> State:
        return {
            "schedule": asdict(self.schedule),
            "augment": asdict(self.augment),
            "preprocessing": self.preprocessing.settings(),
            "train": [sample.name for sample in self.train],
        }

    def _save(self) -> None:
        state = {
            "epoch": self.epoch,
            "weights": self._weights(),
            "best": self.best,
            "best_score": self.best_score,
            "history": self.history,
            "optimiser": self.optimiser.state_dict(),
            "settings": self._settings(),
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.checkpoint.with_suffix(".writing")
        with open(fresh, "wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(fresh, self.checkpoint)

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one.

        Raises
        ------
        ValueError  if it belongs to a run with other settings or samples.
        """
        if not self.checkpoint.is_file():
            return False
        state = torch.load(self.checkpoint, weights_only=True)
        settings = self._settings()
        changed = [key for key in settings if state["settings"].get(key) != settings[key]]
        if changed:
            raise ValueError(
                f"{self.checkpoint} belongs to a run with other {changed}. "
                "Delete it to start afresh, or restore the settings."
            )
        self._load_weights(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.history = state["epoch"], state["history"]
        self.best, self.best_score = state["best"], state["best_score"]
        return True
