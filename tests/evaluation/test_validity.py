import numpy as np
import pytest

from priorseg.evaluation.validity import is_convex, is_nested, is_star, middle_points
from priorseg.geometry import ray_tree


def disc(radius, centre=(32, 32), side=64):
    y, x = np.ogrid[:side, :side]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def test_discs_are_convex_and_star_shaped_and_rings_are_neither():
    ring = disc(20) & ~disc(8)
    assert is_convex(disc(20))
    assert is_star(disc(20))
    assert not is_convex(ring)
    assert not is_star(ring)


def test_a_cross_is_star_shaped_but_not_convex():
    cross = np.zeros((41, 41), bool)
    cross[18:23], cross[:, 18:23] = True, True
    assert is_star(cross)
    assert not is_convex(cross)


def test_two_discs_are_convex_each_but_not_one_convex_object():
    two = disc(8, (14, 14)) | disc(8, (46, 46))
    assert not is_convex(two)
    assert is_convex(two, single=False)
    assert is_star(two)  # each about its own middle
    assert not is_star(two, np.array([[14.0, 14.0]]))
    assert is_star(two, np.array([[14.0, 14.0], [46.0, 46.0]]))


def test_given_centres_decide():
    horseshoe = disc(20) & ~disc(12, (20, 32))
    assert is_star(disc(20), np.array([[32.0, 20.0]]))
    assert not is_star(horseshoe, np.array([[44.0, 16.0]]))


def test_an_empty_object_has_no_shape():
    empty = np.zeros((9, 9), bool)
    assert not is_convex(empty)
    assert not is_star(empty)
    assert len(middle_points(empty)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_an_object_closed_under_rays_to_a_centre_is_found_star_shaped_about_it(seed):
    random = np.random.default_rng(seed)
    centre = np.array([[10.0, 12.0]])
    parent = ray_tree((24, 26), centre)
    mask = random.random(24 * 26) < 0.1
    for _ in range(26):
        mask[parent[mask]] = True
    assert is_star(mask.reshape(24, 26), centre)


def test_a_cup_away_from_the_rim_or_outside_the_disc_is_not_nested():
    labels = np.zeros((30, 30), int)
    labels[5:20, 5:20], labels[8:14, 8:14] = 1, 2
    assert is_nested(labels, (2,), (1, 2))
    labels[25:28, 25:28] = 2
    assert not is_nested(labels, (2,), (1, 2))
    assert not is_nested(labels, (2,), (1,))
    assert is_nested(np.where(labels == 2, 0, labels), (2,), (1, 2))
