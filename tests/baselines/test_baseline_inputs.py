import numpy as np
import pytest
from baseline_pictures import disc, random_probs, sure

from priorseg.baselines import BASELINES, std_post

try:
    import pydensecrf  # noqa: F401

    HERE = list(BASELINES)
except ImportError:
    HERE = [name for name in BASELINES if name != "dense-crf"]
IMAGE = np.full((13, 11, 3), 0.5, np.float32)


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("count", [2, 3, 11])
def test_every_baseline_gives_existing_labels_of_the_same_pixels(name, count):
    labels = BASELINES[name](random_probs(count, count, (13, 11)), IMAGE)
    assert labels.shape == (13, 11)
    assert labels.dtype == np.int64
    assert labels.min() >= 0
    assert labels.max() < count


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("label", [0, 2])
def test_a_picture_of_one_label_stays_as_it_is(name, label):
    probs = sure(np.full((13, 11), label), 4)
    assert (BASELINES[name](probs, IMAGE) == label).all()


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("label", [0, 1])
def test_a_single_pixel_keeps_its_label(name, label):
    labels = BASELINES[name](sure(np.full((1, 1), label), 2), IMAGE[:1, :1])
    assert labels.tolist() == [[label]]


@pytest.mark.parametrize("name", HERE)
def test_a_large_sure_disc_survives_every_baseline(name):
    wanted = disc(41, 13).astype(np.int64)
    picture = np.repeat(wanted[..., None], 3, 2).astype(np.float32)
    found = BASELINES[name](sure(wanted, 2, 0.99), picture)
    assert (found == wanted).mean() > 0.98


@pytest.mark.parametrize("name", HERE)
def test_no_baseline_changes_what_it_is_given(name):
    probs, image = random_probs(0, 3, (13, 11)), IMAGE.copy()
    before = probs.copy()
    BASELINES[name](probs, image)
    assert np.array_equal(probs, before)
    assert np.array_equal(image, IMAGE)


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize(
    ("probs", "words"),
    [
        (np.full((2, 4, 4), np.nan), "32 values that are nan"),
        (np.full((2, 4, 4), 3.0), "pass probabilities"),
        (np.full((1, 4, 4), 1.0), "K >= 2"),
        (np.full((4, 4), 1.0), r"\(4, 4\)"),
        (np.zeros((2, 0, 4)), "at least one pixel"),
    ],
)
def test_what_is_no_probability_is_refused(name, probs, words):
    with pytest.raises(ValueError, match=words):
        BASELINES[name](probs, np.zeros((4, 4, 3)))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (None, "pass it as"),
        (np.zeros((4, 4)), "Repeat a grey image"),
        (np.full((4, 4, 3), 255), "goes from 255 to 255"),
        (np.full((4, 4, 3), np.nan), "scale it"),
    ],
)
def test_an_image_that_is_looked_at_is_checked(image, words):
    with pytest.raises(ValueError, match=words):
        std_post(sure(np.zeros((4, 4)), 2), image, edge=1.0)
