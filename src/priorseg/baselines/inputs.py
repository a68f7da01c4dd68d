"""Check what a baseline is given: probabilities, image, numbers."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Probs = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]
Baseline = Callable[..., Labels]

FAR = 1e-2  # how far sums of probabilities may be from 1; half precision is off by 1e-3


def as_probs(probs: ArrayLike) -> Probs:
    """Read probabilities, one plane per label.

    Parameters
    ----------
    probs : (K, Y, X)   K >= 2, at least one pixel, finite, >= 0, sum over K = 1 within 1e-2

    Returns
    -------
    (K, Y, X) contiguous, float64 if they were, else float32

    Raises
    ------
    ValueError  if they are not that; says what they are.
    """
    given = np.asarray(probs)
    if given.ndim != 3 or given.shape[0] < 2 or given.size == 0:
        raise ValueError(
            f"probs has shape {given.shape}; it must be (K, Y, X) with K >= 2 labels, "
            "background included, and at least one pixel."
        )
    kind = np.float64 if given.dtype == np.float64 else np.float32
    found: Probs = np.ascontiguousarray(given, dtype=kind)
    bad = found.size - int(np.count_nonzero(np.isfinite(found)))
    if bad:
        raise ValueError(f"probs holds {bad} values that are nan or infinite; all must be finite.")
    far = float(np.abs(found.sum(0) - 1).max())
    if found.min() < 0 or far > FAR:
        raise ValueError(
            f"probs goes down to {found.min():.3g} and its sums over the labels differ from 1 by "
            f"up to {far:.3g}; pass probabilities, the softmax of the logits."
        )
    return found


def as_image(image: ArrayLike | None, shape: tuple[int, int], reader: str) -> NDArray[np.float32]:
    """Read the colour image that a baseline looks at.

    Parameters
    ----------
    image : (Y, X, 3)   in [0, 1]
    shape : (Y, X)      of the probabilities
    reader : str        the baseline, for the error message

    Raises
    ------
    ValueError  if there is none, or if its shape or its range is another.
    """
    if image is None:
        raise ValueError(f"{reader} looks at the image; pass it as (Y, X, 3) in [0, 1].")
    picture = np.ascontiguousarray(image, dtype=np.float32)
    if picture.shape != (*shape, 3):
        raise ValueError(
            f"The image has shape {picture.shape}, the probabilities ask for {(*shape, 3)}. "
            "Repeat a grey image three times; resample to the same pixels."
        )
    low, high = float(picture.min()), float(picture.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"The image goes from {low:g} to {high:g}; scale it to [0, 1].")
    return picture


def as_labels(labels: ArrayLike, count: int) -> Labels:
    """Read a label map (Y, X) with whole labels 0 .. count - 1.

    Raises
    ------
    ValueError  if its shape or a label is another.
    """
    given = np.asarray(labels)
    if given.ndim != 2 or given.size == 0:
        raise ValueError(f"labels has shape {given.shape}; it must be (Y, X), not empty.")
    if given.dtype.kind not in "biu":
        raise ValueError(f"labels has type {given.dtype}; it must hold whole numbers.")
    low, high = int(given.min()), int(given.max())
    if low < 0 or high >= count:
        raise ValueError(f"labels goes from {low} to {high}; 0 to {count - 1} is allowed.")
    return given.astype(np.int64)


def check_number(name: str, value: float, *, above: float | None = None) -> float:
    """Return a finite number >= 0, or above a bound.

    Raises
    ------
    ValueError  naming it and its value.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    fits = number >= 0 if above is None else number > above
    if not math.isfinite(number) or not fits:
        wanted = ">= 0" if above is None else f"> {above:g}"
        raise ValueError(f"{name} must be a finite number {wanted}, got {value!r}.")
    return number


def check_count(name: str, value: int, *, least: int) -> int:
    """Return a whole number of at least `least`.

    Raises
    ------
    ValueError  naming it and its value.
    """
    number = check_number(name, value)
    if not number.is_integer() or number < least:
        raise ValueError(f"{name} must be a whole number >= {least}, got {value!r}.")
    return int(number)


def best(probs: Probs) -> Labels:
    """Take the likeliest label of every pixel, the lowest of equal ones, (Y, X)."""
    return np.asarray(probs.argmax(0), dtype=np.int64)


def plain(probs: ArrayLike, image: ArrayLike | None = None) -> Labels:
    """Take the likeliest label of every pixel: the plain network.

    Parameters
    ----------
    probs : (K, Y, X)   see `as_probs`
    image : ignored

    Returns
    -------
    labels : (Y, X)
    """
    return best(as_probs(probs))
