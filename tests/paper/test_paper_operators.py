import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from oracles import difference_matrix
from priorseg import paper

SHAPES = [(5,), (1, 4), (4, 1), (6, 5), (3, 4, 5), (1, 1)]


def tensor(seed: int, *size: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(size))


def transform(kernel: torch.Tensor, size: int = 512) -> torch.Tensor:
    radius = kernel.shape[0] // 2
    padded = torch.zeros(size, size, dtype=kernel.dtype)
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    return torch.fft.fft2(padded.roll((-radius, -radius), (0, 1))).real


@pytest.mark.parametrize("shape", SHAPES)
def test_divergence_is_minus_the_adjoint_of_gradient(shape):
    values, fluxes = tensor(0, 2, 3, *shape), tensor(1, 2, 3, len(shape), *shape)
    left = (paper.gradient(values) * fluxes).sum()
    torch.testing.assert_close(left, -(values * paper.divergence(fluxes)).sum())


@given(st.integers(0, 10**6), st.lists(st.integers(1, 6), min_size=2, max_size=3))
@settings(max_examples=100, deadline=None)
def test_adjointness_holds_on_random_shapes(seed, shape):
    values, fluxes = tensor(seed, 1, 2, *shape), tensor(seed + 1, 1, 2, len(shape), *shape)
    left = (paper.gradient(values) * fluxes).sum()
    torch.testing.assert_close(left, -(values * paper.divergence(fluxes)).sum())


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_equals_the_sparse_difference_matrix(shape):
    values = tensor(2, 1, 1, *shape)
    expected = difference_matrix(shape) @ values.numpy().ravel()
    np.testing.assert_allclose(paper.gradient(values).numpy().ravel(), expected, atol=1e-14)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(("padding", "mode"), [("zero", "constant"), ("symmetric", "reflect")])
def test_blur_equals_scipy(dims, padding, mode):
    values = tensor(3, 1, 1, *(4, 7, 5)[:dims])
    kernel = paper.gaussian_kernel(1.5, 3, dims, torch.float64)
    expected = ndimage.convolve(values[0, 0].numpy(), kernel.numpy(), mode=mode)
    np.testing.assert_allclose(paper.blur(values, kernel, padding)[0, 0], expected, atol=1e-14)


@pytest.mark.parametrize("padding", ["zero", "symmetric"])
def test_blur_is_self_adjoint_even_when_wider_than_the_image(padding):
    one, two = tensor(4, 1, 2, 3, 5), tensor(5, 1, 2, 3, 5)
    kernel = paper.gaussian_kernel(3.0, 6, dtype=torch.float64)
    left = (one * paper.blur(two, kernel, padding)).sum()
    torch.testing.assert_close(left, (two * paper.blur(one, kernel, padding)).sum())


def test_blur_takes_one_kernel_per_channel():
    values = tensor(6, 1, 2, 8, 8)
    kernels = torch.stack([paper.gaussian_kernel(s, 2, dtype=torch.float64) for s in (0.5, 2.0)])
    both = paper.blur(values, kernels)
    torch.testing.assert_close(both[:, 1:], paper.blur(values[:, 1:], kernels[1]))


@pytest.mark.parametrize("dims", [2, 3])
def test_kernel_sums_to_one_and_has_the_ratio_of_a_gaussian(dims):
    kernel = paper.gaussian_kernel(2.0, 3, dims, torch.float64)
    assert kernel.shape == (7,) * dims
    assert kernel.sum().item() == pytest.approx(1)
    ratio = kernel[(3,) * dims] / kernel[(3,) * (dims - 1) + (5,)]
    assert ratio.item() == pytest.approx(math.exp(0.5))


@pytest.mark.parametrize(("half", "lowest"), [(3, -0.224), (4, -0.212)])
def test_public_kernel_is_not_positive_semi_definite(half, lowest):
    kernel = paper.gaussian_kernel(10.0, half, dtype=torch.float64)
    assert transform(kernel).min().item() == pytest.approx(lowest, abs=5e-4)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0, 5.0])
def test_kernel_cut_at_three_sigma_is_nearly_positive_semi_definite(sigma):
    kernel = paper.gaussian_kernel(sigma, math.ceil(3 * sigma), dtype=torch.float64)
    assert transform(kernel).min().item() > -1.2e-3


@pytest.mark.parametrize(
    ("sigma", "half", "stored"), [(10, 3, 0.066), (10, 4, 0.061), (2, 7, 0.020)]
)
def test_boundary_length_depends_on_its_direction_as_stored(sigma, half, stored):
    kernel = paper.gaussian_kernel(sigma, half, dtype=torch.float64)
    offsets = torch.arange(-half, half + 1.0).double()
    angles = np.linspace(0, math.pi / 2, 91)
    planes = [offsets[:, None] * math.cos(a) + offsets * math.sin(a) for a in angles]
    lengths = torch.stack([(kernel * plane.clamp(min=0)).sum() for plane in planes])
    spread = (lengths.max() - lengths.min()) / lengths.mean()
    assert spread.item() == pytest.approx(stored, abs=1e-3)


@pytest.mark.parametrize(("sigma", "half"), [(0.0, 3), (-1.0, 3), (1.0, -1)])
def test_impossible_kernels_are_refused(sigma, half):
    with pytest.raises(ValueError, match="sigma > 0"):
        paper.gaussian_kernel(sigma, half)


def test_unknown_padding_is_refused():
    with pytest.raises(ValueError, match="replicate"):
        paper.blur(tensor(7, 1, 1, 4, 4), torch.ones(3, 3), "replicate")
