"""The loop: bit-equality, names, warm starts, errors that say what to do."""

import itertools

import pytest
import torch

from priorseg import Scene, VariationalHead, iterate, priors, solve
from priorseg.links import Ordered, ordered_logits

NAN = float("nan")


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("link", ["softmax", "ordered"])
def test_without_priors_it_is_bit_equal_to_the_plain_link(dtype, link):
    logits = noise(2, 3, 8, 9).to(dtype)
    plain = torch.softmax(logits, 1) if link == "softmax" else torch.sigmoid(logits)
    assert torch.equal(solve(logits, [], Scene(), link=link).probs, plain)
    assert torch.equal(next(iterate(logits, [], Scene(), link=link)).probs, plain)


def test_iterate_and_solve_take_the_same_path():
    logits, chosen = noise(1, 3, 16, 16), [priors.TotalVariation(), priors.Nested((2, 1))]
    steps = list(itertools.islice(iterate(logits, chosen, Scene()), 7))
    assert torch.equal(steps[-1].probs, solve(logits, chosen, Scene(), sweeps=7).probs)
    assert [s.sweeps for s in steps] == list(range(1, 8))


def test_a_warm_start_goes_on_where_the_last_solution_stopped():
    logits, chosen = noise(1, 3, 16, 16), [priors.ThresholdDynamics(1.0)]
    whole = solve(logits, chosen, Scene(), sweeps=9).probs
    half = solve(logits, chosen, Scene(), sweeps=4)
    torch.testing.assert_close(solve(logits, chosen, Scene(), sweeps=5, warm=half).probs, whole)


def test_a_moved_centre_restarts_only_the_star():
    logits = noise(1, 3, 16, 16)
    chosen = [priors.TotalVariation(), priors.Star(1)]
    old = solve(logits, chosen, Scene(centres={1: torch.tensor([[4.0, 4.0]])}), sweeps=5)
    new = Scene(centres={1: torch.tensor([[9.0, 9.0]])})
    moved = solve(logits, chosen, new, sweeps=0, warm=old)
    assert torch.equal(moved.duals["star"][0], torch.zeros_like(moved.duals["star"][0]))
    assert torch.equal(moved.duals["total_variation"][0], old.duals["total_variation"][0])


def test_two_stars_keep_their_names():
    scene = Scene(centres={1: torch.tensor([[4.0, 4.0]]), 2: torch.tensor([[11.0, 11.0]])})
    solution = solve(noise(1, 3, 16, 16), [priors.Star(1), priors.Star(2)], scene, sweeps=5)
    assert set(solution.decode().certificates) == {"star_1", "star_2"}
    assert all(c.satisfied for c in solution.decode().certificates.values())


def test_half_precision_is_solved_in_float32():
    solution = solve(noise(1, 2, 8, 8).half(), [priors.TotalVariation()], Scene(), sweeps=2)
    assert solution.probs.dtype == torch.float32


def test_autocast_does_not_reach_the_layers():
    head = VariationalHead([priors.ThresholdDynamics()], sweeps=2)
    logits = noise(1, 2, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        inside = head(logits)
    assert torch.equal(inside, head(logits))


def test_the_head_learns_its_parameters():
    head = VariationalHead([priors.ThresholdDynamics()], sweeps=3, learnable=True)
    loss = torch.nn.functional.cross_entropy(head(noise(1, 3, 8, 8)), torch.zeros(1, 8, 8).long())
    loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad) for p in head.parameters())


def test_learned_parameters_can_be_read():
    head = VariationalHead([priors.ThresholdDynamics(3.0, 1.5)], learnable=True)
    assert head.priors[0].settings() == pytest.approx({"weight": 3.0, "sigma": 1.5, "edge": 0.0})


def test_the_result_needs_no_detach_by_default():
    assert (
        solve(noise(1, 2, 8, 8), [priors.TotalVariation()], Scene(), sweeps=2).probs.numpy().any()
    )


def test_exclusive_logits_become_nested_ones():
    logits = noise(1, 3, 4, 4).double()
    nested = torch.sigmoid(ordered_logits(logits, (2, 1)))
    u = torch.softmax(logits, 1)
    torch.testing.assert_close(nested, torch.stack([u[:, 1] + u[:, 2], u[:, 2]], 1))


BAD = {
    "nan or infinite": (torch.full((1, 2, 4, 4), NAN), [], {}),
    "no pixels": (torch.zeros(1, 2, 0, 4), [], {}),
    "must be": (torch.zeros(2, 4, 4), [], {}),
    "floating point": (torch.zeros(1, 2, 4, 4, dtype=torch.int64), [], {}),
    "at least 2 channels": (torch.zeros(1, 1, 4, 4), [], {}),
    "temperature": (torch.zeros(1, 2, 4, 4), [], {"temperature": 0.0}),
    "unknown": (torch.zeros(1, 2, 4, 4), [], {"link": "logit"}),
    "click inside": (torch.zeros(1, 2, 4, 4), [priors.Star(1)], {}),
    "does not exist": (torch.zeros(1, 2, 4, 4), [priors.Convex([5])], {}),
    "scene.volumes": (torch.zeros(1, 2, 4, 4), [priors.Volume()], {}),
    "scene.image": (torch.zeros(1, 2, 4, 4), [priors.ThresholdDynamics(edge=1.0)], {}),
    "called": (torch.zeros(1, 2, 4, 4), [priors.Star(1), priors.Star(1)], {}),
}


@pytest.mark.parametrize("message", list(BAD))
def test_bad_input_is_refused_with_a_reason(message):
    logits, chosen, options = BAD[message]
    with pytest.raises(ValueError, match=message):
        solve(logits, chosen, Scene(), **options)


VOLUMES = {
    "Leave one class free": [10.0, 20.0, 30.0],
    "lie": [-1.0, NAN, NAN],
    "add up to 80": [40.0, 40.0, NAN],
}


@pytest.mark.parametrize("message", list(VOLUMES))
def test_infeasible_volumes_are_refused_with_a_reason(message):
    scene = Scene(volumes=torch.tensor([VOLUMES[message]]))
    with pytest.raises(ValueError, match=message):
        solve(torch.zeros(1, 3, 8, 8), [priors.Volume()], scene)


def test_a_cup_larger_than_its_disc_is_refused():
    scene = Scene(volumes=torch.tensor([[20.0, 30.0]]))
    with pytest.raises(ValueError, match="lies inside"):
        solve(torch.zeros(1, 2, 8, 8), [priors.Volume()], scene, link=Ordered((2, 1)))


@pytest.mark.parametrize("target", [0.0, 1.0, 63.0, 64.0])
def test_extreme_volumes_are_met(target):
    scene = Scene(volumes=torch.tensor([[NAN, target]]))
    solution = solve(noise(1, 2, 8, 8) * 5, [priors.Volume()], scene, sweeps=2)
    assert float(solution.probs[0, 1].sum()) == pytest.approx(target, abs=2e-3)
    assert int((solution.decode().labels == 1).sum()) == int(target)


def test_volume_gives_way_to_convex_and_says_by_how_much():
    logits = noise(1, 2, 24, 24) * 3
    scene = Scene(volumes=torch.tensor([[NAN, 200.0]]))
    decoded = solve(logits, [priors.Volume(), priors.Convex([1])], scene).decode()
    off = abs(int((decoded.labels == 1).sum()) - 200)
    assert decoded.certificates["convex"].satisfied
    assert decoded.certificates["volume"].violations == off > 0
    assert not decoded.certificates["volume"].satisfied


@pytest.mark.gpu
def test_cuda_gives_what_the_cpu_gives():
    logits = noise(2, 3, 32, 32)
    scene = Scene(centres={1: torch.tensor([[9.0, 9.0]])})
    chosen = [priors.ThresholdDynamics(), priors.Star(1)]
    cpu = solve(logits, chosen, scene, sweeps=10)
    cuda = solve(logits.cuda(), chosen, scene, sweeps=10)
    torch.testing.assert_close(cuda.probs.cpu(), cpu.probs, rtol=0, atol=1e-4)
    assert torch.equal(cuda.decode().labels.cpu(), cpu.decode().labels)
