import sys
from itertools import product

import numpy as np
import pytest
import torch
from baseline_pictures import disc, random_probs, sure
from numpy.testing import assert_allclose, assert_array_equal

from priorseg import priors, solve
from priorseg.baselines import denoise_tv_l1, dense_crf, grid, std_post, tune, tv_l1, tv_post


def energy_of_line(v, f, fidelity):
    return np.abs(np.diff(v)).sum() + fidelity * np.abs(v - f).sum()


@pytest.mark.parametrize("fidelity", [0.3, 0.7, 1.5])
def test_tv_l1_of_a_line_reaches_the_smallest_energy_of_all_bits(fidelity):
    f = np.random.default_rng(3).integers(0, 2, 11).astype(float)
    least = min(energy_of_line(np.array(v), f, fidelity) for v in product((0, 1), repeat=11))
    v, gap = denoise_tv_l1(f[None, None], fidelity=fidelity, iterations=3000, tol=1e-8)
    assert_allclose(energy_of_line(v[0, 0], f, fidelity), least, atol=2e-6)
    assert 0 <= gap[0] <= 1e-7


@pytest.mark.parametrize("early", [1, 5, 20])
def test_the_gap_bounds_what_is_missing(early):
    f = random_probs(1, 3, (1, 40)).astype(float)[:1]
    rough, gap = denoise_tv_l1(f, fidelity=0.4, iterations=early, tol=0)
    fine, _ = denoise_tv_l1(f, fidelity=0.4, iterations=20000, tol=1e-9)
    missing = energy_of_line(rough[0, 0], f[0, 0], 0.4) - energy_of_line(fine[0, 0], f[0, 0], 0.4)
    assert 0 < missing <= gap[0] + 1e-7


@pytest.mark.parametrize("contrast", [1.0, 0.3])
@pytest.mark.parametrize(("radius", "stays"), [(5, False), (8, False), (12, True), (15, True)])
def test_tv_l1_removes_discs_below_two_over_fidelity_whatever_their_contrast(
    radius, stays, contrast
):
    f = contrast * disc(49, radius)  # 2 / fidelity = 10
    v, gap = denoise_tv_l1(f[None], fidelity=0.2, iterations=1500, tol=1e-3)
    assert gap[0] <= 0.1
    assert_allclose(v.max(), contrast if stays else 0, atol=0.02)
    assert abs((v[0] > contrast / 2).sum() - stays * disc(49, radius).sum()) <= 12


def test_a_speck_goes_however_large_the_picture():
    labels = disc(601, 150).astype(int)
    dirty = labels + disc(601, 3, (20, 20))
    assert_array_equal(tv_l1(sure(dirty, 2), fidelity=0.5)[:60, :60], 0)


def test_tv_l1_of_two_labels_is_the_same_seen_from_either():
    probs = random_probs(5, 2, (16, 16))
    settings = {"fidelity": 0.8, "iterations": 1000, "tol": 0}
    assert_array_equal(tv_l1(probs, **settings), 1 - tv_l1(probs[::-1], **settings))


def test_tv_l1_of_labels_forgets_how_sure_the_network_was():
    labels = disc(25, 7).astype(int)
    found = [tv_l1(sure(labels, 3, p), of="labels") for p in (0.5, 0.99)]
    assert_array_equal(*found)


@pytest.mark.parametrize(
    "setting", [{"fidelity": 0}, {"fidelity": np.nan}, {"iterations": 0}, {"of": "logits"}]
)
def test_tv_l1_refuses_settings_that_make_no_sense(setting):
    with pytest.raises(ValueError, match="must be"):
        tv_l1(sure(np.zeros((3, 3)), 2), **setting)


@pytest.mark.parametrize(
    ("method", "prior", "sweeps"),
    [
        (tv_post, priors.TotalVariation(0.7), 60),
        (std_post, priors.ThresholdDynamics(0.7, 3.0), 10),
    ],
)
def test_post_is_the_solver_on_the_network_s_own_logits(method, prior, sweeps):
    logits = torch.randn(1, 4, 20, 17, generator=torch.manual_seed(0))
    found = method(torch.softmax(logits, 1)[0].numpy(), weight=0.7)
    assert_array_equal(found, solve(logits, [prior], sweeps=sweeps).decode().labels[0])


def test_post_with_weight_0_is_the_plain_network():
    probs = random_probs(0, 5, (9, 8))
    assert_array_equal(tv_post(probs, weight=0), probs.argmax(0))


def test_post_looks_at_edges_of_the_image_where_asked():
    probs = random_probs(7, 2, (24, 24))
    image = np.repeat(disc(24, 7)[..., None], 3, 2).astype(np.float32)
    assert (std_post(probs, image, edge=20.0) != std_post(probs)).any()


def mean_field_step(planes, weight, sigma):
    """Take one dense-CRF step by the sum over all pairs, symmetrically normalised."""
    places = np.argwhere(np.ones(planes.shape[1:])).astype(float)
    kernel = np.exp(-np.square(places[:, None] - places).sum(-1) / (2 * sigma**2))
    scale = 1 / np.sqrt(kernel.sum(1))
    costs = -np.log(planes).reshape(len(planes), -1)
    u = np.exp(-costs)
    u = np.exp(-costs + weight * (u / u.sum(0) * scale) @ kernel * scale)
    return u.argmax(0).reshape(planes.shape[1:])


def test_one_dense_crf_step_equals_the_sum_over_all_pairs():
    pytest.importorskip("pydensecrf")
    probs = random_probs(2, 3, (14, 12))
    found = dense_crf(probs, bilateral_weight=0, iterations=1, gaussian_weight=4.0)
    assert (found == mean_field_step(probs.astype(float), 4.0, 3.0)).mean() > 0.97


def test_the_dense_crf_prefers_outlines_where_the_colour_changes():
    pytest.importorskip("pydensecrf")
    truth = disc(33, 10).astype(int)
    image = np.repeat(truth[..., None], 3, 2).astype(np.float32)
    probs = sure(disc(33, 8).astype(int), 2, 0.6)
    assert (dense_crf(probs, image, gaussian_weight=0) == truth).mean() > 0.99
    assert (dense_crf(probs, image, bilateral_weight=0) == truth).mean() < 0.95


def test_a_missing_crf_library_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    with pytest.raises(ImportError, match=r"priorseg\[bench\]"):
        dense_crf(sure(np.zeros((3, 3)), 2))


def test_the_best_of_a_grid_is_found_with_all_scores():
    case = (np.zeros((2, 1, 1)), None, np.zeros((1, 1), int))

    def method(probs, image, *, a, b):
        return np.full((1, 1), (a - 2) ** 2 + b)

    tuned = tune(grid(method, {"a": (1, 2, 3), "b": (0, 5)}), [case] * 3, lambda x, y: -x.sum())
    assert tuned.best == "a=2, b=0"
    assert list(tuned.scores.values()) == [-1, -6, 0, -5, -1, -6]


def test_a_score_is_the_mean_over_samples_and_must_be_finite():
    cases = [(None, None, np.array(value)) for value in (1.0, 2.0, 6.0)]
    plain = {"one": lambda probs, image: None}
    assert tune(plain, cases, lambda found, wanted: wanted).scores == {"one": 3.0}
    with pytest.raises(ValueError, match="sample 1 is nan"):
        tune(plain, cases, lambda found, wanted: np.nan)
    with pytest.raises(ValueError, match="1 candidates on 0 samples"):
        tune(plain, [], lambda found, wanted: 0)
    with pytest.raises(ValueError, match="twice"):
        grid(tv_post, {"weight": (1, 1)})
