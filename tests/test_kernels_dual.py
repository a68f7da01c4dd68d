"""Compiled kernels of the dual priors against their torch formulas, on random states."""

from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from priorseg import Scene, priors, solve
from priorseg.kernels import threads, volume, volume_pass
from priorseg.kernels.room import Room
from priorseg.links import SOFTMAX, Ordered
from priorseg.priors.total_variation import TotalVariation

SHAPES = st.tuples(st.integers(1, 2), st.integers(2, 4), st.integers(1, 30), st.integers(1, 30))
LINKS = st.sampled_from([SOFTMAX, Ordered()])


def variation_state(seed, shape, link, edge=1.0, weight=0.8):
    """Give a prior, its prep, u, a dual in motion, a height and a temperature."""
    random = torch.Generator().manual_seed(seed)
    height = 3 * torch.randn(shape, generator=random)
    u = link.probs(torch.randn(shape, generator=random))
    fields = torch.randn(2, *shape[:2], 2, *shape[2:], generator=random)
    fields = fields / fields.square().sum(3, keepdim=True).clamp_min(1).sqrt()
    t = 1 + 5 * torch.rand(shape[0], generator=random)
    prior = TotalVariation(weight)
    prep = prior.prepare(Scene(spacing=(edge, 1.0)), u, link=link)
    return prior, prep, u, (fields[0], 1.3 * fields[1], t), height, torch.tensor(0.7)


def separately(prior, prep, u, dual, height, temperature):
    """Do step, field and link in double precision."""
    dual = prior.step(u.double(), tuple(part.double() for part in dual), prep, temperature)
    scaled = (height - prior.field(u.double(), dual, prep)) / temperature
    return dual, scaled, prep.link.probs(scaled)


def assert_fused_is_separate(state, room=None):
    prior, prep, u, dual, height, temperature = state
    found, scaled, probs = prior.fused(u, dual, prep, temperature, height, room)
    expected = separately(*state)
    for mine, theirs in zip((*found, scaled, probs), (*expected[0], *expected[1:]), strict=True):
        torch.testing.assert_close(mine.double(), theirs.double(), rtol=1e-5, atol=1e-5)
    return found, scaled, probs


@settings(max_examples=300)
@given(seed=st.integers(0, 10**6), shape=SHAPES, link=LINKS, edge=st.sampled_from([1.0, 2.5]))
def test_the_ascent_is_step_field_and_link_from_any_state(seed, shape, link, edge):
    assert_fused_is_separate(variation_state(seed, shape, link, edge))


@pytest.mark.parametrize("strips", [2, 3, 5])
def test_strips_do_not_change_the_ascent(strips):
    state = variation_state(1, (2, 3, 33, 20), SOFTMAX)
    with mock.patch.object(threads, "SMALL", 0):
        before = torch.get_num_threads()
        try:
            torch.set_num_threads(strips)
            assert_fused_is_separate(state)
        finally:
            torch.set_num_threads(before)


def test_one_sample_restarts_and_its_neighbour_does_not():
    prior, prep, u, (xi, y, t), height, temperature = variation_state(3, (2, 3, 9, 9), SOFTMAX)
    aim = prior.step(u, (xi, xi, t), prep, temperature)[0]
    y = xi + torch.tensor([0.0, 20.0]).view(-1, 1, 1, 1, 1) * (aim - xi)  # the second is too far
    dual, _, _ = assert_fused_is_separate((prior, prep, u, (xi, y, t), height, temperature))
    restarted = torch.isclose(dual[2], torch.tensor((1 + 5**0.5) / 2))
    assert restarted.tolist() == [False, True]


def test_a_room_lends_the_same_memory_every_other_sweep():
    prior, prep, u, dual, height, temperature = variation_state(4, (1, 3, 12, 10), SOFTMAX)
    room, places = Room(), []
    for _ in range(6):
        state = (prior, prep, u, dual, height, temperature)
        dual, scaled, u = assert_fused_is_separate(state, room)
        places.append([part.data_ptr() for part in (dual[0], dual[1], scaled, u)])
    assert places[0] == places[2] == places[4] != places[1] == places[3]


@settings(max_examples=300)
@given(seed=st.integers(0, 10**6), shape=SHAPES, link=LINKS, edge=st.sampled_from([1.0, 2.5]))
def test_the_compiled_gap_is_the_gap_in_double_precision(seed, shape, link, edge):
    prior, prep, u, dual, height, temperature = variation_state(seed, shape, link, edge)
    found = prior.gap(u, dual, prep, temperature, height=height)
    wide = tuple(part.double() for part in dual)
    expected = prior.gap(u.double(), wide, prep, temperature.double(), height=height.double())
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)
    field = prior.field(u, dual, prep)
    pulled = prior.field(u.double(), wide, prep)
    torch.testing.assert_close(field.double(), pulled, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("link", [SOFTMAX, Ordered()])
def test_the_compiled_gap_falls_to_zero_and_stays_positive(link):
    prior, prep, u, _, height, temperature = variation_state(5, (1, 3, 20, 20), link)
    dual, gaps = prior.start(u, prep), []
    for _ in range(600):
        dual, _, u = prior.fused(u, dual, prep, temperature, height)
        gaps.append(float(prior.gap(u, dual, prep, temperature, height=height)))
    assert min(gaps) > -2e-7
    assert gaps[-1] < 1e-5 < gaps[0]


def test_certain_probabilities_have_a_finite_gap():
    prior, prep, _, dual, height, temperature = variation_state(6, (1, 2, 6, 6), SOFTMAX)
    u = torch.nn.functional.one_hot((height[:, 0] > 0).long(), 2).movedim(-1, 1).float()
    found = prior.gap(u, dual, prep, temperature, height=1000 * height)
    wide = tuple(part.double() for part in dual)
    exact = prior.gap(u.double(), wide, prep, temperature, height=1000 * height.double())
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)


def volume_state(seed, shape, scale=2.0):
    random = torch.Generator().manual_seed(seed)
    height = scale * torch.randn(shape, generator=random)
    q = torch.randn(shape[:2], generator=random, dtype=torch.float64)
    temperature = 0.2 + torch.rand(shape[0], generator=random)
    return height, q, temperature


@settings(max_examples=300)
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 2000)),
    ordered=st.booleans(),
)
def test_the_compiled_moments_are_those_of_the_probabilities(seed, shape, ordered):
    height, q, temperature = volume_state(seed, shape)
    volumes, hessian = volume_pass.moments(height, q, temperature, ordered)
    exact = volume.moments(height.double(), q, temperature.double(), ordered)
    torch.testing.assert_close(volumes, exact[0], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(hessian, exact[1], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("ordered", [False, True])
def test_the_volumes_of_an_image_agree_to_nine_digits(ordered):
    height, q, temperature = volume_state(7, (1, 3, 512 * 512 - 5))
    volumes, _ = volume_pass.moments(height, q, temperature, ordered)
    exact, _ = volume.moments(height.double(), q, temperature.double(), ordered)
    torch.testing.assert_close(volumes, exact, rtol=1e-8, atol=0)


@pytest.mark.parametrize("strips", [2, 3])
def test_strips_do_not_change_the_moments(strips):
    height, q, temperature = volume_state(8, (2, 3, 40, 50))
    alone = volume_pass.moments(height, q, temperature, False)
    with mock.patch.object(threads, "SMALL", 0):
        before = torch.get_num_threads()
        try:
            torch.set_num_threads(strips)
            together = volume_pass.moments(height, q, temperature, False)
        finally:
            torch.set_num_threads(before)
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 31, 40), (1, 2, 5, 6, 7)])
def test_applied_shifts_are_the_link_of_the_shifted_logits(ordered, shape):
    height, q, _ = volume_state(9, shape, scale=20.0)
    temperature = torch.tensor(0.3)
    scaled, probs = volume_pass.apply(height, q, temperature, ordered)
    exact = (height.double() + q.view(*shape[:2], *[1] * (len(shape) - 2))) / temperature
    link = Ordered() if ordered else SOFTMAX
    torch.testing.assert_close(scaled.double(), exact, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(probs, link.probs(scaled), rtol=0, atol=1e-6)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), ordered=st.booleans())
def test_the_fused_volume_is_the_volume_in_double_precision(seed, ordered):
    height, _, _ = volume_state(seed, (2, 3, 20, 30))
    link, pixels = Ordered() if ordered else SOFTMAX, 600
    found = link.probs(height).flatten(2).sum(2).double()
    share = torch.tensor([[1.1, 1.0, 1.0]]) if ordered else torch.tensor([[1.2, 0.9, 1.0]])
    wanted = found.cummax(1).values * share.sort(1).values.clamp(1, 1.05) if ordered else found
    if not ordered:
        wanted = wanted * share / (wanted * share).sum(1, keepdim=True) * pixels
    prior, scene = priors.Volume(), Scene(volumes=wanted)
    options = {"sweeps": 1, "temperature": 0.7, "link": link}
    fused = solve(height, [prior], scene, **options)
    exact = solve(height.double(), [prior], scene, **options)
    torch.testing.assert_close(fused.probs.double(), exact.probs, rtol=0, atol=1e-5)
    sums = fused.probs.flatten(2).sum(2, dtype=torch.float64)
    torch.testing.assert_close(sums, wanted, rtol=2e-6, atol=1e-4)


def test_a_warm_volume_needs_few_passes():
    height, _, _ = volume_state(10, (1, 3, 128, 128))
    wanted = torch.softmax(height, 1).flatten(2).sum(2).double()
    old = solve(height, [priors.Volume()], Scene(volumes=wanted), sweeps=1)
    more = wanted * torch.tensor([1.05, 1.0, 1.0])
    scene = Scene(volumes=more / more.sum() * 128 * 128)
    with mock.patch.object(volume_pass, "moments", wraps=volume_pass.moments) as passes:
        solve(height, [priors.Volume()], scene, sweeps=1, warm=old)
    assert passes.call_count <= 4
