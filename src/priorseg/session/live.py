"""One image, one network, many solves: the state under a viewer or a script."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import RLock
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .cache import LogitsCache, pixel_key
from .frame import Frame, Region
from .image import ImageInfo, describe, square_region, take_plane
from .settings import PriorChoice, Settings
from .source import NO_IMAGE, Source, default_names, info_of_logits, names_of, problem_of, region_of

if TYPE_CHECKING:
    from torch import Tensor

    from ..links import Link
    from ..solver import Solution
    from .problem import Problem

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]


def _never() -> bool:
    return False


class Session:
    """Hold an image under a network and solve it for changing settings.

    The network runs once per image, plane, region and model; settings only ever re-solve. The
    methods may be called from several threads: a running solve ends quietly once the image, the
    plane, the region or the model has changed.

    Parameters
    ----------
    segmenter : Segmenter   None = set it later, or use `set_logits`
    cache_bytes : int       memory for logits of earlier images
    preview_side : int      previews of larger regions are solved on about side × side blocks

    Attributes
    ----------
    network_runs : int   how often the network has run
    epoch : int          changes with the image, plane, region and model
    """

    def __init__(
        self, segmenter: Any = None, *, cache_bytes: int = 2**30, preview_side: int = 256
    ) -> None:
        self.network_runs = 0
        self.epoch = 0
        self.preview_side = preview_side
        self._lock = RLock()
        self._cache = LogitsCache(cache_bytes)
        self._source = Source()
        self._models = 0
        self._ready: Problem | None = None
        self._warm: dict[int, Solution] = {}
        self._shown_at = float("-inf")
        if segmenter is not None:
            self.set_model(segmenter)

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
        if not (hasattr(array, "shape") and hasattr(array, "dtype")):
            array = np.asarray(array)
        info = describe(array, axes=axes, spacing=spacing, units=units, name=name)
        self._move(array=array, info=info, index=0, plane=take_plane(array, info, 0),
                   region=None, **self._without_logits())  # fmt: skip
        return info

    def set_plane(self, index: int) -> None:
        """Go to another plane of the stack.

        Raises
        ------
        ValueError  if there is no such plane, or it holds nan or infinite pixels.
        """
        info = self._image()
        plane = take_plane(self._source.array, info, index)
        self._move(index=index, plane=plane, **self._without_logits())

    def set_model(self, segmenter: Any) -> None:
        """Take a network; call it again after its weights have changed."""
        with self._lock:
            self._models += 1
            identity = getattr(segmenter, "sha256", None) or f"unsaved {self._models}"
            self._move(segmenter=segmenter, identity=str(identity), given=None, link=None,
                       labels=None)  # fmt: skip

    def set_region(self, centre_yx: tuple[float, float] | None, side_px: int = 512) -> None:
        """Solve a square about a centre only; None = the whole image.

        Raises
        ------
        ValueError  if the centre lies outside the image.
        """
        region = None
        if centre_yx is not None:
            region = square_region(centre_yx, side_px, self._image().shape)
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

    def _without_logits(self) -> dict[str, Any]:
        return {"given": None, "link": None, "labels": None}

    def _image(self) -> ImageInfo:
        if self._source.info is None:
            raise ValueError(NO_IMAGE)
        return self._source.info

    def default_settings(self) -> Settings:
        """Give the settings that the network was trained with; nothing else is on."""
        source = self._source
        if source.segmenter is None or source.given is not None:
            return Settings()
        head = source.segmenter.head
        return Settings(
            priors=tuple(PriorChoice(prior.name, prior.settings()) for prior in head.priors),
            temperature=float(head.temperature),
            sweeps=int(head.sweeps),
            replay=True,
        )

    def compute_logits(
        self, progress: Progress | None = None, cancelled: Cancelled | None = None
    ) -> None:
        """Run the network, unless it has seen these pixels before.

        Parameters
        ----------
        progress : called with (tiles done, tiles)
        cancelled : asked between tiles; True = stop, and leave the session without logits

        Raises
        ------
        ValueError  if there is no image or no network, or they do not fit.
        """
        source = self._source
        if self.ready:
            return
        region = region_of(source)
        if source.given is not None:
            logits: Tensor | None = source.given[:, :, region[0], region[1]]
        else:
            logits = self._network(source, region, progress, cancelled or _never)
        if logits is None:
            return
        problem = problem_of(source, region, logits)
        with self._lock:
            if self._source is source:
                self._ready = problem

    def _network(
        self, source: Source, region: Region, progress: Progress | None, cancelled: Cancelled
    ) -> "Tensor | None":
        from .solving import network_logits

        if source.plane is None:
            raise ValueError(NO_IMAGE)
        if source.segmenter is None:
            raise ValueError("There is no network yet. Use set_model or set_logits first.")
        crop = source.plane[region]
        key = pixel_key(crop, str(region), source.identity)
        logits = self._cache.get(key)
        if logits is None:
            self.network_runs += 1
            logits = network_logits(source.segmenter, crop, progress, cancelled)
            if logits is not None:
                self._cache.put(key, logits)
        return logits

    def _snapshot(self) -> "tuple[Problem, dict[int, Solution], int]":
        with self._lock:
            if self._ready is None:
                raise ValueError("The logits of this image are not there yet. Use compute_logits.")
            return self._ready, self._warm, self.epoch

    def frames(
        self,
        settings: Settings,
        *,
        cancelled: Cancelled = _never,
        every: float = 0.035,
        preview: bool = False,
    ) -> Iterator[Frame]:
        """Solve, and yield frames on the way; never runs the network.

        Goes on from the last solution of this image unless ``settings.replay``. Ends without a
        final frame if cancelled, or if the image, the plane, the region or the model changes.

        Parameters
        ----------
        settings : Settings
        cancelled : asked between sweeps, after the first one at the earliest
        every : float    seconds between two frames at least, over all calls; the last frame of a
                         solve is not held back
        preview : bool   True: for a slider that is being dragged. A region larger than about
                         `preview_side`² pixels is solved on blocks, and no frame is final.

        Raises
        ------
        ValueError  if there are no logits yet, or the settings do not fit; says which.
        """
        from .problem import preview_stride
        from .solving import frames

        problem, warm, epoch = self._snapshot()
        return frames(
            problem,
            settings,
            stride=preview_stride(problem.size, self.preview_side) if preview else 1,
            preview=preview,
            warm=warm,
            due=lambda: self._due(every),
            cancelled=lambda: cancelled() or self.epoch != epoch,
        )

    def plain(self) -> Frame:
        """Give what the network alone says, without any prior.

        Raises
        ------
        ValueError  if there are no logits yet.
        """
        from .solving import plain_frame

        return plain_frame(self._snapshot()[0], self.default_settings().temperature)

    def _due(self, every: float) -> bool:
        now = perf_counter()
        if now - self._shown_at < every:
            return False
        self._shown_at = now
        return True
