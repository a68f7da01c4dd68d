"""What is to be segmented: an image, a plane, a region and a network, or given logits."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .frame import Region
from .image import ImageInfo, describe, square_region, take_plane
from .source import NO_IMAGE, Source, default_names, info_of_logits, names_of, region_of

if TYPE_CHECKING:
    from ..links import Link
    from ..solver import Solution
    from .problem import Problem

_WITHOUT_LOGITS: dict[str, Any] = {"given": None, "link": None, "labels": None}


class Inputs:
    """Take images, regions and networks; every change makes earlier logits worthless.

    Attributes
    ----------
    epoch : int   changes with the image, plane, region and model
    """

    def __init__(self) -> None:
        self.epoch = 0
        self._lock = RLock()
        self._source = Source()
        self._models = 0
        self._ready: Problem | None = None
        self._warm: dict[int, Solution] = {}

    @property
    def info(self) -> ImageInfo | None:
        """Describe the image; None before there is one."""
        return self._source.info

    @property
    def plane(self) -> int:
        """Give the index of the plane in its stack."""
        return self._source.index

    @property
    def segmenter(self) -> Any:
        """Give the network; None before there is one."""
        return self._source.segmenter

    @property
    def labels(self) -> dict[int, str]:
        """Give the name of every label."""
        return names_of(self._source)

    @property
    def region(self) -> Region:
        """Give the rows and columns that are solved; empty slices before there is an image."""
        return region_of(self._source)

    @property
    def ready(self) -> bool:
        """Say whether the logits of this image, region and model are there."""
        return self._ready is not None

    def _move(self, **changes: Any) -> None:
        with self._lock:
            self._source = replace(self._source, **changes)
            self._ready = None
            self._warm = {}
            self.epoch += 1

    def set_image(
        self,
        array: Any,
        *,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        units: str | None = None,
        name: str = "",
    ) -> ImageInfo:
        """Take an image or a stack, and its first plane.

        Parameters
        ----------
        array : (Y, X), (Y, X, C) or a stack of these; real numbers, finite
        axes : str       one letter per axis, 'YX', 'YXC', 'ZYX', 'TYX', 'TZYXC', ...; None = a
                         last axis of 3 or 4 holds channels, other leading axes are a stack
        spacing : edges of a pixel along Y and X, or along all axes but C
        units : str      of the spacing
        name : str

        Raises
        ------
        ValueError  for an image that cannot be segmented; says what to do.
        """
        if not isinstance(getattr(array, "dtype", None), np.dtype):
            array = np.asarray(array)  # a list, a picture, a tensor; lazy arrays stay lazy
        info = describe(array, axes=axes, spacing=spacing, units=units, name=name)
        plane = take_plane(array, info, 0)
        self._move(array=array, info=info, index=0, plane=plane, region=None, **_WITHOUT_LOGITS)
        return info

    def set_plane(self, index: int) -> None:
        """Go to another plane of the stack.

        Raises
        ------
        ValueError  if there is no such plane, or it holds nan or infinite pixels.
        """
        with self._lock:
            info = self._image()
            if self._source.array is None:
                raise ValueError(NO_IMAGE)
            plane = take_plane(self._source.array, info, index)
            self._move(index=index, plane=plane, **_WITHOUT_LOGITS)

    def set_model(self, segmenter: Any) -> None:
        """Take a network; call it again after the weights of an unsaved one have changed.

        The same saved network again changes nothing: what is being solved goes on.
        """
        digest = getattr(segmenter, "sha256", None)
        with self._lock:
            same = segmenter is self._source.segmenter and self._source.given is None
            if digest and same:
                return
            self._models += 1
            identity = digest or f"unsaved {self._models}"
            self._move(segmenter=segmenter, identity=str(identity), **_WITHOUT_LOGITS)

    def set_region(self, centre_yx: tuple[float, float] | None, side_px: int = 512) -> None:
        """Solve a square about a centre only; None = the whole image.

        Raises
        ------
        ValueError  if the centre lies outside the image.
        """
        region = None
        if centre_yx is not None:
            region = square_region(centre_yx, side_px, self._image().shape)
        if region != self._source.region:
            self._move(region=region)

    def set_logits(
        self,
        logits: ArrayLike,
        *,
        labels: Mapping[int, str] | None = None,
        link: "str | Link" = "softmax",
    ) -> None:
        """Take logits of any other network instead of running one.

        Parameters
        ----------
        logits : (K, Y, X)   finite; Y, X as in the image, if there is one
        labels : mapping     label -> name; None = numbered
        link : str or Link   'softmax' or 'ordered'

        Raises
        ------
        ValueError  if shape, values or link do not fit.
        """
        from .solving import given_logits

        info = self._source.info
        given, found = given_logits(logits, link, None if info is None else info.shape)
        size = (int(given.shape[2]), int(given.shape[3]))
        self._move(
            info=info or info_of_logits(size),
            given=given,
            link=found,
            labels=dict(labels or default_names(found.label_count(int(given.shape[1])))),
        )

    def _image(self) -> ImageInfo:
        if self._source.info is None:
            raise ValueError(NO_IMAGE)
        return self._source.info
