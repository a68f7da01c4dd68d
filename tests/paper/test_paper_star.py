import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from oracles import KINDS, constrained_reference, difference_matrix, random_logits
from priorseg import paper

KERNEL = paper.gaussian_kernel(1.0, 2, dtype=torch.float64)
CENTRE = torch.tensor([[10.0, 10.0]], dtype=torch.float64)


def problem(seed: int, kind: str = "blobs", shape=(6, 7), classes: int = 3, batch: int = 1):
    return random_logits(np.random.default_rng(seed), batch, classes, shape, kind)


def noisy_disc(noise: float, size: int = 21, seed: int = 0):
    rows, columns = np.indices((size, size)) - size // 2
    inside = rows**2 + columns**2 <= (size / 4) ** 2
    score = np.where(inside, 1.0, -1.0) + noise * np.random.default_rng(seed).standard_normal(
        inside.shape
    )
    return torch.from_numpy(np.stack([-score, score]))[None], torch.from_numpy(inside)


def centre_probability(logits, directions, inner=4000, step=0.5):
    probs = paper.star_softmax(logits, directions, 1, 0.0, 1.0, KERNEL, 1, inner, step)
    return probs[0, 1, 10, 10].item()


def dice(mask, truth):
    return (2 * (mask & truth).sum() / (mask.sum() + truth.sum())).item()


def test_directions_point_to_the_centre_with_unit_length():
    directions = paper.star_directions(CENTRE, (21, 21))[0]
    lengths = directions.square().sum(0)
    assert lengths[10, 10] == 0
    assert directions[:, 10, 3].tolist() == [0, 1]
    assert directions[:, 0, 10].tolist() == [1, 0]
    torch.testing.assert_close(lengths.sum().item(), 21.0 * 21 - 1)


def test_no_inner_iteration_is_threshold_dynamics_bit_for_bit():
    logits = problem(0)
    directions = paper.star_directions(torch.tensor([[2.0, 3.0]]).double(), (6, 7))
    probs = paper.star_softmax(logits, directions, 1, 2.0, 0.5, KERNEL, 4, 0, 0.1)
    assert torch.equal(probs, paper.std_softmax(logits, 2.0, 0.5, KERNEL, 4))


def test_star_shaped_object_is_left_alone():
    logits, _ = noisy_disc(0.0)
    directions = paper.star_directions(CENTRE, (21, 21))
    probs = paper.star_softmax(logits, directions, 1, 0.0, 1.0, KERNEL, 1, 100, 0.5)
    torch.testing.assert_close(probs, torch.softmax(logits, 1))


def test_printed_sign_hollows_a_perfect_star_out():
    logits, _ = noisy_disc(0.0)
    directions = paper.star_directions(CENTRE, (21, 21))
    assert centre_probability(logits, directions) > 0.85
    assert centre_probability(logits, -directions) < 0.35


def test_wrong_sign_wrecks_a_noisy_object_that_the_right_sign_mends():
    logits, inside = noisy_disc(1.0)
    directions = paper.star_directions(CENTRE, (21, 21))
    masks = [
        paper.star_softmax(logits, s, 1, 0.0, 1.0, KERNEL, 1, 4000, 0.5)[0, 1] > 0.5
        for s in (directions, -directions)
    ]
    assert dice(masks[0], inside) > 0.9
    assert dice(masks[1], inside) < 0.5


def test_without_unit_length_the_same_step_never_settles():
    logits, inside = noisy_disc(0.5, 128)
    centre = torch.tensor([[64.0, 64.0]], dtype=torch.float64)
    rows, columns = torch.meshgrid(*[torch.arange(128.0).double()] * 2, indexing="ij")
    printed = centre[:, :, None, None] - torch.stack([rows, columns])
    probs = paper.star_softmax(logits, printed, 1, 0.0, 1.0, KERNEL, 1, 100, 0.5)
    assert paper.star_slope(probs, printed, 1).min().item() == pytest.approx(-125, abs=2)
    assert dice(probs[0, 1] > 0.5, inside) < 0.4


def test_step_of_twice_the_temperature_diverges_where_half_settles():
    logits, _ = noisy_disc(1.0, 64)
    directions = paper.star_directions(torch.tensor([[32.0, 32.0]]).double(), (64, 64))
    slopes = []
    for step in (0.5, 2.0):
        probs = paper.star_softmax(logits, directions, 1, 0.0, 1.0, KERNEL, 1, 300, step)
        slopes.append(paper.star_slope(probs, directions, 1).min().item())
    assert slopes[0] > -0.2
    assert slopes[1] < -0.8


@pytest.mark.parametrize("classes", [2, 4])
def test_ascent_converges_to_the_constrained_minimiser(classes):
    logits = problem(1, "noise", (6, 6), classes)
    directions = paper.star_directions(torch.tensor([[2.0, 3.0]]).double(), (6, 6))
    scale = [sparse.diags(axis.ravel()) for axis in directions[0].numpy()]
    constraints = sparse.hstack(scale) @ difference_matrix((6, 6))
    expected, gap = constrained_reference(logits[0], constraints, 1, 1.0)
    probs = paper.star_softmax(logits, directions, 1, 0.0, 1.0, KERNEL, 1, 20000, 0.5)
    assert gap < 1e-6
    torch.testing.assert_close(probs[0], expected, atol=2e-3, rtol=0)


@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(KINDS),
    temperature=st.floats(0.2, 2),
    label=st.integers(0, 2),
)
@settings(max_examples=100, deadline=None)
def test_ascent_never_lowers_the_dual(seed, kind, temperature, label):
    logits, centre = problem(seed, kind), torch.tensor([[2.0, 3.0]]).double()
    directions, dual, values = paper.star_directions(centre, (6, 7)), None, []
    for _ in range(10):
        dual = paper.star_dual(logits, directions, label, temperature, temperature / 2, 1, dual)
        field = paper.divergence(dual[:, :, None] * directions[:, None])
        raised = logits.index_add(1, torch.tensor([label]), -field)
        values.append(-temperature * torch.logsumexp(raised / temperature, 1).sum().item())
    assert np.diff(values).min() >= -1e-10 * (1 + logits.abs().sum().item())
    assert dual.min() >= 0


def test_gradients_are_exact():
    logits, centre = problem(2, "noise", (4, 5)), torch.tensor([[1.3, 2.2]]).double()
    weight, temperature = (torch.tensor(v, dtype=torch.float64) for v in (0.8, 0.6))
    inputs = (logits, centre, weight, temperature)

    def run(o, c, w, t):
        directions = paper.star_directions(c, (4, 5))
        return paper.star_softmax(o, directions, 1, w, t, KERNEL, 2, 4, 0.3)

    assert torch.autograd.gradcheck(run, [v.requires_grad_() for v in inputs])


def test_gradient_is_finite_at_a_centre_on_a_pixel():
    centre = torch.tensor([[2.0, 3.0]], dtype=torch.float64, requires_grad=True)
    paper.star_directions(centre, (6, 7)).square().sum().backward()
    assert centre.grad.isfinite().all()


def test_volumes_and_unknown_labels_are_refused():
    directions = paper.star_directions(CENTRE, (4, 4))
    with pytest.raises(ValueError, match=r"\(B, K, Y, X\)"):
        paper.star_dual(problem(3, shape=(4, 4, 4)), directions, 1, 1.0, 0.5, 1)
    with pytest.raises(ValueError, match="label 3"):
        paper.star_dual(problem(3, shape=(4, 4)), directions, 3, 1.0, 0.5, 1)
