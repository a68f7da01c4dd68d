"""Networks that give logits; each is one file."""

from torch import nn

from .unet import UNet

BACKBONES: dict[str, type[nn.Module]] = {UNet.name: UNet}
"""What a bundle may name."""

__all__ = ["BACKBONES", "UNet"]
