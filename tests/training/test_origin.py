"""The weights that a training started from are known by their numbers, not by their path."""

import json

import pytest
import torch
from toys import config

from priorseg.training.checkpoint import load_checkpoint
from priorseg.training.run import train

SHORT = {"epochs": 2, "head_epochs": 1}


def started(root, runs, name="next", **changes):
    """Give the configuration of a run that starts from runs/trunk."""
    network = {"weights": str(runs / "trunk" / "model.priorseg")}
    changes = {"schedule": SHORT, "network": network, **changes}
    return config(root, card={"name": name}, **changes)


@pytest.fixture
def runs(root, tmp_path):
    found = tmp_path / "runs"
    train(config(root, schedule=SHORT), found / "trunk", device="cpu")
    assert train(started(root, found), found / "next", minutes=0, device="cpu") is None
    return found


def noted(runs):
    return json.loads((runs / "next" / "config.json").read_text())["network"]["weights_sha256"]


def test_a_run_goes_on_after_its_folder_and_that_of_its_trunk_moved(root, runs):
    mark = noted(runs)
    moved = runs.rename(runs.with_name("elsewhere"))
    assert train(started(root, moved), moved / "next", device="cpu") is not None
    assert noted(moved) == mark
    assert load_checkpoint(moved / "next" / "checkpoint.pt")["epoch"] == 2


def test_a_run_whose_trunk_was_trained_anew_is_refused(root, runs):
    for path in (runs / "trunk").iterdir():
        path.unlink()
    train(config(root, schedule={**SHORT, "rate": 0.02}), runs / "trunk", device="cpu")
    with pytest.raises(ValueError, match=r"other \['network'\]"):
        train(started(root, runs), runs / "next", device="cpu")


def test_a_trunk_with_another_card_is_the_same_trunk(root, runs):
    before = (runs / "trunk" / "model.priorseg").read_bytes()
    train(config(root, schedule=SHORT, card={"name": "other"}), runs / "trunk", device="cpu")
    assert (runs / "trunk" / "model.priorseg").read_bytes() != before
    assert train(started(root, runs), runs / "next", device="cpu") is not None


def test_only_a_fresh_start_needs_the_trunk(root, runs):
    mark = noted(runs)
    (runs / "trunk" / "model.priorseg").unlink()
    for name in ("next", "new name"):
        assert train(started(root, runs, name), runs / "next", device="cpu") is not None
    assert noted(runs) == mark
    with pytest.raises(FileNotFoundError, match="there is no file"):
        train(started(root, runs), runs / "fresh", device="cpu")


def test_a_run_that_noted_no_start_goes_by_the_name_of_its_trunk(root, runs):
    path = runs / "next" / "checkpoint.pt"
    state = load_checkpoint(path)
    del state["settings"]["network"]["weights_sha256"]
    torch.save(state, path)
    moved = runs.rename(runs.with_name("elsewhere"))
    assert train(started(root, moved), moved / "next", device="cpu") is not None
    assert noted(moved) is None
    other = {"weights": str(moved / "other" / "model.priorseg")}
    with pytest.raises(ValueError, match=r"other \['network'\]"):
        train(started(root, moved, network=other), moved / "next", device="cpu")


def test_a_configuration_can_insist_on_the_weights_it_starts_from(root, runs):
    told = json.loads((runs / "next" / "config.json").read_text())
    assert train(config(root, **told), runs / "again", device="cpu") is not None
    told["network"]["weights_sha256"] = "0" * 64
    with pytest.raises(ValueError, match=r"holds other weights than network\.weights_sha256"):
        train(config(root, **told), runs / "wrong", device="cpu")
