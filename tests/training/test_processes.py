"""Several processes give the weights of one."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from toys import config

from priorseg.training.checkpoint import load_checkpoint
from priorseg.training.run import train

HERE = Path(__file__).parent
SCRIPT = textwrap.dedent("""
    import sys
    import torch
    torch.set_num_threads(1)
    sys.path.insert(0, sys.argv[1])
    from toys import config
    from priorseg.training.run import train
    train(config(sys.argv[2], schedule={"rate": 1e-3}), sys.argv[3], device="cpu")
""")


def torchrun(tmp_path, root, out):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(script), str(HERE), str(root), str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch lacks distributed")
def test_two_processes_give_the_weights_of_one_with_the_same_batch(root, tmp_path):
    done = torchrun(tmp_path, root, tmp_path / "two")
    assert done.returncode == 0, done.stderr
    train(config(root, schedule={"rate": 1e-3}), tmp_path / "one", device="cpu")
    one, two = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("one", "two"))
    for name, value in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], value, rtol=1e-5, atol=1e-5)
    assert [r["score"] for r in one["history"]] == [r["score"] for r in two["history"]]
    losses = [[row["loss"] for row in run["history"]] for run in (one, two)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert (tmp_path / "two" / "model.priorseg").is_file()
