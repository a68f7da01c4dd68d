"""Several processes give the weights of one."""

import os
import subprocess
import sys

import pytest
import torch

from priorseg.training.checkpoint import load_checkpoint
from priorseg.training.config import TrainConfig
from priorseg.training.run import train

TOY = """
[network]
settings = { width = 4, depth = 1 }
[head]
priors = [{ name = "threshold-dynamics" }]
sweeps = 2
[preprocessing]
size = 16
[data]
root = "data"
labels = ["background", "square"]
sets = [{ folder = "toys", zoom = [0.9, 1.1] }]
held_out = 0.2
[augment]
zoom = true
rotate = 20
noise = 0.05
[schedule]
epochs = 4
head_epochs = 2
batch = 3  # parts of 2 and 1
rate = 1e-3
"""


def torchrun(config, out):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "priorseg.cli", "train", str(config)]
    command += ["--out", str(out), "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch lacks distributed")
def test_two_processes_give_the_weights_of_one_with_the_same_batch(root, tmp_path):
    file = tmp_path / "toy.toml"
    file.write_text(TOY)
    done = torchrun(file, tmp_path / "two")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch 4/4") == done.stdout.count("Wrote") == 1
    train(TrainConfig.from_toml(file), tmp_path / "one", device="cpu")
    one, two = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("one", "two"))
    for name, value in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], value, rtol=1e-5, atol=1e-5)
    assert [r["score"] for r in one["history"]] == [r["score"] for r in two["history"]]
    losses = [[row["loss"] for row in run["history"]] for run in (one, two)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert (tmp_path / "two" / "model.priorseg").is_file()
