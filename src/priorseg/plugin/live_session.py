"""The panel's session: everything slow happens in the worker's thread."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from ..session import Frame, NoLogits, Session

Points = tuple[tuple[float, float], ...]


class LiveSession(Session):
    """A session that also keeps what the network alone says, found in the worker's thread.

    Attributes
    ----------
    alone : Frame        the network's own result; None before there is one
    proposed : mapping   label -> centres (y, x) that the network proposes, in pixels of the image;
                         empty if the model leaves centres to the user
    """

    alone: Frame | None = None
    proposed: Mapping[int, Points] = {}

    def compute_logits(
        self,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """Run the network, decode its result without priors, look for centres; see `Session`."""
        self.alone, self.proposed = None, {}
        super().compute_logits(progress, cancelled)
        if self.ready:
            with suppress(NoLogits):  # the image or the model has changed meanwhile
                self.alone = self.plain()
                self.proposed = self._proposals()

    def _proposals(self) -> Mapping[int, Points]:
        card = getattr(self.segmenter, "card", None)
        if card is None or card.centres != "network":
            return {}
        return self.propose_centres(self.default_settings()).centres
