"""Keeping, deleting, locking, painting: against arrays of sets of pixels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from works import disc, fresh

from priorseg.annotation import (
    Candidate,
    Locked,
    Overlapping,
    State,
    areas,
    delete,
    keep,
    lock,
    mask_of,
    members,
    paint,
    put_inside,
    relabel,
    rename,
)

SIDE = 200
LEFT, RIGHT = disc(SIDE, 100, 80, 40), disc(SIDE, 100, 120, 40)
DISC, CUP = disc(SIDE, 100, 100, 60), disc(SIDE, 100, 100, 25)
FAR = disc(SIDE, 20, 20, 10)


def kept_one(mask: np.ndarray = LEFT, name: str = "left") -> State:
    return keep(fresh(SIDE), [Candidate(1, name, mask)])


def eye() -> State:
    outer = Candidate(1, "disc", DISC)
    return keep(fresh(SIDE), [Candidate(2, "cup", CUP, inside=outer), outer])


def by_name(state: State) -> dict[str, int]:
    return {thing.name: thing.number for thing in state.things}


def test_kept_objects_win_or_lose_their_pixels_as_asked() -> None:
    right = [Candidate(1, "right", RIGHT)]
    first_wins, last_wins = keep(kept_one(), right, "keep"), keep(kept_one(), right, "replace")
    assert np.array_equal(first_wins.kept.array(), np.where(LEFT, 1, 2 * RIGHT))
    assert np.array_equal(last_wins.kept.array(), np.where(RIGHT, 2, 1 * LEFT))
    with pytest.raises(Overlapping, match=r"right overlaps what is kept already: left \(1\)"):
        keep(kept_one(), right, "refuse")
    assert by_name(keep(kept_one(), [Candidate(1, "far", FAR)], "refuse")) == {"left": 1, "far": 2}


def test_an_object_that_loses_every_pixel_is_gone() -> None:
    state = keep(kept_one(), [Candidate(1, "all", np.ones((SIDE, SIDE)))], "replace")
    assert by_name(state) == {"all": 2}
    with pytest.raises(Overlapping, match="Nothing of small is left beside left"):
        keep(kept_one(), [Candidate(1, "small", disc(SIDE, 100, 80, 5))], "keep")


def test_a_disc_counts_its_cup_in_any_order_and_with_or_without_the_hole() -> None:
    state = eye()
    assert areas(state) == {1: DISC.sum(), 2: CUP.sum()}
    assert np.array_equal(mask_of(state, 1), DISC)
    assert members(state.things, 1) == (1, 2)
    outer = Candidate(1, "disc", DISC & ~CUP)
    apart = keep(fresh(SIDE), [outer, Candidate(2, "cup", CUP, inside=outer)])
    assert apart == state


def test_a_cup_kept_later_lies_in_a_disc_kept_before_even_a_locked_one() -> None:
    state = lock(kept_one(DISC, "disc"), 1)
    state = keep(state, [Candidate(2, "cup", CUP, inside=1)], "refuse")
    assert areas(state) == {1: DISC.sum(), 2: CUP.sum()}
    with pytest.raises(Locked, match="would change what is locked: disc"):
        keep(state, [Candidate(2, "far", FAR, inside=1)])


def test_a_locked_object_never_loses_a_pixel() -> None:
    state = lock(kept_one(), 1)
    with pytest.raises(Locked, match="left"):
        keep(state, [Candidate(1, "right", RIGHT)], "replace")
    assert areas(keep(state, [Candidate(1, "right", RIGHT)], "keep"))[1] == LEFT.sum()
    for change in (lambda: delete(state, 1), lambda: relabel(state, 1, 2)):
        with pytest.raises(Locked, match="Unlock it first"):
            change()
    inner = lock(eye(), 1)
    with pytest.raises(Locked, match="disc"):
        keep(inner, [Candidate(1, "new", CUP)], "replace")


def test_objects_of_one_call_must_not_overlap_unless_one_lies_in_the_other() -> None:
    with pytest.raises(Overlapping, match="right and left overlap"):
        keep(fresh(SIDE), [Candidate(1, "left", LEFT), Candidate(1, "right", RIGHT)])


def test_deleting_gives_pixels_to_the_object_around() -> None:
    state = delete(eye(), by_name(eye())["cup"])
    assert np.array_equal(state.kept.array(), 1 * DISC)
    state = delete(eye(), by_name(eye())["disc"])
    assert np.array_equal(state.kept.array(), 2 * CUP)
    assert state.things[0].inside is None


def test_names_labels_and_places_change_without_pixels() -> None:
    state = eye()
    for new in (rename(state, 2, " Cup "), relabel(state, 2, 7), lock(state, 2)):
        assert new.kept is state.kept
        assert new != state
    assert rename(state, 2, " Cup ").thing(2).name == "Cup"
    apart = put_inside(state, 2, None)
    assert areas(apart) == {1: DISC.sum() - CUP.sum(), 2: CUP.sum()}
    assert put_inside(apart, 2, 1) == state
    with pytest.raises(ValueError, match="inside"):
        put_inside(state, 1, 2)
    with pytest.raises(Locked, match="disc"):
        put_inside(lock(state, 1), 2, None)
    with pytest.raises(ValueError, match="name"):
        rename(state, 2, "  ")
    with pytest.raises(KeyError, match="no kept object 9"):
        lock(state, 9)


def test_paint_stays_and_is_freed() -> None:
    state = paint(paint(fresh(SIDE), LEFT, 2), RIGHT, 0)
    assert np.array_equal(state.painted.array(), np.where(RIGHT, 1, 3 * LEFT))
    assert paint(state, LEFT | RIGHT, None) == fresh(SIDE)
    window = slice(60, 90), slice(40, 70)
    assert paint(fresh(SIDE), LEFT[window], 2, window).painted.array().sum() == (
        3 * LEFT[window].sum()
    )


def test_painting_on_a_locked_object_is_refused_whole() -> None:
    state = lock(eye(), 1)
    with pytest.raises(Locked, match="disc is locked and cannot be painted over"):
        paint(state, CUP, 1)  # the cup lies in it
    assert paint(state, FAR, 1).painted.array().sum() == 2 * FAR.sum()
    assert paint(state, CUP, None) == state


@pytest.mark.parametrize(
    ("objects", "says"),
    [
        ([], "no object"),
        ([Candidate(1, "none", np.zeros((SIDE, SIDE)))], "none has no pixels"),
        ([Candidate(1, "wide", np.ones((SIDE, SIDE + 1)))], "does not fit"),
        ([Candidate(1, "out", np.ones((9, 9)), (slice(195, 204), slice(0, 9)))], "does not fit"),
        ([Candidate(1, "lost", FAR, inside=3)], "object 3, which does not exist"),
        ([Candidate(1, "lost", FAR, inside=Candidate(1, "x", DISC))], "not listed"),
        ([Candidate(255, "label", FAR)], "label must be"),
    ],
)
def test_wrong_objects_are_refused_with_the_reason(objects, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        keep(fresh(SIDE), objects)


def test_unknown_policies_and_labels_and_masks_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap must be"):
        keep(fresh(SIDE), [Candidate(1, "far", FAR)], "both")
    with pytest.raises(ValueError, match="label must be"):
        paint(fresh(SIDE), FAR, 255)
    with pytest.raises(ValueError, match="does not fit"):
        paint(fresh(SIDE), FAR[1:], 1)


BOXES = st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 20)] * 2)


@given(st.lists(st.tuples(BOXES, st.sampled_from(["keep", "replace"]), st.booleans()), max_size=8))
def test_any_sequence_of_keeps_is_what_painting_numbers_by_hand_gives(steps) -> None:
    state, expected, locked = fresh(48), np.zeros((48, 48), int), set()
    number = 1
    for (y, x, height, width), policy, then_lock in steps:
        box = np.zeros((48, 48), bool)
        box[y : y + height, x : x + width] = True
        candidate = Candidate(1, "box", box[y : y + height], (slice(y, y + height), slice(0, 48)))
        free = box & (expected == 0) if policy == "keep" else box
        if not free.any() or locked & set(expected[free].tolist()):
            with pytest.raises((Overlapping, Locked)):
                keep(state, [candidate], policy)
            continue
        state = keep(state, [candidate], policy)
        expected[free] = number = max(thing.number for thing in state.things)
        if then_lock:
            state = lock(state, number)
            locked.add(number)
        assert np.array_equal(state.kept.array(), expected)
        assert {thing.number for thing in state.things} == set(expected.ravel().tolist()) - {0}
        assert areas(state) == {n: (expected == n).sum() for n in areas(state)}


def test_three_hundred_nuclei_are_kept_in_one_call() -> None:
    centres = [(60 * row + 30, 60 * column + 30) for row in range(18) for column in range(18)]
    masks = [Candidate(1, f"n {y} {x}", disc(1080, y, x, 20)) for y, x in centres[:40]]
    cuts = [
        Candidate(1, f"n {y} {x}", disc(1080, y, x, 20)[y - 25 : y + 25, x - 25 : x + 25],
                  (slice(y - 25, y + 25), slice(x - 25, x + 25)))
        for y, x in centres
    ]  # fmt: skip
    state = keep(fresh(1080), cuts, "refuse")
    assert set(areas(state).values()) == {disc(1080, 500, 500, 20).sum()}
    assert len(state.things) == 324
    whole = keep(fresh(1080), masks)
    assert np.array_equal(whole.kept.array()[:120], keep(fresh(1080), cuts[:40]).kept.array()[:120])


def test_edits_leave_the_old_state_as_it_was() -> None:
    state = eye()
    copy = replace(state)
    keep(state, [Candidate(1, "far", FAR)])
    paint(state, FAR, 1)
    delete(state, 2)
    assert state == copy
    assert np.array_equal(state.kept.array(), DISC * 1 + CUP)
