import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.optimize import linear_sum_assignment, linprog
from trees import seeds

from priorseg.geometry import assign_volumes, transport


def draw_problem(rng, classes, pixels):
    """Draw scores (normal, or integers with many ties) and volumes that sum to the pixels."""
    ties = rng.random() < 0.5
    size = (classes, pixels)
    scores = rng.integers(-2, 3, size).astype(float) if ties else rng.normal(size=size)
    cuts = np.sort(rng.integers(0, pixels + 1, classes - 1))
    return scores, np.diff(np.concatenate([[0], cuts, [pixels]]))


def total(scores, labels):
    return scores[labels, np.arange(scores.shape[1])].sum()


def assert_optimal(scores, volumes):
    labels = assign_volumes(scores, volumes)
    assert_array_equal(np.bincount(labels, minlength=len(scores)), volumes)
    places = np.repeat(np.arange(len(scores)), volumes)  # one column per place in a class
    rows, columns = linear_sum_assignment(scores[places].T, maximize=True)
    assert abs(scores[places[columns], rows].sum() - total(scores, labels)) < 1e-9


@given(seeds, st.integers(1, 7), st.integers(1, 40))
@settings(max_examples=800, deadline=None)
def test_the_scores_reach_those_of_an_independent_assignment_solver(rng, classes, pixels):
    assert_optimal(*draw_problem(rng, classes, pixels))


@given(seeds, st.integers(3, 6), st.integers(1, 60), st.integers(1, 5))
@settings(max_examples=500, deadline=None)
def test_prices_of_samples_and_short_repairs_do_not_change_the_optimum(rng, k, pixels, moves):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport, "COARSEST", 4)
        patch.setattr(transport, "HEAP_ENTRIES", 2 * k * k * moves)
        assert_optimal(*draw_problem(rng, k, pixels))


@given(seeds, st.integers(2, 5), st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_free_classes_share_the_rest_as_in_the_linear_programme(rng, classes, pixels):
    scores, volumes = draw_problem(rng, classes, pixels)
    volumes[rng.random(classes) < 0.5] = -1
    fixed = volumes >= 0
    labels = assign_volumes(scores, volumes)
    assert_array_equal(np.bincount(labels, minlength=classes)[fixed], volumes[fixed])
    one_label = np.tile(np.eye(pixels), classes)
    counts = np.kron(np.eye(classes)[fixed], np.ones(pixels))
    solution = linprog(
        -scores.ravel(),
        A_eq=np.vstack([one_label, counts]),
        b_eq=np.concatenate([np.ones(pixels), volumes[fixed]]),
    )
    assert abs(-solution.fun - total(scores, labels)) < 1e-7


@given(seeds, st.integers(2, 6), st.integers(1, 5000))
@settings(max_examples=100, deadline=None)
def test_volumes_of_the_best_classes_return_the_best_classes(rng, classes, pixels):
    scores = rng.normal(size=(classes, pixels))
    best = scores.argmax(0)
    volumes = np.bincount(best, minlength=classes)
    assert_array_equal(assign_volumes(scores, volumes), best)


@given(seeds, st.integers(3, 5), st.integers(5000, 20000), st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_exchange_along_a_cycle_of_classes_improves_large_problems(rng, k, pixels, ties):
    scores = rng.normal(size=(k, pixels))
    scores = np.round(scores * 4) if ties else scores
    volumes = rng.multinomial(pixels - k, rng.dirichlet(np.ones(k))) + 1
    labels = assign_volumes(scores, volumes)
    assert_array_equal(np.bincount(labels, minlength=k), volumes)
    loss = np.full((k, k), np.inf)
    for a in range(k):
        loss[a] = (scores[a] - scores)[:, labels == a].min(1)
    for middle in range(k):  # Floyd-Warshall: optimal iff no cycle of moves gains
        loss = np.minimum(loss, loss[:, [middle]] + loss[[middle]])
    assert np.all(np.diag(loss) >= -1e-12)


def test_two_classes_rank_the_pixels_and_ties_go_by_index():
    scores = np.array([[0, 0, 0, 0, 0.0], [1, 3, 1, 1, -1]])
    assert_array_equal(assign_volumes(scores, [2, 3]), [1, 1, 1, 0, 0])


def test_classes_without_volume_are_never_chosen():
    scores = np.array([[9.0] * 6, [1] * 6, [2] * 6, [0] * 6])
    assert_array_equal(np.bincount(assign_volumes(scores, [0, 2, -1, 1])), [0, 2, 3, 1])
    assert_array_equal(assign_volumes(scores, [0, 6, 0, 0]), [1] * 6)


def test_a_plateau_of_equal_scores_is_divided_at_once():
    labels = assign_volumes(np.zeros((4, 10**6)), [10, 500_000, 499_989, 1])
    assert_array_equal(np.bincount(labels), [10, 500_000, 499_989, 1])


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e9, 1e300])
def test_the_scale_of_the_scores_does_not_matter(scale):
    scores = np.random.default_rng(3).normal(size=(4, 3000))
    volumes = np.array([1000, 10, 1500, 490])
    expected = assign_volumes(scores, volumes)
    assert_array_equal(assign_volumes(scores * scale, volumes), expected)


def test_two_calls_give_the_same_labels():
    scores = np.round(np.random.default_rng(5).normal(size=(5, 20000)))
    volumes = np.array([4000] * 5)
    assert_array_equal(assign_volumes(scores, volumes), assign_volumes(scores, volumes))


@pytest.mark.parametrize(
    ("scores", "volumes", "message"),
    [
        (np.zeros((2, 5)), [3, 3], "add up to 6 px, the image has 5"),
        (np.zeros((2, 5)), [3, 1], "add up to 4 px, the image has 5. Leave one class free"),
        (np.zeros((2, 5)), [6, -1], "add up to 6 px, the image has 5"),
        (np.zeros((2, 5)), [5], "volumes must be 2 whole numbers"),
        (np.zeros((2, 5)), [2.5, 2.5], "got float64"),
        (np.full((2, 5), np.nan), [2, 3], "scores holds 10 values that are nan"),
        (np.zeros(5), [5], r"scores must be \(K, N\)"),
    ],
)
def test_volumes_that_cannot_be_met_are_refused(scores, volumes, message):
    with pytest.raises(ValueError, match=message):
        assign_volumes(scores, volumes)
