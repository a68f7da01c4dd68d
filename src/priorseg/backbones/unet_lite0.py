"""A U-Net on an EfficientNet-Lite0 encoder, for images of any size."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..spec import Range
from .backbone import Backbone
from .checks import check_whole
from .efficientnet import EfficientNetLite0, load_imagenet
from .layers import convolutions
from .padding import pad_to_multiple

SHARES = (1, 2, 3, 4, 6)  # channels at strides 1, 2, 4, 8 and 16, in widths


class UNetLite0(Backbone):
    """Map an image to logits at the image's own size.

    The encoder gives features at strides 2 to 2**depth, one convolution those at stride 1. From the
    deepest on they are upsampled by two, joined by the features there, and mixed, down to single
    pixels: so small objects keep their outlines, which `DeepLabV3Plus` draws at stride 4. The image
    is mirrored (or, when tiny, repeated) at the far border to a size n * 2**depth + 1, at least two
    cells, and upsampling aligns the corners: so every feature stays over its pixel.

    Parameters
    ----------
    in_channels : int    channels of the image, >= 1
    out_channels : int   channels of the logits, >= 1
    width : int          channels at stride 1; 2, 3, 4 and 6 times as many at 2, 4, 8 and 16
    depth : int          number of halvings, 1 to 5

    Raises
    ------
    ValueError  for arguments out of range.

    Source: Ronneberger, Fischer and Brox, MICCAI 2015, for the decoder; padded convolutions and
    batch norms added.
    """

    name = "unet-lite0"

    def __init__(
        self,
        in_channels: Annotated[int, Range(1, 64)],
        out_channels: Annotated[int, Range(1, 256)],
        *,
        width: Annotated[int, Range(1, 64, log=True)] = 16,
        depth: Annotated[int, Range(1, 5)] = 4,
    ) -> None:
        check_whole("width", width, 1, 64)
        check_whole("depth", depth, 1, 5)
        super().__init__(
            in_channels=in_channels, out_channels=out_channels, width=width, depth=depth
        )
        self.encoder = EfficientNetLite0(in_channels, levels=depth, exact=True)
        *skips, deep = self.encoder.channels[:depth]
        self.fine = convolutions(in_channels, width, "batch", count=1)
        sizes = [share * width for share in SHARES[depth - 1 :: -1]]
        joined = zip([deep, *sizes[:-1]], [*skips[::-1], width], sizes, strict=True)
        self.up = nn.ModuleList(
            convolutions(below + skip, size, "batch") for below, skip, size in joined
        )
        self.out = nn.Conv2d(width, out_channels, 1)

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """Give the encoder's parameters, which training may change more slowly."""
        return self.encoder.parameters()

    def load_imagenet(self, *, scale: float = 0.25) -> None:
        """Put ImageNet weights into the encoder; see `efficientnet.load_imagenet`."""
        load_imagenet(self.encoder, scale=scale)

    def _logits(self, image: Tensor) -> Tensor:
        stride = 1 << int(self._settings["depth"])
        padded = pad_to_multiple(image, stride, extra=1, least=stride + 1)
        *skips, x = self.encoder(padded)
        for block, skip in zip(self.up, [*reversed(skips), self.fine(padded)], strict=True):
            x = functional.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=True)
            x = block(torch.cat((x, skip), 1))
        logits: Tensor = self.out(x)
        return logits
