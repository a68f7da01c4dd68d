"""Imported objects that nobody has decided on: they are shown, and nothing follows from them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from works import disc, fresh

from priorseg.annotation import (
    Saver,
    State,
    Store,
    Thing,
    areas,
    decided,
    delete,
    load,
    lock,
    mask_of,
    paint,
)
from priorseg.annotation.describe import describe
from priorseg.annotation.drafting import keep_result
from priorseg.annotation.edits import decide
from priorseg.annotation.importing import of_classes, of_objects, to_look_at
from priorseg.annotation.recipe import read_recipe, write_recipe
from priorseg.annotation.things import fixed_pixels

OBJECTS, WHOLES = {1: "disc", 2: "cup"}, {1: (1, 2), 2: (2,)}
DISC, CUP = disc(64, 30, 30, 20), disc(64, 30, 30, 8)
EYE = (DISC.astype(np.int32) + CUP).astype(np.int32)


def looked_at(labels: np.ndarray = EYE, state: State | None = None) -> tuple[State, int]:
    return to_look_at(state or fresh(64), of_classes(labels, OBJECTS, WHOLES))


def flags(state: State) -> dict[str, bool]:
    return {one.name: one.undecided for one in state.things}


def test_imported_objects_are_those_of_the_mask_and_kept_one_by_one() -> None:
    state, left_out = looked_at()
    assert flags(state) == {"disc": True, "cup": True}
    assert left_out == 0
    outer, inner = state.things
    assert inner.inside == outer.number
    assert areas(state) == {outer.number: int(DISC.sum()), inner.number: int(CUP.sum())}
    once = decide(state, [inner.number])
    assert flags(once) == {"disc": True, "cup": False}
    assert describe(state, once) == "keep cup"
    assert describe(state, decide(state, [1, 2])) == "keep 2 objects"
    assert describe(state, delete(state, inner.number)) == "discard 1 imported object"
    assert describe(state, decided(state)) == "discard 2 imported objects"


def test_only_what_is_decided_on_counts_and_the_kept_one_around_gets_the_pixels() -> None:
    state, _ = looked_at()
    assert decided(state) == fresh(64)
    outer, inner = (one.number for one in state.things)
    only_disc, only_cup = decided(decide(state, [outer])), decided(decide(state, [inner]))
    assert (mask_of(only_disc, outer) == DISC).all()
    assert (only_disc.kept.array() == outer * DISC).all()
    assert [(one.name, one.inside) for one in only_cup.things] == [("cup", None)]
    assert (only_cup.kept.array() == inner * CUP).all()


def test_what_is_kept_stays_and_what_does_not_fit_is_counted() -> None:
    before = keep_result(fresh(64), of_classes(DISC.astype(np.int32), OBJECTS, WHOLES))
    state, left_out = looked_at(state=before)  # the disc is there already
    assert flags(state) == {"disc": False, "cup": True}
    assert left_out == 1
    assert state.things[1].inside == state.things[0].number
    assert decided(state) == before

    across = np.zeros((64, 64), np.int32)
    across[5:60, 45:64], across[30:32, 30:32] = 1, 2
    state, left_out = to_look_at(before, of_objects(across, 1, "piece"))
    assert left_out == 1
    assert decided(state) == before
    assert (mask_of(state, 2) == ((across == 1) & ~DISC)).all()
    with pytest.raises(ValueError, match="here already"):
        to_look_at(state, of_objects(across, 1, "piece"))


def test_they_fix_no_pixel_and_stop_no_brush_even_in_and_beside_a_locked_object() -> None:
    before = keep_result(fresh(64), of_classes(DISC.astype(np.int32), OBJECTS, WHOLES))
    before = lock(before, 1)
    beside = np.zeros((64, 64), np.int32)
    beside[:, 51:] = 1
    state, _ = to_look_at(looked_at(EYE, before)[0], of_objects(beside, 2, "beside"))
    assert len(state.things) == 3
    assert (fixed_pixels(state) == fixed_pixels(before)).all()
    free = np.zeros((64, 64), bool)
    free[:, 55:60] = True
    assert paint(state, free, 1).painted == paint(before, free, 1).painted
    with pytest.raises(ValueError, match="keep it before you lock it"):
        lock(state, state.things[-1].number)


def test_files_hold_them_and_files_without_them_are_as_before(tmp_path) -> None:
    state, _ = looked_at()
    saver = Saver(Store(tmp_path, state.picture))
    saver.give(state)
    saver.close()
    (folder,) = tmp_path.iterdir()
    assert load(folder).state == state
    kept = decide(state, [1, 2])
    assert "undecided" not in json.dumps(kept.to_dict())
    assert State.from_dict(kept.to_dict(), kept.rasters()) == kept
    wrong = replace(kept).to_dict()
    wrong["things"][0]["undecided"] = "yes"
    with pytest.raises(ValueError, match="undecided"):
        State.from_dict(wrong, kept.rasters())


def test_recipes_leave_them_out(tmp_path) -> None:
    state, _ = looked_at()
    state = decide(state, [1])
    again = read_recipe(write_recipe(tmp_path / "r.toml", state)).state
    assert again.things == (Thing(1, 1, "disc"),)
    assert again.kept == decided(state).kept
