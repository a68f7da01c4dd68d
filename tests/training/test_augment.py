import numpy as np
import pytest
import torch

from priorseg.training.appearance import blur
from priorseg.training.augment import Augment
from priorseg.training.data import Sample

STRONG = Augment(
    24,
    zoom=True,
    rotate=180,
    shift=0.2,
    stretch=0.2,
    light=0.4,
    illumination=0.3,
    blur_px=2.0,
    noise=0.2,
)


def sample(height=32, width=24):
    labels = torch.zeros(height, width, dtype=torch.int64)
    labels[8:20, 6:14] = 2
    image = (labels * 100).to(torch.uint8).expand(3, -1, -1).contiguous()
    return Sample("s", image, labels, zoom=(0.6, 1.6))


def seeded(number):
    return np.random.default_rng(number)


def test_without_strength_a_square_sample_comes_back():
    square = sample(24, 24)
    images, labels, _ = Augment(24).batch([square], seeded(0))
    torch.testing.assert_close(images[0], square.image.float() / 255)
    assert torch.equal(labels[0], square.labels)


@pytest.mark.parametrize("mirror", [True, False])
def test_varied_samples_stay_in_range_with_known_labels(mirror):
    strong = Augment(**{**STRONG.__dict__, "mirror_border": mirror})
    images, labels, _ = strong.batch([sample()] * 20, seeded(1))
    assert images.shape == (20, 3, 24, 24)
    assert 0 <= images.min() <= images.max() <= 1
    assert set(labels.unique().tolist()) <= {0, 2}


def test_the_same_random_state_gives_the_same_variation():
    first, second = STRONG.batch([sample()], seeded(5)), STRONG.batch([sample()], seeded(5))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], STRONG.batch([sample()], seeded(6))[0])


def test_image_and_labels_move_together():
    moving = Augment(40, zoom=True, rotate=180, shift=0.1, stretch=0.2)
    images, labels, _ = moving.batch([sample(40, 40)] * 10, seeded(2))
    bright = images[:, 0] > 0.39  # half of the object's 200 / 255
    assert (bright == (labels == 2)).float().mean() > 0.98


@pytest.mark.parametrize("height", [40, 120])
def test_a_roaming_view_stays_inside_the_image_and_reaches_its_borders(height):
    rows = torch.arange(height).view(-1, 1).expand(-1, 60)
    tall = Sample("s", torch.zeros(3, height, 60, dtype=torch.uint8), rows, zoom=(0.25, 0.25))
    side = round(0.25 * max(height, 60))  # pixels of the view, each sampled at its own place
    views = [Augment(side, zoom=True, roam=True).one(tall, seeded(n)).labels for n in range(300)]
    assert all((view.diff(dim=0) == 1).all() for view in views)  # at a mirror rows would turn
    assert min(int(view.min()) for view in views) <= 1
    assert max(int(view.max()) for view in views) >= height - 2


def test_blurring_keeps_the_mean_of_an_even_image():
    even = torch.full((1, 3, 9, 9), 0.3)
    torch.testing.assert_close(blur(even, 1.7), even)


@pytest.mark.parametrize("name", ["hue", "saturation", "grey"])
def test_colour_changes_leave_grey_images_alone(name):
    even = Sample("g", torch.full((3, 24, 24), 100, dtype=torch.uint8), torch.zeros(24, 24).long())
    strength = {"hue": 90, "saturation": 0.9, "grey": 1}[name]
    images, _, _ = Augment(24, **{name: strength}).batch([even], seeded(0))
    torch.testing.assert_close(images, torch.full_like(images, 100 / 255))


def test_an_image_that_loses_its_colour_keeps_its_brightness():
    red = torch.zeros(3, 24, 24, dtype=torch.uint8)
    red[0] = 200
    images, _, _ = Augment(24, grey=1).batch(
        [Sample("r", red, torch.zeros(24, 24).long())], seeded(0)
    )
    torch.testing.assert_close(images, torch.full_like(images, 0.299 * 200 / 255))


def test_a_round_stop_darkens_corners_only_and_labels_them_background():
    bright = Sample("b", torch.full((3, 64, 64), 200, dtype=torch.uint8), torch.ones(64, 64).long())
    images, labels, _ = Augment(64, aperture=1).batch([bright] * 8, seeded(0))
    assert (labels[:, 28:36, 28:36] == 1).all()
    assert (images[:, 0][labels == 0] < 0.5).all()
    assert (labels[:, 0, 0] == 0).any()


def test_jpeg_and_lost_detail_stay_near_the_image():
    even = sample(24, 24)
    for changes in ({"jpeg": 1}, {"rescale": 2}):
        images, labels, _ = Augment(24, **changes).batch([even] * 8, seeded(3))
        assert (images - even.image / 255).abs().mean() < 0.1
        assert not torch.equal(images[0], even.image / 255)
        assert torch.equal(labels[0], even.labels)


def test_a_strong_vignette_darkens_the_corners_most():
    bright = Sample("b", torch.full((3, 33, 33), 200, dtype=torch.uint8), torch.ones(33, 33).long())
    images, _, _ = Augment(33, vignette=0.8).batch([bright] * 4, seeded(0))
    assert (images[:, 0, 16, 16] > images[:, 0, 0, 0]).all()


def test_shot_noise_grows_with_the_root_of_the_brightness():
    halves = torch.full((3, 200, 200), 10, dtype=torch.uint8)
    halves[:, 100:] = 160
    one = Sample("h", halves, torch.zeros(200, 200).long())
    images, _, _ = Augment(200, shot=0.02).batch([one] * 4, seeded(1))
    noisy = images[(images[:, 0, :100].std((1, 2)) > 1e-4)]
    ratio = noisy[:, :, 100:].std() / noisy[:, :, :100].std()
    assert float(ratio) == pytest.approx(4, rel=0.05)
