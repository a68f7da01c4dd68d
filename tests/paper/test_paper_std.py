import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from oracles import KINDS, entropic_energy, minimise_on_simplex, random_logits
from priorseg import paper

CASES = [
    (edge, form, padding)
    for edge in (False, True)
    for form in ("printed", "root")
    for padding in ("zero", "symmetric")
]


def problem(seed: int, kind: str = "blobs", shape=(8, 9), classes: int = 3, batch: int = 1):
    return random_logits(np.random.default_rng(seed), batch, classes, shape, kind)


def edge_weight(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(0.05, 1, (1, 1, *shape)))


def gaussian(sigma: float, half: int, dims: int = 2) -> torch.Tensor:
    return paper.gaussian_kernel(sigma, half, dims, torch.float64)


def squared(sigma: float, half: int) -> torch.Tensor:
    factor = gaussian(sigma / math.sqrt(2), half)
    return functional.conv2d(factor[None, None], factor.flip(0, 1)[None, None], padding=2 * half)[
        0, 0
    ]


def energies(logits, weight, temperature, kernel, iterations, edge=None, start=None, **options):
    probs, out = start, []
    for count in range(iterations + 1):
        probs = paper.std_softmax(
            logits, weight, temperature, kernel, min(count, 1), edge, start=probs, **options
        )
        energy = paper.std_energy(logits, probs, weight, temperature, kernel, edge, **options)
        out.append(energy.item())
    return np.array(out)


@pytest.mark.parametrize("dims", [2, 3])
def test_zero_weight_is_the_softmax_bit_for_bit(dims):
    logits = problem(0, shape=(4, 6, 5)[:dims])
    probs = paper.std_softmax(logits, 0.0, 0.7, gaussian(1, 2, dims), 3)
    assert torch.equal(probs, torch.softmax(logits / 0.7, 1))


def test_no_iteration_gives_the_printed_start():
    logits = problem(1)
    probs = paper.std_softmax(logits, 1.0, 0.5, gaussian(1, 2), 0)
    assert torch.equal(probs, torch.softmax(logits, 1))


@pytest.mark.parametrize(("with_edge", "form", "padding"), CASES)
@pytest.mark.parametrize("dims", [2, 3])
def test_subgradient_is_the_gradient_of_the_energy(with_edge, form, padding, dims):
    shape = (4, 6, 5)[:dims]
    logits, edge = problem(2, shape=shape), edge_weight(3, *shape) if with_edge else None
    probs = torch.softmax(logits, 1).requires_grad_()
    kernel = gaussian(1.5, 2, dims)
    options = {"form": form, "padding": padding}
    energy = paper.std_energy(0 * logits, probs, 1.0, 0.0, kernel, edge, **options)
    (slope,) = torch.autograd.grad(energy.sum(), probs)
    expected = paper.std_gradient(probs, kernel, edge, **options)
    if padding == "symmetric" or with_edge:
        slope, expected = (v - v.mean(1, keepdim=True) for v in (slope, expected))
    torch.testing.assert_close(slope, expected)


def test_public_code_is_the_printed_scheme_with_the_temperature_as_multiplier():
    logits, kernel = problem(4), gaussian(10, 3)
    start = torch.softmax(logits * 1.3**2, 1)
    probs = paper.std_softmax(logits, 5.0, 1.3**-2, kernel, 10, start=start)
    torch.testing.assert_close(paper.std_authors(logits, 5.0, 1.3, kernel, 10), probs)


def test_public_code_follows_its_two_formulas():
    logits, kernel = problem(5, shape=(7, 7)), gaussian(10, 3)
    probs = torch.softmax(logits, 1)
    for _ in range(2):
        blurred = functional.conv2d(1 - 2 * probs, kernel.expand(3, 1, 7, 7), padding=3, groups=3)
        probs = torch.softmax(logits - 5 * blurred, 1)
    torch.testing.assert_close(paper.std_authors(logits, 5.0, 1.0, kernel, 2), probs)


@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(KINDS),
    weight=st.floats(0.1, 10),
    temperature=st.floats(0.05, 2),
    case=st.sampled_from([(False, "printed"), (True, "root")]),
    padding=st.sampled_from(["zero", "symmetric"]),
)
@settings(max_examples=150, deadline=None)
def test_energy_never_rises_for_a_positive_semi_definite_kernel(
    seed, kind, weight, temperature, case, padding
):
    logits, edge = problem(seed, kind), edge_weight(seed, 8, 9) if case[0] else None
    kernel = squared(1.5, 2)
    trace = energies(logits, weight, temperature, kernel, 8, edge, form=case[1], padding=padding)
    assert np.diff(trace).max() <= 1e-11 * (np.abs(trace).max() + logits.abs().sum().item())


def test_truncated_kernel_raises_the_energy_of_stripes_four_times():
    # σ = 10 cut to 9×9 has a symbol down to −.212, at about the frequency of period 8.
    stripes = 0.3 * (torch.arange(96) // 4 % 2 * 2 - 1.0).double().expand(96, 96)
    logits = torch.stack([stripes, -stripes])[None]
    trace = energies(logits, 5.0, 0.1, gaussian(10, 4), 30)
    assert (np.diff(trace) > 1e-6 * np.abs(trace[0])).sum() == 4


def test_squared_kernel_never_raises_the_energy_of_the_same_stripes():
    stripes = 0.3 * (torch.arange(96) // 4 % 2 * 2 - 1.0).double().expand(96, 96)
    logits = torch.stack([stripes, -stripes])[None]
    trace = energies(logits, 5.0, 0.1, squared(3, 4), 30)
    assert np.diff(trace).max() <= 1e-9 * np.abs(trace[0])


@pytest.mark.parametrize(("half", "length"), [(3, 4.24), (4, 5.46)])
def test_public_weight_per_unit_of_boundary(half, length):
    # Straight interface: Σ_d k(d)·max(d, 0), times λ = 5.
    offsets = torch.arange(-half, half + 1.0).clamp(min=0).double()
    assert 5 * (gaussian(10, half).sum(0) @ offsets).item() == pytest.approx(length, abs=0.01)


def test_length_of_a_disc_is_its_perimeter_times_sigma_over_root_two_pi():
    y, x = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
    inside = ((y - 79.7) ** 2 + (x - 80.2) ** 2 <= 50**2).double()[None, None]
    zero = torch.zeros_like(inside)
    length = paper.std_energy(zero, inside, 1.0, 0.0, gaussian(3, 12), padding="symmetric").item()
    perimeter = length * math.sqrt(2 * math.pi) / 3
    assert perimeter == pytest.approx(2 * math.pi * 50, rel=0.03)


def test_root_form_is_concave_where_the_printed_form_is_not():
    edge = np.random.default_rng(0).choice([0.01, 1.0], 144)
    units = torch.eye(144, dtype=torch.float64).reshape(144, 1, 12, 12)
    matrix = paper.blur(units, squared(1.5, 3)).reshape(144, 144).numpy()
    printed = np.diag(edge) @ matrix + matrix @ np.diag(edge)
    root = np.diag(np.sqrt(edge)) @ matrix @ np.diag(np.sqrt(edge))
    assert np.linalg.eigvalsh(printed)[0] < -0.05
    assert np.linalg.eigvalsh(root)[0] > -1e-12


@pytest.mark.parametrize(("with_edge", "form", "padding"), CASES)
def test_fixed_point_is_the_minimiser_when_the_energy_is_convex(with_edge, form, padding):
    logits = problem(6, shape=(4, 4))
    edge = edge_weight(7, 4, 4) if with_edge else None
    kernel, options = squared(1.0, 1), {"form": form, "padding": padding}
    zero = torch.zeros_like(logits)
    energy = entropic_energy(
        logits, 1.0, lambda u: paper.std_energy(zero, u, 0.6, 0.0, kernel, edge, **options)
    )
    expected = minimise_on_simplex(energy, torch.softmax(logits, 1))
    probs = paper.std_softmax(logits, 0.6, 1.0, kernel, 300, edge, **options)
    torch.testing.assert_close(probs, expected, atol=1e-6, rtol=0)


def test_without_edges_both_forms_agree():
    logits, ones = problem(8), torch.ones(1, 1, 8, 9, dtype=torch.float64)
    kernel = gaussian(1, 3)
    plain = paper.std_softmax(logits, 2.0, 0.5, kernel, 5)
    for form in ("printed", "root"):
        probs = paper.std_softmax(logits, 2.0, 0.5, kernel, 5, ones, form=form)
        torch.testing.assert_close(probs, plain)


@pytest.mark.parametrize(("with_edge", "form", "padding"), CASES)
def test_gradients_are_exact(with_edge, form, padding):
    logits = problem(9, "noise", (4, 5)).requires_grad_()
    edge = edge_weight(10, 4, 5).requires_grad_() if with_edge else None
    weight, temperature = (torch.tensor(v, dtype=torch.float64) for v in (1.2, 0.6))
    inputs = (logits, weight.requires_grad_(), temperature.requires_grad_(), gaussian(1, 1), edge)

    def run(o, w, t, k, e):
        return paper.std_softmax(o, w, t, k, 4, e, form=form, padding=padding)

    assert torch.autograd.gradcheck(run, inputs)


def test_gradients_of_the_public_code_are_exact_in_space_too():
    logits = problem(11, "noise", (2, 3, 3)).requires_grad_()
    root = torch.tensor(1.1, dtype=torch.float64).requires_grad_()
    kernel = gaussian(10, 1, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda o, r, k: paper.std_authors(o, 2.0, r, k, 3), (logits, root, kernel)
    )


def test_unknown_form_is_refused():
    with pytest.raises(ValueError, match="symmetric"):
        paper.std_gradient(problem(12), gaussian(1, 1), form="symmetric")
