"""A U-Net for images of any size."""

from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..spec import Range
from .checks import check_image, check_whole
from .padding import pad_to_multiple

Norm = Literal["group", "batch"]


def _norm(kind: Norm, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    groups = next(g for g in (8, 4, 2, 1) if channels % g == 0)
    return nn.GroupNorm(groups, channels)


def _block(inner: int, outer: int, kind: Norm) -> nn.Sequential:
    """Make two 3x3 convolutions, each with norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, padding=1, bias=False),
        _norm(kind, outer),
        nn.ReLU(inplace=True),
        nn.Conv2d(outer, outer, 3, padding=1, bias=False),
        _norm(kind, outer),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """Map an image to logits at the image's own size.

    The encoder halves the image `depth` times and doubles the channels up to 16 * width; the
    decoder upsamples bilinearly and concatenates. Images whose size is no multiple of 2**depth
    are mirrored (or, when tiny, repeated) at the far border and the result is cut.

    Parameters
    ----------
    in_channels : int    channels of the image, >= 1
    out_channels : int   channels of the logits, >= 1
    width : int          channels of the first level
    depth : int          number of halvings; 0 = no downsampling
    norm : str           'group' (independent of the batch) or 'batch' (faster when frozen, and
                         the same whatever the tile)

    Source: Ronneberger, Fischer and Brox, MICCAI 2015; padded convolutions and norms added.
    """

    name = "unet"

    def __init__(
        self,
        in_channels: Annotated[int, Range(1, 64)],
        out_channels: Annotated[int, Range(1, 256)],
        *,
        width: Annotated[int, Range(1, 256, log=True)] = 16,
        depth: Annotated[int, Range(0, 6)] = 4,
        norm: Norm = "group",
    ) -> None:
        super().__init__()
        _check(in_channels, out_channels, width, depth, norm)
        self._settings = {
            "in_channels": in_channels,
            "out_channels": out_channels,
            "width": width,
            "depth": depth,
            "norm": norm,
        }
        sizes = [min(width * 2**level, width * 16) for level in range(depth + 1)]
        inner = [in_channels, *sizes[:-1]]
        self.down = nn.ModuleList(_block(a, b, norm) for a, b in zip(inner, sizes, strict=True))
        self.up = nn.ModuleList(
            _block(deep + skip, skip, norm)
            for skip, deep in zip(sizes[-2::-1], sizes[:0:-1], strict=True)
        )
        self.out = nn.Conv2d(sizes[0], out_channels, 1)

    @property
    def in_channels(self) -> int:
        """Give the number of image channels."""
        return int(self._settings["in_channels"])

    @property
    def out_channels(self) -> int:
        """Give the number of channels of the logits."""
        return int(self._settings["out_channels"])

    @property
    def multiple(self) -> int:
        """Give the number that image sizes are padded to a multiple of."""
        return 1 << int(self._settings["depth"])

    def settings(self) -> dict[str, Any]:
        """Give the constructor arguments that rebuild this network, as plain values."""
        return dict(self._settings)

    def forward(self, image: Tensor) -> Tensor:
        """Compute logits.

        Parameters
        ----------
        image : (B, in_channels, Y, X)   Y, X >= 1

        Returns
        -------
        (B, out_channels, Y, X)

        Raises
        ------
        ValueError  if the shape does not fit.
        """
        check_image("UNet", image, self.in_channels)
        height, width = image.shape[2:]
        x = pad_to_multiple(image, self.multiple)
        skips = []
        for level, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if level else x)
            skips.append(x)
        skips.pop()
        for block in self.up:
            skip = skips.pop()
            x = functional.interpolate(x, size=skip.shape[2:], mode="bilinear")
            x = block(torch.cat((x, skip), 1))
        logits: Tensor = self.out(x)
        return logits[..., :height, :width]


def _check(in_channels: int, out_channels: int, width: int, depth: int, norm: str) -> None:
    check_whole("in_channels", in_channels, 1, 64)
    check_whole("out_channels", out_channels, 1, 256)
    check_whole("width", width, 1, 256)
    check_whole("depth", depth, 0, 6)
    if norm not in ("group", "batch"):
        raise ValueError(f"norm must be 'group' or 'batch', got {norm!r}.")
