"""The panel's session: everything slow happens in the worker's thread."""

from collections.abc import Callable

from ..session import Frame, Session


class LiveSession(Session):
    """A session that also keeps what the network alone says, found in the worker's thread."""

    alone: Frame | None = None

    def compute_logits(
        self,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """Run the network, and decode its result without priors; see `Session`."""
        self.alone = None
        super().compute_logits(progress, cancelled)
        if self.ready:
            self.alone = self.plain()
