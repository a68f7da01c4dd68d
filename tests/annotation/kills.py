"""Kill a working program at a random moment, and judge what is left."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import numpy as np
from works import fingerprint

from priorseg.annotation import sessions_to_recover

CHILD = Path(__file__).with_name("killed.py")
SHARE_WITHOUT_PAUSE = 0.5
FULL_EVERY = 7


@dataclass(frozen=True)
class Verdict:
    """Say what one kill cost.

    Attributes
    ----------
    given, durable : int   states that the program reported
    whole : bool           what came back is exactly one of the states given
    kept : bool            it is no older than the newest reported as durable
    lost_s : float         age of the oldest change that is lost, when it was killed; 0 = none is
    passed_over : int      damaged files
    """

    given: int
    durable: int
    whole: bool
    kept: bool
    lost_s: float
    passed_over: int

    @property
    def survived(self) -> bool:
        return self.whole and self.kept and self.lost_s <= 2.0


def kill_once(root: Path, seed: int, known: str | None) -> tuple[Verdict, str]:
    """Start the program in a folder, kill it, and recover.

    Parameters
    ----------
    known : fingerprint of the state that the folder held before; None = no session yet

    Returns
    -------
    the verdict, and the fingerprint of what came back
    """
    chance = np.random.default_rng((seed, 99))
    pause = 0.0 if chance.random() < SHARE_WITHOUT_PAUSE else 1.0
    command = [sys.executable, str(CHILD), str(root), str(seed), str(pause), str(FULL_EVERY)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    lines = [child.stdout.readline()]
    reader = Thread(target=lambda: lines.extend(child.stdout))
    reader.start()
    time.sleep(chance.uniform(0, 1.0 if pause == 0 else 2.5))
    killed_at = time.monotonic()
    child.kill()
    child.wait()
    reader.join()
    child.stdout.close()
    return _judge(root, [line.split() for line in lines if line], killed_at, known)


def _judge(
    root: Path, reports: list[list[str]], killed_at: float, known: str | None
) -> tuple[Verdict, str]:
    given = [(float(when), what) for kind, when, what in reports if kind == "G"]
    durable = [what for kind, _, what in reports if kind == "D"]
    assert given, "the program never began"
    assert known in (None, given[0][1])  # it went on where the last one was cut off
    found = sessions_to_recover(root)
    assert len(found) <= 1
    if not found:  # killed before its first save was whole
        lost = max(0.0, killed_at - given[0][0])
        return Verdict(len(given), 0, known is None, not durable, lost, 0), ""
    state, problems = found[0].loaded.state, found[0].loaded.problems
    mark = "" if state is None else fingerprint(state)
    places = [place for place, (_, what) in enumerate(given) if what == mark]
    newest = max((p for p, (_, what) in enumerate(given) if what in durable), default=0)
    place = places[-1] if places else -1
    later = given[place + 1][0] if place + 1 < len(given) else killed_at
    verdict = Verdict(
        len(given), len(durable), bool(places), place >= newest, max(0.0, killed_at - later),
        len(problems),
    )  # fmt: skip
    return verdict, mark


def kill_in_a_row(root: Path, seeds: list[int]) -> list[Verdict]:
    """Kill one session again and again; each program goes on where the last was cut off."""
    verdicts, known = [], None
    for seed in seeds:
        verdict, mark = kill_once(root, seed, known)
        verdicts.append(verdict)
        known = mark or None
    return verdicts
