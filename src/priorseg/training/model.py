"""What is trained: a network, a head and what the head's priors are told."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..guidance.guide import CentreSource, VolumeSource
from ..head import VariationalHead
from ..preprocessing import Preprocessing
from ..scene import Scene
from .data import Batch
from .devices import Devices

GUIDED = {"centres", "volumes"}


class Model(nn.Module):
    """Hold a backbone, a head and, where volumes are regressed, their regressor.

    Parameters
    ----------
    backbone : nn.Module             (B, 3, Y, X) to (B, K, Y, X)
    head : VariationalHead
    preprocessing : Preprocessing    how images in [0, 1] are shifted and scaled
    volumes, centres : str           see `HeadSettings`
    inner : mapping                  inner parts of objects, for centres of the network; see
                                     `Card`
    """

    def __init__(
        self,
        backbone: nn.Module,
        head: VariationalHead,
        preprocessing: Preprocessing,
        *,
        volumes: VolumeSource = "truth",
        centres: CentreSource = "truth",
        inner: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.backbone, self.head, self.preprocessing = backbone, head, preprocessing
        self.volumes, self.centres, self.inner = volumes, centres, inner
        read = {name for prior in head.priors for name in prior.reads}  # type: ignore[union-attr]
        self.guided = bool(read & GUIDED)
        self.regressor: Any = None
        if volumes == "regressed" and "volumes" in read:
            from ..guidance import VolumeRegressor

            self.regressor = VolumeRegressor(int(backbone.out_channels), head.link)  # type: ignore[arg-type]

    @property
    def labels(self) -> int:
        """Give the number of labels."""
        return self.head.link.label_count(int(self.backbone.out_channels))  # type: ignore[arg-type]

    def inner_priors(self) -> list[nn.Module]:
        """Give the priors inside the network, the deepest first."""
        told = getattr(self.backbone, "inner_priors", None)
        return [] if told is None else list(told())

    def plain(self, images: Tensor, devices: Devices) -> Tensor:
        """Give the network's logits, (B, K, Y, X) float32, for images in [0, 1]."""
        standard = self.preprocessing.standardise(images)
        with devices.autocast():
            logits: Tensor = self.backbone(standard.contiguous(memory_format=torch.channels_last))
        return logits.float().contiguous()

    def regularised(self, logits: Tensor, batch: Batch) -> Tensor:
        """Give the logits after the head.

        Parameters
        ----------
        logits : (B, K, Y, X)   of the network
        batch : Batch           images in [0, 1], and the truth for priors that are told from it
        """
        found: Tensor = self.head(logits, self.scene(logits, batch))
        return found

    def scene(self, logits: Tensor, batch: Batch) -> Scene:
        """Give what the priors are told."""
        if not self.guided:
            return Scene(image=batch.images)
        from ..guidance import scene_of

        scene: Scene = scene_of(
            logits,
            list(self.head.priors),  # type: ignore[arg-type]
            self.head.link,
            truth=batch.labels,
            instances=batch.instances,
            volumes=self.volumes,
            centres=self.centres,
            regressor=self.regressor,
            temperature=float(self.head.temperature.detach()),
            inner=self.inner,
        )
        return dataclasses.replace(scene, image=batch.images)

    def volume_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Give the loss of the regressor; it does not move the network."""
        shares = self.regressor(logits.detach(), self.head.temperature.detach())
        loss: Tensor = self.regressor.loss(shares, labels)
        return loss
