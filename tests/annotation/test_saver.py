"""The saver: newest wins, nobody waits, failures are said once and tried again."""

import errno
import logging
import os
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from works import fresh, picture, stream, until

from priorseg.annotation import (
    Picture,
    Saver,
    State,
    Store,
    load,
    load_picture,
    pixel_digest,
    sessions,
    sessions_to_recover,
)
from priorseg.annotation.saver import explain
from priorseg.annotation.store import state_files

STATES = list(islice(stream(fresh(200), 2), 40))


class Gate(Store):
    """A real store whose writes wait for a gate, or fail as the system would."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, picture(200))
        self.open, self.entered, self.error = threading.Event(), threading.Event(), None
        self.tries = 0

    def save(self, state: State) -> Path:
        self.tries += 1
        self.entered.set()
        assert self.open.wait(60)
        if self.error is not None:
            raise self.error
        return super().save(state)


def test_what_was_given_is_durable_after_a_flush_and_closed_after_closing(tmp_path: Path) -> None:
    saved: list[State] = []
    saver = Saver(Store(tmp_path, picture(200)), saved.append)
    for state in STATES:
        saver.give(state)
    assert saver.flush(60)
    assert load(saver.store.folder).state == STATES[-1]
    assert not saver.unsaved
    saver.give(STATES[0])
    assert saver.close(60)
    assert load(saver.store.folder).state == STATES[0]
    assert saved[-2:] == [STATES[-1], STATES[0]]
    assert [(one.closed, one.alive) for one in sessions(tmp_path)] == [(True, False)]
    assert saver.close()
    with pytest.raises(RuntimeError, match="closed"):
        saver.give(STATES[0])


def test_while_one_is_written_only_the_newest_waits(tmp_path: Path) -> None:
    store, saved = Gate(tmp_path), []
    saver = Saver(store, saved.append, pause=0)
    saver.give(STATES[0])
    assert store.entered.wait(60)
    for state in STATES[1:]:
        saver.give(state)  # returns though the disk stands still
    assert not saver.flush(timeout=0.05)
    store.open.set()
    assert saver.close(60)
    assert saved == [STATES[0], STATES[-1]]


def test_saves_start_at_least_a_pause_apart(tmp_path: Path) -> None:
    starts: list[float] = []

    class Timed(Store):
        def save(self, state: State) -> Path:
            starts.append(time.monotonic())
            return super().save(state)

    saver = Saver(Timed(tmp_path, picture(200)), pause=0.2)
    for state in islice(stream(fresh(200), 7), 60):
        saver.give(state)
        time.sleep(0.01)
    before = len(starts)
    saver.close(60)
    assert before >= 2
    assert np.diff(starts[:before]).min() > 0.19


def test_a_failure_is_said_once_tried_again_and_its_end_is_seen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, saved, said = Gate(tmp_path), [], []
    store.open.set()
    store.error = OSError(errno.ENOSPC, "No space left on device")
    saver = Saver(store, saved.append, said.append, pause=0.01)
    with caplog.at_level(logging.ERROR):
        saver.give(STATES[0])
        until(lambda: store.tries >= 3)
        assert said == [
            f"The disk of {store.folder} is full. Make room; until then your work is only in "
            "memory."
        ]
        assert saver.trouble == said[0]
        assert not saver.flush(60)
        assert saver.unsaved
        store.error = None
        assert saver.flush(60)
        until(lambda: saved == [STATES[0]])
        assert saver.trouble == ""
        store.error = RuntimeError("something else")
        saver.give(STATES[1])
        until(lambda: len(said) == 2)
        assert "something else" in said[1]
    store.error = None
    assert saver.close(60)


def test_what_cannot_be_saved_at_closing_leaves_the_session_to_be_recovered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Gate(tmp_path)
    store.open.set()
    saver = Saver(store, pause=0)
    saver.give(STATES[0])
    assert saver.flush(60)
    store.error = PermissionError(errno.EACCES, "Permission denied")
    saver.give(STATES[1])
    assert not saver.close(60)
    assert [one.loaded.state for one in sessions_to_recover(tmp_path)] == [STATES[0]]
    assert "cannot be written. Allow it" in caplog.text


def test_a_listener_that_fails_does_not_end_the_saving(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(state: State) -> None:
        raise ZeroDivisionError

    saver = Saver(Store(tmp_path, picture(200)), broken, pause=0)
    for state in STATES[:3]:
        saver.give(state)
        assert saver.flush(60)
    assert saver.close(60)
    assert len(state_files(saver.store.folder)) == 3
    assert "listener" in caplog.text


def test_the_pixels_of_an_image_without_a_file_are_stored_beside(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (7000, 7000)).astype(np.uint8)
    state = State.fresh(Picture("memory", None, pixel_digest(pixels), pixels.shape))
    saver = Saver(Store(tmp_path, state.picture), picture=pixels)
    saver.give(state)
    assert saver.close(60)
    assert np.array_equal(load_picture(saver.store.folder), pixels)
    assert load(saver.store.folder).state == state


def test_an_image_that_cannot_be_stored_is_said_and_the_work_is_saved(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    saver = Saver(
        Store(tmp_path, picture(200)), None, said.append, picture=np.array([[None]], object)
    )
    saver.give(STATES[0])
    assert saver.close(60)
    assert said == ["Pixels of type object cannot be stored."]
    assert load(saver.store.folder).state == STATES[0]


def test_no_thread_is_left_after_closing(tmp_path: Path) -> None:
    saver = Saver(Store(tmp_path, picture(200)))
    assert saver.close(60)
    assert not [t for t in threading.enumerate() if t.name == "priorseg-saver"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "is full. Make room"),
        (errno.EROFS, "cannot be written"),
        (errno.EFBIG, "may not grow"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_every_failure_is_a_sentence_that_says_what_to_do(number: int, says: str) -> None:
    sentence = explain(OSError(number, os.strerror(number)), Path("folder"))
    assert says in sentence
    assert sentence.endswith("until then your work is only in memory.")
