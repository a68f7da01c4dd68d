"""One or several processes, a device and a number type; Lightning Fabric does the work."""

import os
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from torch import Tensor, nn


class Devices:
    """Hide how many processes train and where.

    A run started by ``torchrun`` has several; each sees its part of every batch and gradients are
    averaged over them.

    Parameters
    ----------
    accelerator : str   'auto', 'cpu', 'cuda' or 'mps'
    precision : str     of the network

    Raises
    ------
    ImportError  without the extra 'train'.
    ValueError   if the device is not there.
    """

    def __init__(
        self,
        accelerator: str = "auto",
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        try:
            from lightning_fabric import Fabric
        except ImportError as error:
            raise ImportError(
                "Training needs Lightning Fabric, MONAI and TensorBoard. Install them with: "
                'pip install "priorseg[train]"'
            ) from error
        several = int(os.environ.get("WORLD_SIZE", "1")) > 1 and "LOCAL_RANK" in os.environ
        try:
            self._fabric: Any = Fabric(
                accelerator=accelerator,
                devices=int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if several else 1,
                num_nodes=int(os.environ.get("GROUP_WORLD_SIZE", "1")) if several else 1,
                strategy="ddp" if several else "auto",
                precision="bf16-mixed" if precision == "bfloat16" else "32-true",
            )
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"Training cannot use the device {accelerator!r}: {error!s:.200} "
                "Use 'auto' or 'cpu'."
            ) from None
        self._fabric.launch()
        self.half = precision == "bfloat16"
        self.rank, self.count = int(self._fabric.global_rank), int(self._fabric.world_size)
        self.device: torch.device = self._fabric.device

    @property
    def first(self) -> bool:
        """Say whether this process writes the files."""
        return self.rank == 0

    def autocast(self) -> AbstractContextManager[Any]:
        """Compute the network in the chosen number type."""
        context: AbstractContextManager[Any] = self._fabric.autocast()
        return context

    def place(self, network: nn.Module) -> None:
        """Lay a network out as the device computes it fastest."""
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.device.type == "cpu" and self.half:
            for module in network.modules():
                if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels:
                    _keep_float32(module)

    def total(self, value: Tensor) -> Tensor:
        """Add a tensor up over the processes."""
        if self.count == 1:
            return value
        added: Tensor = self._fabric.all_reduce(value.to(self.device), reduce_op="sum")
        return added

    def any(self, flag: bool) -> bool:
        """Say whether the flag is set in any process."""
        return bool(self.total(torch.tensor(float(flag))) > 0)

    def average_gradients(self, module: nn.Module) -> None:
        """Replace every gradient by its mean over the processes, in one exchange."""
        if self.count == 1:
            return
        # what has no gradient has none in any process, and AdamW must not count a step for it
        tracked = [p for p in module.parameters() if p.grad is not None]
        flat = torch.cat([p.grad.double().flatten() for p in tracked])  # type: ignore[union-attr]
        flat = self.total(flat) / self.count
        start = 0
        for parameter in tracked:
            part = flat[start : start + parameter.numel()]
            start += parameter.numel()
            parameter.grad.copy_(part.view_as(parameter))  # type: ignore[union-attr]

    def average_buffers(self, module: nn.Module) -> None:
        """Replace running statistics by their mean over the processes."""
        if self.count > 1:
            for buffer in module.buffers():
                if buffer.is_floating_point():
                    buffer.copy_(self.total(buffer.clone()) / self.count)


def _keep_float32(module: nn.Conv2d) -> None:
    """Leave a depthwise convolution out of autocast; its bfloat16 gradient is far slower."""
    inner = module.forward

    def forward(input: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return inner(input.float())

    module.forward = forward  # type: ignore[method-assign]
