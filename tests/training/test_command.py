"""What ``priorseg train`` says when it cannot go on."""

import pytest
from toys import config

from priorseg.cli import main

TOY = '[preprocessing]\nsize = 16\n[data]\nlabels = ["a", "b"]\nsets = [{ folder = "toys" }]\n'


@pytest.fixture
def command(root, tmp_path):
    (tmp_path / "toy.toml").write_text(TOY)
    return ["train", str(tmp_path / "toy.toml"), "--data", str(root), "--out", str(tmp_path / "o")]


@pytest.mark.parametrize("threads", ["0", "-1", "99999"])
def test_threads_out_of_range_are_refused(threads, command, capsys):
    assert main([*command, "--threads", threads]) == 2
    assert f"--threads {threads} must be from 1 to 1024" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_named(command, capsys):
    import torch

    missing = "mps" if not torch.backends.mps.is_available() else "cuda"
    assert main([*command, "--device", missing]) == 2
    assert f"cannot use the device '{missing}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (FloatingPointError("The loss is nan in epoch 3."), 2, "error: The loss is nan in epoch 3"),
        (KeyboardInterrupt(), 130, "Run the same command again to go on"),
    ],
)
def test_a_run_that_breaks_off_says_so_in_a_line(raised, code, said, command, capsys, monkeypatch):
    def train(*_, **__):
        raise raised

    monkeypatch.setattr("priorseg.training.run.train", train)
    assert main(command) == code
    found = capsys.readouterr()
    assert said in found.out + found.err


def test_a_card_that_json_cannot_hold_is_refused_before_training():
    with pytest.raises(ValueError, match="what JSON cannot keep"):
        config("data", card={"scores": {"a": float("nan")}})
