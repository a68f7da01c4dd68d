"""One image, one network, many solves: the state under a viewer or a script."""

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .cache import LogitsCache, pixel_key
from .frame import Frame, Region
from .inputs import Inputs
from .lengths import carried
from .settings import Settings
from .source import (
    NO_IMAGE,
    NoLogits,
    Source,
    problem_of,
    region_of,
    scale_of,
    trained_settings,
)

if TYPE_CHECKING:
    from torch import Tensor

    from ..solver import Solution
    from .problem import Problem

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]


def _never() -> bool:
    return False


class Session(Inputs):
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
    epoch : int          changes with the image, the plane, the region and the model
    """

    def __init__(
        self, segmenter: Any = None, *, cache_bytes: int = 2**30, preview_side: int = 256
    ) -> None:
        super().__init__()
        self.network_runs = 0
        self.preview_side = preview_side
        self._cache = LogitsCache(cache_bytes)
        self._plain: tuple[Problem, Frame] | None = None
        self._shown_at = float("-inf")
        if segmenter is not None:
            self.set_model(segmenter)

    def default_settings(self) -> Settings:
        """Give the settings that the network was trained with; nothing else is on.

        Lengths (sigma, radii) are pixels of the image: those that suit the region, see
        `Segmenter.priors`; before there is an image those of training.
        """
        source = self._source
        if source.segmenter is None or source.given is not None:
            return Settings()
        return trained_settings(source, scale_of(source))

    def suited(self, settings: Settings) -> Settings:
        """Give settings that mean in this region what they meant where they come from.

        What is as the network was trained is so again. Lengths that a person has changed or added
        are multiplied by the ratio of the scales. Centres and volumes stay.
        """
        source = self._source
        if source.segmenter is None or source.given is not None:
            return settings
        after = self.default_settings()
        if settings.scale == after.scale:
            return settings
        return carried(settings, trained_settings(source, settings.scale), after)

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
                raise NoLogits
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
        NoLogits    if there are no logits yet; a ValueError.
        ValueError  if the settings do not fit; says which.
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

    def start_cold(self) -> None:
        """Let the next solve begin anew, whatever was solved before; see `Settings.replay`."""
        with self._lock:
            self._warm = {}

    def plain(self) -> Frame:
        """Give what the network alone says, without any prior; computed once.

        Raises
        ------
        NoLogits  if there are no logits yet; a ValueError.
        """
        from .solving import plain_frame

        problem = self._snapshot()[0]
        if self._plain is None or self._plain[0] is not problem:
            self._plain = problem, plain_frame(problem, self.default_settings().temperature)
        return self._plain[1]

    def propose_centres(self, settings: Settings) -> Settings:
        """Add the centres that the logits suggest to star-shaped labels that have none.

        Parameters
        ----------
        settings : Settings   centres that are there stay; only priors that are on count

        Returns
        -------
        Settings   a label in which no object was found still has no centre

        Raises
        ------
        NoLogits  if there are no logits yet; a ValueError.
        """
        from .proposals import with_proposals

        problem = self._snapshot()[0]
        known = self._source.segmenter
        if known is None or self._source.given is not None:
            return with_proposals(problem, settings, None, {})
        scale = known.typical_px(problem.logits)
        return with_proposals(problem, settings, scale, known.card.inner)

    def _due(self, every: float) -> bool:
        now = perf_counter()
        if now - self._shown_at < every:
            return False
        self._shown_at = now
        return True
