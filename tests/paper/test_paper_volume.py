import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import random_logits, volume_reference
from priorseg import paper


def problem(seed: int, kind: str = "blobs", shape=(6, 7), classes: int = 3, batch: int = 1):
    rng = np.random.default_rng(seed)
    shares = torch.from_numpy(rng.dirichlet(np.full(classes, 2.0), batch)).clamp(min=0.02)
    pixels = int(np.prod(shape))
    volumes = pixels * shares / shares.sum(1, keepdim=True)
    return random_logits(rng, batch, classes, shape, kind), volumes


def kernel(dims: int = 2) -> torch.Tensor:
    return paper.gaussian_kernel(1.0, 2, dims, torch.float64)


def sums(probs: torch.Tensor) -> torch.Tensor:
    return probs.flatten(2).sum(2)


def raised(scores, heights, temperature):
    shape = (*heights.shape, *[1] * (scores.ndim - 2))
    return torch.softmax((scores + heights.reshape(shape)) / temperature, 1)


def test_constant_image_gets_the_volume_shares_in_one_step():
    logits = torch.tensor([0.3, -1.1], dtype=torch.float64)[None, :, None, None].expand(1, 2, 4, 5)
    probs = paper.volume_softmax(
        logits, torch.tensor([[5.0, 15.0]]).double(), 0, 0.7, kernel(), 1, 1
    )
    expected = torch.tensor([0.25, 0.75]).double()[:, None, None].expand(2, 4, 5)
    torch.testing.assert_close(probs[0], expected)


def test_own_volumes_leave_the_softmax_alone():
    logits, _ = problem(0, batch=2)
    plain = torch.softmax(logits / 0.5, 1)
    probs = paper.volume_softmax(logits, sums(plain), 0.0, 0.5, kernel(), 2, 5)
    torch.testing.assert_close(probs, plain)


def test_no_inner_iteration_is_threshold_dynamics_bit_for_bit():
    logits, volumes = problem(1)
    probs = paper.volume_softmax(logits, volumes, 2.0, 0.5, kernel(), 4, 0)
    assert torch.equal(probs, paper.std_softmax(logits, 2.0, 0.5, kernel(), 4))


@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["noise", "blobs", "plateaus", "ties", "constant"]),
    classes=st.integers(2, 5),
    temperature=st.floats(0.3, 2),
)
@settings(max_examples=100, deadline=None)
def test_scaling_finds_the_heights_of_the_dual_root(seed, kind, classes, temperature):
    logits, volumes = problem(seed, kind, classes=classes, batch=2)
    expected, heights = volume_reference(logits, volumes, temperature)
    found = paper.volume_dual(logits, volumes, temperature, 600)
    probs = raised(logits, found, temperature)
    torch.testing.assert_close(sums(probs), volumes, atol=1e-4, rtol=0)
    torch.testing.assert_close(probs, expected, atol=1e-4, rtol=0)
    np.testing.assert_allclose((found - found[:, :1]).numpy(), heights, atol=1e-3)


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_iterations_grow_like_one_over_the_temperature(temperature):
    logits, volumes = problem(2, "noise", (30, 30))
    heights, counts = torch.zeros_like(volumes), 0
    while (sums(raised(logits, heights, temperature)) - volumes).abs().max() > 1e-6:
        heights, counts = paper.volume_dual(logits, volumes, temperature, 1, heights), counts + 1
    assert 5 / temperature < counts < 100 / temperature


def test_each_scaling_step_raises_the_dual():
    logits, volumes = problem(3, batch=2)
    heights, values = torch.zeros_like(volumes), []
    for _ in range(20):
        peaks = torch.logsumexp((logits + heights[:, :, None, None]) / 0.3, 1).flatten(1).sum(1)
        values.append((heights * volumes).sum(1) - 0.3 * peaks)
        heights = paper.volume_dual(logits, volumes, 0.3, 1, heights)
    assert torch.stack(values).diff(dim=0).min() > -1e-12


@pytest.mark.parametrize("shape", [(6, 7), (3, 4, 5)])
def test_volumes_hold_with_threshold_dynamics_on(shape):
    logits, volumes = problem(4, shape=shape, batch=2)
    edge = torch.rand(1, 1, *shape, dtype=torch.float64, generator=torch.manual_seed(0))
    probs = paper.volume_softmax(logits, volumes, 1.0, 0.5, kernel(len(shape)), 5, 300, edge)
    torch.testing.assert_close(sums(probs), volumes, atol=1e-6, rtol=0)


def test_extreme_logits_stay_finite():
    logits, volumes = problem(5, "extreme")
    probs = paper.volume_softmax(logits, volumes, 1.0, 0.5, kernel(), 3, 10)
    torch.testing.assert_close(probs.sum(1), torch.ones_like(probs[:, 0]))


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 2)])
def test_gradients_are_exact(shape):
    logits, volumes = problem(6, "noise", shape)
    scalars = [torch.tensor(v, dtype=torch.float64).requires_grad_() for v in (0.8, 0.6)]
    inputs = (logits.requires_grad_(), volumes.requires_grad_(), *scalars)
    assert torch.autograd.gradcheck(
        lambda o, v, w, t: paper.volume_softmax(o, v, w, t, kernel(len(shape)), 2, 4), inputs
    )


@pytest.mark.parametrize(
    ("volumes", "message"),
    [
        ([[10.0, 20.0]], "add up to 30 px, the image has 42"),
        ([[42.0, 0.0]], "smallest volume is 0"),
        ([[14.0, 14.0, 14.0]], "must be"),
    ],
)
def test_impossible_volumes_are_refused(volumes, message):
    logits, _ = problem(7, classes=2)
    with pytest.raises(ValueError, match=message):
        paper.volume_softmax(logits, torch.tensor(volumes), 1.0, 1.0, kernel(), 1, 1)
