"""Work as a person does it: a stream of states from a seeded source of chance."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from priorseg.annotation import (
    Candidate,
    Picture,
    State,
    delete,
    keep,
    lock,
    paint,
    pixel_digest,
    rename,
)
from priorseg.annotation.tile import digest_of
from priorseg.session import PriorChoice, Settings

SETTINGS = Settings(
    priors=(
        PriorChoice("threshold_dynamics", {"weight": 2.0, "sigma": 2.5}),
        PriorChoice("convex", {"labels": [1, 2], "radii": (2, 4)}, on=False),
        PriorChoice("nested", {"order": {2: 1}, "reach": np.float32(0.1)}),
    ),
    centres={1: ((3.5, 4.25), (1e-3, 7.0)), 2: ((5.0, 6.0),)},
    volumes={1: 1234.5},
    object_volumes={1: (None, 400.0)},
)


def picture(side: int = 512, name: str = "phantom") -> Picture:
    return Picture(name, None, pixel_digest(np.zeros((side, side), np.uint8)), (side, side))


def fresh(side: int = 512) -> State:
    return State.fresh(picture(side), SETTINGS)


def disc(side: int, y: float, x: float, radius: float) -> np.ndarray:
    rows, columns = np.ogrid[:side, :side]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def fingerprint(state: State) -> str:
    """Stand for everything in a state, computed from arrays and text only."""
    text = json.dumps(state.to_dict(), sort_keys=True).encode()
    pixels = (np.ascontiguousarray(r.array()).tobytes() for r in state.rasters().values())
    return digest_of(text + b"".join(map(digest_of, pixels))).hex()


def step(state: State, chance: np.random.Generator) -> State:
    """Do one thing."""
    side = state.picture.shape[0]
    kind = chance.choice(["paint", "paint", "keep", "slider", "click", "object"])
    y, x = chance.uniform(0, side, 2)
    mask = disc(side, y, x, chance.uniform(3, 30))
    if kind == "paint":
        label = [None, 0, 1, 2][chance.integers(4)]
        try:
            return paint(state, mask, label)
        except ValueError:
            return state  # locked
    if kind == "keep":
        try:
            return keep(state, [Candidate(1, f"disc {y:.0f}", mask)], "keep")
        except ValueError:
            return state
    if kind == "slider":
        settings = replace(state.settings, temperature=float(chance.uniform(0.1, 2)))
        draft = np.array(disc(side, side / 2, side / 2, 100 * settings.temperature), np.uint8)
        return replace(state, settings=settings, draft=state.draft.with_array(draft))
    if kind == "click":
        settings = replace(
            state.settings, centres={1: ((y, x),)}, object_volumes={1: (round(x + 1),)}
        )
        return replace(state, settings=settings)
    if not state.things:
        return state
    thing = state.things[chance.integers(len(state.things))]
    if thing.locked:
        return lock(state, thing.number, False)
    done = [
        lambda: lock(state, thing.number),
        lambda: delete(state, thing.number),
        lambda: rename(state, thing.number, f"name {y:.3f}"),
    ]
    return done[chance.integers(3)]()


def stream(state: State, seed: int) -> Iterator[State]:
    """Give states for ever, each different from the one before."""
    chance = np.random.default_rng(seed)
    while True:
        new = step(state, chance)
        if new != state:
            yield new
        state = new


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)
