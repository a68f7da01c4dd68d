import numpy as np
import pytest

from priorseg.evaluation.noise import KINDS, add_noise

GREY = np.full((200, 200, 3), 0.5, np.float32)


def test_gaussian_noise_has_the_wanted_standard_deviation_on_either_scale():
    assert (add_noise(GREY, "gaussian", 0.05, 1) - GREY).std() == pytest.approx(0.05, rel=0.01)
    found = add_noise(GREY, "gaussian255", 15, 1)
    assert (found - GREY).std() == pytest.approx(15 / 255, rel=0.01)
    assert found.mean() == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(("kind", "value"), [("pepper", 0.0), ("salt", 1.0)])
def test_pepper_and_salt_strike_whole_pixels_at_the_wanted_density(kind, value):
    found = add_noise(GREY, kind, 0.01, 2)
    struck = (found != GREY).any(2)
    assert (found[struck] == value).all()
    assert struck.mean() == pytest.approx(0.01, abs=3 * np.sqrt(0.01 * 0.99 / 200**2))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_noise_depends_on_the_seed_alone_and_stays_in_range(kind):
    image = np.random.default_rng(0).random((20, 30, 3), np.float32)
    level = {"none": 0, "gaussian255": 80}.get(kind, 0.4)
    found = add_noise(image, kind, level, 5)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    assert np.array_equal(found, add_noise(image, kind, level, 5))
    assert np.array_equal(found, add_noise(image, kind, level, 6)) == (kind == "none")
    assert np.array_equal(add_noise(image, kind, 0, 5), image)


def test_a_higher_level_is_the_same_field_enlarged():
    small, large = (add_noise(GREY, "gaussian", level, 3) - GREY for level in (0.01, 0.05))
    assert large == pytest.approx(5 * small, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "level", "text"),
    [("snow", 0.1, "'snow' is unknown"), ("salt", 1.5, "1.5"), ("gaussian", np.nan, "nan")],
)
def test_wrong_noise_is_named(kind, level, text):
    with pytest.raises(ValueError, match=text):
        add_noise(GREY, kind, level, 0)


def test_images_out_of_range_are_refused():
    for bad in (GREY * 255, np.full((4, 4, 3), np.nan), GREY[..., 0]):
        with pytest.raises(ValueError, match="image"):
            add_noise(bad, "gaussian", 0.1, 0)
