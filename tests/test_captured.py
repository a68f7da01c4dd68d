"""Recorded sweeps are those of `replay`, and what cannot be recorded is refused.

Without a card: `FixedSweeps` runs anywhere, tensors on the meta device take every way a card would
take and hold no values, and a tape of torch's operations stands in for the graph.
"""

import dataclasses
from contextlib import nullcontext
from unittest.mock import MagicMock

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from priorseg import Scene, captured, operators, priors, replay
from priorseg.captured import CapturedReplay, FixedSweeps
from priorseg.links import Ordered
from priorseg.priors import threshold_dynamics
from priorseg.spec import registered

STD, TV = priors.ThresholdDynamics(2.0, 1.5), priors.TotalVariation(1.0)
EDGE = priors.ThresholdDynamics(2.0, 1.5, edge=1.0)
NESTED, CONVEX, STAR = priors.Nested((2, 1)), priors.Convex([1]), priors.Star(1)
ALL = [STD, EDGE, TV, NESTED, CONVEX, STAR, priors.Volume()]
LINKS = ["softmax", Ordered((2, 1))]
# besides reading values, an index may be a list that is sent to the card
EXCHANGES = "_local_scalar_dense nonzero is_nonzero equal masked_select index index_put_ index_put"


def drawn(link="softmax", dtype=torch.float64, shape=(16, 70), seed=0):
    channels = 3 if link == "softmax" else 2
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, *shape, dtype=dtype, generator=generator)


def scene_for(logits):
    image = torch.linspace(0, 1, logits[0, 0].numel()).view(1, 1, *logits.shape[2:])
    volumes = torch.full(logits.shape[:2], torch.nan)
    volumes[:, 0] = 300.0
    centres = {1: torch.tensor([[8.0, 8.0]])}
    return Scene((1.0,) * (logits.ndim - 2), image=image, volumes=volumes, centres=centres)


def on_card(value):
    """Move the tensors of a nest to the meta device."""
    if isinstance(value, Tensor):
        return value.to("meta")
    if isinstance(value, tuple):
        return tuple(on_card(part) for part in value)
    if dataclasses.is_dataclass(value):
        parts = {f.name: on_card(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **parts)
    return value


class Exchanges(TorchDispatchMode):
    """Note operations that read values, index, or mix the card's tensors with the host's."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        given = [part for part in tree_leaves((args, kwargs)) if isinstance(part, Tensor)]
        devices = {part.device.type for part in given if part.ndim > 0}
        devices |= {torch.device((kwargs or {}).get("device") or "meta").type}
        named = function.__name__.split(".")[0] in EXCHANGES.split()
        if named or devices != {"meta"}:
            self.found.append(function.__name__)
        return function(*args, **(kwargs or {}))


def exchanges(chosen, link):
    """List what host and card exchange in a run on the meta device."""
    logits = drawn(link, torch.float32)
    fixed = FixedSweeps(logits, chosen, scene_for(logits), sweeps=2, link=link)
    state = fixed._begun
    for name in ("logits", "scaled", "u", "temperature"):
        setattr(state, name, on_card(getattr(state, name)))
    fixed.logits, state.preps = state.logits, {n: on_card(p) for n, p in state.preps.items()}
    fixed._full_precision = lambda _: nullcontext()  # autocast does not know the meta device
    with Exchanges() as seen:
        try:
            assert fixed.run().probs.device.type == "meta"
        except (RuntimeError, NotImplementedError):
            if not seen.found:  # else the host wanted a value, and there is none
                raise
    return seen.found


@pytest.mark.parametrize("prior", ALL, ids=lambda prior: f"{prior.name}")
def test_exactly_priors_that_exchange_nothing_say_they_are_capturable(prior):
    assert prior.capturable == (not any(exchanges([prior], link) for link in LINKS))


def test_every_registered_prior_is_tried():
    assert {prior.name for prior in ALL} == set(registered())


@pytest.mark.parametrize("link", LINKS)
def test_a_sum_of_capturable_priors_exchanges_nothing(link):
    assert exchanges([TV, STD], link) == []


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("chosen", [[STD], [EDGE], [TV], [TV, STD], ALL[2:]], ids=str)
@pytest.mark.parametrize("sweeps", [1, 4])
def test_a_run_is_the_replay_bit_for_bit(chosen, link, sweeps):
    logits = drawn(link)
    given = {"sweeps": sweeps, "temperature": 0.7, "link": link}
    one = replay(logits, chosen, scene_for(logits), **given)
    two = FixedSweeps(logits, chosen, scene_for(logits), **given).run()
    assert one.sweeps == two.sweeps
    for name in ("logits", "probs", "residual"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name
    assert all(
        torch.equal(a, b)
        for key in one.duals
        for a, b in zip(one.duals[key], two.duals[key], strict=True)
    )
    assert torch.equal(one.gap, two.gap)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_run_in_torch_is_the_compiled_replay_to_rounding(dtype):
    logits = drawn(dtype=dtype)
    one = replay(logits, [TV, STD], sweeps=4)
    two = FixedSweeps(logits, [TV, STD], sweeps=4).run()
    torch.testing.assert_close(one.probs, two.probs, rtol=0, atol=1e-5)


def test_volumes_in_3d_run_too():
    logits = drawn(shape=(4, 5, 9))
    one = replay(logits, [TV, STD], sweeps=3)
    two = FixedSweeps(logits, [TV, STD], sweeps=3).run()
    assert torch.equal(one.probs, two.probs)


def test_a_run_begins_cold_on_what_the_memory_holds_now():
    fixed = FixedSweeps(drawn(), [TV, STD], sweeps=3)
    fixed.run()
    for seed in (1, 2):
        fixed.logits.copy_(drawn(seed=seed))
        wanted = replay(drawn(seed=seed), [TV, STD], sweeps=3)
        assert torch.equal(fixed.run().probs, wanted.probs)


def test_autocast_does_not_reach_a_run():
    fixed = FixedSweeps(drawn(), [STD], sweeps=2)
    wanted = fixed.run().probs
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(fixed.run().probs, wanted)


def test_a_temperature_that_is_changed_later_does_not_reach_a_run():
    temperature = torch.tensor(0.7, dtype=torch.float64)
    fixed = FixedSweeps(drawn(), [STD], sweeps=2, temperature=temperature)
    temperature.fill_(5.0)
    assert torch.equal(fixed.run().probs, replay(drawn(), [STD], sweeps=2, temperature=0.7).probs)


class Tape(TorchDispatchMode):
    """Stand in for a CUDA graph: note operations, do them again on the same memory."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        given = args, kwargs or {}
        found = function(*args, **given[1])
        self.calls.append((function, given, tree_leaves(found)))
        return found

    def replay(self):
        for function, (args, kwargs), held in self.calls:
            for old, new in zip(held, tree_leaves(function(*args, **kwargs)), strict=True):
                if old.data_ptr() != new.data_ptr():  # neither a view nor in place
                    old.copy_(new)


@pytest.fixture
def anywhere(monkeypatch):
    """Let the CPU pass for a card that records operations."""
    monkeypatch.setattr(captured, "DEVICE", "cpu")
    monkeypatch.setattr(threshold_dynamics, "blur", operators.blur)  # as on a card
    for name in ("Stream", "Event", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, MagicMock())
    for name in ("device", "stream"):
        monkeypatch.setattr(torch.cuda, name, lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Tape)
    monkeypatch.setattr(torch.cuda, "graph", lambda tape, capture_error_mode: tape)


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("chosen", [[STD], [EDGE], [TV], [TV, STD]], ids=str)
def test_what_was_recorded_serves_other_logits(chosen, link):
    scene = scene_for(drawn(link))
    solve = CapturedReplay(drawn(link), chosen, scene, sweeps=4, temperature=0.7, link=link)
    for seed in (1, 2):
        given = drawn(link, seed=seed)
        wanted = replay(given, chosen, scene, sweeps=4, temperature=0.7, link=link)
        found = solve(given)
        for name in ("logits", "probs", "residual", "gap"):
            torch.testing.assert_close(getattr(found, name), getattr(wanted, name))


@pytest.mark.usefixtures("anywhere")
def test_a_call_does_nothing_but_copy_around_the_graph():
    solve, given = CapturedReplay(drawn(), [TV, STD], sweeps=3), drawn(seed=1)
    solve.recording.graph.calls.clear()
    with Tape() as around:
        solve.recording.replay(given)
    assert {call[0].__name__.split(".")[0] for call in around.calls} == {"copy_", "clone"}


@pytest.mark.usefixtures("anywhere")
def test_results_of_earlier_calls_stay():
    solve = CapturedReplay(drawn(), [TV, STD], sweeps=3)
    one, two = solve(drawn(seed=1)), solve(drawn(seed=2))
    for seed, found in ((1, one), (2, two)):
        assert torch.equal(found.probs, replay(drawn(seed=seed), [TV, STD], sweeps=3).probs)
    assert two.decode().labels.shape == (2, 16, 70)


@pytest.mark.usefixtures("anywhere")
def test_what_is_made_in_inference_mode_serves_outside_it():
    with torch.inference_mode():
        solve = CapturedReplay(drawn(), [STD], sweeps=2)
    assert torch.equal(solve(drawn(seed=1)).probs, replay(drawn(seed=1), [STD], sweeps=2).probs)


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize(
    ("logits", "says"),
    [
        (drawn()[:1], r"shape \(2, 3, 16, 70\).*got \(1, 3, 16, 70\)"),
        (drawn().float(), "float64 on cpu; got .*float32"),
        (drawn().to("meta"), "on cpu; got .* on meta"),
        (drawn().requires_grad_(), "Detach them"),
        (torch.full((2, 3, 16, 70), torch.nan, dtype=torch.float64), "6720 logits are nan"),
        (drawn().numpy(), "torch tensor"),
    ],
)
def test_calls_refuse_logits_that_do_not_fit(logits, says):
    solve = CapturedReplay(drawn(), [STD], sweeps=2)
    with pytest.raises(ValueError, match=says):
        solve(logits)
    assert torch.equal(solve(drawn()).probs, replay(drawn(), [STD], sweeps=2).probs)


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("change", ["data", "copy", "edge"])
def test_a_changed_parameter_is_refused(change):
    prior = priors.ThresholdDynamics(2.0, 1.5)
    solve = CapturedReplay(drawn(), [prior], scene_for(drawn()), sweeps=2)
    if change == "edge":
        prior.edge = 1.0
    elif change == "data":
        prior.log_sigma.data.fill_(0.1)
    else:
        prior.load_state_dict(priors.ThresholdDynamics(2.1, 1.5).state_dict())
    with pytest.raises(ValueError, match=r"threshold_dynamics has changed from .* Make another"):
        solve(drawn())


@pytest.mark.usefixtures("anywhere")
def test_parameters_that_take_gradients_need_no_grad():
    prior = priors.TotalVariation(1.0).requires_grad_()
    solve = CapturedReplay(drawn(), [prior], sweeps=2)
    with pytest.raises(ValueError, match="Call under torch"):
        solve(drawn())
    with torch.no_grad():
        assert torch.equal(solve(drawn()).probs, replay(drawn(), [prior], sweeps=2).probs)


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize(
    ("chosen", "sweeps", "says"),
    [
        ([], 2, "no priors"),
        (STD, 2, "list of priors"),
        ([STD, priors.Volume()], 2, "volume cannot be recorded"),
        ([STD], 0, "whole number >= 1, got 0"),
        ([STD], 1.5, "whole number >= 1, got 1.5"),
        ([STD], float("inf"), "whole number >= 1, got inf"),
    ],
)
def test_what_no_graph_can_be_made_of_is_refused(chosen, sweeps, says):
    with pytest.raises(ValueError, match=says):
        CapturedReplay(drawn(), chosen, scene_for(drawn()), sweeps=sweeps)


def test_the_cpu_is_refused():
    with pytest.raises(ValueError, match="logits on a CUDA device, these are on cpu"):
        CapturedReplay(drawn(), [STD], sweeps=2)


@pytest.mark.gpu
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("chosen", [[STD], [EDGE], [TV], [TV, STD]], ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_card_replays_what_the_cpu_computes(chosen, link, dtype):
    logits = drawn(link, dtype).cuda()
    solve = CapturedReplay(logits, chosen, scene_for(logits), sweeps=4, link=link)
    kept = []
    for seed in (1, 2):
        fresh = drawn(link, dtype, seed=seed)
        kept.append(
            (solve(fresh.cuda()), replay(fresh, chosen, scene_for(fresh), sweeps=4, link=link))
        )
    for found, wanted in kept:
        torch.testing.assert_close(found.probs.cpu(), wanted.probs, rtol=0, atol=1e-4)
        torch.testing.assert_close(found.residual.cpu(), wanted.residual, rtol=0, atol=1e-4)


@pytest.mark.gpu
def test_calls_on_two_streams_of_a_card_do_not_mix():
    solve = CapturedReplay(drawn().cuda(), [TV, STD], sweeps=4)
    streams, inputs = (
        [torch.cuda.Stream() for _ in range(8)],
        [drawn(seed=s).cuda() for s in range(8)],
    )
    torch.cuda.synchronize()
    found = []
    for stream, logits in zip(streams, inputs, strict=True):
        with torch.cuda.stream(stream):
            found.append(solve(logits).probs)
    torch.cuda.synchronize()
    for probs, logits in zip(found, inputs, strict=True):
        wanted = replay(logits, [TV, STD], sweeps=4).probs
        torch.testing.assert_close(probs, wanted, rtol=0, atol=1e-12)


@pytest.mark.gpu
def test_a_prior_that_wrongly_says_it_is_capturable_is_named(monkeypatch):
    monkeypatch.setattr(priors.Volume, "capturable", True)
    logits = drawn().cuda()
    with pytest.raises(RuntimeError, match="could not record the sweeps of volume"):
        CapturedReplay(logits, [priors.Volume()], scene_for(logits), sweeps=2)
