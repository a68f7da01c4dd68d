"""Decide how one image is solved, whole or in parts, and whether it fits into memory."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor

from .decode import Decoded
from .head import VariationalHead
from .memory import demand
from .parts import Parts, Steps, reach
from .prior import Prior
from .scene import Scene
from .solver import iterate, solve

PARTS_ABOVE = 2**23  # pixels
SIDE = 2048  # pixels of a part without its margin
SMALLER = "Choose a smaller region, or shrink the image."


class Solving:
    """The solve that one image needs.

    Parameters
    ----------
    head : VariationalHead
    scene : Scene
    priors : list     lengths in pixels of this image; empty = the link alone
    shape : (Y, X)    of the image
    guide : call      completes the scene once the logits (1, K, Y, X) are there; None = as it is
    """

    def __init__(
        self,
        head: VariationalHead,
        scene: Scene,
        priors: Sequence[Prior],
        shape: tuple[int, int],
        guide: Callable[[Tensor, Scene], Scene] | None = None,
    ) -> None:
        self.priors = list(priors)
        self.scene, self.shape, self.link = scene, shape, head.link
        self.guide = guide if self.priors else None
        self.sweeps = head.sweeps if self.priors else 0
        self.temperature = head.temperature.detach()
        self.parts = self._parts()

    def _parts(self) -> Parts | None:
        """Plan to solve in parts, if the image is large and every prior is local."""
        carried = reach(self.priors, self.scene, self.link)
        if math.prod(self.shape) <= PARTS_ABOVE or carried is None:
            return None
        margin = self.sweeps * carried
        return Parts(
            self.priors, self.scene, self.link, self.sweeps, self.temperature, margin, SIDE
        )

    @property
    def steps(self) -> int:
        """Give the number of steps of `run`."""
        return self.parts.count(self.shape) if self.parts else max(1, self.sweeps)

    def check(self, network: int, channels: int) -> None:
        """Refuse an image that will not fit, before any work.

        Parameters
        ----------
        network : int    bytes that the network needs
        channels : int   of the logits

        Raises
        ------
        TooLarge  names the priors that see the whole image, if there are any.
        """
        labels, pixels = self.link.label_count(channels), math.prod(self.shape)
        if self.parts:
            demand(max(network, self.parts.bytes(self.shape, channels)), self.shape, remedy=SMALLER)
            return
        blocking = [p.name for p in self.priors if reach([p], self.scene, self.link) is None]
        remedy = SMALLER
        if blocking and pixels > PARTS_ABOVE:
            remedy = f"The priors {', '.join(blocking)} see the whole image at once. {SMALLER}"
        needed = pixels * (24 * channels + 64 * labels + 24)  # measured, a little generous
        demand(max(network, needed), self.shape, remedy=remedy)

    def run(self, logits: Tensor, image: Callable[[], Tensor], steps: Steps) -> Decoded:
        """Solve and decode.

        Parameters
        ----------
        logits : (1, K, Y, X)
        image : call   gives the image (1, C, Y, X), for priors that look at it
        steps : Steps

        Raises
        ------
        Cancelled  between steps.
        """
        if self.parts:
            steps.check()
            solved = self.parts.solve(logits, steps)
            del logits
            return self.parts.decode(solved, steps)
        scene = self.scene if self.guide is None else self.guide(logits, self.scene)
        if scene.image is None and any("image" in prior.reads for prior in self.priors):
            scene = replace(scene, image=image())
        given = (logits, self.priors, scene)
        numbers = {"temperature": self.temperature, "link": self.link}
        steps.check()
        if self.sweeps == 0:
            solution = solve(*given, sweeps=0, **numbers)  # type: ignore[arg-type]
            steps.take()
            return solution.decode()
        for solution in iterate(*given, **numbers):  # type: ignore[arg-type]
            steps.take()
            if solution.sweeps == self.sweeps:
                break
            steps.check()
        return solution.decode()
