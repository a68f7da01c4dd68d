"""SegNet for images of any size."""

from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional

from ..spec import Range
from .backbone import Backbone
from .checks import check_whole
from .layers import Norm, check_norm, convolutions
from .padding import pad_to_multiple

COUNTS = (2, 2, 3, 3, 3)  # convolutions of each level, as in VGG-16


class SegNet(Backbone):
    """Map an image to logits at the image's own size.

    The encoder is VGG-16's: it halves the image `depth` times by max-pooling and remembers where
    each maximum was; the decoder puts values back to those places and fills the gaps by
    convolutions. Nothing else crosses from encoder to decoder.

    Parameters
    ----------
    in_channels : int    channels of the image, >= 1
    out_channels : int   channels of the logits, >= 1
    width : int          channels of the first level; the next have 2, 4, 8 and 8 times as many;
                         64 is the original
    depth : int          number of halvings, 1 to 5
    norm : str           'group' (independent of the batch) or 'batch' (the original)

    Raises
    ------
    ValueError  for arguments out of range.

    Source: Badrinarayanan, Kendall and Cipolla, TPAMI 2017.
    """

    name = "segnet"

    def __init__(
        self,
        in_channels: Annotated[int, Range(1, 64)],
        out_channels: Annotated[int, Range(1, 256)],
        *,
        width: Annotated[int, Range(1, 128, log=True)] = 16,
        depth: Annotated[int, Range(1, 5)] = 5,
        norm: Norm = "batch",
    ) -> None:
        check_whole("width", width, 1, 128)
        check_whole("depth", depth, 1, 5)
        check_norm(norm)
        super().__init__(
            in_channels=in_channels,
            out_channels=out_channels,
            width=width,
            depth=depth,
            norm=norm,
        )
        sizes = [width * min(2**level, 8) for level in range(depth)]
        ins, outs = [in_channels, *sizes[:-1]], [sizes[0], *sizes[:-1]]
        counts = COUNTS[:depth]
        self.down = nn.ModuleList(
            convolutions(a, b, norm, count=n) for a, b, n in zip(ins, sizes, counts, strict=True)
        )
        self.up = nn.ModuleList(
            _narrowing(b, a, norm, n)
            for a, b, n in reversed(list(zip(outs, sizes, counts, strict=True)))
        )
        self.out = nn.Conv2d(sizes[0], out_channels, 1)

    def _logits(self, image: Tensor) -> Tensor:
        cell = 2 ** len(self.down)
        x = pad_to_multiple(image, cell, least=2 * cell)
        places = []
        for block in self.down:
            x, place = functional.max_pool2d(block(x), 2, return_indices=True)
            places.append(place)
        for block in self.up:
            x = block(functional.max_unpool2d(x, places.pop(), [2, 2]))
        logits: Tensor = self.out(x)
        return logits


def _narrowing(inner: int, outer: int, norm: Norm, count: int) -> nn.Sequential:
    """Make convolutions of which only the last changes the number of channels."""
    first = convolutions(inner, inner, norm, count=count - 1)
    return nn.Sequential(first, convolutions(inner, outer, norm, count=1))
