import json

import numpy as np
import pytest
from skimage import data
from skimage.io import imread

from priorseg.localise import locate_disc


def fundus(y, x, radius, size=400):
    """Draw a round reddish field with a bright disc and dark vessels through it."""
    rows, columns = np.mgrid[:size, :size]
    away = np.hypot(rows - size / 2, columns - size / 2)
    image = np.zeros((size, size, 3))
    image[away < 0.48 * size] = (0.6, 0.3, 0.1)
    image[np.hypot(rows - y, columns - x) < radius] = (0.9, 0.7, 0.4)
    for slope in (-0.6, -0.2, 0.3, 0.8):
        line = np.abs(columns - x - slope * (rows - y)) < 2
        image[line & (away < 0.48 * size)] *= (0.8, 0.5, 0.6)
    return image


@pytest.mark.parametrize(("y", "x"), [(200, 120), (180, 300)])
@pytest.mark.parametrize("scale", [1.0, 255, 65535])
def test_a_drawn_disc_is_found_in_any_range(y, x, scale):
    kind = {1.0: np.float64, 255: np.uint8, 65535: np.uint16}[scale]
    found = locate_disc((fundus(y, x, 36) * scale).astype(kind))
    assert np.hypot(found[0] - y, found[1] - x) < 18
    assert 50 < found[2] < 95


def test_the_disc_of_the_retina_image_is_found():
    y, x, diameter = locate_disc(data.retina())
    assert np.hypot(y - 644, x - 236) < 60  # centre read off the image by eye
    assert 150 < diameter < 300


@pytest.mark.parametrize(
    "image",
    [np.zeros((50, 50, 3)), np.full((64, 64, 3), 0.5), np.ones((9, 9, 3)), np.zeros((50, 50))],
)
def test_images_without_a_disc_are_refused(image):
    with pytest.raises(ValueError, match=r"image"):
        locate_disc(image)


@pytest.mark.data
def test_the_disc_is_hit_on_every_validation_frame(real_images):
    folder = real_images / "fundus_drishti"
    items = json.loads((folder / "manifest.json").read_text())["items"]
    frames = [item for item in items if item["split"] == "val"]
    hits = 0
    for item in frames:
        y, x, _ = locate_disc(imread(folder / item["full_image"]))
        hits += bool(imread(folder / item["full_mask"])[round(y), round(x)] > 0)
    assert hits == len(frames) == 10
