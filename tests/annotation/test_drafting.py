"""From a label map to objects that are kept, and kept again."""

import numpy as np
import pytest

from priorseg.annotation.drafting import candidates, keep_result
from priorseg.annotation.edits import lock, rename
from priorseg.annotation.state import Picture, State
from priorseg.annotation.things import areas, fixed_pixels, mask_of

OBJECTS, WHOLES = {1: "disc", 2: "cup"}, {1: (1, 2), 2: (2,)}


def disc(shape, middle, radius) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(y - middle[0], x - middle[1]) <= radius


def cup_in_disc(radius: int = 30) -> np.ndarray:
    labels = disc((100, 120), (50, 60), radius).astype(np.uint8)
    labels[disc((100, 120), (52, 60), 12)] = 2
    return labels


def fresh(shape=(100, 120)) -> State:
    return State.fresh(Picture("eye", None, "0", shape))


def test_a_cup_lies_in_its_disc_whose_area_counts_it() -> None:
    labels = cup_in_disc()
    state = keep_result(fresh(), candidates(labels, OBJECTS, WHOLES))
    whole, cup = state.things
    assert (whole.name, cup.name, cup.inside) == ("disc", "cup", whole.number)
    assert areas(state) == {
        whole.number: np.count_nonzero(labels),
        cup.number: np.count_nonzero(labels == 2),
    }


def test_pieces_are_objects_unless_centres_tell_them_apart() -> None:
    shape = (60, 120)
    left, right = disc(shape, (30, 42), 20), disc(shape, (30, 76), 20)  # they touch
    labels = (left | right).astype(np.uint8)
    one = candidates(labels, {1: "cell"}, {1: (1,)})
    assert [piece.name for piece in one] == ["cell"]
    two = candidates(labels, {1: "cell"}, {1: (1,)}, {1: [(30, 42), (30, 76)]})
    assert [piece.name for piece in two] == ["cell 1", "cell 2"]
    assert sum(int(np.sum(piece.mask)) for piece in two) == np.count_nonzero(labels)


def test_keeping_again_renews_an_object_under_its_old_name() -> None:
    state = keep_result(fresh(), candidates(cup_in_disc(), OBJECTS, WHOLES))
    state = rename(state, 1, "left disc")
    larger = cup_in_disc(34)
    state = keep_result(state, candidates(larger, OBJECTS, WHOLES))
    assert [thing.name for thing in state.things] == ["left disc", "cup"]
    number = state.things[0].number
    assert (mask_of(state, number) == (larger > 0)).all()


def test_a_locked_object_stays_when_the_rest_is_kept_again() -> None:
    state = keep_result(fresh(), candidates(cup_in_disc(), OBJECTS, WHOLES))
    cup = state.things[1].number
    state = lock(state, cup)
    before = mask_of(state, cup)
    other = cup_in_disc(34)
    other[disc(other.shape, (54, 62), 13)] = 2
    with pytest.raises(ValueError, match="locked"):
        keep_result(state, candidates(other, OBJECTS, WHOLES), "replace")
    assert (mask_of(state, cup) == before).all()
    state = lock(state, state.things[0].number)
    with pytest.raises(ValueError, match="All objects of this result are locked"):
        keep_result(state, candidates(cup_in_disc(), OBJECTS, WHOLES))


def test_thousands_of_specks_are_refused_with_what_to_do() -> None:
    labels = np.zeros((200, 220), np.uint8)
    labels[::2, ::2] = 1
    with pytest.raises(ValueError, match="Smooth it more"):
        candidates(labels, {1: "cell"}, {1: (1,)})


def test_a_locked_cup_can_neither_shrink_nor_grow_into_the_rim() -> None:
    labels = cup_in_disc()
    state = keep_result(fresh(), candidates(labels, OBJECTS, WHOLES))
    assert not fixed_pixels(state).any()
    fixed = fixed_pixels(lock(state, state.things[1].number))
    assert (fixed[labels == 2] == 3).all()
    y, x = np.nonzero(fixed == 2)  # the ring is rim
    assert (labels[y, x] == 1).all()
    touching = [labels[j - 1 : j + 2, i - 1 : i + 2] == 2 for j, i in zip(y, x, strict=True)]
    assert all(near.any() for near in touching)
    around = np.pad(labels == 2, 1)
    rim = sum(np.roll(around, shift, (0, 1)) for shift in ((1, 0), (-1, 0), (0, 1), (0, -1)))
    assert ((rim[1:-1, 1:-1] > 0) & (labels == 1) <= (fixed == 2)).all()
    whole = fixed_pixels(lock(state, state.things[0].number))
    assert (whole[labels > 0] == labels[labels > 0] + 1).all()
    assert set(np.unique(whole[labels == 0])) == {0, 1}
