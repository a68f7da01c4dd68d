import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from priorseg.evaluation.instances import components, instance_counts, instance_scores, overlaps
from priorseg.evaluation.measures import Found, Task, measure

numbers = arrays(np.uint8, (6, 7), elements=st.integers(0, 4))


def brute_force(found, wanted):
    ids = [[k for k in np.unique(m) if k] for m in (found, wanted)]
    table = np.zeros((len(ids[0]), len(ids[1])))
    for i, a in enumerate(ids[0]):
        for j, b in enumerate(ids[1]):
            both = ((found == a) & (wanted == b)).sum()
            table[i, j] = both / ((found == a) | (wanted == b)).sum()
    return table


@given(numbers, numbers)
def test_overlaps_are_those_of_a_double_loop(found, wanted):
    assert overlaps(found, wanted) == pytest.approx(brute_force(found, wanted))


@given(numbers, numbers)
def test_hits_are_those_of_the_best_assignment(found, wanted):
    table = brute_force(found, wanted)
    for threshold, (hit, alarm, miss) in zip(
        (0.5, 0.75), instance_counts(found, wanted, (0.5, 0.75)), strict=True
    ):
        allowed = (table > threshold).astype(int)
        rows, columns = linear_sum_assignment(-allowed)
        assert hit == allowed[rows, columns].sum()
        assert (hit + alarm, hit + miss) == table.shape


def test_scores_of_three_found_and_two_wanted_are_the_hand_computed_ones():
    wanted = np.zeros((10, 30), int)
    wanted[:, 2:12], wanted[:, 15:25] = 1, 2
    found = np.zeros_like(wanted)
    found[:, 2:12], found[:, 15:22], found[0, 28] = 7, 9, 11  # IoU 1, 0.7 and nothing
    scores = instance_scores(instance_counts(found, wanted))
    assert scores["precision"] == pytest.approx(2 / 3)
    assert scores["recall"] == 1
    assert scores["F1"] == pytest.approx(0.8)
    assert scores["mean AP"] == pytest.approx((4 * 2 / 3 + 6 * 1 / 4) / 10)  # up to 0.65, then one


def test_nothing_found_where_nothing_is_counts_as_right():
    empty, full = np.zeros((5, 5), int), np.ones((5, 5), int)
    assert set(instance_scores(instance_counts(empty, empty)).values()) == {1.0}
    assert set(instance_scores(instance_counts(empty, full)).values()) == {0.0}
    assert set(instance_scores(instance_counts(full, empty)).values()) == {0.0}


def test_instances_of_an_image_that_is_wholly_ignored_have_no_score():
    task = Task(("background", "cell"), ignore=255, instances="cell")
    scores, _ = measure(Found(np.eye(4, dtype=int)), np.full((4, 4), 255), task, ("instances",))
    assert scores
    assert np.isnan(list(scores.values())).all()


def test_instances_in_ignored_pixels_or_of_other_kinds_do_not_count():
    task = Task(("background", "cell", "dust"), {"cell": (1,)}, ignore=255, instances="cell")
    wanted, found, numbers = np.zeros((3, 20, 20), int)
    wanted[2:6, 2:6], wanted[2:6, 10:14], wanted[10:] = 1, 2, 255
    numbers[2:6, 2:6], numbers[2:6, 10:14] = 5, 6
    found[2:6, 2:6], found[12:18, 12:18] = 1, 1
    for own, true in ((None, None), (found, None), (None, numbers), (found, numbers)):
        scores, counts = measure(
            Found(found, own), wanted, task, ["instances"], wanted_instances=true
        )
        assert set(scores.values()) == {1.0}
        assert counts["instances"][0] == [1, 0, 0]


def test_components_touching_at_a_corner_are_one():
    assert components(np.eye(3, dtype=bool)).max() == 1


def test_wrong_maps_are_named():
    with pytest.raises(ValueError, match="shapes"):
        overlaps(np.zeros((2, 2), int), np.zeros((2, 3), int))
    with pytest.raises(ValueError, match="must be >= 0"):
        overlaps(np.full((2, 2), -1), np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="thresholds"):
        instance_counts(np.zeros((2, 2), int), np.zeros((2, 2), int), (0.3,))
