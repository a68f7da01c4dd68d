"""Tell how a run goes: a table, TensorBoard events and lines for a person."""

import csv
import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .checkpoint import write_whole

Row = dict[str, float]
Tell = Callable[[str], None]


def write_table(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write one line per epoch as CSV, the file replaced as a whole."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())


class Journal:
    """Keep the log files of a run.

    Parameters
    ----------
    folder : Path or None   log.csv and TensorBoard events go here; None = nowhere
    tell : call or None     told lines for a person
    """

    def __init__(self, folder: Path | None, tell: Tell | None = None) -> None:
        self.folder, self.tell = folder, tell
        self._events: Any = None
        self._told = time.monotonic()

    def epoch(self, rows: Sequence[Row], epochs: int) -> None:
        """Log the last epoch of a table."""
        row = rows[-1]
        if self.folder is not None:
            for name, value in row.items():
                if name != "epoch":
                    self._writer(int(row["epoch"])).add_scalar(name, value, int(row["epoch"]))
        left = (epochs - len(rows)) * sum(r["seconds"] for r in rows[-5:]) / len(rows[-5:])
        self._say(
            f"epoch {len(rows)}/{epochs}  loss {row['loss']:.4f}  "
            f"held-out mIoU {100 * row['score']:.2f}  {row['seconds']:.1f} s  "
            f"{clock(left)} left"
        )

    def step(self, done: int, steps: int, loss: float) -> None:
        """Say how far an epoch is, every half minute."""
        if self.tell is not None and time.monotonic() - self._told > 30:
            self._say(f"  step {done}/{steps}  loss {loss:.4f}")

    def save(self, rows: Sequence[Row]) -> None:
        """Write the table."""
        if self.folder is not None and rows:
            write_table(self.folder / "log.csv", rows)
            if self._events is not None:
                self._events.flush()

    def close(self) -> None:
        """Finish the event file."""
        if self._events is not None:
            self._events.close()
            self._events = None

    def _say(self, line: str) -> None:
        self._told = time.monotonic()
        if self.tell is not None:
            self.tell(line)

    def _writer(self, epoch: int) -> Any:
        if self._events is None:
            from torch.utils.tensorboard import SummaryWriter

            # what a killed run wrote of later epochs is dropped
            self._events = SummaryWriter(str(self.folder), purge_step=epoch)
        return self._events


def clock(seconds: float) -> str:
    """Write a duration as h:mm:ss."""
    if not math.isfinite(seconds):
        return "?"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
