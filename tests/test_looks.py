"""A network may see a picture mirrored too, and a second time where its object is small."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from priorseg import Segmenter, VariationalHead
from priorseg.card import Card
from priorseg.preprocessing import Preprocessing
from priorseg.priors import ThresholdDynamics
from priorseg.segmenter import Cancelled


class Seen(nn.Module):
    """The logit is the brightness, at a tilt where wanted; keeps every image it was shown."""

    in_channels, out_channels = 1, 2

    def __init__(self, tilt=0.0):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(tilt), requires_grad=False)
        self.shown = []

    def forward(self, image):
        self.shown.append(image.clone())
        logit = image + self.gain * torch.linspace(-1, 1, image.shape[3])
        return torch.cat((-logit, logit), 1)


def model(second_look=0.0, mirror=False, tilt=0.0, **preprocessing):
    return Segmenter(
        Seen(tilt),
        VariationalHead([ThresholdDynamics(0.5, 1.0)], sweeps=3),
        Card("m", object_px=20.0, second_look=second_look, mirror=mirror),
        preprocessing=Preprocessing(channels=1, **{"size": 64, **preprocessing}),
    )


def disc(diameter, y=80, x=110, shape=(200, 200)):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = (rows - y) ** 2 + (columns - x) ** 2 <= diameter**2 / 4
    return np.where(inside, 230, 20).astype(np.uint8)


def looks(found, image, **told):
    found.logits(image, precision="float32", **told)
    return [tuple(one.shape[2:]) for one in found.backbone.shown]


def test_the_second_look_shows_the_object_in_the_middle_at_the_stated_size():
    found = model(second_look=2.0)
    assert looks(found, disc(50)) == [(64, 64), (64, 64)]
    bright = found.backbone.shown[1][0, 0] > 0
    assert 2 * math.sqrt(float(bright.sum()) / math.pi) == pytest.approx(32, abs=1.5)
    place = bright.nonzero().double().mean(0)
    torch.testing.assert_close(place, torch.full((2,), 31.5).double(), atol=1.0, rtol=0)


def test_the_square_is_moved_into_the_picture_and_cut_where_that_is_narrow():
    found = model(second_look=2.0)
    second = looks(found, disc(50, y=35, x=27, shape=(70, 200)))[1]
    assert second == pytest.approx((45, 64), abs=1)  # 70 rows of 100
    left = found.backbone.shown[1][0, 0, :, :12] > 0
    assert left.any()  # the disc touches the left side


def test_inside_the_square_logits_are_the_mean_of_both_looks_and_outside_those_of_the_first():
    image = disc(50)
    once, twice = (model(second_look=s, tilt=0.3).logits(image) for s in (0.0, 2.0))
    changed = (once != twice).any(1)[0].nonzero()
    (top, left), (bottom, right) = changed.amin(0).tolist(), changed.amax(0).tolist()
    assert (bottom - top + 1, right - left + 1) == pytest.approx((100, 100), abs=3)
    assert (top + bottom + 1, left + right + 1) == pytest.approx((161, 221), abs=3)
    cut = model(tilt=0.3).logits(image[top : bottom + 1, left : right + 1])
    part = (..., slice(top, bottom + 1), slice(left, right + 1))
    torch.testing.assert_close(twice[part], (once[part] + cut) / 2)


@pytest.mark.parametrize(
    ("image", "told", "settings"),
    [
        (disc(96), {}, {}),  # the square is as wide as the picture
        (disc(30), {}, {}),  # it would be enlarged by more than 3
        (np.zeros((200, 200), np.uint8), {}, {}),  # nothing was found
        (disc(50), {"object_px": 50.0}, {}),  # the size is known
        (disc(50), {}, {"largest_fit": 150}),  # a frame
        (disc(50), {}, {"size": None}),  # every picture keeps its scale
        (disc(50), {}, {"second_look": 0.0}),
    ],
)
def test_one_look_is_enough(image, told, settings):
    found = model(**{"second_look": 2.0, **settings})
    assert len(looks(found, image, **told)) == 1


@pytest.mark.parametrize("diameter", [50, 96])
def test_progress_ends_at_its_total_whether_or_not_there_is_a_second_look(diameter):
    told = []
    found = model(second_look=2.0)
    found.logits(disc(diameter), progress=lambda *step: told.append(step))
    assert told[-1] == (2, 2)
    assert {total for _, total in told} == {2}
    told.clear()
    found.segment(disc(diameter), progress=lambda *step: told.append(step))
    assert told[-1] == (5, 5)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_it_can_be_stopped_between_the_looks():
    found = model(second_look=2.0)
    with pytest.raises(Cancelled):
        found.logits(disc(50), cancelled=lambda: len(found.backbone.shown) == 1)
    assert len(found.backbone.shown) == 1


def test_lengths_do_not_depend_on_the_second_look():
    sigmas = [float(model(second_look=s).priors(200, 200)[0].sigma) for s in (0.0, 2.0)]
    assert sigmas[0] == sigmas[1] == pytest.approx(200 / 64)


def test_with_the_mirror_image_a_mirrored_picture_gives_mirrored_logits():
    noise = np.random.default_rng(0).integers(0, 256, (90, 130)).astype(np.uint8)
    tiled = {"size": None, "tile": 48, "overlap": 16, "tilt": 1.0}
    both, alone = model(mirror=True, **tiled), model(**tiled)
    here, there = both.logits(noise), both.logits(noise[:, ::-1]).flip(3)
    torch.testing.assert_close(here, there)
    assert (alone.logits(noise) - alone.logits(noise[:, ::-1]).flip(3)).abs().max() > 1


@pytest.mark.parametrize("look", [-1, 0.5, 11, True, "2", float("nan")])
def test_a_second_look_of_no_use_is_refused(look):
    with pytest.raises(ValueError, match="second_look must be 0 or a number of diameters"):
        Card("m", second_look=look)


def test_a_card_keeps_how_its_network_looks():
    card = Card("m", second_look=1.35, mirror=True)
    assert Card.from_json(card.to_json()) == card
    with pytest.raises(ValueError, match="mirror must be True or False"):
        Card("m", mirror=1)
