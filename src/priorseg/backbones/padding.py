"""Extend images to sizes that a network can halve."""

from torch import Tensor
from torch.nn import functional


def pad_to_multiple(image: Tensor, multiple: int, *, extra: int = 0, least: int = 1) -> Tensor:
    """Extend an image at the far ends of Y and X; mirrored where it is large enough.

    Parameters
    ----------
    image : (B, C, Y, X)
    multiple : int   > 0
    extra : int      pixels beyond a multiple, 0 <= extra < multiple
    least : int      smallest size of the result, pixels

    Returns
    -------
    (B, C, Y', X')   the sizes rounded up to n * multiple + extra
    """
    for axis, size in ((2, image.shape[2]), (3, image.shape[3])):
        missing = max(size, least) - size
        missing += (extra - size - missing) % multiple
        if missing:
            pad = (0, missing, 0, 0) if axis == 3 else (0, 0, 0, missing)
            image = functional.pad(image, pad, mode="reflect" if missing < size else "replicate")
    return image
