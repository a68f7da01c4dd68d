import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from priorseg.preprocessing import Preprocessing, resize

RGB = Preprocessing(channels=3)
GREY = Preprocessing(channels=1)


def test_bytes_are_divided_by_255_and_unit_floats_are_kept():
    image = np.array([[0, 51, 255]], np.uint8)
    torch.testing.assert_close(GREY.tensor(image), torch.tensor([[[[0, 0.2, 1]]]]))
    unit = np.array([[0.25, 0.5]])
    torch.testing.assert_close(GREY.tensor(unit), torch.tensor([[[[0.25, 0.5]]]]))


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32, np.float64])
def test_other_ranges_are_stretched_to_the_unit_interval(kind):
    image = np.arange(4096).reshape(64, 64).astype(kind)
    found = GREY.tensor(image)
    assert found.min() == 0
    assert found.max() == 1
    assert found.mean() == pytest.approx(0.5, abs=0.01)


def test_twelve_bits_in_sixteen_look_like_sixteen():
    image = np.random.default_rng(0).integers(0, 4096, (40, 40))
    twelve, sixteen = GREY.tensor(image.astype(np.uint16)), GREY.tensor((image * 16).astype("<u2"))
    torch.testing.assert_close(twelve, sixteen)


@given(
    arrays(
        st.sampled_from([np.uint8, np.uint16, np.int16, np.float32, bool]),
        array_shapes(min_dims=2, max_dims=3, max_side=6),
    )
)
def test_whatever_goes_in_comes_out_in_range_or_is_refused_clearly(image):
    try:
        found = Preprocessing(channels=3, grey_to_rgb=True).tensor(image)
    except ValueError as error:
        assert str(error)  # noqa: PT017
        return
    assert found.shape == (1, 3, *image.shape[:2])
    assert found.dtype == torch.float32
    assert 0 <= found.min() <= found.max() <= 1


def test_a_grey_image_for_an_rgb_model_is_refused_unless_the_model_allows_it():
    grey = np.zeros((4, 5), np.uint8)
    with pytest.raises(ValueError, match=r"wants RGB \(3 channels\), the image has 1 channel"):
        RGB.tensor(grey)
    assert Preprocessing(channels=3, grey_to_rgb=True).tensor(grey).shape == (1, 3, 4, 5)


def test_alpha_is_dropped_and_channels_in_front_get_a_hint():
    assert RGB.tensor(np.zeros((4, 5, 4), np.uint8)).shape == (1, 3, 4, 5)
    with pytest.raises(ValueError, match="moveaxis"):
        RGB.tensor(np.zeros((3, 40, 50), np.uint8))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 5, 3)), "at least one pixel"),
        (np.zeros(5), "at least one pixel"),
        (np.full((2, 2, 3), np.nan), "12 values of the image are nan or infinite"),
        (np.full((2, 2, 3), np.inf), "nan or infinite"),
        (np.zeros((2, 2, 3), complex), "numbers are needed"),
        (np.array([["a", "b"]]), "numbers are needed"),
    ],
)
def test_images_without_usable_numbers_are_refused(image, message):
    with pytest.raises(ValueError, match=message):
        RGB.tensor(image)


def test_an_even_image_becomes_zero_without_dividing_by_zero():
    assert GREY.tensor(np.full((3, 3), 700, np.uint16)).abs().max() == 0
    one = Preprocessing(channels=1, statistics="image").standardise(torch.full((1, 1, 3, 3), 0.4))
    assert torch.isfinite(one).all()


def test_crops_are_fitted_and_frames_keep_their_scale():
    rule = Preprocessing(size=100, largest_fit=400)
    assert rule.working_shape(200, 50) == (100, 25)
    assert rule.working_shape(1, 300) == (1, 100)
    assert rule.working_shape(500, 300) == (500, 300)
    assert RGB.working_shape(37, 53) == (37, 53)


def test_resizing_to_the_same_size_changes_nothing():
    image = torch.rand(1, 3, 5, 7)
    assert resize(image, 5, 7) is image


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 4},
        {"tile": 8},
        {"overlap": 600},
        {"channels": 0},
        {"statistics": "batch"},
        {"grey_to_rgb": 1},
        {"size": True},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Preprocessing(**wrong)
