"""The active set against plain convolutions, also where sums tie with half the disc."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import filled_discs
from priorseg.kernels.discs import SLACK, active_set

SEEDS = st.integers(0, 2**32 - 1)


def draw(rng, shape, kind):
    u = rng.random(shape)
    if kind == "masks":
        return (u < 0.5).astype(float)
    if kind == "halves":
        return np.round(2 * u) / 2
    if kind == "near":  # sums that rounding to whole units cannot tell from half the disc
        return 0.5 + 2e-6 * (u - 0.5)
    return u


@settings(max_examples=400)
@given(
    seed=SEEDS,
    kind=st.sampled_from(["noise", "masks", "halves", "near"]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    radii=st.lists(st.integers(1, 12), min_size=1, max_size=4),
)
def test_active_pixels_are_those_of_plain_convolutions(seed, kind, dtype, radii):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 3)), *(int(n) for n in rng.integers(1, 24, 2)))
    u = torch.from_numpy(draw(rng, shape, kind)).to(dtype)
    expected = [filled_discs(image, radii, SLACK) for image in u.double().numpy()]
    np.testing.assert_array_equal(active_set(u, radii).numpy(), np.stack(expected))


@pytest.mark.parametrize("radius", [40, 130])
def test_threads_and_large_discs_change_nothing(radius):
    rng = np.random.default_rng(radius)
    y, x = np.indices((200, 190))
    u = np.clip(0.5 + (60 - np.hypot(y - 90, x - 100)) / 40, 0, 1) * (rng.random(y.shape) < 0.9)
    expected = filled_discs_fast(u, radius)
    found = active_set(torch.from_numpy(u)[None], [radius])[0].numpy()
    np.testing.assert_array_equal(found, expected)


def filled_discs_fast(image, radius):
    """Do what `filled_discs` does by sums of shifted rows."""
    padded = np.pad(np.cumsum(np.pad(image, ((0, 0), (1, 0))), 1), ((radius, radius), (0, 0)))
    sums, count, width = np.zeros(image.shape), 0, image.shape[1]
    for dy in range(-radius, radius + 1):
        half = int(np.sqrt(radius**2 - dy**2))
        rows = padded[radius + dy : radius + dy + image.shape[0]]
        at = np.arange(width)
        sums += rows[:, np.minimum(at + half + 1, width)] - rows[:, np.maximum(at - half, 0)]
        count += 2 * half + 1
    return (image <= 0.5) & (sums > 0.5 * count * (1 + SLACK))
