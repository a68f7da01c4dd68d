"""Lengths of priors belong to the working size and grow with each image."""

import numpy as np
import pytest
import torch
from torch import nn

from priorseg import Segmenter, VariationalHead, load_bundle, save_bundle
from priorseg.backbones import UNet
from priorseg.bundle_format import read_header
from priorseg.card import Card
from priorseg.evaluation.predictor import Predictor
from priorseg.preprocessing import Preprocessing
from priorseg.priors import Convex, Star, ThresholdDynamics, TotalVariation
from priorseg.session import PriorChoice, Session, Settings
from priorseg.session.lengths import carried
from priorseg.solver import replay
from priorseg.spec import enlarged


class Bright(nn.Module):
    """Logits that are the brightness: the network sees pixels one by one."""

    in_channels, out_channels = 1, 2

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()), requires_grad=False)

    def forward(self, image):
        return self.gain * torch.cat((-image, image), 1)


def bright(*priors, lengths="working", **preprocessing):
    return Segmenter(
        Bright(),
        VariationalHead(list(priors) or [ThresholdDynamics(1.0, 2.0)], sweeps=40),
        Card("m", object_px=20.0),
        preprocessing=Preprocessing(channels=1, **preprocessing),
        lengths=lengths,
    )


def bar(times=1):
    plane = np.full((24, 24), 64, np.uint8)
    plane[9:15, 4:20] = 192
    return plane.repeat(times, 0).repeat(times, 1)


def sigma(priors):
    return float(priors[0].sigma.detach())


@pytest.mark.parametrize("prior", [ThresholdDynamics(2.0, 2.0), TotalVariation(1.0)])
def test_an_enlarged_prior_does_on_an_enlarged_image_what_it_did_before(prior):
    small, same, large = (
        _bar_probs([one], times) for one, times in ((prior, 1), (prior, 3), (prior.enlarged(3), 3))
    )
    assert (large - small).abs().mean() < 0.003
    assert (same - small).abs().mean() > 0.01


def _bar_probs(priors, times):
    inside = torch.from_numpy(bar(times) / 64.0 - 2).float()[None, None]
    found = replay(torch.cat((-inside, inside), 1), priors, sweeps=300)
    return torch.nn.functional.avg_pool2d(found.probs, times)


def test_only_lengths_grow_and_they_stop_at_the_ends_of_their_range():
    smooth = ThresholdDynamics(1.5, 2.0, edge=3.0)
    assert smooth.enlarged(4).settings() == pytest.approx({"weight": 1.5, "sigma": 8, "edge": 3})
    assert sigma([smooth.enlarged(1e3)]) == pytest.approx(40)
    assert sigma([smooth.enlarged(1e-3)]) == pytest.approx(0.5)
    hull = Convex((1,), radii=(2, 4, 7), single=True)
    assert hull.enlarged(1.5).radii == (3, 6, 10)
    assert hull.enlarged(0.2).radii == (1,)
    assert hull.enlarged(100).radii == (64,)
    assert Star(2).enlarged(3).settings() == {"label": 2}


def test_a_length_that_was_trained_beyond_its_range_may_stay_there():
    assert sigma([ThresholdDynamics(1.0, 0.3).enlarged(1.01)]) == pytest.approx(0.303)
    assert sigma([ThresholdDynamics(1.0, 60.0).enlarged(0.9)]) == pytest.approx(54)
    assert sigma([ThresholdDynamics(1.0, 60.0).enlarged(2.0)]) == pytest.approx(60)


def test_without_enlargement_the_prior_is_itself():
    prior = ThresholdDynamics(1.0, 60.0)
    assert prior.enlarged(1) is prior


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf")])
def test_a_factor_that_is_none_is_refused(factor):
    with pytest.raises(ValueError, match="factor must be a finite number > 0"):
        enlarged(ThresholdDynamics, {}, factor)


def test_what_grows_and_is_missing_takes_its_default():
    assert enlarged(ThresholdDynamics, {"weight": 1.0}, 2.0) == {"weight": 1.0, "sigma": 4.0}


@pytest.mark.parametrize(
    ("shape", "told", "expected"),
    [
        ((300, 200), {"size": 160}, 2 * 300 / 160),
        ((120, 80), {"size": 160}, 2 * 120 / 160),
        ((700, 200), {"size": 160, "largest_fit": 512}, 2.0),  # a frame keeps its scale
        ((700, 200), {}, 2.0),
    ],
)
def test_sigma_is_that_of_training_over_the_scale_of_each_image(shape, told, expected):
    model = bright(**told)
    assert sigma(model.priors(*shape)) == pytest.approx(expected)
    assert sigma(bright(lengths="image", **told).priors(*shape)) == pytest.approx(2)


def test_the_size_of_the_objects_sets_the_lengths_of_a_frame():
    assert sigma(bright().priors(900, 700, object_px=50.0)) == pytest.approx(2 * 50 / 20, rel=0.01)


def test_a_detail_that_training_smooths_away_is_smoothed_away_in_a_larger_image():
    def arm_left(times, lengths):
        plane = np.full((24, 24), 96, np.uint8)
        plane[4:14, 4:14] = plane[8:11, 14:22] = 160
        model = bright(ThresholdDynamics(2.0, 2.0), size=24, lengths=lengths)
        labels = model.segment(plane.repeat(times, 0).repeat(times, 1)).labels[0]
        return int(labels[:, 17 * times :].sum()) / times**2

    assert arm_left(1, "working") == arm_left(3, "working") == 0
    assert arm_left(3, "image") > 8  # of 15 pixels


def test_segment_session_and_evaluation_solve_with_the_same_lengths():
    model, image = bright(size=24), bar(4)
    expected = model.segment(image)
    session = Session(model)
    session.set_image(image)
    session.compute_logits()
    settings = session.default_settings()
    assert settings.priors[0].settings["sigma"] == pytest.approx(8)
    *_, frame = session.frames(settings)
    np.testing.assert_array_equal(frame.labels, expected.labels[0].numpy())
    found = Predictor(model)(image / np.float32(255))
    np.testing.assert_array_equal(found.labels, expected.labels[0].numpy())


def test_given_priors_are_taken_as_they_are():
    model, image, given = bright(size=24), bar(3), [ThresholdDynamics(1.0, 2.0)]
    expected = bright(size=24, lengths="image").segment(image)
    torch.testing.assert_close(model.segment(image, priors=given).probs, expected.probs)


def test_the_settings_follow_the_region():
    session = Session(bright(size=64))
    assert session.default_settings().priors[0].settings["sigma"] == pytest.approx(2)
    session.set_image(np.zeros((256, 200), np.uint8))
    assert session.default_settings().priors[0].settings["sigma"] == pytest.approx(8)
    session.set_region((128, 128), 96)
    small = session.default_settings()
    assert small.priors[0].settings["sigma"] == pytest.approx(3)
    assert session.suited(small) is small
    session.set_region(None)
    assert session.suited(small) == session.default_settings()
    fixed = Session(bright(size=64, lengths="image"))
    fixed.set_image(np.zeros((256, 200), np.uint8))
    assert fixed.default_settings().scale == 1


def _settings(sigma, radii, weight=1.0, scale=1.0):
    return Settings(
        scale=scale,
        priors=(
            PriorChoice("threshold_dynamics", {"weight": weight, "sigma": sigma}),
            PriorChoice("convex", {"labels": (1,), "radii": radii}),
        ),
    )


def test_trained_lengths_come_back_exactly_and_changed_ones_grow():
    before, after = _settings(2.0, (2, 4)), _settings(3.0, (3, 6), scale=1.5)
    assert carried(before, before, after) == after
    assert carried(carried(before, before, after), after, before) == before
    changed = carried(_settings(4.0, (2, 4), weight=7.0), before, after)
    assert changed == _settings(6.0, (3, 6), weight=7.0, scale=1.5)
    added = PriorChoice("total_variation", {"weight": 2.0}, on=False)
    more = Settings(priors=(*before.priors, added))
    assert carried(more, before, after).priors[-1] == PriorChoice(
        "total_variation", {"weight": 3.0}, on=False
    )


def small_model(lengths):
    torch.manual_seed(0)
    head = VariationalHead([ThresholdDynamics(1.0, 2.0)], sweeps=3)
    return Segmenter(
        UNet(1, 2, width=4, depth=1),
        head,
        Card("m"),
        preprocessing=Preprocessing(channels=1, size=32),
        lengths=lengths,
    )


@pytest.mark.parametrize("lengths", ["working", "image"])
def test_a_bundle_keeps_what_its_lengths_mean(lengths, tmp_path):
    path = save_bundle(tmp_path / "m.priorseg", small_model(lengths))
    assert load_bundle(path).lengths == lengths
    assert read_header(path).description["lengths"] == lengths


def test_what_lengths_mean_is_one_of_two_things():
    with pytest.raises(ValueError, match="lengths must be 'working' or 'image'"):
        small_model("mm")
