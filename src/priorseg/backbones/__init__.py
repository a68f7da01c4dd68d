"""Networks that give logits; each is one file."""

from torch import nn

from .deeplabv3plus import DeepLabV3Plus
from .segnet import SegNet
from .unet import UNet

BACKBONES: dict[str, type[nn.Module]] = {cls.name: cls for cls in (UNet, SegNet, DeepLabV3Plus)}
"""What a bundle may name."""

__all__ = ["BACKBONES", "DeepLabV3Plus", "SegNet", "UNet"]
