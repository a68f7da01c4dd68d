"""Do again, without a window, what a recipe says."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..io import read_image
from ..session import Frame, Painted, Session
from ..session.adapting import adapted
from ..session.image import ImageInfo, check_axes, describe, take_plane
from .raster import Window
from .recipe import Recipe, as_recipe
from .state import Picture, State, pixel_digest
from .things import fixed_pixels


@dataclass(frozen=True)
class Replayed:
    """Hold what came out.

    Parameters
    ----------
    frame : Frame           with the labels and their certificates
    differing : int         pixels that are unlike the labels of the recipe; 0 = the same
    notes : tuple of str    what differs from when the recipe was made, one sentence each
    names : mapping         label -> name
    """

    frame: Frame
    differing: int
    notes: tuple[str, ...]
    names: dict[int, str]

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Give the labels, (Y, X)."""
        return self.frame.labels


def replay(what: Recipe | State, image: Any = None, model: Any = None) -> Replayed:
    """Run the network on the image and solve what the recipe says.

    Parameters
    ----------
    what : Recipe or State
    image : path or array, a plane or its stack   None = the file that the recipe names, or one of
                                                  that name beside the recipe
    model : Segmenter, path or name               None = the one that the recipe names

    Raises
    ------
    FileNotFoundError  if there is no such file.
    ValueError         if image or model are missing or do not fit; says what to do.
    """
    recipe = as_recipe(what)
    state = recipe.state
    segmenter = _segmenter(state.model if model is None else model)
    array, axes, notes = _image(recipe, image)
    digest = getattr(segmenter, "sha256", None) or ""
    if state.model_sha256 and digest != state.model_sha256:
        notes.append(
            f"The model is another one: its sha256 begins with {digest[:12] or 'nothing'}, that "
            f"of the recipe with {state.model_sha256[:12]}."
        )
    channels = getattr(getattr(segmenter, "card", None), "channels", "grey")
    array, axes = adapted(array, axes, channels, invert=state.inverted)
    session = Session(segmenter)
    picture = state.picture
    session.set_image(
        array, axes=axes, spacing=picture.spacing, units=picture.units, name=picture.name
    )
    session.set_plane(picture.plane)
    if state.region is not None:
        session.set_region(*square_of(state.region, picture.shape))
    session.compute_logits()
    fixed = fixed_pixels(state)
    settings = replace(state.settings, painted=Painted(fixed) if fixed.any() else None)
    *_, frame = session.frames(settings, every=float("inf"))
    differing = int(np.count_nonzero(frame.labels != state.draft.array()))
    if differing:
        notes += _reasons(recipe, segmenter)
    return Replayed(frame, differing, tuple(notes), session.labels)


def square_of(region: Window, shape: tuple[int, int]) -> tuple[tuple[float, float], int]:
    """Give centre (y, x) and side of a region, as `Session.set_region` takes them.

    Raises
    ------
    ValueError  if it is no square, cut where the image is smaller.
    """
    sizes = [part.stop - part.start for part in region]
    side = max(sizes)
    if any(size != min(side, whole) for size, whole in zip(sizes, shape, strict=True)):
        raise ValueError(
            f"The region of {sizes[0]} × {sizes[1]} px is no square within an image of "
            f"{shape[0]} × {shape[1]} px."
        )
    y, x = ((part.start + part.stop - 1) / 2 for part in region)
    return (y, x), side


def made_with(segmenter: Any) -> dict[str, str]:
    """Say what results depend on in the last digit: versions, and numbers of the network."""
    from importlib.metadata import version

    precision = getattr(segmenter, "network_precision", None)
    return {
        "torch": version("torch"),
        "numpy": version("numpy"),
        **({"network": precision()} if precision is not None else {}),
    }


def _reasons(recipe: Recipe, segmenter: Any) -> Iterator[str]:
    here = made_with(segmenter)
    for name, known in recipe.made.items():
        if name in here and here[name] != known:
            yield f"It was made with {name} {known}, here it is {here[name]}."
    if not recipe.state.settings.replay:
        yield (
            "It was solved until converged, which may end elsewhere if it began elsewhere; trained "
            "sweeps (replay = true) do not."
        )


def _segmenter(model: Any) -> Any:
    if not isinstance(model, str | os.PathLike):
        return model
    if not os.fspath(model):
        raise ValueError("The recipe names no model: nothing was run when it was made.")
    from ..bundle import load_bundle

    return load_bundle(model if isinstance(model, str) else Path(model))


def _image(recipe: Recipe, image: Any) -> tuple[Any, str, list[str]]:
    """Find the image, and which of its axes is what: what gives the pixels of the recipe."""
    picture, axes = recipe.state.picture, recipe.axes
    if image is None or isinstance(image, str | os.PathLike):
        stored = read_image(image_file(recipe) if image is None else image)
        array, known = stored.array, stored.axes
    else:
        array, known = np.asarray(image), None
    fitting: str | None = None
    for info in _readings(array, axes, known):
        if info.shape != picture.shape or picture.plane >= info.planes:
            continue
        if pixel_digest(take_plane(array, info, picture.plane)) == picture.digest:
            return array, info.axes, []
        fitting = fitting or info.axes
    if fitting is None:
        raise ValueError(
            f"The image has the shape {tuple(array.shape)}; the recipe is of plane "
            f"{picture.plane} of {picture.shape[0]} × {picture.shape[1]} px."
        )
    note = f"The image has other pixels than {picture.name} had: its digest differs."
    return array, fitting, [note]


def _readings(array: Any, *wanted: str | None) -> Iterator[ImageInfo]:
    """Describe an array as the recipe, its file and its shape say, where that is possible."""
    plain = "TZ"[max(0, 4 - array.ndim) :] + "YX" if array.ndim <= 4 else None
    for axes in dict.fromkeys((*wanted, None, plain)):
        with suppress(ValueError):
            if axes is not None:
                check_axes(axes, array.shape)
            yield describe(array, axes=axes)


def image_file(recipe: Recipe) -> Path:
    """Find the image of a recipe: at its old place, or beside the recipe.

    Raises
    ------
    ValueError  if it had no file.
    """
    picture: Picture = recipe.state.picture
    if picture.path is None:
        raise ValueError(
            f"The recipe is of {picture.name}, which had no file: name one that "
            "holds its pixels (--image)."
        )
    file = Path(picture.path)
    name = picture.path.replace("\\", "/").rsplit("/", 1)[-1]  # also of another system
    beside = recipe.file.parent / name if recipe.file is not None else None
    if not file.is_file() and beside is not None and beside.is_file():
        return beside
    return file
