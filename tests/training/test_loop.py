import os
import signal
import subprocess
import sys
import textwrap

import pytest
import torch

from priorseg import VariationalHead
from priorseg.backbones import UNet
from priorseg.preprocessing import Preprocessing
from priorseg.priors import ThresholdDynamics
from priorseg.training.augment import Augment
from priorseg.training.data import Sample
from priorseg.training.loop import Schedule, Trainer

SCRIPT = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[3])
    from test_loop import toy
    kill_after = int(sys.argv[2])

    def after(epoch):
        if epoch == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    toy(Path(sys.argv[1])).run(after_epoch=after)
""")


def samples(count):
    random = torch.Generator().manual_seed(9)
    found = []
    for number in range(count):
        labels = torch.zeros(16, 16, dtype=torch.int64)
        y, x = torch.randint(2, 8, (2,), generator=random).tolist()
        labels[y : y + 6, x : x + 6] = 1
        image = (60 + 120 * labels).expand(3, -1, -1).to(torch.uint8).contiguous()
        found.append(Sample(str(number), image, labels, zoom=(0.9, 1.1)))
    return found


def toy(checkpoint, epochs=4, **changes):
    torch.manual_seed(0)
    head = VariationalHead([ThresholdDynamics()], sweeps=2, learnable=True)
    augment = Augment(16, zoom=True, rotate=20, shift=0.1, light=0.2, noise=0.05)
    schedule = Schedule(**{"epochs": epochs, "head_epochs": 2, "batch": 3, "rate": 1e-2, **changes})
    return Trainer(
        UNet(3, 2, width=4, depth=1),
        head,
        Preprocessing(),
        train=samples(8),
        held_out=samples(10)[8:],
        augment=augment,
        schedule=schedule,
        checkpoint=checkpoint,
    )


def weights(trainer):
    state = {**trainer.backbone.state_dict(), **trainer.head.state_dict(prefix="head.")}
    return {name: value.clone() for name, value in state.items()}


def test_training_learns_and_its_head_changes(tmp_path):
    trainer = toy(tmp_path / "run.pt", epochs=8)
    before = weights(trainer)
    assert trainer.run()
    losses = [entry["loss"] for entry in trainer.history]
    assert losses[-1] < losses[0] / 2
    assert trainer.best_score > 0.8
    assert not torch.equal(
        weights(trainer)["head.priors.0.log_weight"], before["head.priors.0.log_weight"]
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_run_goes_on_to_the_same_result(tmp_path):
    straight = toy(tmp_path / "straight.pt")
    straight.run()
    here = os.path.dirname(__file__)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "killed.pt"), "3", here]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    resumed = toy(tmp_path / "killed.pt")
    assert resumed.resume()
    assert resumed.epoch == 3
    assert resumed.run()
    # another process may round otherwise in the last bit
    for one, two in zip(resumed.history, straight.history, strict=True):
        assert one == pytest.approx(two, rel=1e-4)
    for name, value in weights(straight).items():
        torch.testing.assert_close(weights(resumed)[name], value, rtol=1e-4, atol=1e-5)


def test_a_file_that_was_being_written_does_not_matter(tmp_path):
    toy(tmp_path / "run.pt", epochs=1, head_epochs=0).run()
    (tmp_path / "run.writing").write_bytes(b"half")
    assert toy(tmp_path / "run.pt", epochs=1, head_epochs=0).resume()


def test_time_up_stops_after_an_epoch_and_can_go_on(tmp_path):
    trainer = toy(tmp_path / "run.pt")
    assert not trainer.run(minutes=1e-9)
    assert trainer.epoch <= 1
    assert toy(tmp_path / "run.pt").run()


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    toy(tmp_path / "run.pt", epochs=1, head_epochs=0).run()
    with pytest.raises(ValueError, match=r"other \['schedule'\]"):
        toy(tmp_path / "run.pt", epochs=1, head_epochs=0, rate=1.0).run()


def test_the_best_epoch_through_the_head_is_kept(tmp_path):
    trainer = toy(tmp_path / "run.pt")
    trainer.run()
    assert trainer.best_score == max(entry["score"] for entry in trainer.history[2:])
    torch.testing.assert_close(trainer.score(), trainer.best_score)


def test_training_without_samples_is_refused(tmp_path):
    good = toy(tmp_path / "run.pt")
    with pytest.raises(ValueError, match="at least one sample"):
        Trainer(
            good.backbone,
            good.head,
            good.preprocessing,
            train=[],
            held_out=good.held_out,
            augment=good.augment,
            schedule=good.schedule,
            checkpoint=tmp_path / "x.pt",
        )
