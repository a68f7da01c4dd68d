"""Training as a whole: learning, stopping, being killed, going on."""

import csv
import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from toys import config, write_set

from priorseg import load_bundle
from priorseg.cli import main
from priorseg.training.checkpoint import load_checkpoint
from priorseg.training.run import train

HERE = Path(__file__).parent
SCRIPT = textwrap.dedent("""
    import os, signal, sys
    import torch
    torch.set_num_threads(1)
    sys.path.insert(0, sys.argv[1])
    from toys import config, write_set
    from priorseg.training import checkpoint
    from priorseg.training.run import train

    data, out, kill_after = sys.argv[2], sys.argv[3], int(sys.argv[4])

    def kill(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    def after(epoch):
        if epoch == kill_after:
            checkpoint.os.fsync = kill  # the next checkpoint is written, but not in its place

    train(config(data, schedule={"average": 0.5}), out, save_seconds=0, after_epoch=after)
""")


def killed(root, out, after):
    command = [sys.executable, "-c", SCRIPT, str(HERE), str(root), str(out), str(after)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_training_learns_and_writes_a_bundle(root, tmp_path):
    out = tmp_path / "out"
    found = train(config(root, schedule={"epochs": 8}), out, device="cpu")
    rows = list(csv.DictReader((out / "log.csv").read_text().splitlines()))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"]) / 2
    assert float(rows[-1]["score"]) > 0.8
    assert rows[-1]["threshold_dynamics.weight"] != rows[0]["threshold_dynamics.weight"]
    assert load_bundle(found).card.labels == {0: "background", 1: "square"}
    assert json.loads((out / "config.json").read_text())["schedule"]["epochs"] == 8
    assert list(out.glob("events.*"))


def test_lengths_are_shipped_as_trained_unless_a_scale_fixes_them(root, tmp_path):
    out = tmp_path / "out"
    trained = load_bundle(train(config(root), out, device="cpu"))
    rewritten = train(config(root, ship={"scale": 3.0}), out, device="cpu")
    fixed = load_bundle(rewritten)
    sigmas = [float(model.head.priors[0].sigma) for model in (trained, fixed)]
    assert (trained.lengths, fixed.lengths) == ("working", "image")
    assert sigmas[1] == pytest.approx(3 * sigmas[0])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_run_killed_while_it_writes_goes_on_to_the_same_bits(root, tmp_path):
    told = config(root, schedule={"average": 0.5})
    train(told, tmp_path / "straight", device="cpu")
    killed(root, tmp_path / "killed", 3)
    assert list((tmp_path / "killed").glob("*.writing"))
    state = load_checkpoint(tmp_path / "killed" / "checkpoint.pt")
    assert state["epoch"] == 3
    train(told, tmp_path / "killed", device="cpu")
    one, two = (load_checkpoint(tmp_path / n / "checkpoint.pt") for n in ("straight", "killed"))
    for name, value in one["weights"].items():
        assert torch.equal(two["weights"][name], value), name
    assert [r["score"] for r in one["history"]] == [r["score"] for r in two["history"]]


def test_time_up_stops_after_an_epoch_and_can_go_on(root, tmp_path):
    told = config(root)
    assert train(told, tmp_path / "out", minutes=0, device="cpu") is None
    assert load_checkpoint(tmp_path / "out" / "checkpoint.pt")["epoch"] == 1
    assert train(told, tmp_path / "out", device="cpu") is not None


def test_a_folder_of_another_run_is_refused_and_left_alone(root, tmp_path):
    train(config(root), tmp_path / "out", device="cpu")
    before = {p: p.read_bytes() for p in (tmp_path / "out").iterdir() if p.is_file()}
    with pytest.raises(ValueError, match=r"other \['loss'\]"):
        train(config(root, loss={"dice": 0.5}), tmp_path / "out", device="cpu")
    assert before == {p: p.read_bytes() for p in (tmp_path / "out").iterdir() if p.is_file()}


def test_what_is_shipped_may_differ_from_what_was_trained(root, tmp_path):
    train(config(root), tmp_path / "out", device="cpu")
    ship = {"priors": [{"name": "threshold-dynamics", "sigma": 6.0}], "sweeps": 3}
    again = config(root, ship=ship, card={"name": "other"})
    segmenter = load_bundle(train(again, tmp_path / "out", device="cpu"))
    state = load_checkpoint(tmp_path / "out" / "checkpoint.pt")["best"]
    (prior,) = segmenter.head.priors
    assert segmenter.card.name == "other"
    assert segmenter.head.sweeps == 3
    assert prior.settings()["sigma"] == pytest.approx(6)
    weight = state["head.priors.0.log_weight"].exp()
    assert prior.settings()["weight"] == pytest.approx(float(weight))


@pytest.mark.parametrize("source", ["model.priorseg", "checkpoint.pt"])
def test_a_network_can_start_from_another_run(root, tmp_path, source):
    train(config(root), tmp_path / "first", device="cpu")
    network = {"weights": str(tmp_path / "first" / source)}
    schedule = {"epochs": 1, "rate": 0.0, "head_epochs": 0, "prior_rate": 0.0}
    train(config(root, network=network, schedule=schedule), tmp_path / "next", device="cpu")
    wanted = load_checkpoint(tmp_path / "first" / "checkpoint.pt")["best"]
    found = load_checkpoint(tmp_path / "next" / "checkpoint.pt")["best"]
    for name in wanted:
        if name.startswith("backbone."):
            torch.testing.assert_close(found[name], wanted[name], rtol=1e-3, atol=1e-3)


def test_early_stopping_counts_epochs_without_a_better_score(root, tmp_path):
    schedule = {"epochs": 9, "head_epochs": 0, "patience": 2, "rate": 0.0, "prior_rate": 0.0}
    train(config(root, schedule=schedule), tmp_path / "out", device="cpu")
    assert load_checkpoint(tmp_path / "out" / "checkpoint.pt")["epoch"] == 3


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file", b"cos\nsystem\n(S'true'\ntR."])
def test_a_damaged_or_hostile_checkpoint_is_refused(root, tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.pt cannot be read .*Delete it"):
        train(config(root), tmp_path, device="cpu")


def test_a_foreign_file_is_no_checkpoint(root, tmp_path):
    torch.save({"weights": torch.zeros(3)}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="no checkpoint of this program"):
        train(config(root), tmp_path, device="cpu")
    save_file({"weights": torch.zeros(3)}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="cannot be read"):
        train(config(root), tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("weights", {"backbone.out.weight": torch.zeros(1)}),
        ("best", {"nothing": torch.zeros(1)}),
        ("history", [3]),
        ("optimiser", {}),
        ("epoch", "soon"),
    ],
)
def test_a_checkpoint_with_foreign_parts_is_refused(key, value, root, tmp_path):
    train(config(root), tmp_path, minutes=0, device="cpu")
    state = load_checkpoint(tmp_path / "checkpoint.pt")
    torch.save({**state, key: value}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="does not fit the network"):
        train(config(root), tmp_path, device="cpu")


def test_a_full_disk_leaves_the_last_checkpoint(root, tmp_path):
    resource = pytest.importorskip("resource")
    train(config(root), tmp_path / "out", minutes=0, device="cpu")
    before = (tmp_path / "out" / "checkpoint.pt").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match=r"could not be written .* unharmed; free"):
            train(config(root), tmp_path / "out", device="cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "out" / "checkpoint.pt").read_bytes() == before
    assert not list((tmp_path / "out").glob("*.writing"))


def test_the_command_trains_and_says_when_time_is_up(root, tmp_path, capsys):
    text = textwrap.dedent("""
        [network]
        settings = { width = 4, depth = 1 }
        [preprocessing]
        size = 16
        [data]
        labels = ["background", "square"]
        sets = [{ folder = "toys" }]
        root = "data"
        [schedule]
        epochs = 2
    """)
    (tmp_path / "toy.toml").write_text(text)
    command = ["train", str(tmp_path / "toy.toml"), "--out", str(tmp_path / "out")]
    command += ["--device", "cpu"]
    assert main([*command, "--minutes", "0"]) == 3
    assert "Run the same command again" in capsys.readouterr().out
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "epoch 2/2" in told
    assert "epoch 1/2" not in told


def test_the_command_says_what_data_is_missing(tmp_path, capsys):
    text = '[preprocessing]\nsize = 16\n[data]\nlabels = ["a", "b"]\nsets = [{ folder = "c" }]\n'
    (tmp_path / "toy.toml").write_text(text)
    assert main(["train", str(tmp_path / "toy.toml"), "--data", str(tmp_path)]) == 2
    assert "The data set 'c' is missing" in capsys.readouterr().err


def test_without_the_extra_the_command_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["train", str(tmp_path / "toy.toml")]) == 2
    assert 'pip install "priorseg[train]"' in capsys.readouterr().err


@pytest.mark.parametrize("source", ["truth", "network", "regressed"])
def test_a_volume_prior_trains_with_volumes_from(source, root, tmp_path):
    head = {"priors": [{"name": "threshold-dynamics"}, {"name": "volume"}], "volumes": source}
    schedule = {"epochs": 2, "head_epochs": 2}
    told = config(root, head=head, schedule=schedule)
    assert train(told, tmp_path, device="cpu") == tmp_path / "model.priorseg"
    state = load_checkpoint(tmp_path / "checkpoint.pt")
    regressed = any(name.startswith("regressor.") for name in state["weights"])
    assert regressed == (source == "regressed")
    assert (tmp_path / "regressor.safetensors").is_file() == regressed


def inner(learnable):
    told = {"inner": "threshold-dynamics", "inner_sigma": 1.5, "inner_learnable": learnable}
    return {"settings": {"width": 4, "depth": 2, **told}}


def test_priors_inside_a_network_are_learned_logged_and_kept(root, tmp_path):
    schedule = {"epochs": 2, "head_epochs": 0, "prior_rate": 0.1, "decay": 0.5, "keep": "last"}
    told = config(root, network=inner(True), schedule=schedule)
    network = load_bundle(train(told, tmp_path, device="cpu")).backbone
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    for place, prior in enumerate(network.inner_priors()):
        for name, start in (("weight", 1.0), ("sigma", 1.5)):
            learned = prior.settings()[name]
            assert abs(learned - start) > 0.05
            logged = float(rows[-1][f"inner.{place}.threshold_dynamics.{name}"])
            assert learned == pytest.approx(logged)


@pytest.mark.parametrize(("learnable", "rate"), [(False, 0.1), (True, 0.0)])
def test_priors_inside_a_network_stay_unless_told_to_learn(root, tmp_path, learnable, rate):
    schedule = {"epochs": 1, "head_epochs": 1, "prior_rate": rate}
    told = config(root, network=inner(learnable), schedule=schedule)
    network = load_bundle(train(told, tmp_path, device="cpu")).backbone
    for prior in network.inner_priors():
        assert prior.settings() == pytest.approx({"weight": 1.0, "sigma": 1.5, "edge": 0.0})
    assert "inner" not in (tmp_path / "log.csv").read_text()


@pytest.mark.parametrize("source", ["truth", "network"])
def test_a_star_prior_trains_with_centres_from(source, root, tmp_path):
    head = {"priors": [{"name": "star", "label": 1}], "centres": source}
    told = config(root, head=head, schedule={"epochs": 1, "head_epochs": 1})
    assert train(told, tmp_path, device="cpu") == tmp_path / "model.priorseg"


def test_half_precision_and_ignored_pixels_train(tmp_path):
    root = write_set(tmp_path / "data", value=7)
    schedule = {"epochs": 2, "precision": "bfloat16", "average": 0.5, "keep": "last"}
    train(config(root, schedule=schedule, data={"ignore": 7}), tmp_path / "out", device="cpu")
    history = load_checkpoint(tmp_path / "out" / "checkpoint.pt")["history"]
    assert history[-1]["score"] <= 1
