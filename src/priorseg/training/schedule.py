"""Say how long and how fast to train."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from ..spec import Range


@dataclass(frozen=True)
class Schedule:
    """Say how long and how fast to train.

    Parameters
    ----------
    epochs : int          in all; the learning rate rises over the first and falls to 0
    head_epochs : int     the last ones, with the loss on the regularised logits; = epochs: all
    batch : int           samples per step, over all processes
    rate : float          largest learning rate of the network (AdamW)
    encoder_rate : float or None   that of its encoder, where it has one; None = rate
    prior_rate : float    that of the priors and the temperature; 0 = they stay
    decay : float         weight decay of the network
    patience : int        stop after so many epochs without a better score; 0 = never
    precision : str       of the network; the head and the loss stay in float32
    average : float       share that a running mean of the weights keeps per step, for instance
                          0.995; the mean is scored and shipped; 0 = off
    samples_per_epoch : int or None   None = every sample once
    keep : str            ship the weights of the 'best' epoch by held-out score, or of the 'last'
    """

    epochs: Annotated[int, Range(1, 100_000)] = 20
    head_epochs: Annotated[int, Range(0, 100_000)] = 0
    batch: Annotated[int, Range(1, 4096)] = 8
    rate: Annotated[float, Range(0, 10)] = 2e-3
    encoder_rate: Annotated[float, Range(0, 10)] | None = None
    prior_rate: Annotated[float, Range(0, 10)] = 1e-2
    decay: Annotated[float, Range(0, 10)] = 1e-4
    patience: Annotated[int, Range(0, 100_000)] = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    average: Annotated[float, Range(0, 0.99999)] = 0.0
    samples_per_epoch: Annotated[int, Range(1, 10**9)] | None = None
    keep: Literal["best", "last"] = "best"

    def __post_init__(self) -> None:
        if self.head_epochs > self.epochs:
            raise ValueError(f"head_epochs {self.head_epochs} is more than epochs {self.epochs}.")

    def rate_at(self, progress: float) -> float:
        """Give the factor on the learning rates at a share of the training, in [0, 1]."""
        warm = min(1.0, progress * self.epochs + 0.02)
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    def through_head(self, epoch: int) -> bool:
        """Say whether an epoch, counted from 0, trains through the head."""
        return epoch >= self.epochs - self.head_epochs
