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


def model(second_look=0.0, mirror=False, tilt=0.0, shrink=0.0, **preprocessing):
    return Segmenter(
        Seen(tilt),
        VariationalHead([ThresholdDynamics(0.5, 1.0)], sweeps=3),
        Card("m", object_px=20.0, second_look=second_look, mirror=mirror, shrink=shrink),
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


def test_a_picture_of_wide_objects_is_seen_again_as_if_their_diameter_had_been_said():
    image = disc(50)
    shrinking, told = model(shrink=3.0, tilt=0.1, size=None), model(tilt=0.1, size=None)
    assert looks(shrinking, image) == [(200, 200), (80, 80)]  # objects of 20 px
    measured = shrinking.typical_px(told.logits(image, precision="float32"))
    assert measured == pytest.approx(50, abs=0.5)
    found = shrinking.logits(image, precision="float32")
    torch.testing.assert_close(found, told.logits(image, object_px=measured, precision="float32"))


def test_a_picture_is_shrunk_no_further_than_the_card_allows():
    assert looks(model(shrink=1.6, size=None), disc(50))[1] == (125, 125)


@pytest.mark.parametrize(
    ("image", "told", "settings"),
    [
        (disc(22), {}, {}),  # hardly wider than the card says
        (disc(8), {}, {}),  # narrower
        (np.zeros((200, 200), np.uint8), {}, {}),  # nothing was found
        (disc(50), {"object_px": 50.0}, {}),  # the diameter is known
        (disc(50), {}, {"size": 64}),  # the picture does not keep its scale
        (disc(50), {}, {"shrink": 0.0}),
    ],
)
def test_a_picture_is_not_shrunk(image, told, settings):
    assert len(looks(model(**{"shrink": 3.0, "size": None, **settings}), image, **told)) == 1


@pytest.mark.parametrize("diameter", [10, 50])
def test_progress_ends_at_its_total_whether_or_not_the_picture_is_shrunk(diameter):
    told = []
    model(shrink=3.0, size=None, tile=128, overlap=16).logits(
        disc(diameter), progress=lambda *step: told.append(step)
    )
    assert told[-1] == (8, 8)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_lengths_do_not_depend_on_whether_the_picture_is_shrunk():
    found = model(shrink=3.0, size=None)
    assert found.scale(200, 200) == 1
    assert found.object_px(200, 200) == 20
    assert model(size=None).typical_px(found.logits(disc(50))) == 20  # the card does not ask


@pytest.mark.parametrize("factor", [-1, 1.1, 9, True, "2", float("nan")])
def test_a_shrinking_of_no_use_is_refused(factor):
    with pytest.raises(ValueError, match="shrink must be"):
        Card("m", shrink=factor)


@pytest.mark.parametrize("look", [-1, 0.5, 11, True, "2", float("nan")])
def test_a_second_look_of_no_use_is_refused(look):
    with pytest.raises(ValueError, match="second_look must be 0 or a number of diameters"):
        Card("m", second_look=look)


def test_a_card_keeps_how_its_network_looks():
    card = Card("m", second_look=1.35, mirror=True, shrink=2.0)
    assert Card.from_json(card.to_json()) == card
    with pytest.raises(ValueError, match="mirror must be True or False"):
        Card("m", mirror=1)
