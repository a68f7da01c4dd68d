"""What every network has: its sizes, its settings, and images of any size."""

from typing import Any, ClassVar

from torch import Tensor, nn

from .checks import check_image, check_whole


class Backbone(nn.Module):
    """Map an image to logits at the image's own size; a subclass gives `_logits`.

    Parameters
    ----------
    settings : the constructor arguments that rebuild the network, as plain values; among them
               in_channels and out_channels

    Raises
    ------
    ValueError  if in_channels is not 1 to 64, or out_channels 1 to 256.
    """

    name: ClassVar[str]

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        check_whole("in_channels", settings["in_channels"], 1, 64)
        check_whole("out_channels", settings["out_channels"], 1, 256)
        self._settings = settings

    @property
    def in_channels(self) -> int:
        """Give the number of image channels."""
        return int(self._settings["in_channels"])

    @property
    def out_channels(self) -> int:
        """Give the number of channels of the logits."""
        return int(self._settings["out_channels"])

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
        check_image(self._title, image, self.in_channels)
        return self._logits(image)[..., : image.shape[2], : image.shape[3]]

    @property
    def _title(self) -> str:
        return type(self).__name__

    def _logits(self, image: Tensor) -> Tensor:
        """Compute logits of at least the image's size; what is beyond is cut off."""
        raise NotImplementedError
