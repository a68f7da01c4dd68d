import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from trees import seeds, shapes

from priorseg.geometry import disc_counts


@given(seeds, shapes, st.floats(0, 20))
@settings(max_examples=200, deadline=None)
def test_sums_equal_the_direct_convolution_with_a_disc(rng, shape, radius):
    image = rng.normal(size=shape)
    reach = int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (y * y + x * x <= radius * radius).astype(float)
    expected = ndimage.convolve(image, disc, mode="constant")
    assert_allclose(disc_counts(image, radius), expected, atol=1e-9)


@given(seeds, shapes, st.integers(0, 40))
@settings(max_examples=100, deadline=None)
def test_counts_of_masks_are_integers_and_bounded_by_the_mask(rng, shape, radius):
    mask = rng.random(shape) < 0.5
    counts = disc_counts(mask, radius)
    assert_array_equal(counts, np.round(counts))
    assert counts.max() <= mask.sum()
    assert_array_equal(disc_counts(mask, 0), mask)
    assert_array_equal(disc_counts(mask, 100), np.full(shape, mask.sum()))


def test_impossible_radii_and_images_are_refused():
    with pytest.raises(ValueError, match="radius is -1"):
        disc_counts(np.ones((3, 3)), -1)
    with pytest.raises(ValueError, match="radius is nan"):
        disc_counts(np.ones((3, 3)), float("nan"))
    with pytest.raises(ValueError, match="one \\(H, W\\) slice"):
        disc_counts(np.ones(3), 1)
