import numpy as np
import pytest
import torch
from skimage.morphology import convex_hull_image

from oracles import (
    KINDS,
    best_assignment,
    best_closed_set,
    constrained_reference,
    entropic_energy,
    hull_mask,
    minimise_on_simplex,
    random_logits,
    random_mask,
    tree_constraints,
    tree_isotonic,
    tv_reference,
    volume_reference,
)


def random_tree(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.array([0, *[rng.integers(0, node) for node in range(1, count)]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 5)])
def test_random_logits_are_reproducible_and_finite(kind, shape):
    one, two = (random_logits(np.random.default_rng(3), 2, 3, shape, kind) for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == (2, 3, *shape)
    assert one.dtype == torch.float64
    assert one.isfinite().all()


def test_plateaus_really_tie():
    values = random_logits(np.random.default_rng(4), 1, 2, (64, 64), "plateaus")
    assert len(values.unique()) < 257


def test_simplex_minimiser_without_a_regulariser_is_the_softmax():
    logits = random_logits(np.random.default_rng(5), 2, 3, (3, 3))
    energy = entropic_energy(logits, 0.5, lambda u: 0 * u)
    found = minimise_on_simplex(energy, torch.full_like(logits, 1 / 3))
    torch.testing.assert_close(found, torch.softmax(logits / 0.5, 1), atol=1e-8, rtol=0)


def test_tv_reference_without_weight_is_the_softmax():
    logits = random_logits(np.random.default_rng(6), 2, 3, (4, 4))
    probs, gaps = tv_reference(logits, 0.0, 0.5)
    torch.testing.assert_close(probs, torch.softmax(logits / 0.5, 1))
    assert gaps.max() < 1e-9


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.01])
def test_volume_reference_meets_its_volumes(temperature):
    logits = random_logits(np.random.default_rng(7), 2, 3, (10, 10))
    volumes = torch.tensor([[20.0, 30, 50], [1, 9, 90]]).double()
    probs, _ = volume_reference(logits, volumes, temperature)
    torch.testing.assert_close(probs.flatten(2).sum(2), volumes, atol=1e-5, rtol=0)


def test_cold_volumes_approach_the_best_assignment():
    logits = random_logits(np.random.default_rng(8), 1, 3, (6, 6))
    labels = best_assignment(logits[0], [6, 10, 20])
    soft, _ = volume_reference(logits, torch.tensor([[6.0, 10, 20]]).double(), 0.005)
    assert torch.equal(labels.flatten().bincount(), torch.tensor([6, 10, 20]))
    assert torch.equal(soft[0].argmax(0), labels)


@pytest.mark.parametrize("classes", [2, 4])
def test_star_reference_is_the_sigmoid_of_the_isotonic_regression(classes):
    rng = np.random.default_rng(9)
    scores, parents = random_logits(rng, 1, classes, (1, 20))[0], random_tree(rng, 20)
    probs, gap = constrained_reference(scores, tree_constraints(parents), 1, 0.7)
    others = scores[[k for k in range(classes) if k != 1]] / 0.7
    margin = (scores[1] - 0.7 * torch.logsumexp(others, 0)).ravel().numpy()
    expected = torch.sigmoid(torch.from_numpy(tree_isotonic(margin, parents)) / 0.7)
    torch.testing.assert_close(probs[1].ravel(), expected, atol=1e-6, rtol=0)
    assert gap < 1e-6


def test_isotonic_level_sets_are_the_best_closed_sets():
    rng = np.random.default_rng(10)
    for _ in range(20):
        values, parents = rng.standard_normal(11), random_tree(rng, 11)
        fitted = tree_isotonic(values, parents)
        for level in (-0.5, 0.0, 0.4):
            best, total = best_closed_set(values - level, parents)
            np.testing.assert_array_equal(fitted > level + 1e-12, best)
            assert total >= 0


def test_hull_equals_skimage():
    rng = np.random.default_rng(11)
    for share in np.linspace(0.02, 0.4, 30):
        mask = random_mask(rng, (9, 11), share)
        if np.linalg.matrix_rank(np.argwhere(mask) - np.argwhere(mask)[:1]) == 2:
            expected = convex_hull_image(mask, offset_coordinates=False)
            np.testing.assert_array_equal(hull_mask(mask), expected)


def test_hull_of_a_point_a_segment_and_nothing():
    mask = np.zeros((5, 5), bool)
    assert not hull_mask(mask).any()
    mask[1, 1] = True
    np.testing.assert_array_equal(hull_mask(mask), mask)
    mask[3, 3] = True
    assert hull_mask(mask).sum() == 3
    assert hull_mask(mask)[2, 2]
