"""Refuse arguments and images that a network cannot take, in words."""

from torch import Tensor


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """Raise ValueError unless a value is a whole number from low to high."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, got {value!r}.")


def check_image(network: str, image: Tensor, channels: int) -> None:
    """Raise ValueError unless an image is (B, channels, Y, X) with at least one pixel."""
    if image.ndim != 4 or image.shape[1] != channels or 0 in image.shape:
        raise ValueError(f"{network} wants (B, {channels}, Y, X), got {tuple(image.shape)}.")
