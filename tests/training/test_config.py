"""A configuration is read strictly, and kept as plain values."""

import json
from pathlib import Path

import pytest
from toys import config, plain

from priorseg.training.config import TrainConfig

ZOO = Path(__file__).resolve().parents[2] / "configs" / "zoo"


def test_a_configuration_survives_json():
    told = config(
        "data",
        noise=[{"kind": "salt", "high": 0.02}],
        loss={"class_weights": [1, 2]},
        ship={"sweeps": 3},
        data={"limit": 5, "relabel": {"7": 1}, "ignore": 9},
    )
    assert TrainConfig.from_dict(json.loads(json.dumps(told.to_dict()))) == told


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 3}, r"config has no settings \['epochs'\]; allowed are .*'augment'"),
        ({"schedule": {"epocs": 3}}, r"config.schedule has no settings \['epocs'\]"),
        ({"schedule": {"epochs": 0}}, r"schedule.epochs must lie from 1 to 100000, got 0"),
        ({"schedule": {"epochs": 2.5}}, "schedule.epochs must be a whole number, got 2.5"),
        ({"schedule": {"batch": True}}, "schedule.batch must be a whole number, got True"),
        ({"schedule": {"rate": "fast"}}, "schedule.rate must be a number, got 'fast'"),
        ({"schedule": {"rate": float("nan")}}, "schedule.rate must be a number, got nan"),
        ({"schedule": {"precision": "half"}}, r"one of \['float32', 'bfloat16'\], got 'half'"),
        ({"schedule": {"epochs": 2, "head_epochs": 3}}, "head_epochs 3 is more than epochs 2"),
        ({"data": {"labels": ["one"]}}, "2 to 256 labels"),
        ({"data": {"sets": []}}, "sets is empty"),
        ({"data": {"sets": [{"folder": "a", "zoom": [2, 1]}]}}, r"sets\[0\].*low <= high"),
        ({"data": {"sets": [{"folder": "a", "view_px": [20, 10]}]}}, "view_px .*low <= high"),
        (
            {"data": {"sets": [{"folder": "a", "zoom": [1, 2], "view_px": [9, 9]}]}},
            "zoom and view_px say the same",
        ),
        ({"data": {"ignore": 1}}, "ignore = 1 is the label 'square'"),
        ({"data": {"ignore": 7, "relabel": {"7": 1}}}, "value 7 is both ignored and relabelled"),
        ({"data": {"relabel": {"x": 1}}}, "relabel must map values to labels"),
        ({"head": {"priors": [{"name": "smooth"}]}}, "There is no prior 'smooth'.*'convex'"),
        ({"head": {"priors": [{"name": "nested", "x": 1}]}}, r"'nested' has no setting \['x'\]"),
        ({"head": {"priors": [{"name": "threshold-dynamics", "sigma": -1}]}}, "cannot be built"),
        ({"head": {"link": {"ordered": [2, 1]}}}, "The order .* must name each of the labels 1"),
        ({"head": {"link": "sigmoid"}}, "link 'sigmoid' is unknown"),
        ({"augment": {"spin": 3}}, r"augment has no settings \['spin'\]"),
        ({"preprocessing": {"size": 4}}, "size must be None or a whole number from 8"),
        ({"loss": {"class_weights": [1, 2, 3]}}, "class_weights has 3 entries for 2 labels"),
        ({"noise": [{"kind": "salt", "low": 0.2, "high": 0.1}]}, "low 0.2 is above high 0.1"),
        ({"noise": [{"kind": "rain"}]}, r"noise\[0\].kind must be one of"),
        ({"card": {"labels": {}}}, "card.labels comes from data.labels"),
        ({"card": {"title": 3}}, "card.title must be text"),
    ],
)
def test_what_is_wrong_is_said(change, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig.from_dict(plain("data", **change))


@pytest.mark.parametrize("path", sorted(ZOO.glob("*.toml")), ids=lambda path: path.stem)
def test_the_recipes_of_the_models_can_be_read(path):
    found = TrainConfig.from_toml(path)
    assert found.make_card().name == path.stem


def test_missing_data_settings_are_named():
    with pytest.raises(ValueError, match=r"config lacks the settings \['data'\]"):
        TrainConfig.from_dict({})


def test_paths_of_a_file_are_relative_to_it(tmp_path):
    text = 'network = { weights = "a/b.priorseg" }\npreprocessing = { size = 16 }\n'
    text += '[data]\nroot = "sets"\nlabels = ["a", "b"]\nsets = [{ folder = "c" }]\n'
    (tmp_path / "x.toml").write_text(text)
    found = TrainConfig.from_toml(tmp_path / "x.toml")
    assert found.data.root == str(tmp_path / "sets")
    assert found.network.weights == str(tmp_path / "a" / "b.priorseg")


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"x\.toml is no TOML"):
        TrainConfig.from_toml(tmp_path / "x.toml")
    (tmp_path / "y.toml").write_text("data = [")
    with pytest.raises(ValueError, match=r"y\.toml is no TOML"):
        TrainConfig.from_toml(tmp_path / "y.toml")
    with pytest.raises(FileNotFoundError, match="no configuration"):
        TrainConfig.from_toml(tmp_path / "z.toml")
