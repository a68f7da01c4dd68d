"""Train a network through its head; stop and go on at any epoch with the same result."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .checkpoint import State, load_checkpoint, save_checkpoint
from .data import Batch
from .devices import Devices
from .feed import Feed, chunks_of
from .journal import Journal, Row
from .losses import LossSettings, segmentation_loss
from .model import Model
from .optimiser import RunningMean, make_optimiser, snapshot
from .origin import changed
from .schedule import Schedule
from .score import pooled_mean_iou

SAVE_SECONDS = 15.0


class Trainer:
    """Train a model on samples.

    All randomness of an epoch comes from the seed and the number of the epoch, so a run that was
    killed and started again gives the same weights as one that was not.

    Parameters
    ----------
    model : Model
    feed : Feed                   the samples to learn from
    held_out : list of batches    to choose the best epoch by, see `held_out_batches`
    schedule : Schedule
    loss : LossSettings
    devices : Devices
    checkpoint : Path             read when it exists; written when `save_seconds` have passed
                                  since the last time, and at the end
    settings : mapping            what a checkpoint must agree with to be gone on from
    """

    def __init__(
        self,
        model: Model,
        feed: Feed,
        held_out: Sequence[Batch],
        *,
        schedule: Schedule,
        devices: Devices,
        checkpoint: Path,
        loss: LossSettings | None = None,
        settings: State | None = None,
        journal: Journal | None = None,
        save_seconds: float = SAVE_SECONDS,
    ) -> None:
        if not feed.samples or not held_out:
            raise ValueError("Training needs at least one sample to train on and one held out.")
        if schedule.batch < devices.count:
            raise ValueError(
                f"batch is {schedule.batch} for {devices.count} processes; each needs a sample."
            )
        self.model, self.feed, self.held_out = model, feed, list(held_out)
        self.schedule, self.loss = schedule, loss or LossSettings()
        self.devices, self.checkpoint = devices, Path(checkpoint)
        self.settings, self.journal = settings or {}, journal or Journal(None)
        self.save_seconds = save_seconds
        if schedule.prior_rate == 0:
            for prior in (model.head, *model.inner_priors()):
                prior.requires_grad_(False)
        model.to(devices.device)
        devices.place(model.backbone)
        self.optimiser = make_optimiser(model, schedule)
        self.mean = RunningMean(model, schedule.average) if schedule.average else None
        self.epoch = 0
        self.history: list[Row] = []
        self.best: dict[str, Tensor] | None = None
        self.best_score = -math.inf

    def run(
        self, *, minutes: float = math.inf, after_epoch: Callable[[int], None] | None = None
    ) -> bool:
        """Train until the last epoch or until time is up.

        Parameters
        ----------
        minutes : float      no epoch is begun that would end later; one is always done
        after_epoch : call   told the number of finished epochs

        Returns
        -------
        bool   whether all epochs are done; the model then holds the weights that were kept
        """
        self.resume()
        started = saved = time.monotonic()
        first = self.epoch
        while not self.done:
            if self.epoch > first and self._late(started, minutes):
                self.save()
                return False
            self._one_epoch()
            if self.done or time.monotonic() - saved >= self.save_seconds:
                self.save()
                saved = time.monotonic()
            if after_epoch is not None:
                after_epoch(self.epoch)
        if self.best is not None:
            self.model.load_state_dict(self.best)
        return True

    @property
    def done(self) -> bool:
        """Say whether no epoch is left, or the score has not risen for too long."""
        if self.epoch >= self.schedule.epochs:
            return True
        first = self.schedule.epochs - self.schedule.head_epochs if self.schedule.head_epochs else 0
        scores = [row["score"] for row in self.history[first:]]
        if not self.schedule.patience or not scores:
            return False
        return len(scores) - 1 - scores.index(max(scores)) >= self.schedule.patience

    def _late(self, started: float, minutes: float) -> bool:
        expected = time.monotonic() - started + self.history[-1]["seconds"]
        return self.devices.any(expected > 60 * minutes)

    def _one_epoch(self) -> None:
        began = time.monotonic()
        loss = self._learn()
        self.devices.average_buffers(self.model)
        through_head = self.schedule.through_head(self.epoch)
        self.epoch += 1
        kept = None if self.mean is None else snapshot(self.model)
        if self.mean is not None:
            self.model.load_state_dict(self.mean.state)
            self.devices.average_buffers(self.model)
            self.mean.adopt_buffers(self.model)
        score = pooled_mean_iou(self.model, self.held_out, self.devices, through_head=through_head)
        self._keep(score)
        if kept is not None:
            self.model.load_state_dict(kept)
        row = {"epoch": self.epoch, "loss": loss, "score": score, **self._numbers()}
        self.history.append({**row, "seconds": time.monotonic() - began})
        if self.devices.first:
            self.journal.epoch(self.history, self.schedule.epochs)

    def _learn(self) -> float:
        """Go through the samples once; gives the mean loss."""
        torch.manual_seed(self.feed.seed * 100_003 + self.epoch)  # dropout
        schedule, devices = self.schedule, self.devices
        chunks = chunks_of(
            len(self.feed.samples),
            schedule.batch,
            self.feed.seed,
            self.epoch,
            schedule.samples_per_epoch,
        )
        self.model.train()
        total = 0.0
        parts = self.feed.batches(chunks, self.epoch, devices.rank, devices.count)
        for step, (part, share) in enumerate(parts):
            done = (self.epoch + step / len(chunks)) / schedule.epochs
            for group in self.optimiser.param_groups:
                group["lr"] = group["base"] * schedule.rate_at(done)
            loss = self._step(part, share)
            total += loss * len(chunks[step])
            self.journal.step(step + 1, len(chunks), loss)
        return total / sum(map(len, chunks))

    def _step(self, part: Batch, share: float) -> float:
        model, batch = self.model, part.to(self.devices.device)
        labels = batch.labels
        plain = model.plain(batch.images, self.devices)
        if self.schedule.through_head(self.epoch):
            logits = model.regularised(plain, batch)
        else:
            logits = plain / model.head.temperature.detach().to(plain.dtype)
        loss = segmentation_loss(logits, labels, model.head.link, self.loss)
        whole = loss if model.regressor is None else loss + model.volume_loss(plain, labels)
        self.optimiser.zero_grad(set_to_none=True)
        (whole * share).backward()  # type: ignore[no-untyped-call]
        self.devices.average_gradients(model)
        told = self.devices.total(loss.detach() * share / self.devices.count)
        if not math.isfinite(found := float(told)):
            raise FloatingPointError(self._diverged(f"loss is {found}"))
        norm = nn.utils.clip_grad_norm_(model.backbone.parameters(), 1.0)
        if not math.isfinite(float(norm)):
            raise FloatingPointError(self._diverged(f"gradient is {float(norm)}"))
        self.optimiser.step()
        if self.mean is not None:
            self.mean.update(model)
        return found

    def _diverged(self, what: str) -> str:
        return (
            f"The {what} in epoch {self.epoch + 1}. Lower schedule.rate or schedule.prior_rate; "
            "the last checkpoint stays."
        )

    def _numbers(self) -> Row:
        """Give the temperature and the parameters of the priors; inside, of those that learn."""
        head = self.model.head
        found = {"temperature": float(head.temperature.detach())}
        told: list[tuple[str, Any]] = [("", prior) for prior in head.priors]
        for place, prior in enumerate(self.model.inner_priors()):
            if any(parameter.requires_grad for parameter in prior.parameters()):
                told.append((f"inner.{place}.", prior))
        for start, prior in told:
            for name, value in prior.settings().items():
                if isinstance(value, float):
                    found[f"{start}{prior.name}.{name}"] = value
        return found

    def _keep(self, score: float) -> None:
        """Remember the best weights; those trained through the head win over earlier ones."""
        first_with_head = self.schedule.epochs - self.schedule.head_epochs + 1
        if self.epoch == first_with_head or self.schedule.keep == "last":
            self.best_score = -math.inf
        if score > self.best_score:
            self.best_score, self.best = score, snapshot(self.model)

    def save(self) -> None:
        """Write the checkpoint and the table, in the first process only."""
        if not self.devices.first:
            return
        state = {
            "epoch": self.epoch,
            "weights": snapshot(self.model),
            "best": self.best,
            "best_score": self.best_score,
            "history": self.history,
            "optimiser": self.optimiser.state_dict(),
            "mean": None if self.mean is None else self.mean.state_dict(),
            "settings": self.settings,
        }
        save_checkpoint(self.checkpoint, state)
        self.journal.save(self.history)

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one.

        Raises
        ------
        ValueError  if it is damaged, or belongs to a run with other settings or samples.
        """
        if not self.checkpoint.is_file():
            return False
        state = load_checkpoint(self.checkpoint)
        told: Any = state["settings"]
        if other := changed(told, self.settings):
            raise ValueError(
                f"{self.checkpoint} belongs to a run with other {other}. "
                "Delete it to start afresh, or restore the settings."
            )
        self.settings = told  # what it started from is only known there
        try:
            for row in state["history"]:
                float(row["score"]), float(row["seconds"])
            if state["best"] is not None:
                self.model.load_state_dict(state["best"])
            self.model.load_state_dict(state["weights"])
            self.optimiser.load_state_dict(state["optimiser"])
            if self.mean is not None:
                self.mean.load_state_dict(state["mean"])
            self.epoch, self.history = int(state["epoch"]), list(state["history"])
            self.best, self.best_score = state["best"], float(state["best_score"])
        except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{self.checkpoint} does not fit the network ({error!s:.200}). "
                "Delete it to start afresh."
            ) from None
        return True
