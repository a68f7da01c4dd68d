"""Each prior against an independent solution of the same problem."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import (
    best_assignment,
    best_closed_set,
    constrained_reference,
    entropic_energy,
    hull_mask,
    minimise_on_simplex,
    random_logits,
    random_mask,
    tree_constraints,
    tv_reference,
    volume_reference,
)
from priorseg import Scene, paper, priors, solve
from priorseg.links import Ordered
from priorseg.priors.nested import pool_adjacent

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=25)
@given(seed=SEEDS)
def test_total_variation_reaches_the_certified_reference(seed):
    rng = np.random.default_rng(seed)
    logits = random_logits(rng, 1, 3, (5, 6))
    reference, gap = tv_reference(logits, 0.4, 1.0, gap=1e-8)
    found = solve(logits, [priors.TotalVariation(0.4)], Scene(), sweeps=3000, tol=1e-7)
    distance = (found.probs - reference).square().sum()
    bound = float(gap.max()) + float(found.gap.max()) * 30
    assert distance <= 4 * bound + 1e-10


@settings(max_examples=25)
@given(seed=SEEDS)
def test_a_convex_threshold_dynamics_reaches_the_minimiser(seed):
    rng = np.random.default_rng(seed)
    logits = random_logits(rng, 1, 3, (4, 4))
    prior = priors.ThresholdDynamics(weight=0.4, sigma=1.0)
    prep = prior.prepare(Scene(), logits)
    energy = entropic_energy(logits, 1.0, lambda u: prior.energy(u, prep).sum())
    best = minimise_on_simplex(energy, torch.softmax(logits, 1))
    found = solve(logits, [prior], Scene(), sweeps=300).probs
    torch.testing.assert_close(found, best, rtol=0, atol=1e-4)


@settings(max_examples=60)
@given(seed=SEEDS)
def test_threshold_dynamics_repeats_the_printed_algorithm(seed):
    rng = np.random.default_rng(seed)
    logits = random_logits(rng, 2, 3, (9, 8))
    prior = priors.ThresholdDynamics(weight=1.3, sigma=1.5)
    taps = prior.prepare(Scene(), logits).taps[0]
    half = torch.cat([taps.flip(0), taps[1:]])
    line = torch.nn.functional.conv1d(
        half.view(1, 1, -1), half.view(1, 1, -1), padding=len(half) - 1
    ).flatten()
    kernel = torch.outer(line, line)
    if len(line) // 2 > 8:  # the printed convolution pads once, up to the image size
        logits = torch.nn.functional.interpolate(logits, (24, 24))
    options = {"form": "root", "padding": "symmetric", "start": torch.softmax(logits / 0.7, 1)}
    printed = paper.std_softmax(logits, 1.3, 0.7, kernel, 5, **options)
    ours = solve(logits, [prior], Scene(), sweeps=5, temperature=0.7).probs
    torch.testing.assert_close(ours, printed, rtol=0, atol=1e-10)


@settings(max_examples=100)
@given(seed=SEEDS)
def test_volumes_equal_the_reference(seed):
    rng = np.random.default_rng(seed)
    logits = random_logits(rng, 1, 3, (6, 7))
    volumes = torch.tensor([[10.0, 20.0, 12.0]], dtype=torch.float64)
    reference, _ = volume_reference(logits, volumes, 0.5)
    found = solve(logits, [priors.Volume()], Scene(volumes=volumes), sweeps=1, temperature=0.5)
    torch.testing.assert_close(found.probs, reference, rtol=0, atol=1e-6)


@settings(max_examples=60)
@given(seed=SEEDS)
def test_newton_finds_what_the_printed_fixed_point_finds(seed):
    rng = np.random.default_rng(seed)
    logits = random_logits(rng, 1, 3, (6, 7))
    volumes = torch.tensor([[10.0, 20.0, 12.0]], dtype=torch.float64)
    q = paper.volume_dual(logits, volumes, 1.0, 3000)
    printed = torch.softmax(logits + q.view(1, 3, 1, 1), 1)
    found = solve(logits, [priors.Volume()], Scene(volumes=volumes), sweeps=1)
    torch.testing.assert_close(found.probs, printed, rtol=0, atol=1e-7)


@settings(max_examples=60)
@given(seed=SEEDS)
def test_hard_volumes_have_the_largest_total_score(seed):
    rng = np.random.default_rng(seed)
    logits = random_logits(rng, 1, 3, (5, 6), str(rng.choice(["noise", "ties"])))
    volumes = torch.tensor([[7.0, 3.0, 20.0]])
    solution = solve(logits, [priors.Volume()], Scene(volumes=volumes), sweeps=1)
    labels = solution.decode().labels
    best = best_assignment(logits[0], [7, 3, 20])
    score = logits[0].gather(0, labels)[0].sum()
    assert float(score) == pytest.approx(float(logits[0].gather(0, best[None])[0].sum()))
    assert torch.bincount(labels.flatten(), minlength=3).tolist() == [7, 3, 20]


@settings(max_examples=40)
@given(seed=SEEDS)
def test_star_reaches_the_constrained_minimiser(seed):
    rng = np.random.default_rng(seed)
    logits = random_logits(rng, 1, 3, (5, 5))
    scene = Scene(centres={1: torch.tensor([[2.0, 2.0]])})
    solution = solve(logits, [priors.Star(1)], scene, sweeps=1, temperature=0.8)
    parent = solution.preps["star"].parents[0]
    reference, gap = constrained_reference(logits[0], tree_constraints(parent), 1, 0.8)
    assert gap < 1e-3
    torch.testing.assert_close(solution.probs[0], reference, rtol=0, atol=2e-2)
    u = solution.probs[0, 1].flatten().numpy()
    assert (u[parent] >= u - 1e-12).all()


@settings(max_examples=100)
@given(seed=SEEDS)
def test_the_star_label_map_is_the_heaviest(seed):
    rng = np.random.default_rng(seed)
    logits = random_logits(rng, 1, 2, (4, 4))
    scene = Scene(centres={1: torch.from_numpy(rng.random((1, 2)) * 3)})
    solution = solve(logits, [priors.Star(1)], scene, sweeps=1)
    parent = solution.preps["star"].parents[0]
    weights = (solution.logits[0, 1] - solution.logits[0, 0]).flatten().numpy()
    _, best = best_closed_set(weights, parent)
    chosen = solution.decode().labels[0].flatten().numpy() == 1
    assert weights[chosen].sum() == pytest.approx(best, abs=1e-6)


def test_the_inside_is_star_shaped_not_the_outside():
    y, x = torch.meshgrid(torch.arange(41.0), torch.arange(41.0), indexing="ij")
    disc = 12 - ((y - 20) ** 2 + (x - 20) ** 2).sqrt()
    logits = torch.stack([-disc, disc])[None]
    scene = Scene(centres={1: torch.tensor([[20.0, 20.0]])})
    solution = solve(logits, [priors.Star(1)], scene, sweeps=5)
    torch.testing.assert_close(solution.probs, torch.softmax(logits, 1), rtol=0, atol=0.02)
    assert solution.probs[0, 1, 20, 20] > 0.99


@settings(max_examples=60)
@given(seed=SEEDS)
def test_the_convex_label_map_is_the_hull_of_every_component(seed):
    rng = np.random.default_rng(seed)
    mask = random_mask(rng, (9, 9), 0.2)
    logits = torch.from_numpy(np.stack([1.0 - 2 * mask, 2.0 * mask - 1]))[None]
    prior = priors.Convex([1], radii=[])
    labels = solve(logits, [prior], Scene(), sweeps=0).decode().labels[0].numpy() == 1
    assert (labels >= mask).all()
    assert (labels <= hull_mask(mask)).all()


@settings(max_examples=60)
@given(seed=SEEDS)
def test_radii_never_touch_a_digitally_convex_object(seed):
    rng = np.random.default_rng(seed)
    mask = hull_mask(random_mask(rng, (12, 12), 0.05))
    u = torch.from_numpy(np.where(mask, 0.9, 0.0))
    u = torch.stack([1 - u, u])[None]
    prior = priors.Convex([1], radii=[1, 2, 3, 5])
    sharp = (u > 0.5).double()
    assert torch.equal(prior.project(sharp, prior.prepare(Scene(), u)), sharp)


def test_the_gradient_passes_straight_through_the_projection():
    u = torch.full((1, 1, 5, 5), 0.9, dtype=torch.float64)
    u[0, 0, 2, 2] = 0.3
    u.requires_grad_()
    prior = priors.Convex([1], radii=[1])
    raised = prior.project(u, prior.prepare(Scene(), u, link=Ordered()))
    (gradient,) = torch.autograd.grad(raised.sum(), u)
    assert raised[0, 0, 2, 2].item() > 0.5
    assert torch.equal(gradient, torch.ones_like(u))


@settings(max_examples=200)
@given(seed=SEEDS)
def test_nested_channels_are_the_nearest_ordered_ones(seed):
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(int(rng.integers(2, 6)), 7)))
    fitted = pool_adjacent(values)
    from scipy.optimize import isotonic_regression

    expected = np.stack([isotonic_regression(column).x for column in values.numpy().T], 1)
    np.testing.assert_allclose(fitted.numpy(), expected, atol=1e-12)


@settings(max_examples=60)
@given(seed=SEEDS)
def test_ordered_labels_follow_the_order_of_nested(seed):
    rng = np.random.default_rng(seed)
    logits = random_logits(rng, 1, 2, (6, 6))
    solution = solve(logits, [priors.Nested((2, 1))], Scene(), link="ordered")
    assert (solution.probs[:, 1] <= solution.probs[:, 0] + 1e-12).all()
    labels = solution.decode().labels
    assert torch.equal(labels >= 1, solution.probs[:, 0] > 0.5)
    assert torch.equal(labels == 2, solution.probs[:, 1] > 0.5)
