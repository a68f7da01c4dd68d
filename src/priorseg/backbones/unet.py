"""A U-Net for images of any size."""

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..prior import Prior
from ..spec import Range
from .backbone import Backbone
from .checks import check_whole
from .inner import Inner, RegularisedActivation, check_inner
from .layers import Norm, check_norm, convolutions
from .padding import pad_to_multiple


class UNet(Backbone):
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
    inner : str          what the decoder's blocks end in: 'none' = ReLU, else the activation with
                         this prior, see `RegularisedActivation`
    inner_sweeps, inner_weight, inner_sigma   its arguments; weight and sigma start there
    inner_learnable : bool   whether they take gradients; ``inner_parameters()`` gives them

    Raises
    ------
    ValueError  for arguments out of range.

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
        inner: Inner = "none",
        inner_sweeps: Annotated[int, Range(1, 100)] = 3,
        inner_weight: Annotated[float, Range(0.01, 20, log=True)] = 1.0,
        inner_sigma: Annotated[float, Range(0.5, 10, log=True, unit="px")] = 1.0,
        inner_learnable: bool = False,
    ) -> None:
        check_whole("width", width, 1, 256)
        check_whole("depth", depth, 0, 6)
        check_norm(norm)
        check_inner(inner, inner_learnable)
        super().__init__(
            in_channels=in_channels,
            out_channels=out_channels,
            width=width,
            depth=depth,
            norm=norm,
        )
        about = {"sweeps": inner_sweeps, "weight": inner_weight, "sigma": inner_sigma}
        about |= {"learnable": True} if inner_learnable else {}
        if inner != "none":  # what is plain keeps the settings it always had
            self._settings |= {"inner": inner, **{f"inner_{k}": v for k, v in about.items()}}
        sizes = [min(width * 2**level, width * 16) for level in range(depth + 1)]
        before = [in_channels, *sizes[:-1]]
        self.down = nn.ModuleList(
            convolutions(a, b, norm) for a, b in zip(before, sizes, strict=True)
        )
        self.up = nn.ModuleList(
            convolutions(deep + skip, skip, norm, last=_activation(inner, about))
            for skip, deep in zip(sizes[-2::-1], sizes[:0:-1], strict=True)
        )
        self.out = nn.Conv2d(sizes[0], out_channels, 1)

    @property
    def multiple(self) -> int:
        """Give the number that image sizes are padded to a multiple of."""
        return 1 << int(self._settings["depth"])

    def _least(self, batch: int) -> int:
        """Give the smallest padded size: two cells where a norm would see a single value."""
        if self._settings["norm"] == "batch":
            return 2 * self.multiple if self.training and batch == 1 else 1
        deepest = self._settings["width"] * 2 ** min(self._settings["depth"], 4)
        return 2 * self.multiple if deepest <= 8 else 1  # channels in 8 groups

    def inner_priors(self) -> list[Prior]:
        """Give the priors inside, the deepest first."""
        return [m.prior for m in self.modules() if isinstance(m, RegularisedActivation)]

    def inner_parameters(self) -> Iterator[nn.Parameter]:
        """Give the parameters of the priors inside; see `inner_learnable`."""
        for prior in self.inner_priors():
            yield from prior.parameters()

    def _logits(self, image: Tensor) -> Tensor:
        x = pad_to_multiple(image, self.multiple, least=self._least(len(image)))
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
        return logits


def _activation(inner: Inner, about: dict[str, Any]) -> nn.Module | None:
    return None if inner == "none" else RegularisedActivation(inner, **about)
