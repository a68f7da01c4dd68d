"""Compiled kernels against the reference, on random problems."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from priorseg import Scene, operators, priors, solve
from priorseg.kernels import blur as compiled
from priorseg.kernels import discs
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


@settings(max_examples=200)
@given(
    seed=st.integers(0, 100000),
    shape=st.tuples(st.integers(1, 3), st.integers(2, 5), st.integers(1, 40), st.integers(1, 40)),
    link=st.sampled_from(["softmax", "ordered"]),
    scale=st.sampled_from([0.1, 1.0, 1000.0]),
)
def test_the_fused_sweep_is_the_sweep_in_double_precision(seed, shape, link, scale):
    logits = scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    prior = priors.ThresholdDynamics(weight=0.7, sigma=1.3)
    options = {"temperature": 1.5, "link": link, "sweeps": 3}
    fused = solve(logits, [prior], Scene(), **options).probs
    exact = solve(logits.double(), [prior], Scene(), **options).probs
    torch.testing.assert_close(fused.double(), exact, rtol=0, atol=1e-5 * max(1.0, scale / 10))


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
