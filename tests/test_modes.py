"""Replay and converge, memory that is lent in turn, and the kernels beside them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from priorseg import Scene, converge, iterate, priors, replay, solve
from priorseg.kernels import ordering
from priorseg.kernels.enlarge import enlarged_labels
from priorseg.kernels.room import Room
from priorseg.links import Ordered, likeliest
from priorseg.priors.nested import pool_adjacent
from priorseg.session.problem import enlarge

SEEDS = st.integers(0, 100000)


def noise(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def combinations(link):
    """Give lists of priors that several blocks and projections share a sweep in."""
    std, tv, volume = (
        priors.ThresholdDynamics(1.5, 1.2),
        priors.TotalVariation(0.6),
        priors.Volume(),
    )
    star, convex = priors.Star(1), priors.Convex([1, 2], radii=(2, 4))
    nested = priors.Nested((2, 1))
    lists = [[std], [tv], [std, tv], [std, volume], [std, star], [std, convex], [convex], [volume]]
    lists += [[std, tv, volume, star, convex], [std, star, priors.Star(2)], [volume, star]]
    if link != "softmax":
        lists += [[nested], [std, nested], [std, volume, star, convex, nested]]
    return lists


def case(seed, link, batch=2):
    channels = 3 if link == "softmax" else 2
    logits = 2 * noise(seed, batch, channels, 12, 70)
    volumes = torch.full((batch, channels), torch.nan, dtype=torch.float64)
    volumes[:, -1] = 180.0
    centres = {1: torch.tensor([[6.0, 30.0]]), 2: torch.tensor([[5.0, 36.0]])}
    return logits, Scene(centres=centres, volumes=volumes)


@pytest.mark.parametrize("link", ["softmax", Ordered((2, 1))])
@settings(max_examples=15)
@given(seed=SEEDS, heat=st.sampled_from([1.0, 0.6]))
def test_reused_memory_changes_nothing(link, seed, heat):
    logits, scene = case(seed, link)
    for chosen in combinations(link):
        options = {"temperature": heat, "link": link}
        kept = [s for s, _ in zip(iterate(logits, chosen, scene, **options), range(4))]  # noqa: B905
        states = iterate(logits, chosen, scene, reuse=True, **options)
        for expected in kept:
            found = next(states)
            torch.testing.assert_close(found.probs, expected.probs, rtol=0, atol=2e-5)
            torch.testing.assert_close(found.residual, expected.residual, rtol=0, atol=2e-5)
        end = solve(logits, chosen, scene, sweeps=4, **options)
        torch.testing.assert_close(end.probs, kept[-1].probs, rtol=0, atol=2e-5)
        torch.testing.assert_close(end.logits, kept[-1].logits, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("link", ["softmax", Ordered((2, 1))])
@settings(max_examples=10)
@given(seed=SEEDS)
def test_the_compiled_sweeps_are_those_of_double_precision(link, seed):
    logits, scene = case(seed, link)
    for chosen in combinations(link):
        if any(prior.name == "convex" for prior in chosen):
            continue  # whether a disc is half full may turn on the last digit
        single = solve(logits, chosen, scene, sweeps=5, link=link)
        double = solve(logits.double(), chosen, scene, sweeps=5, link=link)
        torch.testing.assert_close(single.probs.double(), double.probs, rtol=0, atol=2e-4)


@settings(max_examples=30)
@given(seed=SEEDS, weight=st.floats(0.1, 0.9))
def test_inertia_ends_where_plain_sweeps_end(seed, weight):
    logits, prior = 2 * noise(seed, 1, 3, 20, 70), priors.ThresholdDynamics(weight, 1.5)
    plain = solve(logits, [prior], sweeps=400, tol=1e-6)
    pushed = converge(logits, [prior], tol=1e-6, sweeps=400)
    torch.testing.assert_close(pushed.probs, plain.probs, rtol=0, atol=1e-4)
    assert float(pushed.residual) <= 1e-6


def test_inertia_saves_sweeps_where_there_are_many():
    logits, prior = 2 * noise(3, 1, 3, 64, 96), priors.ThresholdDynamics(3.0, 2.0)
    plain = solve(logits, [prior], sweeps=1000, tol=1e-3).sweeps
    assert converge(logits, [prior], sweeps=1000).sweeps < 0.7 * plain


@settings(max_examples=15)
@given(seed=SEEDS)
def test_no_sample_depends_on_its_batch_when_converging(seed):
    logits = torch.cat([noise(seed, 1, 3, 16, 70), 5 * noise(seed + 1, 1, 3, 16, 70)])
    prior = priors.ThresholdDynamics(2.0, 1.5)
    both = converge(logits, [prior], tol=1e-3)
    for sample in range(2):
        alone = converge(logits[sample : sample + 1], [prior], tol=1e-3)
        torch.testing.assert_close(both.probs[sample], alone.probs[0], rtol=0, atol=2e-5)


def test_total_variation_alone_stops_by_its_gap():
    logits, prior = 3 * noise(1, 2, 3, 40, 70), priors.TotalVariation(1.0)
    end = solve(logits, [prior], sweeps=2000, tol=1e-3)
    assert end.sweeps < 2000
    assert (end.gap <= 1e-3).all()


def test_replay_is_cold_and_exact():
    logits, prior = noise(5, 1, 3, 16, 70), priors.ThresholdDynamics(3.0, 1.5)
    end = replay(logits, [prior], sweeps=7)
    assert end.sweeps == 7
    assert torch.equal(end.probs, solve(logits, [prior], sweeps=7).probs)


@pytest.mark.parametrize("inertia", [-0.1, 1.0, float("nan")])
def test_impossible_inertia_is_refused(inertia):
    with pytest.raises(ValueError, match="inertia"):
        solve(noise(0, 1, 2, 8, 8), [priors.TotalVariation()], inertia=inertia)


@settings(max_examples=100)
@given(seed=SEEDS, count=st.integers(2, 5), width=st.integers(64, 130))
def test_channels_are_pooled_as_by_the_formula(seed, count, width):
    height = noise(seed, 2, count, 3, width)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    field, scaled, probs = ordering.pooled(height, order, 0.5)
    expected = height.clone()
    expected[:, order] = pool_adjacent(height[:, order].movedim(1, 0)).movedim(0, 1)
    torch.testing.assert_close(scaled, expected / 0.5, rtol=0, atol=1e-5)
    torch.testing.assert_close(field, height - expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(probs, torch.sigmoid(scaled), rtol=0, atol=1e-6)
    assert ordering.falls(height, order) == bool((field != 0).any())
    assert not ordering.falls(expected, order)


@settings(max_examples=150)
@given(
    seed=SEEDS,
    small=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    stride=st.integers(1, 5),
    cut=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    labels=st.integers(1, 5),
)
def test_enlarged_labels_are_those_of_enlarged_scores(seed, small, stride, cut, labels):
    scores = noise(seed, 1, labels, *small)
    size = tuple(max(1, n * stride - min(c, stride - 1)) for n, c in zip(small, cut, strict=True))
    found = enlarged_labels(scores[0], stride, size)
    wide = enlarge(scores, stride, size)
    best = wide.gather(1, found[None, None].long())[:, 0]
    torch.testing.assert_close(best, wide.amax(1), rtol=0, atol=1e-5)  # equal but for ties
    assert float((found != likeliest(wide)[0]).double().mean()) < 0.05


def test_a_room_lends_two_arrays_in_turn():
    room = Room()
    first, second, third = (room.take("u", (2, 3)) for _ in range(3))
    assert first is third
    assert first is not second
    assert room.take("u", (3, 3)).shape == (3, 3)
    assert room.part("a").take("u", (2, 3)) is not room.part("b").take("u", (2, 3))


@pytest.mark.parametrize("chosen", [["std", "volume"], ["volume", "star"], ["volume", "convex"]])
def test_volumes_take_gradients_where_logits_do_not(chosen):
    known = {
        "std": priors.ThresholdDynamics(1.0, 1.2),
        "volume": priors.Volume(),
        "star": priors.Star(1),
        "convex": priors.Convex([1], radii=(2,)),
    }
    found = []
    for kind in (torch.float32, torch.float64):
        logits, scene = case(4, "softmax", batch=1)
        volumes = torch.tensor([[300.0, 280.0, 260.0]], dtype=torch.float64, requires_grad=True)
        scene = Scene(centres=scene.centres, volumes=volumes)
        end = solve(logits.to(kind), [known[name] for name in chosen], scene, sweeps=3)
        (end.probs * noise(5, *end.probs.shape).to(kind)).sum().backward()
        found.append(volumes.grad)
    torch.testing.assert_close(found[0], found[1], rtol=1e-2, atol=1e-3)


def test_transposed_logits_that_take_gradients_are_solved_without():
    turned = noise(6, 1, 3, 70, 80).transpose(2, 3).requires_grad_()
    with torch.no_grad():
        found = solve(turned, [priors.Convex([1])], sweeps=2).probs
        expected = solve(turned.contiguous(), [priors.Convex([1])], sweeps=2).probs
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
