"""Compiled kernels against the reference, on random problems."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from priorseg import Scene, operators, priors, solve
from priorseg.kernels import blur as compiled
from priorseg.kernels import discs, iterates
from priorseg.operators import half_taps

SHAPES = st.lists(st.integers(1, 9), min_size=2, max_size=3)


@settings(max_examples=300)
@given(shape=SHAPES, seed=st.integers(0, 1000), sigma=st.floats(0.3, 4), radius=st.integers(1, 12))
def test_the_compiled_blur_is_the_shifted_one(shape, seed, sigma, radius):
    random = torch.Generator().manual_seed(seed)
    u = torch.randn(2, 3, *shape, dtype=torch.float64, generator=random)
    taps = [half_taps(torch.tensor(sigma, dtype=torch.float64), radius)] * len(shape)
    expected = operators.blur(u, taps)
    torch.testing.assert_close(compiled.blur(u, taps), expected, rtol=0, atol=1e-12)
    single = compiled.blur(u.float(), [tap.float() for tap in taps])
    torch.testing.assert_close(single.double(), expected, rtol=0, atol=1e-5)


def test_threads_do_not_change_the_blur():
    u = torch.randn(1, 3, 200, 150)
    taps = [half_taps(torch.tensor(2.0), 5)] * 2
    expected = operators.blur(u.double(), [tap.double() for tap in taps])
    torch.testing.assert_close(compiled.blur(u, taps).double(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5)])
def test_the_compiled_blur_has_exact_gradients_of_both_orders(shape):
    u = torch.randn(1, 2, *shape, dtype=torch.float64, requires_grad=True)
    taps = [half_taps(torch.tensor(1.0, dtype=torch.float64), 3)] * len(shape)
    assert torch.autograd.gradcheck(lambda v: compiled.blur(v, taps).square(), (u,))
    assert torch.autograd.gradgradcheck(lambda v: compiled.blur(v, taps).square(), (u,))


@settings(max_examples=300)
@given(seed=st.integers(0, 100000), radii=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_the_compiled_active_set_is_the_one_of_plain_sums(seed, radii):
    random = torch.Generator().manual_seed(seed)
    u = torch.rand(2, 11, 8, dtype=torch.float64, generator=random)
    u = torch.where(torch.rand(u.shape, generator=random) < 0.5, u.round(), u)
    assert torch.equal(discs.active_set(u, radii), discs._active_by_sums(u, radii))


WIDE = st.tuples(st.integers(1, 3), st.integers(2, 5), st.integers(1, 40), st.integers(60, 200))
LINKS = st.sampled_from(["softmax", "ordered"])


@settings(max_examples=200)
@given(
    seed=st.integers(0, 100000),
    shape=WIDE,
    link=LINKS,
    scale=st.sampled_from([0.1, 1.0, 1000.0]),
    sigma=st.sampled_from([0.6, 1.3, 4.0]),
    edge=st.sampled_from([0.0, 3.0]),
)
def test_the_fused_sweep_is_the_sweep_in_double_precision(seed, shape, link, scale, sigma, edge):
    random = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(*shape, generator=random)
    prior = priors.ThresholdDynamics(weight=0.7, sigma=sigma, edge=edge)
    scene = Scene(image=torch.rand(1, 1, *shape[2:], generator=random))
    options = {"temperature": 1.5, "link": link, "sweeps": 3}
    fused = solve(logits, [prior], scene, **options)
    exact = solve(logits.double(), [prior], scene, **options)
    loose = 1e-5 * max(1.0, scale / 10)
    torch.testing.assert_close(fused.probs.double(), exact.probs, rtol=0, atol=loose)
    torch.testing.assert_close(fused.logits.double(), exact.logits, rtol=1e-5, atol=loose)
    torch.testing.assert_close(fused.residual.double(), exact.residual, rtol=0, atol=loose)


@settings(max_examples=100)
@given(seed=st.integers(0, 100000), shape=WIDE, link=LINKS, edge=st.sampled_from([0.0, 3.0]))
def test_the_fused_gradients_are_those_in_double_precision(seed, shape, link, edge):
    random = torch.Generator().manual_seed(seed)
    logits, pull = torch.randn(2, *shape, generator=random)
    scene = Scene(image=torch.rand(1, 1, *shape[2:], generator=random))
    found = []
    for kind in (torch.float32, torch.float64):
        prior = priors.ThresholdDynamics(weight=0.7, sigma=1.3, edge=edge)
        prior.log_weight.requires_grad_(True)
        given = logits.to(kind, copy=True).detach().requires_grad_(True)
        heat = torch.tensor(1.5, dtype=kind, requires_grad=True)
        end = solve(given, [prior], scene, sweeps=4, temperature=heat, link=link)
        ((end.logits + end.probs) * pull.to(kind)).sum().backward()
        found.append([part.grad.double() for part in (given, prior.log_weight, heat)])
    for single, double in zip(*found, strict=True):
        loose = 2e-5 * float(double.abs().max()) + 1e-7 * pull.numel()  # numbers sum over pixels
        torch.testing.assert_close(single, double, rtol=2e-4, atol=loose)


@settings(max_examples=30)
@given(seed=st.integers(0, 100000), link=LINKS, edge=st.sampled_from([0.0, 3.0]))
def test_a_learnt_sigma_gets_the_gradient_of_double_precision(seed, link, edge):
    random = torch.Generator().manual_seed(seed)
    logits, pull = torch.randn(2, 2, 3, 20, 70, generator=random)
    scene = Scene(spacing=(1.0, 1.5), image=torch.rand(1, 1, 20, 70, generator=random))
    found = []
    for kind in (torch.float32, torch.float64):
        prior = priors.ThresholdDynamics(weight=0.7, sigma=1.3, edge=edge)
        prior.log_sigma.requires_grad_(True)
        end = solve(logits.to(kind), [prior], scene, sweeps=4, link=link)
        ((end.probs + end.logits) * pull.to(kind)).sum().backward()
        found.append(float(prior.log_sigma.grad))
    assert found[0] == pytest.approx(found[1], rel=2e-3, abs=1e-3)
    assert found[1] != 0


def test_a_learnt_sigma_runs_compiled():
    prior = priors.ThresholdDynamics()
    prior.log_sigma.requires_grad_(True)
    end = solve(torch.randn(1, 3, 20, 70), [prior], Scene(), sweeps=1)
    assert "Sweep" in end.probs.grad_fn.name()


@settings(max_examples=100)
@given(seed=st.integers(0, 100000), size=st.integers(1, 9000), batch=st.integers(1, 3))
def test_iterates_are_compared_and_pushed_on_as_in_plain_arithmetic(seed, size, batch):
    random = torch.Generator().manual_seed(seed)
    new, point, before = torch.randn(3, batch, size, generator=random)
    change = (new - point).abs().amax(1)
    turned = ((point - new) * (new - before)).double().sum(1) > 0
    expected = torch.where(turned[:, None], new, new + 0.8 * (new - before))
    found, moved = iterates.pushed_on(new, point, before, 0.8)
    torch.testing.assert_close(moved, change, rtol=0, atol=0)
    torch.testing.assert_close(iterates.largest_change(new, point), change, rtol=0, atol=0)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 63, 64, 69_999])
def test_one_value_that_is_not_finite_is_found(bad, place):
    values = torch.full((70_000,), -3e38)
    assert iterates.all_finite(values)
    values[place] = bad
    assert not iterates.all_finite(values)
    point = torch.zeros(1, 70_000)
    assert not math.isfinite(iterates.largest_change(values[None], point))


@settings(max_examples=200)
@given(
    seed=st.integers(0, 100000),
    shape=st.tuples(st.integers(1, 3), st.integers(2, 5), st.integers(1, 40), st.integers(1, 40)),
    link=st.sampled_from(["softmax", "ordered"]),
    edge=st.sampled_from([1.0, 2.5]),
)
def test_the_fused_ascent_is_the_ascent_in_double_precision(seed, shape, link, edge):
    logits = 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    options = {"temperature": 0.8, "link": link, "sweeps": 6}
    scene, prior = Scene(spacing=(edge, 1.0)), priors.TotalVariation(0.9)
    fused = solve(logits, [prior], scene, **options)
    exact = solve(logits.double(), [prior], scene, **options)
    torch.testing.assert_close(fused.probs.double(), exact.probs, rtol=0, atol=2e-5)
    torch.testing.assert_close(fused.gap.double(), exact.gap, rtol=0, atol=1e-4)
