import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from priorseg.metrics import (
    accuracy,
    boundary_errors,
    boundary_fraction,
    confusion,
    dice,
    height_ratio_error,
    iou,
    label_iou,
    mean_iou,
    surface_distances,
    volume_error,
)

maps = arrays(np.uint8, (5, 6), elements=st.integers(0, 2))


def test_scores_of_two_overlapping_squares_are_the_hand_computed_ones():
    a, b = np.zeros((2, 10, 10), int)
    a[:4, :4] = 1  # 16 pixels
    b[2:6, :4] = 1  # 16 pixels, 8 shared
    assert dice(a, b, [1]) == 0.5
    assert iou(a, b, [1]) == 8 / 24
    assert accuracy(a, b) == 0.84
    assert mean_iou(confusion(a, b, 2)) == pytest.approx((8 / 24 + 76 / 92) / 2)


def test_absent_objects_agree():
    empty = np.zeros((3, 3), int)
    assert dice(empty, empty, [2]) == iou(empty, empty, [2]) == 1.0


@given(maps, maps)
def test_dice_and_iou_are_symmetric_and_tell_the_same(a, b):
    d, i = dice(a, b, [1, 2]), iou(a, b, [1, 2])
    assert d == dice(b, a, [1, 2])
    assert d == pytest.approx(2 * i / (1 + i))


@given(maps, maps)
def test_confusion_counts_every_pixel_and_its_diagonal_is_the_accuracy(a, b):
    counts = confusion(a, b, 3)
    assert counts.sum() == a.size
    assert np.trace(counts) / a.size == pytest.approx(accuracy(a, b))
    assert counts[1].sum() == (b == 1).sum()


def test_labels_that_never_occur_are_left_out_of_the_mean():
    assert mean_iou(confusion(np.ones((2, 2), int), np.ones((2, 2), int), 5)) == 1.0


def test_wrong_label_maps_are_named():
    with pytest.raises(ValueError, match="shapes"):
        accuracy(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="go from 0 to 7"):
        confusion(np.array([[7, 0]]), np.array([[0, 0]]), 3)


def disc(radius, centre=(32, 32), side=64):
    y, x = np.ogrid[:side, :side]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def test_two_pixels_are_as_far_apart_as_pythagoras_says():
    a, b = np.zeros((2, 9, 9), int)
    a[1, 1], b[4, 5] = 1, 1
    assert boundary_errors(a, b, [1]) == (5.0, 5.0)
    assert boundary_errors(a, b, [1], spacing=(4.0, 1.25)) == (13.0, 13.0)


def test_concentric_discs_are_as_far_apart_as_their_radii():
    small, large = disc(10).astype(int), disc(18).astype(int)
    worst, average = boundary_errors(small, large, [1])
    assert worst == pytest.approx(8, abs=0.75)
    assert average == pytest.approx(8, abs=0.5)


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@pytest.mark.parametrize("seed", range(4))
def test_distances_are_those_of_monai(seed):
    torch, monai = pytest.importorskip("torch"), pytest.importorskip("monai.metrics")
    random = np.random.default_rng(seed)
    a, b = (ndimage.gaussian_filter(random.random((40, 50)), 3) > 0.5 for _ in range(2))
    one, two = (torch.from_numpy(np.stack([~m, m]))[None].float() for m in (a, b))
    worst = monai.compute_hausdorff_distance(one, two, percentile=95, spacing=(2.0, 1.5))
    average = monai.compute_average_surface_distance(one, two, symmetric=True, spacing=(2.0, 1.5))
    found = boundary_errors(a.astype(int), b.astype(int), [1], spacing=(2.0, 1.5))
    assert found == pytest.approx((float(worst), float(average)), rel=1e-5)


def test_distances_to_an_absent_object_are_the_diagonal_and_between_two_absent_ones_0():
    empty, full = np.zeros((30, 40), int), np.ones((30, 40), int)
    assert boundary_errors(empty, empty, [1]) == (0.0, 0.0)
    assert boundary_errors(empty, full, [1]) == boundary_errors(full, empty, [1]) == (50.0, 50.0)
    with pytest.raises(ValueError, match="empty"):
        surface_distances(empty, full)


def test_ignored_pixels_count_nowhere():
    found, wanted = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 9, 9]])
    assert accuracy(found, wanted, ignore=9) == 0.5
    assert dice(found, wanted, [1], ignore=9) == pytest.approx(2 / 3)
    assert confusion(found, wanted, 2, ignore=9).tolist() == [[0, 1], [0, 1]]
    assert np.isnan(accuracy(found, np.full((1, 4), 9), ignore=9))


def test_boundary_fraction_of_stripes_edges_and_checkers_is_counted_by_hand():
    halves = np.zeros((6, 10), int)
    halves[:, 5:] = 1
    assert boundary_fraction(np.zeros((6, 10))) == 0
    assert boundary_fraction(halves) == pytest.approx(100 / 10)  # one column of ten
    checkers = np.indices((8, 8)).sum(0) % 2
    assert boundary_fraction(checkers) == pytest.approx(100 * 63 / 64)  # all but the last pixel


def test_where_all_is_ignored_nothing_is_known():
    found, unknown = np.eye(5, dtype=int), np.full((5, 5), 9)
    for score in (dice, iou, volume_error):
        assert np.isnan(score(found, unknown, [1], ignore=9))
        assert np.isnan(score(0 * found, unknown, [1], ignore=9))
    assert np.isnan(boundary_errors(found, unknown, [1], ignore=9)).all()
    unknown[0, 1] = 0  # one pixel is known: the object is absent there, and not found
    assert dice(found, unknown, [1], ignore=9) == iou(found, unknown, [1], ignore=9) == 1
    assert boundary_errors(found, unknown, [1], ignore=9) == (0, 0)


def test_roughness_and_heights_see_no_ignored_pixel():
    wanted, found = np.zeros((2, 8, 10), int)
    wanted[:, 5:], found[:, 5:] = 1, 1
    wanted[4:], found[6:] = 9, 2
    known = wanted != 9
    assert boundary_fraction(wanted, known=known) == pytest.approx(100 / 10)
    assert boundary_fraction(found, known=known) == pytest.approx(100 / 10)
    assert np.isnan(boundary_fraction(found, known=np.zeros_like(known)))
    assert height_ratio_error(found, wanted, [1], [1, 2], ignore=9) == 0
    assert height_ratio_error(found, wanted, [1], [1, 2]) == pytest.approx(1 - 6 / 8)


def test_the_ratio_of_heights_counts_rows():
    wanted, found = np.zeros((2, 40, 40), int)
    wanted[5:25, 5:9], wanted[10:15, 6] = 1, 2  # 5 of 20 rows
    found[5:15, 5:9], found[6:14, 6] = 1, 2  # 8 of 10 rows
    assert height_ratio_error(found, wanted, [2], [1, 2]) == pytest.approx(0.8 - 0.25)
    assert height_ratio_error(np.zeros_like(found), wanted, [2], [1, 2]) == 0.25
    assert np.isnan(height_ratio_error(found, np.zeros_like(found), [2], [1, 2]))


def test_volume_error_is_relative_to_the_larger_one():
    a, b = np.zeros((2, 10, 10), int)
    a[:2], b[:5] = 1, 1
    assert volume_error(a, b, [1]) == volume_error(b, a, [1]) == pytest.approx(0.6)
    assert volume_error(a, 0 * a, [1]) == 1
    assert volume_error(0 * a, 0 * a, [1]) == 0


@given(maps, maps)
def test_label_iou_of_a_stack_is_that_of_each_object(a, b):
    counts = np.stack([confusion(a, b, 3), confusion(b, a, 3)])
    expected = [iou(a, b, [k]) if (np.isin([a, b], k)).any() else np.nan for k in range(3)]
    assert label_iou(counts) == pytest.approx(np.array([expected, expected]), nan_ok=True)
