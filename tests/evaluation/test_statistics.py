import numpy as np
import pytest
from scipy import stats

from priorseg.evaluation.statistics import (
    _draws,
    paired_bootstrap,
    percentiles,
    pooled_accuracy,
    pooled_f1,
    pooled_mean_iou,
    pooled_object_iou,
    summarise,
)
from priorseg.metrics import mean_iou

random = np.random.default_rng(0)


def wider(images, level):
    return 1 - 2 * stats.norm.sf(
        np.sqrt(images / (images - 1)) * stats.t.ppf(0.5 + level / 2, images - 1)
    )


def test_a_row_is_averaged_over_images_then_seeds_with_its_spread():
    found = summarise(np.array([[1.0, 3.0], [5.0, 7.0], [3.0, np.nan]]))
    assert found.seeds == (2.0, 6.0, 3.0)
    assert found.mean == pytest.approx(11 / 3)
    assert found.deviation == pytest.approx(np.std([2, 6, 3], ddof=1))
    assert (found.low, found.high, found.images) == (2.0, 6.0, 2)


def test_one_seed_has_no_spread_and_an_image_without_value_does_not_count():
    found = summarise(np.array([[0.5, np.nan]]))
    assert np.isnan(found.deviation)
    assert (found.mean, found.images) == (0.5, 1)
    assert np.isnan(summarise(np.full((2, 3), np.nan)).mean)


def test_a_constant_gain_is_certain_however_much_images_differ():
    base = random.normal(0, 100, (3, 20))
    found = paired_bootstrap(base + 2, base, draws=500)
    assert (found.low, found.difference, found.high) == pytest.approx((2, 2, 2))
    assert found.excludes_zero


def test_the_interval_is_that_of_scipy():
    row, base = random.normal(0.3, 1, (2, 60))
    ours = paired_bootstrap(row[None], base[None], draws=20_000)
    theirs = stats.bootstrap(
        (row, base),
        lambda a, b, axis: a.mean(axis) - b.mean(axis),
        paired=True,
        method="percentile",
        n_resamples=20_000,
        confidence_level=wider(60, 0.95),
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_of_small_sets_without_effect_one_in_twenty_excludes_zero():
    row = np.random.default_rng(5).normal(size=(1500, 8))
    weights = _draws(8, 1000, 0) / 8
    low, high = np.percentile(row @ weights.T, percentiles(8, 0.95), axis=1)
    assert ((low > 0) | (high < 0)).mean() == pytest.approx(0.05, abs=0.02)


def test_an_interval_of_a_mean_is_that_of_student():
    row = random.normal(0.1, 1, (1, 25))
    found = paired_bootstrap(row, 0 * row, draws=20_000)
    ends = stats.t.interval(0.95, 24, row.mean(), row.std(ddof=1) / 5)
    assert (found.low, found.high) == pytest.approx(ends, abs=0.06)


@pytest.mark.parametrize(("images", "told"), [(1, False), (2, False), (5, False), (6, True)])
def test_fewer_than_six_images_give_no_interval(images, told):
    row = np.full((1, 8), 0.9)
    row[0, images:] = np.nan
    found = paired_bootstrap(row, np.full((1, 8), 0.5), draws=200)
    assert found.difference == pytest.approx(0.4)
    assert np.isnan([found.low, found.high]).all() != told
    assert found.excludes_zero == told


def test_only_images_that_both_rows_have_a_value_of_make_a_difference():
    base = random.normal(size=(2, 12))
    row = base + 1
    base[0, :3], row[1, 5:7] = np.nan, np.nan
    found = paired_bootstrap(row, base, draws=500)
    assert (found.low, found.difference, found.high) == pytest.approx((1, 1, 1))


def test_a_seed_without_values_in_one_row_counts_in_neither():
    base = random.normal(size=(2, 12))
    row = base + 1
    base[1] += 100
    row[1] = np.nan
    found = paired_bootstrap(row, base, draws=500)
    assert (found.low, found.difference, found.high) == pytest.approx((1, 1, 1))
    nothing = paired_bootstrap(row[1:], base[1:], draws=500)
    assert np.isnan([nothing.low, nothing.difference, nothing.high]).all()


def test_a_single_network_is_compared_with_each_seed_on_its_own_images():
    row = random.normal(size=(1, 12))
    base = np.repeat(row, 3, 0) - 1
    base[0, :4], base[2, 9] = np.nan, np.nan
    found = paired_bootstrap(row, base, draws=500)
    assert (found.low, found.difference, found.high) == pytest.approx((1, 1, 1))


def test_a_pooled_score_that_one_row_lacks_for_a_seed_counts_in_neither():
    row = np.zeros((2, 8, 2, 2))
    row[:, :, 0, 0], row[0, :, 1, 1] = 50, 20  # the second seed finds no object, nor is there one
    base = row.copy()
    base[:, :, 0, 1] = 20
    found = paired_bootstrap(row, base, pooled_object_iou((1,)), draws=500)
    assert (found.low, found.difference, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_averaging_seeds_that_agree_changes_no_interval():
    row, base = random.random((2, 1, 15))
    one = paired_bootstrap(row, base, draws=1000, seed=4)
    three = paired_bootstrap(np.repeat(row, 3, 0), np.repeat(base, 2, 0), draws=1000, seed=4)
    assert (three.low, three.high) == pytest.approx((one.low, one.high))


def test_pooled_scores_are_those_of_the_summed_counts():
    counts = random.integers(0, 50, (2, 7, 3, 3)).astype(float)
    found = summarise(counts, pooled_mean_iou)
    assert found.seeds == pytest.approx([mean_iou(one.sum(0)) for one in counts])
    right = [np.trace(one.sum(0)) / one.sum() for one in counts]
    assert summarise(counts, pooled_accuracy).seeds == pytest.approx(right)
    disc = counts[0].sum(0)
    union = disc[1:].sum() + disc[:, 1:].sum() - disc[1:, 1:].sum()
    found = summarise(counts, pooled_object_iou((1, 2)))
    assert found.seeds[0] == pytest.approx(disc[1:, 1:].sum() / union)


def test_pooled_f1_counts_instances_of_all_images():
    assert pooled_f1(np.array([[8, 2, 4], [0, 0, 0]])[None]) == pytest.approx([16 / 22])
    assert pooled_f1(np.zeros((1, 10, 3))) == pytest.approx([1.0])


def test_pooled_scores_of_no_pixel_are_nan_and_leave_the_interval_alone():
    some = random.integers(1, 50, (1, 4, 2, 2)).astype(float)
    ignored = np.concatenate([np.zeros_like(some), np.zeros_like(some), some], 1)
    for score in (pooled_mean_iou, pooled_accuracy, pooled_object_iou((1,))):
        assert np.isnan(summarise(0 * some, score).mean)
        least = min(score(one) for one in some[0])
        found = paired_bootstrap(ignored, 0 * ignored + some[:, :1], score, draws=500)
        assert found.low >= least - score(some[0, 0])  # no draw counted as 0


def test_bootstrapped_pooled_scores_are_those_of_a_plain_loop():
    row, base = random.integers(0, 50, (2, 1, 9, 2, 2)).astype(float)
    found = paired_bootstrap(row, base, pooled_mean_iou, draws=300, seed=7)
    weights = np.random.default_rng(7).multinomial(9, np.full(9, 1 / 9), size=300)
    each = [
        mean_iou(np.einsum("i,ijk->jk", w, row[0])) - mean_iou(np.einsum("i,ijk->jk", w, base[0]))
        for w in weights
    ]
    ends = np.percentile(each, [50 - 50 * wider(9, 0.95), 50 + 50 * wider(9, 0.95)])
    assert (found.low, found.high) == pytest.approx(tuple(ends))


def test_rows_of_different_images_cannot_be_paired():
    with pytest.raises(ValueError, match="same images"):
        paired_bootstrap(np.zeros((1, 3)), np.zeros((1, 4)))
    with pytest.raises(ValueError, match=r"\(seeds, images"):
        summarise(np.zeros((0, 3)))
