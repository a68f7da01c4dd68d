import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import KINDS, entropic_energy, minimise_on_simplex, random_logits, tv_reference
from priorseg import paper


def problem(seed: int, kind: str = "blobs", shape=(6, 7), classes: int = 3, batch: int = 1):
    return random_logits(np.random.default_rng(seed), batch, classes, shape, kind)


def projected_ascent(logits, weight, temperature, step, iterations):
    dual = torch.zeros_like(paper.gradient(logits))
    for _ in range(iterations):
        slope = paper.gradient(paper.tv_link(logits, dual, weight, temperature))
        dual = dual - step * weight * slope
        dual = dual / dual.square().sum(2, keepdim=True).clamp(min=1).sqrt()
    return dual


@pytest.mark.parametrize("shape", [(6, 7), (3, 4, 5)])
def test_zero_weight_is_the_softmax_bit_for_bit(shape):
    logits = problem(0, shape=shape)
    probs = paper.tv_softmax(logits, 0.0, 0.7, 0.1, 5)
    assert torch.equal(probs, torch.softmax(logits / 0.7, 1))


@pytest.mark.parametrize(("left", "right"), [(3.0, -2.0), (0.4, -0.3), (-1.0, 2.5)])
def test_two_pixels_meet_or_move_by_twice_the_weight(left, right):
    # With d = o_1 - o_0 both channels count the jump: each d moves 2 λ towards the other.
    weight, temperature = 0.6, 0.8
    logits = torch.tensor([[[[0.0, 0.0]], [[left, right]]]], dtype=torch.float64)
    mean, half = (left + right) / 2, (left - right) / 2
    half = np.sign(half) * max(abs(half) - 2 * weight, 0)
    expected = torch.sigmoid(torch.tensor([mean + half, mean - half]) / temperature)
    probs = paper.tv_softmax(logits, weight, temperature, temperature / (4 * weight**2), 2000)
    torch.testing.assert_close(probs[0, 1, 0], expected.double(), atol=1e-6, rtol=0)


@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(KINDS),
    weight=st.floats(0.05, 5),
    temperature=st.floats(0.05, 2),
    step=st.floats(0.1, 1.9),
)
@settings(max_examples=150, deadline=None)
def test_gap_is_never_negative(seed, kind, weight, temperature, step):
    logits = problem(seed, kind)
    tau = step * temperature / (4 * weight**2)
    dual = paper.tv_dual(logits, weight, temperature, tau, 8)
    assert dual.square().sum(2).max() <= 1 + 1e-12
    scale = logits.abs().sum() + weight * logits.numel()
    assert paper.duality_gap(logits, dual, weight, temperature).item() >= -1e-12 * scale


@pytest.mark.parametrize("shape", [(6, 7), (3, 4, 3)])
def test_scheme_converges_to_the_certified_minimiser(shape):
    logits = problem(1, shape=shape, batch=2)
    expected, gaps = tv_reference(logits, 0.5, 1.0, gap=1e-8)
    probs = paper.tv_softmax(logits, 0.5, 1.0, 1.0 / (2 * len(shape) * 0.25), 3000)
    assert (probs - expected).square().sum().item() < 1e-4
    assert gaps.max() <= 1e-8


def test_gap_bounds_the_distance_to_the_minimiser():
    logits = problem(2)
    expected, _ = tv_reference(logits, 1.0, 0.5)
    for iterations in (0, 3, 10, 30, 100):
        dual = paper.tv_dual(logits, 1.0, 0.5, 0.125, iterations)
        distance = (paper.tv_link(logits, dual, 1.0, 0.5) - expected).square().sum()
        assert distance <= paper.duality_gap(logits, dual, 1.0, 0.5) / 0.5


def test_gap_envelope_falls_with_the_iterations():
    logits = problem(3, shape=(24, 24))
    gaps = [
        paper.duality_gap(logits, paper.tv_dual(logits, 1.0, 1.0, 0.25, n), 1.0, 1.0).item()
        for n in (0, 20, 100, 300)
    ]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[3] < 0.1 * gaps[1]


def test_unprojected_ascent_equals_projected_ascent_at_the_safe_step():
    logits = problem(4, "noise", (48, 48))
    for iterations in (20, 100):
        slide = paper.tv_dual(logits, 1.0, 1.0, 0.25, iterations)
        other = projected_ascent(logits, 1.0, 1.0, 0.25, iterations)
        gaps = [paper.duality_gap(logits, d, 1.0, 1.0).item() for d in (slide, other)]
        assert gaps[0] == pytest.approx(gaps[1], rel=0.05)


def test_unprojected_ascent_survives_a_long_step_at_which_projected_ascent_stalls():
    # A noisy disc, two classes, eight times the safe step.
    y, x = np.indices((64, 64)) - 31.5
    score = np.where(y**2 + x**2 < 400, 2.0, -2.0)
    score = score + np.random.default_rng(2).standard_normal(score.shape)
    logits = torch.from_numpy(np.stack([-score, score]))[None]
    duals = [f(logits, 1.0, 1.0, 2.0, 300) for f in (paper.tv_dual, projected_ascent)]
    gaps = [paper.duality_gap(logits, d, 1.0, 1.0).item() for d in duals]
    assert gaps[0] / 64**2 < 1e-3 < gaps[1] / 64**2
    assert gaps[0] < gaps[1] / 3


def test_long_steps_are_not_safe_with_three_classes():
    logits = problem(5, "noise", (48, 48))
    start = paper.duality_gap(logits, paper.tv_dual(logits, 1.0, 1.0, 0.25, 0), 1.0, 1.0)
    later = paper.duality_gap(logits, paper.tv_dual(logits, 1.0, 1.0, 2.0, 300), 1.0, 1.0)
    assert later > start


def test_gap_per_pixel_falls_as_stored():
    # docs/maths E1 gives .060/.0100/.0029 after 20/100/300 iterations on an image of its own.
    logits = problem(0, "noise", (96, 96))
    for iterations, stored in ((20, 0.060), (100, 0.0100), (300, 0.0029)):
        dual = paper.tv_dual(logits, 1.0, 1.0, 0.25, iterations)
        gap = paper.duality_gap(logits, dual, 1.0, 1.0).item() / 96**2
        assert stored / 2 < gap < 2 * stored


def test_binary_interface_is_counted_once_per_channel():
    inside = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    inside[..., :4] = 1
    both = torch.cat([inside, 1 - inside], 1)
    assert paper.total_variation(both).item() == 16


def test_tv_energy_agrees_with_a_brute_force_minimiser_on_a_smoothed_problem():
    logits = problem(6, shape=(3, 3))
    smoothed = entropic_energy(
        logits, 1.0, lambda u: (paper.gradient(u).square().sum(2) + 1e-8).sqrt()
    )
    found = minimise_on_simplex(smoothed, torch.softmax(logits, 1))
    expected, _ = tv_reference(logits, 1.0, 1.0)
    best = paper.tv_energy(logits, expected, 1.0, 1.0).item()
    assert best <= paper.tv_energy(logits, found, 1.0, 1.0).item() + 1e-8
    assert (found - expected).abs().max() < 1e-2


def test_samples_do_not_depend_on_their_batch():
    logits = problem(7, batch=3)
    alone = torch.cat([paper.tv_softmax(one[None], 1.0, 0.5, 0.1, 10) for one in logits])
    torch.testing.assert_close(paper.tv_softmax(logits, 1.0, 0.5, 0.1, 10), alone)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 2)])
def test_gradients_are_exact(shape):
    logits = problem(8, "noise", shape).requires_grad_()
    weight, temperature = (torch.tensor(v, dtype=torch.float64) for v in (0.7, 0.6))
    inputs = (logits, weight.requires_grad_(), temperature.requires_grad_())
    assert torch.autograd.gradcheck(lambda o, w, t: paper.tv_softmax(o, w, t, 0.3, 6), inputs)


@pytest.mark.parametrize("kind", ["extreme", "constant", "ties"])
def test_gradients_stay_finite(kind):
    logits = problem(9, kind).requires_grad_()
    paper.tv_softmax(logits, 1.0, 0.1, 0.02, 5).square().sum().backward()
    assert logits.grad.isfinite().all()
