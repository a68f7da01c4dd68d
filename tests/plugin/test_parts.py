"""The parts of the panel that need no window: edits, forms, outlines, classes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from priorseg.plugin import edits
from priorseg.plugin.details import parse_radii
from priorseg.plugin.model import Classes, short
from priorseg.plugin.patch import difference, outline
from priorseg.session import PriorChoice, Settings
from priorseg.spec import Range

TRAINED = Settings(
    priors=(
        PriorChoice("threshold_dynamics", {"weight": 2.0, "sigma": 1.5}),
        PriorChoice("convex", {"labels": (1, 2), "radii": (2, 4), "single": True}),
    )
)
CLASSES = Classes({0: "background", 1: "rim", 2: "cup"}, {0: (0,), 1: (2, 1), 2: (2,)}, True,
                  (2, 1))  # fmt: skip


@given(st.floats(0.02, 19.9))
def test_slider_positions_of_a_logarithmic_range_are_logarithms(value: float) -> None:
    from priorseg.plugin.forms import STEPS, position, value_at

    bounds = Range(0.01, 20, log=True)
    place = position(value, bounds)
    assert abs(place / STEPS - math.log(value / 0.01) / math.log(2000)) <= 0.5 / STEPS
    assert value_at(place, bounds) == pytest.approx(value, rel=0.01)


def test_slider_positions_of_a_linear_range_are_shares() -> None:
    from priorseg.plugin.forms import STEPS, position, value_at

    assert position(5, Range(0, 20)) == STEPS / 4
    assert [value_at(place, Range(0, 20)) for place in (0, STEPS)] == [0, 20]


def test_switching_the_smoother_keeps_the_other_ones_values() -> None:
    changed = edits.with_smoother(TRAINED, "total_variation", {"weight": 3.0})
    assert edits.smoother(changed) == "total_variation"
    back = edits.with_smoother(changed, "threshold_dynamics")
    assert edits.smoother_values(back, "threshold_dynamics") == {"weight": 2.0, "sigma": 1.5}
    assert edits.smoother(edits.with_smoother(back, "")) == ""


def test_switching_convex_off_and_on_keeps_what_the_model_was_trained_with() -> None:
    off = edits.with_convex(TRAINED, [])
    assert edits.convex_labels(off) == ()
    (choice,) = [c for c in edits.with_convex(off, [2]).priors if c.name == "convex"]
    assert choice.on
    assert dict(choice.settings) == {"labels": (2,), "radii": (2, 4), "single": True}


def test_every_label_has_one_star_at_most() -> None:
    two = edits.with_star(edits.with_star(edits.with_star(TRAINED, 2, True), 1, True), 2, True)
    assert edits.star_labels(two) == (1, 2)
    assert edits.star_labels(edits.with_star(two, 1, False)) == (2,)


def test_a_freed_volume_switches_the_prior_off() -> None:
    fixed = edits.with_volume(TRAINED, 2, 300)
    assert fixed.volumes == {2: 300}
    freed = edits.with_volume(fixed, 2, None)
    assert not freed.volumes
    assert not any(choice.on for choice in freed.priors if choice.name == "volume")


def test_nesting_can_be_switched() -> None:
    on = edits.with_nested(TRAINED, (2, 1))
    assert edits.nested_order(on) == (2, 1)
    assert edits.nested_order(edits.with_nested(on, ())) == ()


def test_volumes_that_no_label_map_has_are_found() -> None:
    names = CLASSES.objects
    inside = replace(TRAINED, volumes={1: 500, 2: 900})
    text, label = edits.conflict(inside, names, (2, 1), 10_000)
    assert label == 2
    assert "cup 900 px > rim + cup 500 px" in text
    assert edits.conflict(inside, names, (), 10_000) is None  # side by side they fit
    text, label = edits.conflict(replace(TRAINED, volumes={1: 800, 2: 900}), names, (), 1000)
    assert label == 2
    assert "1,000 px" in text


def test_an_outline_is_the_pixels_that_touch_another_label() -> None:
    labels = np.zeros((6, 7), np.uint8)
    labels[1:5, 1:6] = 1
    labels[2:4, 3] = 2
    expected = labels.copy()
    expected[2:4, 2] = expected[2:4, 4] = 1  # beside the inner label
    assert (outline(labels) == expected).all()
    labels[:] = 1
    assert not outline(labels).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (6, 1), (9, 13)])
def test_an_outline_is_what_shifted_copies_say(shape) -> None:
    labels = np.random.default_rng(0).integers(0, 3, shape).astype(np.uint8)
    wide = np.pad(labels, 1, mode="edge")
    beside = (wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:])
    touches = np.any([labels != other for other in beside], axis=0)
    assert (outline(labels) == labels * touches).all()


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 16)), max_size=5))
def test_the_difference_is_the_smallest_box(places: list[tuple[int, int]]) -> None:
    old = np.random.default_rng(1).integers(0, 9, (11, 17)).astype(np.uint8)
    new = old.copy()
    for place in places:
        new[place] = 200
    if not places:
        assert difference(old, new) is None
        return
    y, x = np.array(places).T
    wanted = (slice(y.min(), y.max() + 1), slice(x.min(), x.max() + 1))
    assert difference(old, new) == wanted


def test_objects_count_what_lies_inside_them() -> None:
    assert CLASSES.objects == {1: "rim + cup", 2: "cup"}
    assert CLASSES.counts({0: 5, 1: 10, 2: 7}) == {1: 17, 2: 7}
    assert CLASSES.named("object 1: 3 px; label 2: 9 px") == "rim + cup: 3 px; cup: 9 px"
    assert CLASSES.title("star_2") == "star, cup"


def test_radii_are_read_leniently_and_refused_clearly() -> None:
    assert parse_radii("16; 2,4 8px") == (2, 4, 8, 16)
    for text in ("", "2, x", "0", "-3", "nan", "1000"):
        with pytest.raises(ValueError, match="radii"):
            parse_radii(text)


def test_counts_in_a_cell_are_short() -> None:
    assert [short(number) for number in (0.5, 414, 6900, 123456)] == ["0.5", "414", "6.9k", "123k"]
