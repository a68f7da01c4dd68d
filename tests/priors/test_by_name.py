"""Priors built from names and settings."""

import pytest

from priorseg import priors
from priorseg.spec import registered


def test_hyphens_and_underscores_are_the_same():
    for name in ("threshold-dynamics", "threshold_dynamics"):
        assert priors.make_prior(name, {"weight": 3.0}).settings()["weight"] == pytest.approx(3)


@pytest.mark.parametrize("prior", [priors.Star(2), priors.Convex((1,)), priors.Nested((2, 1))])
def test_a_prior_comes_back_from_its_own_settings(prior):
    again = priors.make_prior(prior.name, prior.settings())
    assert type(again) is type(prior)
    assert again.settings() == prior.settings()


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("starr", {}, r"no prior 'starr'.*'star'"),
        ("star", {"lable": 1}, r"no setting \['lable'\]; it has \['label'\]"),
        ("star", {}, r"needs a value for \['label'\]"),
        ("threshold_dynamics", {"sigma": -1}, "cannot be built: sigma"),
        ("threshold_dynamics", {"weight": 10**400}, "cannot be built"),
        (7, {}, "no prior 7"),
    ],
)
def test_wrong_names_and_settings_are_named(name, settings, said):
    with pytest.raises(ValueError, match=said):
        priors.make_prior(name, settings)
    assert registered()
