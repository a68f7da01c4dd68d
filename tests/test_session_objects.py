"""Volumes of single objects in a session: touching cells, some with a size of their own."""

from dataclasses import replace

import numpy as np
import pytest

from priorseg.geometry import ray_forest
from priorseg.session import Painted, PriorChoice, Session, Settings

CENTRES = ((30.0, 29.0), (30.0, 55.0))
SMOOTH = PriorChoice("threshold_dynamics", {"weight": 1.0, "sigma": 2.0})
SHAPE = (60, 84)


def cells(seed=0):
    """Two discs that touch; (2, 60, 84) logits."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    inside = np.min([(y - a) ** 2 + (x - b) ** 2 for a, b in CENTRES], axis=0) < 13.5**2
    noise = np.random.default_rng(seed).normal(0, 1, (2, *SHAPE))
    return (np.stack([np.where(inside, -2, 2), np.where(inside, 2, -2)]) + noise).astype(np.float32)


def session_of(**options):
    session = Session(**options)
    session.set_image(np.zeros(SHAPE, np.uint8))
    session.set_logits(cells(), labels={0: "ground", 1: "cell"})
    session.compute_logits()
    return session


def drawn(*volumes, **changes):
    found = Settings(
        priors=(SMOOTH, PriorChoice("star", {"label": 1})),
        sweeps=12,
        centres={1: CENTRES},
        object_volumes={1: volumes},
    )
    return replace(found, **changes)


def sizes(labels, centres=CENTRES):
    owner = ray_forest(SHAPE, np.array(centres))[1]
    return np.bincount(owner[labels == 1], minlength=len(centres)).tolist()


@pytest.mark.parametrize("replay", [False, True])
def test_one_cell_has_its_volume_and_the_other_is_free(replay):
    session = session_of()
    *_, free = session.frames(drawn(None, None, replay=replay))
    *_, frame = session.frames(drawn(400.0, None, replay=replay))
    assert sizes(frame.labels)[0] == 400
    assert sizes(frame.labels)[1] == pytest.approx(sizes(free.labels)[1], abs=5)
    star = frame.certificates["star"]
    assert star.satisfied
    assert star.message.endswith("volumes off by 0 px (centre 1: 400 of 400 px)")


def test_a_region_counts_centres_from_its_own_corner():
    session = session_of()
    session.set_region((30, 42), 56)
    session.compute_logits()
    *_, frame = session.frames(drawn(300.0, 350.0))
    assert sizes(frame.labels) == [300, 350]


@pytest.mark.parametrize("stride_side", [40, 20])
def test_a_preview_shows_about_the_volume(stride_side):
    *_, frame = session_of(preview_side=stride_side).frames(drawn(400.0, 250.0), preview=True)
    assert sizes(frame.labels) == pytest.approx([400, 250], rel=0.2)


@pytest.mark.parametrize("case", ["whole tree", "centres in one block", "paint"])
def test_what_blocks_cannot_hold_is_free_in_a_preview_and_exact_in_the_end(case):
    session, centres = session_of(preview_side=20), CENTRES
    settings = drawn(400.0, None)
    if case == "whole tree":
        most = int((ray_forest(SHAPE, np.array(CENTRES))[1] == 0).sum())
        settings = drawn(float(most), None)
    elif case == "centres in one block":
        centres = ((30.0, 40.0), (30.0, 41.0))
        settings = replace(drawn(300.0, 310.0), centres={1: centres})
    else:
        pixels = np.zeros(SHAPE, np.uint8)
        pixels[22:38, 22:38] = 2  # 256 px, in blocks somewhat more
        settings = drawn(257.0, None, painted=Painted(pixels))
    *_, sketch = session.frames(settings, preview=True)
    *_, frame = session.frames(settings)
    wanted = [one for one in settings.object_volumes[1] if one is not None]
    assert not sketch.final
    assert sizes(frame.labels, centres)[: len(wanted)] == wanted


@pytest.mark.parametrize("preview", [False, True])
def test_the_volume_of_the_class_leaves_the_rest_to_the_free_object(preview):
    priors = (*drawn(None, None).priors, PriorChoice("volume"))
    settings = drawn(300.0, None, priors=priors, volumes={1: 900.0})
    *_, frame = session_of(preview_side=20).frames(settings, preview=preview)
    assert sizes(frame.labels) == pytest.approx([300, 600], rel=0.2 if preview else 0)


def painted(value, side):
    pixels = np.zeros(SHAPE, np.uint8)
    pixels[20 : 20 + side, 20 : 20 + side] = value
    return Painted(pixels)


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        (drawn(3000.0, None), "object 1 of cell is 3000 px, but only 2580 px"),
        (drawn(99.0, None, painted=painted(2, 10)), "100 px are painted as object 1 of cell"),
        (drawn(2500.0, None, painted=painted(1, 10)), "leaves 2480 px for object 1 of cell"),
        (
            drawn(
                300.0,
                400.0,
                priors=(*drawn(None, None).priors, PriorChoice("volume")),
                volumes={1: 900.0},
            ),
            "objects of cell add up to 700 px, .* leave 900 px",
        ),
    ],
)
def test_wishes_that_cannot_be_met_are_refused_by_name(settings, pattern):
    with pytest.raises(ValueError, match=pattern):
        list(session_of(preview_side=20).frames(settings, preview=True))


def test_settings_hold_one_volume_for_each_centre_and_forget_those_without_a_centre():
    assert drawn(None, None) == replace(drawn(None, None), object_volumes={})
    assert hash(drawn(400, None)) == hash(drawn(400.0, None))
    assert replace(drawn(400.0, None), centres={}).object_volumes == {}
    with pytest.raises(ValueError, match="Label 1 has 2 centres, but volumes of 1"):
        drawn(400.0)
    with pytest.raises(ValueError, match="object 2 of label 1 must be a finite number"):
        drawn(None, 0.0)


def test_volumes_of_objects_without_their_star_are_said_to_be_off():
    *_, frame = session_of().frames(drawn(400.0, None, priors=(SMOOTH,)))
    assert frame.messages == ("Volumes of single objects of cell are off: its star shape is off.",)
