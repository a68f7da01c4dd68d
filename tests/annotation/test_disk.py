"""Real disks that are full or read-only: it is said, and the work stays until there is room."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from works import fresh, until

from priorseg.annotation import Saver, State, Store, load, sessions_to_recover
from priorseg.annotation.store import state_files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")


def noisy(seed: int, side: int = 600) -> State:
    """Give a state that takes about as many bytes on disk as it has pixels."""
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side)).astype(np.uint8)
    state = fresh(side)
    return replace(state, draft=state.draft.with_array(pixels))


def mount(folder: Path, options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"a file system of its own cannot be mounted here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a real file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "size=1m")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_on_a_full_disk_the_newest_state_waits_in_memory_until_there_is_room(
    small_disk: Path,
) -> None:
    ballast = small_disk / "holiday.jpg"
    ballast.write_bytes(os.urandom(500_000))
    said: list[str] = []
    saver = Saver(Store(small_disk, noisy(0).picture), None, said.append, pause=0.02)
    saver.give(noisy(1))
    assert saver.flush(60)
    for seed in (2, 3, 4):
        saver.give(noisy(seed))
        assert not saver.flush(60)
    assert said == [
        f"The disk of {saver.store.folder} is full. Make room; until then your work is only in "
        "memory."
    ]
    found = load(saver.store.folder)
    assert (found.state, found.problems) == (noisy(1), ())
    assert {path.name for path in saver.store.folder.iterdir()} == {"lock", "000001.state"}
    ballast.unlink()
    assert saver.flush(60)
    assert load(saver.store.folder).state == noisy(4)
    assert saver.trouble == ""
    assert saver.close(60)


def test_a_full_disk_is_first_cleared_of_copies_kept_for_safety(small_disk: Path) -> None:
    store = Store(small_disk, noisy(0).picture, full_every=1)
    for seed in range(6):
        store.save(noisy(seed))  # two files fit, not three
        assert load(store.folder).state == noisy(seed)
        assert len(state_files(store.folder)) <= 2


def test_a_disk_that_is_full_from_the_start_loses_nothing_once_it_has_room(
    small_disk: Path,
) -> None:
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(os.urandom(2 * 2**20))
    said: list[str] = []
    saver = Saver(Store(small_disk / "a" / "b", noisy(0).picture), None, said.append, pause=0.02)
    saver.give(noisy(1))
    assert not saver.flush(60)
    until(lambda: len(said) == 1)
    assert "is full" in said[0]
    ballast.unlink()
    assert saver.close(60)
    assert load(saver.store.folder).state == noisy(1)


def test_a_limit_on_the_size_of_files_is_said_and_the_old_state_stays(tmp_path: Path) -> None:
    import resource

    said: list[str] = []
    saver = Saver(Store(tmp_path, noisy(0).picture), None, said.append, pause=0.02)
    saver.give(fresh(600))
    assert saver.flush(60)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        saver.give(noisy(1))
        assert not saver.flush(60)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    until(lambda: len(said) == 1)
    assert "may not grow any larger. Raise the limit" in said[0]
    assert load(saver.store.folder).state in (fresh(600), noisy(1))
    assert saver.close(60)
    assert load(saver.store.folder).state == noisy(1)


@pytest.fixture
def lockable(tmp_path: Path) -> Iterator[tuple[Path, object, object]]:
    """Give a folder with calls that make it read-only and writable again."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        yield folder, lambda: folder.chmod(0o500), lambda: folder.chmod(0o700)
        folder.chmod(0o700)
        return
    mount(folder, "size=4m")  # permissions do not stop root, a read-only file system does

    def again(mode: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)

    yield folder, lambda: again("ro"), lambda: again("rw")
    subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_folder_is_said_and_saved_to_once_it_can_be_written(lockable) -> None:
    folder, forbid, allow = lockable
    said: list[str] = []
    forbid()
    saver = Saver(Store(folder, noisy(0).picture), None, said.append, pause=0.02)
    for seed in (1, 2):
        saver.give(noisy(seed))
        assert not saver.flush(60)
    assert said == [
        f"The folder {saver.store.folder} cannot be written. Allow it; until then your work is "
        "only in memory."
    ]
    allow()
    assert saver.flush(60)
    assert load(saver.store.folder).state == noisy(2)
    assert saver.close(60)


def test_sessions_in_a_read_only_folder_can_still_be_recovered(lockable) -> None:
    folder, forbid, _ = lockable
    store = Store(folder, noisy(0).picture)
    store.save(noisy(1))
    store.abandon()
    forbid()
    assert [one.loaded.state for one in sessions_to_recover(folder)] == [noisy(1)]
