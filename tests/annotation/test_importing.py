"""Masks of others become objects."""

import numpy as np
import pytest
from works import disc, fresh

from priorseg.annotation import areas, keep
from priorseg.annotation.drafting import keep_result
from priorseg.annotation.importing import of_classes, of_objects

OBJECTS, WHOLES = {1: "disc", 2: "cup"}, {1: (1, 2), 2: (2,)}


def eye() -> np.ndarray:
    return (disc(64, 30, 30, 20).astype(np.int32) + disc(64, 30, 30, 8)).astype(np.int32)


def test_a_mask_of_classes_becomes_nested_objects() -> None:
    state = keep_result(fresh(64), of_classes(eye(), OBJECTS, WHOLES))
    outer, inner = state.things
    assert (outer.label, inner.label, inner.inside) == (1, 2, outer.number)
    assert not outer.locked
    whole, cup = int(disc(64, 30, 30, 20).sum()), int(disc(64, 30, 30, 8).sum())
    assert areas(state) == {outer.number: whole, inner.number: cup}


def test_every_number_becomes_an_object_under_its_name() -> None:
    mask = np.zeros((64, 64), np.int32)
    mask[2:5, 3:9], mask[50:52, 3:9], mask[20:30, 20:30] = 70_000, 70_000, 9
    state = keep(fresh(64), of_objects(mask, 2, "cell", {9: "big one"}))
    assert [(one.name, one.label) for one in state.things] == [("big one", 2), ("cell 70000", 2)]
    assert areas(state) == {1: 100, 2: 30}
    assert ((state.kept.array() > 0) == (mask > 0)).all()


def test_a_mask_without_background_is_one_object() -> None:
    (only,) = of_objects(np.ones((64, 64), np.uint8), 1, "all")
    assert np.asarray(only.mask).all()


def test_importing_what_was_kept_already_renews_it() -> None:
    state = keep_result(fresh(64), of_classes(eye(), OBJECTS, WHOLES))
    again = keep_result(state, of_classes(eye(), OBJECTS, WHOLES))
    assert len(again.things) == 2
    assert ((again.kept.array() > 0) == (state.kept.array() > 0)).all()


def test_what_cannot_be_objects_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3, 4, 5, 6, 7 and 3 more; the classes are 1 disc"):
        of_classes(np.arange(1, 65).reshape(8, 8) % 11, OBJECTS, WHOLES)
    with pytest.raises(ValueError, match="empty"):
        of_classes(np.zeros((8, 8), np.uint8), OBJECTS, WHOLES)
    with pytest.raises(ValueError, match="empty"):
        of_objects(np.zeros((8, 8), np.uint8), 1, "x")
    with pytest.raises(ValueError, match="numbers; at most"):
        of_objects(np.arange(10_000).reshape(100, 100), 1, "x")
    with pytest.raises(ValueError, match="A label"):
        of_objects(np.ones((8, 8), np.uint8), 255, "x")
