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
    images, labels = Augment(24).batch([square], seeded(0))
    torch.testing.assert_close(images[0], square.image.float() / 255)
    assert torch.equal(labels[0], square.labels)


@pytest.mark.parametrize("mirror", [True, False])
def test_varied_samples_stay_in_range_with_known_labels(mirror):
    strong = Augment(**{**STRONG.__dict__, "mirror_border": mirror})
    images, labels = strong.batch([sample()] * 20, seeded(1))
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
    images, labels = moving.batch([sample(40, 40)] * 10, seeded(2))
    bright = images[:, 0] > 0.39  # half of the object's 200 / 255
    assert (bright == (labels == 2)).float().mean() > 0.98


def test_blurring_keeps_the_mean_of_an_even_image():
    even = torch.full((1, 3, 9, 9), 0.3)
    torch.testing.assert_close(blur(even, 1.7), even)
