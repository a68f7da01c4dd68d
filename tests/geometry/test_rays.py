import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from trees import random_tree, seeds, shapes

from priorseg.geometry import ray_forest, ray_tree, star_violations, topological_order


def paths(parent):
    """Return the flat pixels (steps, N) of all paths at once; a path stays at its root."""
    steps = [np.arange(len(parent))]
    while not np.array_equal(steps[-1], parent[steps[-1]]):
        steps.append(parent[steps[-1]])
        assert len(steps) <= len(parent), "a path never ends"
    return np.array(steps)


def random_centres(rng, shape, count):
    return rng.random((count, 2)) * shape - 0.5


@given(seeds, shapes, st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_every_path_ends_at_the_pixel_of_its_owner(rng, shape, count):
    centres = random_centres(rng, shape, count)
    parent, owner = ray_forest(shape, centres)
    y, x = np.floor(centres + 0.5).astype(int).T
    assert_array_equal(paths(parent)[-1], (y * shape[1] + x)[owner.ravel()])


@given(seeds, shapes, st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_each_step_goes_to_a_neighbour_closer_to_the_nearest_centre(rng, shape, count):
    centres = np.floor(random_centres(rng, shape, count) + 0.5)
    parent = ray_tree(shape, centres)
    pixels = np.stack(np.unravel_index(np.arange(parent.size), shape), 1)
    to_nearest = np.linalg.norm(pixels[:, None] - centres, axis=2).min(1)
    moves = parent != np.arange(parent.size)
    assert np.abs(pixels - pixels[parent]).max() <= 1
    assert np.all(to_nearest[parent][moves] < to_nearest[moves])
    assert_array_equal(~moves, to_nearest == 0)


@given(seeds, shapes)
@settings(max_examples=200, deadline=None)
def test_pixels_away_from_cell_borders_belong_to_the_nearest_centre(rng, shape):
    centres = np.floor(random_centres(rng, shape, 3) + 0.5)
    _, owner = ray_forest(shape, centres)
    pixels = np.stack(np.indices(shape), -1)
    distance = np.linalg.norm(pixels[:, :, None] - centres, axis=3)
    chosen = np.take_along_axis(distance, owner[:, :, None], 2)[:, :, 0]
    assert np.all(chosen <= distance.min(2) + 4)


def test_ties_between_centres_go_to_the_lowest_index():
    _, owner = ray_forest((1, 5), [[0, 4], [0, 0], [0, 0]])
    assert_array_equal(owner, [[1, 1, 0, 0, 0]])


@pytest.mark.parametrize(("rings", "bound"), [(64, 1.7), (128, 1.9), (256, 2.25), (400, 2.45)])
def test_paths_stay_close_to_the_straight_ray(rings, bound):
    parent = ray_tree((rings, rings), [[0, 0]])
    y, x = np.unravel_index(np.arange(parent.size), (rings, rings))
    length = np.maximum(np.hypot(y, x), 1)
    pixel, worst = np.arange(parent.size), 0.0
    for _ in range(rings):
        worst = max(worst, float(np.max(np.abs(y[pixel] * x - x[pixel] * y) / length)))
        pixel = parent[pixel]
    assert worst <= bound


@given(st.floats(-0.49, 40.49), st.floats(-0.49, 40.49), st.floats(0, 50), st.floats(0.2, 5))
@settings(max_examples=300, deadline=None)
def test_discs_ellipses_and_rectangles_about_the_centre_are_star_shaped(y, x, radius, aspect):
    parent = ray_tree((41, 41), [[y, x]])
    dy, dx = np.indices((41, 41)) - np.floor(np.array([y, x]) + 0.5)[:, None, None]
    assert star_violations(dy**2 + (aspect * dx) ** 2 <= radius**2, parent) == 0
    assert star_violations(np.maximum(abs(dy), abs(aspect * dx)) <= radius, parent) == 0


def test_union_of_equal_discs_about_all_centres_is_star_shaped():
    centres = np.array([[5, 5], [10, 22], [30, 8], [28, 30]])
    parent = ray_tree((40, 40), centres)
    distance = np.linalg.norm(np.stack(np.indices((40, 40)), -1)[:, :, None] - centres, axis=3)
    for radius in range(30):
        assert star_violations(distance.min(2) <= radius, parent) == 0


def test_the_tree_is_symmetric_about_its_centre():
    parent = ray_tree((21, 21), [[10, 10]]).reshape(21, 21)
    assert_array_equal(parent, 440 - parent[::-1, ::-1])


def test_centres_are_rounded_half_up():
    assert_array_equal(ray_tree((5, 5), [[1.5, -0.5]]), ray_tree((5, 5), [[2, 0]]))


def test_one_pixel_and_one_row_are_trees():
    assert_array_equal(ray_tree((1, 1), [[0, 0]]), [0])
    assert_array_equal(ray_tree((1, 5), [[0, 3]]), [1, 2, 3, 3, 3])
    assert_array_equal(ray_tree((4, 1), [[0, 0]]), [0, 0, 1, 2])


@pytest.mark.parametrize(
    ("shape", "centres", "message"),
    [
        ((4, 4), np.zeros((0, 2)), r"N >= 1, got shape \(0, 2\)"),
        ((4, 4), [1.0, 2.0], r"must be \(N, 2\)"),
        ((4, 4), [[1, 1], [3.5, 0]], r"centre 1 at \(y, x\) = \(3.5, 0\) is not inside"),
        ((4, 4), [[-0.6, 0]], "is not inside the image"),
        ((4, 4), [[np.nan, 0]], r"centre 0 at \(y, x\) = \(nan, 0\)"),
        ((4, 4), [[0, np.inf]], r"\(0, inf\) is not inside"),
        ((4, 4, 4), [[0, 0]], "2-D for now"),
        ((0, 4), [[0, 0]], r"shape \(0, 4\)"),
        ((2**16, 2**16), [[0, 0]], "2\\*\\*31"),
    ],
)
def test_impossible_centres_are_refused(shape, centres, message):
    with pytest.raises(ValueError, match=message):
        ray_tree(shape, centres)


@given(seeds, st.integers(1, 60), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_parents_come_before_their_children(rng, size, roots):
    parent = random_tree(rng, size, min(roots, size))
    order = topological_order(parent)
    place = np.argsort(order)
    assert_array_equal(np.sort(order), np.arange(size))
    assert np.all(place[parent] <= place)


def test_a_cycle_and_a_bad_index_are_refused():
    with pytest.raises(ValueError, match="cycle: 2 pixels never reach a root"):
        topological_order([0, 2, 1])
    with pytest.raises(ValueError, match="indices from 0 to 3"):
        topological_order([0, 3, 1])
