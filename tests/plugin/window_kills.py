"""Kill a window that is worked in at a random moment, and judge what the next one recovers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Thread

import numpy as np
from PIL import Image

from priorseg import phantoms
from priorseg.annotation import sessions_to_recover

CHILD = Path(__file__).with_name("window_killed.py")
SIDE = 256
PATIENCE_S = 240.0
MOST_STATES, LONGEST_S = 12, 1.0  # before a kill: states that were given, and seconds after them


@dataclass(frozen=True)
class Verdict:
    """Say what one kill cost, over all images that were worked on.

    Attributes
    ----------
    given, durable : int   states that the window gave to be saved, that were
    images : int           sessions that were to be offered
    offered : bool         all of them were
    whole : bool           what came back is exactly a state that was given, also once solved again
    kept : bool            it is no older than the newest reported as durable
    lost_s : float         age of the oldest change that is lost, when it was killed; 0 = none is
    passed_over : int      damaged files
    died : bool            the window had ended by itself before
    """

    given: int
    durable: int
    images: int
    offered: bool
    whole: bool
    kept: bool
    lost_s: float
    passed_over: int
    died: bool

    @property
    def survived(self) -> bool:
        return self.offered and self.whole and self.kept and self.lost_s <= 2.0


@dataclass
class Window:
    """One process, and what it has reported."""

    process: subprocess.Popen[str]
    lines: list[list[str]] = field(default_factory=list)
    ended_at: float = 0.0
    died: bool = False

    def __post_init__(self) -> None:
        self.listener = Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.lines.append(line.split())

    def said(self, word: str) -> bool:
        return [word] in self.lines

    def wait(self, done: Callable[["Window"], bool]) -> bool:
        """Wait for what it reports; say whether that came before it ended or time was over."""
        end = time.monotonic() + PATIENCE_S
        while not done(self) and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        return done(self)

    def of(self, kind: str) -> list[tuple[float, str, str]]:
        """Give time, image and state of the reports of a kind."""
        found = (one for one in self.lines if len(one) == 4 and one[0] == kind)
        return [(float(when), image, state) for _, when, image, state in found]


def phantom_folder(folder: Path, count: int = 3) -> Path:
    """Write blood smears in grey, bright cells on a dark ground."""
    folder.mkdir()
    for seed in range(count):
        grey = 255 - phantoms.blood_smear(SIDE, seed=seed).image.mean(2)
        Image.fromarray(grey.astype(np.uint8)).save(folder / f"smear{seed}.png")
    return folder


def prepare(root: Path, images: Path, seed: int, *options: str) -> Window:
    """Start a process that opens its window when it is told to."""
    environment = {**os.environ, "PRIORSEG_SESSIONS": str(root)}
    command = [sys.executable, str(CHILD), str(images), str(seed), *options]
    pipe = subprocess.PIPE
    return Window(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment))


def start(window: Window) -> None:
    """Let a process open its window, and wait until that has recovered what there is."""
    assert window.process.stdin is not None
    with window.process.stdin as stream:
        stream.write("go\n")
    if not window.wait(lambda window: window.said("ready")):
        stop(window)
        raise RuntimeError("The window never came to work.")


def stop(window: Window) -> None:
    """Kill the process, unless it has ended, and hear the last of it."""
    window.died = window.process.poll() is not None
    window.ended_at = time.monotonic()
    window.process.send_signal(signal.SIGKILL)
    window.process.wait()
    window.listener.join()


def kill_windows(root: Path, images: Path, kills: int, seed: int = 0) -> Iterator[Verdict]:
    """Kill one window after another; each recovers what the last one left, and works on."""
    chance = np.random.default_rng((seed, 77))
    known: dict[str, str] = {}
    window = prepare(root, images, 1000 * seed)
    start(window)
    for kill in range(1, kills + 1):
        after = prepare(root, images, 1000 * seed + kill, *(["look"] if kill == kills else []))
        window.wait(partial(has_given, count=int(chance.integers(MOST_STATES))))
        time.sleep(chance.uniform(0, LONGEST_S))
        stop(window)
        broken = sessions_to_recover(root)
        start(after)
        passed_over = sum(len(one.loaded.problems) for one in broken)
        verdict, known = judge(window, after, known, passed_over)
        window = after
        yield verdict
    window.process.wait(PATIENCE_S)
    assert window.said("closed")


def has_given(window: Window, count: int) -> bool:
    """Say whether as many states came."""
    return len(window.of("G")) >= count


def judge(
    killed: Window, after: Window, known: dict[str, str], passed_over: int
) -> tuple[Verdict, dict[str, str]]:
    """Compare what was given with what came back.

    Parameters
    ----------
    known : image -> the state that was on disk when the killed window began
    """
    back = {image: state for _, image, state in after.of("R")}
    solved = after.of("B"), after.of("A")
    whole = [one[1:] for one in solved[0]] == [one[1:] for one in solved[1]]
    kept, offered, lost, images = True, True, 0.0, 0
    for image in {*known, *(image for _, image, _ in killed.of("G"))}:
        given, newest = _log(killed, image, known.get(image))
        places = [place for place, (_, state) in enumerate(given) if state == back.get(image)]
        place = places[-1] if places else -1
        images += newest >= 0
        offered &= newest < 0 or image in back
        whole &= bool(places) or image not in back
        kept &= place >= newest
        if place + 1 < len(given):
            lost = max(lost, killed.ended_at - given[place + 1][0])
    verdict = Verdict(
        len(killed.of("G")), len(killed.of("D")), images, offered, whole, kept, lost, passed_over,
        killed.died,
    )  # fmt: skip
    return verdict, back


def _log(window: Window, image: str, known: str | None) -> tuple[list[tuple[float, str]], int]:
    """Give the states of an image in their order, and the place of the newest durable one."""
    given = [] if known is None else [(0.0, known)]
    newest = len(given) - 1
    for kind, when, where, state in (one for one in window.lines if len(one) == 4):
        if where == image and kind == "G":
            given.append((float(when), state))
        elif where == image and kind == "D":
            newest = max(place for place, one in enumerate(given) if one[1] == state)
    return given, newest
