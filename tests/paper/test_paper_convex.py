import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import hull_mask, random_logits, random_mask
from priorseg import paper

RADII = (2, 4, 8)
KERNEL = paper.gaussian_kernel(1.0, 2, dtype=torch.float64)


def tensor(mask: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(mask.astype(np.float64))[None, None]


def closure(mask: np.ndarray, radii=RADII, sweeps: int = 200, outside: float = 0.0) -> np.ndarray:
    return paper.convex_closure(tensor(mask), radii, sweeps, outside=outside)[0, 0].numpy() > 0.5


def ellipse(seed: int, size: int = 48) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size)) - rng.uniform(0, size, (2, 1, 1))
    angle, (a, b) = rng.uniform(0, math.pi), rng.uniform(3, size / 2, 2)
    along, across = (y * math.cos(angle) + x * math.sin(angle), x * math.cos(angle))
    across = across - y * math.sin(angle)
    return (along / a) ** 2 + (across / b) ** 2 <= 1


def half_plane(seed: int, size: int = 48) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size)) - size / 2
    angle = rng.uniform(0, 2 * math.pi)
    return y * math.cos(angle) + x * math.sin(angle) <= rng.uniform(-size / 3, size / 3)


def pacman(size: int = 48) -> np.ndarray:
    y, x = np.indices((size, size)) - size // 2
    return (y**2 + x**2 <= (size / 3) ** 2) & ~((x > 0) & (np.abs(y) < x))


@pytest.mark.parametrize("shape", [ellipse, half_plane])
def test_digitally_convex_sets_are_untouched_by_a_background_border(shape):
    for seed in range(40):
        mask = shape(seed)
        np.testing.assert_array_equal(closure(mask), mask)


@pytest.mark.parametrize("shape", [ellipse, half_plane])
def test_neutral_border_alters_clipped_convex_sets(shape):
    grown = sum(int((closure(s, outside=0.5) & ~s).sum()) for s in map(shape, range(40)))
    assert grown > 1000


@given(st.integers(0, 10**6), st.floats(0.05, 0.5), st.sampled_from([(1,), (2, 3), (3, 1, 5)]))
@settings(max_examples=100, deadline=None)
def test_closure_only_grows_and_stays_in_the_hull(seed, share, radii):
    mask = random_mask(np.random.default_rng(seed), (9, 9), share)
    grown = closure(mask, radii)
    assert (grown >= mask).all()
    assert (grown <= hull_mask(mask)).all()


@given(st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_fixed_point_does_not_depend_on_the_order_of_the_radii(seed):
    mask = random_mask(np.random.default_rng(seed), (16, 16), 0.35)
    np.testing.assert_array_equal(closure(mask, (1, 2, 4)), closure(mask, (4, 1, 2)))


def test_closure_is_monotone_and_idempotent():
    rng = np.random.default_rng(0)
    large = random_mask(rng, (24, 24), 0.4)
    small = large & random_mask(rng, (24, 24), 0.8)
    assert (closure(small) <= closure(large)).all()
    np.testing.assert_array_equal(closure(closure(large)), closure(large))


def test_wedge_is_filled_in_part_but_does_not_become_convex():
    mask = pacman(96)
    hull = hull_by_row_ends(mask)
    grown = closure(mask, (2, 4, 8, 12, 16), 400)
    assert (grown <= hull).all()
    assert 50 < (hull & ~grown).sum() < (hull & ~mask).sum() / 2


def hull_by_row_ends(mask: np.ndarray) -> np.ndarray:
    ends = np.zeros_like(mask)
    for row in np.flatnonzero(mask.any(1)):
        columns = np.flatnonzero(mask[row])
        ends[row, [columns[0], columns[-1]]] = True
    return hull_mask(ends)


def test_shallow_concavity_is_invisible_to_small_discs():
    y, x = np.indices((40, 64))
    mask = y >= 10 + ((x - 32) / 32) ** 2 * -2 + 2  # curvature 4/32² < 3/8³
    bumped = mask & (x > 2) & (x < 61) & (y < 36)
    assert not np.array_equal(hull_by_row_ends(bumped), bumped)
    np.testing.assert_array_equal(closure(bumped, (8,)), bumped)


@pytest.mark.parametrize("radius", [1, 2, 5, 11])
def test_disc_is_symmetric_with_an_odd_pixel_count(radius):
    indicator = paper.disc(radius)
    assert indicator.shape == (2 * radius + 1,) * 2
    assert torch.equal(indicator, indicator.flip(0, 1))
    assert indicator.sum() % 2 == 1


def test_without_weight_and_radii_it_is_the_sigmoid_of_score_differences_bit_for_bit():
    logits = random_logits(np.random.default_rng(1), 2, 3, (6, 7))
    probs = paper.convex_sigmoid(logits, (), 0.0, 0.7, KERNEL, 3, 5)
    assert torch.equal(probs, torch.sigmoid((logits[:, :-1] - logits[:, 1:]) / 0.7))


def test_two_classes_without_radii_follow_the_sigmoid_recursion():
    logits = random_logits(np.random.default_rng(2), 1, 2, (8, 9), "blobs")
    score = logits[:, :1] - logits[:, 1:]
    probs = torch.sigmoid(score)
    for _ in range(4):
        probs = torch.sigmoid((score - 1.5 * paper.blur(1 - 2 * probs, KERNEL)) / 0.5)
    torch.testing.assert_close(paper.convex_sigmoid(logits, (), 1.5, 0.5, KERNEL, 4, 1), probs)


def test_scores_favour_the_innermost_class_first():
    logits = torch.tensor([[[5.0]], [[0.0]], [[-5.0]]], dtype=torch.float64)[None]
    logits = torch.cat([logits, logits.flip(1)], 3)  # left pixel cup, right pixel background
    probs = paper.convex_sigmoid(logits, (), 0.0, 1.0, KERNEL, 1, 1)
    assert (3 - (probs > 0.5).sum(1)).flatten().tolist() == [1, 3]


def test_convex_sigmoid_fills_a_notch_that_the_plain_sigmoid_keeps():
    mask = pacman()
    score = torch.from_numpy(np.where(mask, 4.0, -4.0))
    logits = torch.stack([score, -score])[None]
    plain = paper.convex_sigmoid(logits, (), 1.0, 0.2, KERNEL, 5, 1)
    filled = paper.convex_sigmoid(logits, (2, 4, 8), 1.0, 0.2, KERNEL, 5, 100)
    assert (filled > 0.5).sum() > (plain > 0.5).sum() + 50


def test_soft_discs_also_fire_inside_where_the_gradient_then_vanishes():
    rng = np.random.default_rng(3)
    probs = tensor(ellipse(3) * 0.6 + 0.2 + 0.1 * rng.random((48, 48))).requires_grad_()
    filled = paper.convex_closure(probs, RADII, 50)
    inside = probs.detach() > 0.5
    assert (filled[inside] == 1).double().mean() > 0.9
    filled.sum().backward()
    assert torch.equal(probs.grad == 0, filled.detach() == 1)


def test_gradients_are_exact():
    logits = random_logits(np.random.default_rng(4), 1, 3, (4, 5)).requires_grad_()
    scalars = [torch.tensor(v, dtype=torch.float64).requires_grad_() for v in (0.8, 0.6)]
    assert torch.autograd.gradcheck(
        lambda o, w, t: paper.convex_sigmoid(o, (1, 2), w, t, KERNEL, 3, 2), (logits, *scalars)
    )


@pytest.mark.parametrize(
    ("shape", "classes", "radii", "message"),
    [
        ((4, 4, 4), 2, (1,), r"\(B, K, Y, X\)"),
        ((4, 4), 1, (1,), "two classes"),
        ((4, 4), 2, (0,), "at least 1 px"),
    ],
)
def test_what_cannot_work_is_refused(shape, classes, radii, message):
    logits = random_logits(np.random.default_rng(5), 1, classes, shape)
    with pytest.raises(ValueError, match=message):
        paper.convex_sigmoid(logits, radii, 1.0, 1.0, KERNEL, 1, 1)
