"""Heads are checked before training, and shipped as they were trained unless told otherwise."""

import pytest
import torch
from toys import config, plain

from priorseg.solver import replay
from priorseg.training.config import TrainConfig
from priorseg.training.heads import HeadSettings, ShipSettings, make_head, ship_head

SMOOTH = {"name": "threshold-dynamics", "weight": 2.0, "sigma": 2.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": {"priors": [{"name": "star", "label": 5}]}}, "Star: label 5 does not exist"),
        ({"head": {"priors": [{"name": "nested", "order": [3, 1]}]}}, "label 3 does not exist"),
        ({"ship": {"priors": [{"name": "nope"}]}}, "ship: There is no prior 'nope'"),
        ({"ship": {"priors": [{"name": "star", "label": 9}]}}, "ship: Star: label 9"),
        ({"network": {"settings": {"out_channels": 5}}}, "out_channels comes from the data"),
        ({"loss": {"cross_entropy": 0, "dice": 0}}, "nothing is learned from the truth"),
        ({"loss": {"dice": 0, "class_weights": [0, 0]}}, "nothing is learned from the truth"),
        ({"schedule": {"rate": 10**400}}, "schedule.rate must be a number"),
        ({"head": {"priors": [{**SMOOTH, "weight": 10**400}]}}, "cannot be built"),
    ],
)
def test_what_would_fail_after_hours_is_refused_at_once(change, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig.from_dict(plain("data", **change))


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000])
def test_endless_toml_is_refused(text, tmp_path):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ValueError, match=r"x\.toml is no TOML"):
        TrainConfig.from_toml(tmp_path / "x.toml")


def test_every_prior_is_shipped_when_only_the_sweeps_change():
    stars = tuple({"name": "star", "label": label} for label in (1, 2))
    shipped = ship_head(make_head(HeadSettings(stars)), ShipSettings(sweeps=3))
    assert [prior.label for prior in shipped.priors] == [1, 2]


def test_a_shipped_prior_takes_the_settings_of_its_own_label():
    trained = make_head(HeadSettings((SMOOTH, {"name": "star", "label": 1})))
    told = ({"name": "threshold-dynamics", "sigma": 5.0}, {"name": "star", "label": 2})
    smooth, star = ship_head(trained, ShipSettings(told)).priors
    assert smooth.settings() == pytest.approx({"weight": 2, "sigma": 5, "edge": 0})
    assert star.label == 2


@pytest.mark.parametrize("prior", [SMOOTH, {"name": "total-variation", "weight": 1.0}])
def test_a_scaled_head_does_the_same_on_an_enlarged_image(prior):
    trained = make_head(HeadSettings((prior,), sweeps=300))
    large = ship_head(trained, ShipSettings(scale=3.0))
    small, kept = _probs(trained, 1), _probs(large, 3)
    assert (kept - small).abs().mean() < 0.002
    assert (_probs(trained, 3) - small).abs().mean() > 0.01


def _probs(head, times):
    """Give the probabilities of a square bar, enlarged for the head and shrunk again."""
    inside = -torch.ones(1, 1, 24, 24)
    inside[..., 9:15, 4:20] = 1
    logits = torch.cat((-inside, inside), 1).repeat_interleave(times, 2).repeat_interleave(times, 3)
    with torch.no_grad():
        found = replay(logits, list(head.priors), sweeps=head.sweeps)
    return torch.nn.functional.avg_pool2d(found.probs, times)


def test_lengths_are_scaled_and_other_numbers_are_not():
    convex = {"name": "convex", "labels": [1], "radii": [1, 2, 5], "single": True}
    head = ship_head(make_head(HeadSettings((SMOOTH, convex))), ShipSettings(scale=1.6))
    smooth, hull = head.priors
    assert smooth.settings() == pytest.approx({"weight": 2, "sigma": 3.2, "edge": 0})
    assert hull.settings() == {"labels": [1], "radii": [2, 3, 8], "single": True}


def test_a_ship_section_survives_json():
    told = config("data", ship={"scale": 1.5})
    assert TrainConfig.from_dict(told.to_dict()) == told
