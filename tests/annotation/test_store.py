"""Session folders: what is saved comes back, and damage costs only what was damaged."""

import os
import shutil
import stat
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from works import disc, fresh, picture, stream

from priorseg.annotation import (
    InUse,
    Picture,
    State,
    Store,
    default_root,
    forget,
    load,
    load_picture,
    paint,
    pixel_digest,
    sessions,
    sessions_to_recover,
    tidy,
)
from priorseg.annotation.statefile import read_file, wanted_tiles
from priorseg.annotation.store import state_files

STATES = list(islice(stream(fresh(300), 1), 30))


def saved(root: Path, states: list[State], full_every: int = 64) -> Store:
    store = Store(root, picture(300), full_every)
    for state in states:
        store.save(state)
    return store


def test_nothing_is_written_before_the_first_save(tmp_path: Path) -> None:
    store = Store(tmp_path / "new", picture(300))
    assert not (tmp_path / "new").exists()
    store.save(STATES[0])
    assert load(store.folder).state == STATES[0]


@pytest.mark.parametrize("full_every", [1, 3, 64])
def test_after_every_save_the_newest_state_comes_back(tmp_path: Path, full_every: int) -> None:
    store = Store(tmp_path, picture(300), full_every)
    for state in STATES:
        path = store.save(state)
        found = load(store.folder)
        assert found.state == state
        assert (found.file, found.problems) == (path, ())


def test_a_small_stroke_writes_only_the_tiles_that_it_touched(tmp_path: Path) -> None:
    state = STATES[-1]
    store = saved(tmp_path, [state])
    new = paint(state, disc(300, 64, 64, 9), 3)
    body = read_file(store.save(new).read_bytes()).bodies
    assert list(body) == [new.painted.tiles[0]]


def test_saving_the_same_state_again_writes_nothing(tmp_path: Path) -> None:
    store = saved(tmp_path, [STATES[0]])
    assert store.save(STATES[0]) == store.save(STATES[0])
    assert len(state_files(store.folder)) == 1


def test_old_files_go_but_two_generations_stay_and_the_newest_needs_no_other(
    tmp_path: Path,
) -> None:
    store = saved(tmp_path, STATES, full_every=4)
    kept = [number for number, _ in state_files(store.folder)]
    assert kept == list(range(25, 31))  # full files are 1, 5, ... 25, 29
    for number, path in state_files(store.folder):
        if number < 29:
            path.unlink()
    assert load(store.folder).state == STATES[-1]


def test_much_new_data_brings_a_full_file_early(tmp_path: Path) -> None:
    chance, state = np.random.default_rng(0), fresh(2048)
    store = Store(tmp_path, state.picture)
    sizes = []
    for _ in range(14):
        pixels = chance.integers(0, 255, (2048, 2048)).astype(np.uint8)
        state = replace(state, draft=state.draft.with_array(pixels))
        store.save(state)
        sizes.append(sum(path.stat().st_size for _, path in state_files(store.folder)))
    assert max(sizes) < 10 * 2048**2
    assert load(store.folder).state == state


def test_files_that_somebody_deletes_are_written_again(tmp_path: Path) -> None:
    store = saved(tmp_path, STATES[:3])
    state_files(store.folder)[0][1].unlink()
    store.save(STATES[3])
    assert load(store.folder).state == STATES[3]
    shutil.rmtree(store.folder)
    store.save(STATES[4])
    assert load(store.folder).state == STATES[4]


damage = st.lists(
    st.tuples(
        st.integers(1, 12), st.sampled_from(["cut", "flip", "empty", "gone"]), st.floats(0, 1)
    ),
    max_size=6,
)


@settings(max_examples=60)
@given(damage)
def test_damage_costs_only_what_needed_the_damaged_files(tmp_path_factory, hits) -> None:
    folder = saved(tmp_path_factory.mktemp("s"), STATES[:12], full_every=5).folder
    whole = {number: read_file(path.read_bytes()) for number, path in state_files(folder)}
    paths = dict(state_files(folder))
    for number, kind, where in hits:
        path = paths.get(number)
        if path is None or not path.exists():
            continue
        data = bytearray(path.read_bytes())
        place = min(int(where * len(data)), len(data) - 1)
        if kind == "gone":
            path.unlink()
        elif kind == "flip" and data:
            data[place] ^= 0x10
        if kind != "gone":
            path.write_bytes(data[: {"cut": place, "empty": 0}.get(kind, len(data))])
    left = {
        number: file
        for number, file in whole.items()
        if paths[number].exists() and same(paths[number], file)
    }
    expected = None
    for number in sorted(left):
        held = {digest for n, file in left.items() if n <= number for digest in file.bodies}
        if wanted_tiles(left[number]) <= held:
            expected = number
    found = load(folder)
    assert found.state == (None if expected is None else STATES[expected - 1])
    for number in set(whole) - set(left):
        if paths[number].exists() and (expected is None or number > expected):
            assert any(paths[number].name in problem for problem in found.problems)


def same(path: Path, file) -> bool:
    try:
        return read_file(path.read_bytes()) == file
    except ValueError:
        return False


def test_a_session_goes_on_after_its_program_died(tmp_path: Path) -> None:
    first = saved(tmp_path, STATES[:5])
    (first.folder / ".000006.state.abc").write_bytes(b"half")
    first.abandon()
    (only,) = sessions_to_recover(tmp_path)
    assert (only.folder, only.loaded.state) == (first.folder, STATES[4])
    assert (only.name, only.objects) == ("phantom", len(STATES[4].things))
    assert only.clicks == STATES[4].clicks
    again = Store.reopen(only.folder)
    assert not list(only.folder.glob(".*"))
    assert again.save(STATES[5]).name == "000006.state"
    assert load(only.folder).state == STATES[5]


def test_a_living_session_is_neither_offered_nor_taken(tmp_path: Path) -> None:
    store = saved(tmp_path, STATES[:2])
    assert sessions(tmp_path)[0].alive
    assert sessions_to_recover(tmp_path) == ()
    with pytest.raises(InUse, match=f"process {os.getpid()}"):
        Store.reopen(store.folder)
    with pytest.raises(RuntimeError, match="in use"):
        forget(store.folder)


def test_a_closed_session_is_not_offered_but_can_be_reopened(tmp_path: Path) -> None:
    store = saved(tmp_path, STATES[:2])
    store.close()
    assert [(one.closed, one.alive) for one in sessions(tmp_path)] == [(True, False)]
    assert sessions_to_recover(tmp_path) == ()
    Store.reopen(store.folder).abandon()
    assert len(sessions_to_recover(tmp_path)) == 1


def test_a_session_in_which_nothing_is_whole_is_listed_with_the_reason(tmp_path: Path) -> None:
    store = saved(tmp_path, STATES[:1])
    store.abandon()
    state_files(store.folder)[0][1].write_bytes(b"PSSTATE1 and nothing more")
    (only,) = sessions_to_recover(tmp_path)
    assert only.loaded.state is None
    assert only.loaded.problems == ("000001.state was passed over: it is cut off or damaged",)
    assert only.name == store.folder.name


def test_a_listing_of_closed_sessions_reads_one_file_of_each(tmp_path: Path) -> None:
    for place in range(3):
        saved(tmp_path, STATES[place : place + 5]).close()
    for one in tmp_path.iterdir():
        state_files(one)[0][1].write_bytes(b"damaged")  # the newest need it, the listing does not
    listed = sessions(tmp_path)
    assert [one.digest for one in listed] == [STATES[0].picture.digest] * 3
    assert all("loaded" not in vars(one) for one in listed)
    assert any("000001.state was passed over" in said for said in listed[0].loaded.problems)


def test_sessions_come_newest_first_and_strange_folders_are_left_out(tmp_path: Path) -> None:
    stores = [saved(tmp_path, [state]) for state in STATES[:3]]
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    assert [one.folder for one in sessions(tmp_path)] == [one.folder for one in stores[::-1]]
    assert sessions(tmp_path / "nowhere") == ()


def test_pixels_of_an_image_without_a_file_are_stored(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).random((3000, 2100, 3)).astype(np.float32)[:, 50:2050]
    state = State.fresh(Picture("x", None, pixel_digest(pixels), pixels.shape[:2]))
    store = Store(tmp_path, state.picture)
    assert load_picture(store.folder) is None
    assert sum(1 for _ in store.write_picture(pixels)) > 1
    store.save(state)
    assert np.array_equal(load_picture(store.folder), pixels)
    with (store.folder / "picture.npy").open("r+b") as stream:
        stream.seek(10_000_000)
        stream.write(b"other")
    with pytest.raises(ValueError, match="damaged: its pixels are other ones"):
        load_picture(store.folder)
    os.truncate(store.folder / "picture.npy", 20_000_000)
    with pytest.raises(ValueError, match="cannot be read"):
        load_picture(store.folder)


def test_a_picture_that_is_half_written_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path, picture(300))
    writing = store.write_picture(np.zeros((5000, 5000), np.uint8))
    next(writing)
    writing.close()
    assert {path.name for path in store.folder.iterdir()} == {"lock"}


def test_pictures_too_large_or_of_objects_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path, picture(300))
    large = np.lib.stride_tricks.as_strided(np.zeros(1), (2**15, 2**15), (0, 0))
    with pytest.raises(ValueError, match="Save it as one"):
        next(store.write_picture(large))
    with pytest.raises(ValueError, match="cannot be stored"):
        next(store.write_picture(np.array([[None]])))


def test_tidying_deletes_only_old_closed_sessions(tmp_path: Path) -> None:
    bare = State.fresh(picture(300))
    old, new, cut_off = (saved(tmp_path, [bare]) for _ in range(3))
    old.close()
    new.close()
    cut_off.abandon()
    for store in (old, cut_off):
        os.utime(store.folder, (0, 0))
    assert tidy(tmp_path) == 1
    assert {one.folder for one in sessions(tmp_path)} == {new.folder, cut_off.folder}
    forget(cut_off.folder)
    assert {one.folder for one in sessions(tmp_path)} == {new.folder}


def test_tidying_never_deletes_objects_paint_or_centres(tmp_path: Path) -> None:
    bare = State.fresh(picture(300))
    painted = paint(bare, np.ones((2, 2), bool), 1, window=(slice(0, 2), slice(0, 2)))
    clicked = replace(bare, settings=replace(bare.settings, centres={1: ((9.0, 9.0),)}))
    left = replace(clicked, proposed=clicked.settings.centres)  # others may have been rejected
    stores = [saved(tmp_path, [state]) for state in (painted, clicked, left, STATES[-1])]
    for store in stores:
        store.close()
        os.utime(store.folder, (0, 0))
    assert tidy(tmp_path) == 0
    assert {one.folder for one in sessions(tmp_path)} == {store.folder for store in stores}


def test_what_a_cut_off_deletion_left_is_no_session_and_goes_with_the_next(tmp_path: Path) -> None:
    store = saved(tmp_path, STATES[:1])
    store.abandon()
    half = store.folder.rename(tmp_path / f".{store.folder.name}.gone")
    assert sessions(tmp_path) == ()
    tidy(tmp_path)
    assert not half.exists()


def test_the_name_of_a_folder_never_leaves_the_root(tmp_path: Path) -> None:
    for name in ("../../etc/passwd", "a/b\\c:*?", "...", "ü" * 300, ""):
        folder = Store(tmp_path, Picture(name, None, "", (9, 9))).folder
        assert folder.parent == tmp_path
        assert len(os.fsencode(folder.name)) < 200


def test_saved_files_can_be_read_by_their_owner(tmp_path: Path) -> None:
    path = saved(tmp_path, STATES[:1]).save(STATES[1])
    assert path.stat().st_mode & stat.S_IRUSR


def test_the_root_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIORSEG_SESSIONS", str(tmp_path))
    assert default_root() == tmp_path
    monkeypatch.delenv("PRIORSEG_SESSIONS")
    assert default_root().parts[-2:] == ("priorseg", "sessions")
