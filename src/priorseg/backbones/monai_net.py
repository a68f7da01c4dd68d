"""Networks of MONAI by name."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

from torch import Tensor, nn

from ..spec import Range
from .backbone import Backbone
from .checks import check_whole
from .padding import pad_to_multiple

Network = Literal["BasicUNet", "UNet", "AttentionUnet", "SegResNet", "DynUNet"]


class MonaiNet(Backbone):
    """Map an image to logits at the image's own size with a network of MONAI.

    Only networks are offered that are built without a download, work in two dimensions and give
    one output. They halve the image `depth` times; sizes are padded as in `UNet`.

    Parameters
    ----------
    in_channels : int    channels of the image, >= 1
    out_channels : int   channels of the logits, >= 1
    network : str        class in ``monai.networks.nets``
    width : int          channels of the first level; they double with each halving, up to 16 times
                         (for SegResNet without end). SegResNet wants a multiple of 8
    depth : int          number of halvings, 1 to 5; BasicUNet has 4, DynUNet at least 2

    Raises
    ------
    ImportError  if MONAI is not installed.
    ValueError   for arguments out of range.
    """

    name = "monai"

    def __init__(
        self,
        in_channels: Annotated[int, Range(1, 64)],
        out_channels: Annotated[int, Range(1, 256)],
        *,
        network: Network = "BasicUNet",
        width: Annotated[int, Range(1, 128, log=True)] = 16,
        depth: Annotated[int, Range(1, 5)] = 4,
    ) -> None:
        check_whole("width", width, 1, 128)
        check_whole("depth", depth, 1, 5)
        if network not in get_args(Network):
            raise ValueError(f"network must be one of {get_args(Network)}, got {network!r}.")
        if network == "BasicUNet" and depth != 4:
            raise ValueError(f"BasicUNet has depth 4, got {depth}. Use UNet for other depths.")
        if network == "DynUNet" and depth < 2:
            raise ValueError(f"DynUNet wants a depth of 2 to 5, got {depth}.")
        if network == "SegResNet" and width % 8:
            raise ValueError(f"SegResNet wants a width that is a multiple of 8, got {width}.")
        super().__init__(
            in_channels=in_channels,
            out_channels=out_channels,
            network=network,
            width=width,
            depth=depth,
        )
        sizes = [width * min(2**level, 16) for level in range(depth + 1)]
        self.network: nn.Module = _nets(network)(
            spatial_dims=2,
            in_channels=in_channels,
            out_channels=out_channels,
            **_OPTIONS[network](sizes),
        )

    @property
    def _title(self) -> str:
        return str(self._settings["network"])

    def _logits(self, image: Tensor) -> Tensor:
        cell = 2 ** int(self._settings["depth"])
        # two cells: the norms of a single one have nothing to average
        logits: Tensor = self.network(pad_to_multiple(image, cell, least=2 * cell))
        return logits


def _plain(sizes: list[int]) -> dict[str, Any]:
    return {"channels": sizes, "strides": [2] * (len(sizes) - 1)}


_OPTIONS: dict[str, Callable[[list[int]], dict[str, Any]]] = {
    "BasicUNet": lambda sizes: {"features": (*sizes, sizes[0])},
    "UNet": lambda sizes: {**_plain(sizes), "num_res_units": 2},
    "AttentionUnet": _plain,
    "SegResNet": lambda sizes: {
        "init_filters": sizes[0],
        "blocks_down": (1, *[2] * (len(sizes) - 2), 4),
        "blocks_up": (1,) * (len(sizes) - 1),
    },
    "DynUNet": lambda sizes: {
        "kernel_size": [3] * len(sizes),
        "strides": [1, *[2] * (len(sizes) - 1)],
        "upsample_kernel_size": [2] * (len(sizes) - 1),
        "filters": sizes,
    },
}


def _nets(name: str) -> Any:
    try:
        from monai.networks import nets
    except ImportError:
        raise ImportError('Networks of MONAI need it: pip install "priorseg[train]".') from None
    return getattr(nets, name)
