"""The history is a list with a place in it."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from works import fresh, stream

from priorseg.annotation import History, State
from priorseg.annotation.history import ENTRY_COST

START = fresh(200)
WORK = list(islice(stream(START, 3), 60))
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["push", "a", "b"]), st.integers(0, 59))
    | st.tuples(st.sampled_from(["undo", "redo", "seal"]), st.just(0))
)


class Model:
    """The law: a list, a place, and a token that only holds until something else happens."""

    def __init__(self, steps: int) -> None:
        self.states, self.place, self.token, self.steps = [START], 0, None, steps

    def do(self, action: str, state: State) -> None:
        if action == "undo":
            self.place, self.token = max(self.place - 1, 0), None
        elif action == "redo":
            self.place, self.token = min(self.place + 1, len(self.states) - 1), None
        elif action == "seal":
            self.token = None
        else:
            token = None if action == "push" else action
            del self.states[self.place + 1 :]
            if token is not None and token == self.token:
                self.states.pop()
            self.states.append(state)
            self.states = self.states[-self.steps - 1 :]
            self.place, self.token = len(self.states) - 1, token


@given(ACTIONS, st.integers(1, 8))
def test_any_sequence_does_what_a_list_would_do(actions, steps: int) -> None:
    history, model = History(START, steps), Model(steps)
    for action, place in actions:
        state = WORK[place]
        if action in ("undo", "redo", "seal"):
            getattr(history, action)()
        else:
            history.push(state, f"{action} {place}", None if action == "push" else action)
        model.do(action, state)
        assert history.present is model.states[model.place]
        assert history.can_undo == (model.place > 0)
        assert history.can_redo == (model.place < len(model.states) - 1)
        assert len(history) == len(model.states)


@given(ACTIONS, st.integers(1, 8))
def test_memory_is_what_the_tiles_of_all_states_take_once(actions, steps: int) -> None:
    history = History(START, steps)
    for action, place in actions:
        if action in ("undo", "redo", "seal"):
            getattr(history, action)()
        else:
            history.push(WORK[place], "", None if action == "push" else action)
    tiles = {
        id(piece): piece.cost
        for entry in history._entries
        for raster in entry.state.rasters().values()
        for piece in raster.pieces
    }
    assert history.bytes == sum(tiles.values()) + ENTRY_COST * len(history)


def test_two_hundred_and_fifty_steps_go_back_and_forth() -> None:
    states = [START, *islice(stream(START, 0), 250)]
    history = History(states[0])
    for number, state in enumerate(states[1:], 1):
        history.push(state, f"step {number}")
    for number in range(249, -1, -1):
        assert history.undo_text == f"step {number + 1}"
        assert history.undo() is states[number]
    assert not history.can_undo
    assert history.undo() is states[0]
    for number in range(1, 251):
        assert history.redo_text == f"step {number}"
        assert history.redo() is states[number]
    assert history.redo() is states[250]


def test_a_drag_is_one_step_and_the_next_drag_another() -> None:
    history = History(START)
    for drag in range(2):
        for place in range(10):
            history.push(WORK[10 * drag + place], "sigma", merge="sigma")
        history.seal()
    assert len(history) == 3
    assert history.undo() is WORK[9]
    assert history.undo() is START


def test_bytes_are_bounded_and_the_present_always_stays() -> None:
    noise = np.random.default_rng(0)
    history = History(START, limit=400_000)
    last = START
    for number in range(40):
        pixels = noise.integers(0, 3, (200, 200)).astype(np.uint8)
        last = replace(last, draft=last.draft.with_array(pixels))
        history.push(last, f"{number}")
        assert history.bytes <= 400_000
        assert history.present is last
    assert 5 < len(history) < 40
    tiny = History(START, limit=1)
    tiny.push(last, "more than the limit")
    assert tiny.present is last
    assert not tiny.can_undo


def test_at_least_one_step_is_needed() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        History(START, steps=0)
