"""DeepLabV3+ with an EfficientNet-Lite0 encoder, for images of any size."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..spec import Range
from .backbone import Backbone
from .checks import check_whole
from .efficientnet import OUTPUT_STRIDES, EfficientNetLite0, load_imagenet
from .padding import pad_to_multiple

RATES = (6, 12, 18)  # cells of the deepest features, at output stride 16


class DeepLabV3Plus(Backbone):
    """Map an image to logits at the image's own size.

    The deepest features go through a pyramid of dilated convolutions and a mean over the image,
    are upsampled to stride 4, joined by the encoder's features there, and mixed. The image is
    mirrored (or, when tiny, repeated) at the far border to a size n * output_stride + 1, at least
    two cells, and upsampling aligns the corners: so every feature stays over its pixel.

    Parameters
    ----------
    in_channels : int     channels of the image, >= 1
    out_channels : int    channels of the logits, >= 1
    output_stride : int   pixels between the deepest features: 8, 16 or 32
    width : int           channels of the pyramid and the decoder
    low_width : int       channels that the features at stride 4 are reduced to
    dropout : float       share of the pyramid's output that training drops

    Raises
    ------
    ValueError  for arguments out of range.

    Source: Chen et al., ECCV 2018, with separable convolutions; the norm after the mean over the
    image is a group norm, for a batch norm has nothing to average there in a batch of one.
    """

    name = "deeplabv3plus"

    def __init__(
        self,
        in_channels: Annotated[int, Range(1, 64)],
        out_channels: Annotated[int, Range(1, 256)],
        *,
        output_stride: Annotated[int, Range(8, 32)] = 16,
        width: Annotated[int, Range(8, 256, log=True)] = 128,
        low_width: Annotated[int, Range(1, 128, log=True)] = 48,
        dropout: Annotated[float, Range(0.0, 0.9)] = 0.1,
    ) -> None:
        check_whole("width", width, 8, 256)
        check_whole("low_width", low_width, 1, 128)
        _check(output_stride, dropout)
        super().__init__(
            in_channels=in_channels,
            out_channels=out_channels,
            output_stride=output_stride,
            width=width,
            low_width=low_width,
            dropout=float(dropout),
        )
        self.encoder = EfficientNetLite0(in_channels, output_stride=output_stride)
        *_, deep = self.encoder.channels
        rates = tuple(max(1, rate * 16 // output_stride) for rate in RATES)
        self.pyramid = Pyramid(deep, width, rates, float(dropout))
        self.low = _unit(self.encoder.channels[1], low_width, 1)
        self.mix = nn.Sequential(
            *_separable(width + low_width, width, 1), *_separable(width, width, 1)
        )
        self.out = nn.Conv2d(width, out_channels, 1)

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """Give the encoder's parameters, which training may change more slowly."""
        return self.encoder.parameters()

    def load_imagenet(self, *, scale: float = 0.25) -> None:
        """Put ImageNet weights into the encoder; see `efficientnet.load_imagenet`."""
        load_imagenet(self.encoder, scale=scale)

    def _logits(self, image: Tensor) -> Tensor:
        stride = int(self._settings["output_stride"])
        padded = pad_to_multiple(image, stride, extra=1, least=stride + 1)
        features = self.encoder(padded)
        low = self.low(features[1])
        deep = _resized(self.pyramid(features[-1]), low.shape[2:])
        logits = self.out(self.mix(torch.cat((deep, low), 1)))
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # before it is smooth
        return _resized(logits, padded.shape[2:])


class Pyramid(nn.Module):
    """Look around at several distances: 1x1, dilated separable 3x3, and the mean of the image.

    Parameters
    ----------
    inner, outer : int   channels
    rates : tuple        dilations, cells
    dropout : float      in [0, 1)

    Source: Chen et al., ECCV 2018, atrous spatial pyramid pooling.
    """

    def __init__(self, inner: int, outer: int, rates: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.near = _unit(inner, outer, 1)
        self.around = nn.ModuleList(nn.Sequential(*_separable(inner, outer, r)) for r in rates)
        self.whole = nn.Sequential(
            nn.Conv2d(inner, outer, 1, bias=False), nn.GroupNorm(1, outer), nn.ReLU(inplace=True)
        )
        self.join = _unit((len(rates) + 2) * outer, outer, 1)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inner, Y, X) to (B, outer, Y, X)."""
        whole = self.whole(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        views = [self.near(x), *(branch(x) for branch in self.around), whole]
        joined: Tensor = self.drop(self.join(torch.cat(views, 1)))
        return joined


def _unit(inner: int, outer: int, kernel: int, **more: int) -> nn.Sequential:
    """Make a convolution with batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inner, outer, kernel, bias=False, **more),  # type: ignore[arg-type]
        nn.BatchNorm2d(outer),
        nn.ReLU(inplace=True),
    )


def _separable(inner: int, outer: int, rate: int) -> tuple[nn.Module, nn.Module]:
    """Make a 3x3 convolution of each channel, then one across channels."""
    return (
        _unit(inner, inner, 3, padding=rate, dilation=rate, groups=inner),
        _unit(inner, outer, 1),
    )


def _resized(x: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=True)


def _check(output_stride: object, dropout: object) -> None:
    if isinstance(output_stride, bool) or output_stride not in OUTPUT_STRIDES:
        raise ValueError(f"output_stride must be 8, 16 or 32, got {output_stride!r}.")
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise ValueError(f"dropout must be a number from 0 to below 1, got {dropout!r}.")
