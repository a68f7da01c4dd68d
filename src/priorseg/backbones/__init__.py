"""Networks that give logits; each is one file."""

from .backbone import Backbone
from .deeplabv3plus import DeepLabV3Plus
from .monai_net import MonaiNet
from .segnet import SegNet
from .unet import UNet
from .unet_lite0 import UNetLite0
from .wrapped import Wrapped, from_onnx, from_torchscript

BACKBONES: dict[str, type[Backbone]] = {
    cls.name: cls for cls in (UNet, UNetLite0, SegNet, DeepLabV3Plus, MonaiNet)
}
"""What a bundle may name."""

__all__ = [
    "BACKBONES",
    "Backbone",
    "DeepLabV3Plus",
    "MonaiNet",
    "SegNet",
    "UNet",
    "UNetLite0",
    "Wrapped",
    "from_onnx",
    "from_torchscript",
]
