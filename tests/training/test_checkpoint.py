"""Whatever is wrong with a checkpoint, it is said."""

import random
from contextlib import suppress

import pytest
import torch

from priorseg.training.checkpoint import KEYS, load_checkpoint, write_whole


def state(**changes):
    row = {"epoch": 1, "loss": 0.5, "score": 0.5, "seconds": 1.0}
    weights = {"a": torch.arange(9.0)}
    told = {"epoch": 1, "weights": weights, "best": weights, "best_score": 0.5, "history": [row]}
    told |= {"optimiser": {"state": {}, "param_groups": []}, "settings": {"seed": 0}}
    return {**told, "mean": {"steps": 3, "state": weights}, **changes}


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_with_wrong_bytes_is_read_or_refused(zipped, tmp_path):
    path, dice = tmp_path / "checkpoint.pt", random.Random(0)
    torch.save(state(), path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for _ in range(300):
        wrong = bytearray(whole[: dice.choice([len(whole), dice.randrange(len(whole))])])
        for _ in range(min(len(wrong), dice.choice([1, 3, 20]))):
            wrong[dice.randrange(len(wrong))] = dice.randrange(256)
        path.write_bytes(wrong)
        with suppress(ValueError):  # any other error fails the test
            assert set(load_checkpoint(path)) == KEYS


def test_a_place_that_cannot_be_written_is_not_called_full(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"could not be written .* choose another folder"):
        write_whole(tmp_path / "file" / "checkpoint.pt", b"x")


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"seed": torch.zeros(3)}},
        {"settings": torch.zeros(3)},
        {"epoch": -3},
        {"epoch": 10**9},
        {"history": []},
        {"history": [{"score": "x"}]},
        {"best": 3},
        {"best": {3: torch.zeros(1)}},
        {"best_score": float("nan")},
        {"mean": {"steps": "x", "state": {}}},
        {"optimiser": []},
        {"weights": {"a": 1.0}},
        {"weights": {"a": torch.tensor([torch.nan])}},
    ],
    ids=str,
)
def test_parts_that_cannot_come_from_a_training_are_refused(change, tmp_path):
    torch.save(state(**change), tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match=r"checkpoint\.pt .* Delete it"):
        load_checkpoint(tmp_path / "checkpoint.pt")
    torch.save(state(), tmp_path / "checkpoint.pt")
    assert load_checkpoint(tmp_path / "checkpoint.pt")["epoch"] == 1
