"""The operators: adjoints, borders, kernels."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from priorseg.operators import blur, disc_offsets, disc_sum, divergence, gradient, half_taps

SHAPES = st.lists(st.integers(1, 7), min_size=2, max_size=3)


@given(shape=SHAPES, seed=st.integers(0, 1000))
def test_divergence_is_minus_the_transpose_of_the_gradient(shape, seed):
    random = torch.Generator().manual_seed(seed)
    spacing = [1.0, 2.0, 1.5][: len(shape)]
    u = torch.randn(2, 3, *shape, dtype=torch.float64, generator=random)
    xi = torch.randn(2, 3, len(shape), *shape, dtype=torch.float64, generator=random)
    left, right = (gradient(u, spacing) * xi).sum(), -(u * divergence(xi, spacing)).sum()
    assert float(left) == pytest.approx(float(right), abs=1e-10)


@given(shape=SHAPES, seed=st.integers(0, 1000), sigma=st.floats(0.3, 4))
def test_the_blur_is_self_adjoint_positive_and_keeps_constants(shape, seed, sigma):
    random = torch.Generator().manual_seed(seed)
    taps = [half_taps(torch.tensor(sigma, dtype=torch.float64), 4)] * len(shape)
    u, v = torch.randn(2, 1, 1, *shape, dtype=torch.float64, generator=random).unbind()
    u, v = u[None], v[None]
    assert float((blur(u, taps) * v).sum()) == pytest.approx(float((u * blur(v, taps)).sum()))
    assert float((u * blur(u, taps)).sum()) >= -1e-12
    torch.testing.assert_close(blur(torch.ones_like(u), taps), torch.ones_like(u))


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
def test_the_kernel_has_the_standard_deviation_it_says(sigma):
    taps = half_taps(torch.tensor(sigma, dtype=torch.float64), math.ceil(3 * sigma))
    offsets = torch.arange(len(taps), dtype=torch.float64)
    variance = 2 * (2 * taps[1:] * offsets[1:] ** 2).sum()  # k = h∗h has twice h's variance
    assert float(variance.sqrt()) == pytest.approx(sigma, rel=0.01)


def test_threshold_dynamics_measures_the_perimeter_of_a_disc():
    from priorseg import Scene, priors

    y, x = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
    disc = (((y - 80) ** 2 + (x - 80) ** 2) < 50**2).double()
    u = torch.stack([1 - disc, disc])[None]
    prior = priors.ThresholdDynamics(weight=1.0, sigma=3.0)
    length = float(prior.energy(u, prior.prepare(Scene(), u))) * math.sqrt(2 * math.pi) / 3
    assert length / 2 == pytest.approx(2 * math.pi * 50, rel=0.03)


@given(seed=st.integers(0, 1000), radius=st.integers(0, 6))
def test_disc_sums_equal_a_convolution(seed, radius):
    image = torch.randn(
        1, 1, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    offsets = torch.arange(-radius, radius + 1)
    kernel = (offsets[:, None] ** 2 + offsets[None] ** 2 <= radius**2).double()
    expected = torch.nn.functional.conv2d(image, kernel[None, None], padding=radius)
    torch.testing.assert_close(disc_sum(image, radius), expected)
    assert int(kernel.sum()) == sum(
        (2 * h + 1) * (2 if r else 1) for r, h in enumerate(disc_offsets(radius))
    )
