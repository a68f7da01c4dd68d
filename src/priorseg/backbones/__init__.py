"""Networks that give logits; each is one file."""

from torch import nn

from .deeplabv3plus import DeepLabV3Plus
from .unet import UNet

BACKBONES: dict[str, type[nn.Module]] = {cls.name: cls for cls in (UNet, DeepLabV3Plus)}
"""What a bundle may name."""

__all__ = ["BACKBONES", "DeepLabV3Plus", "UNet"]
