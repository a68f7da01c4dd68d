"""The script that trains the rows of the tables."""

import argparse
import importlib.util
import json
import tomllib
from pathlib import Path

import pytest

from priorseg import Segmenter, VariationalHead, save_bundle
from priorseg.backbones import UNet
from priorseg.card import Card

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "scripts" / "tables.py"
TABLES = [p for p in sorted((ROOT / "configs" / "tables").glob("*.toml")) if "." not in p.stem]
TOY = {
    "seeds": [0],
    "train": {"data": {"labels": ["a", "b"], "sets": [{"folder": "x"}]}, "augment": {"size": 16}},
    "variants": {"plain": {}, "std": {"trunk": "plain", "head": {"sweeps": 3}}},
}


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tables", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(data):
    return argparse.Namespace(minutes=1.0, seeds=None, only=None, data=data, report=None, threads=1)


@pytest.fixture
def trained(monkeypatch):
    """Train nothing: note the configuration and leave the files that a training leaves."""
    from priorseg.training.origin import marked

    calls = []
    card = Card("m", labels={0: "a", 1: "b"}, object_px=9.0)

    def train(config, out, **_):
        out.mkdir(parents=True, exist_ok=True)
        told = config.to_dict()
        told["network"] = marked(told["network"])
        (out / "config.json").write_text(json.dumps(told))
        network = UNet(3, 2, width=2, depth=1, norm="batch")
        save_bundle(out / "model.priorseg", Segmenter(network, VariationalHead(), card))
        calls.append((out.name, config.head.sweeps))
        return out

    monkeypatch.setattr("priorseg.training.run.train", train)
    return calls


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_row_of_the_tables_can_be_read(path, tables, tmp_path):
    from priorseg.training.config import TrainConfig

    table = tomllib.loads(path.read_text(encoding="utf-8"))
    for name, config in tables.configurations(table, tmp_path, 7).items():
        found = TrainConfig.from_dict(config)
        assert (found.seed, found.make_card().name) == (7, name)


@pytest.mark.parametrize("name", ["isic", "camvid"])
def test_shipped_lengths_fit_the_size_at_which_a_table_measures(name):
    folder = ROOT / "configs" / "tables"
    train = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))["train"]
    protocol = tomllib.loads((folder / f"{name}.protocol.toml").read_text(encoding="utf-8"))
    scale = train.get("ship", {}).get("scale", 1.0)
    for told in protocol["data"]:
        assert scale * train["preprocessing"]["size"] == pytest.approx(told["longest"])


def test_a_row_starts_from_the_network_of_its_trunk_and_seed(tables, tmp_path):
    found = tables.configurations(TOY, tmp_path, 2)
    assert found["std"]["network"]["weights"] == str(tmp_path / "plain-2" / "model.priorseg")
    assert "network" not in found["plain"]


@pytest.mark.parametrize("key", ["like", "trunk"])
def test_a_row_that_refers_to_no_row_is_refused(key, tables, tmp_path):
    wrong = {**TOY, "variants": {"std": {key: "none"}}}
    with pytest.raises(ValueError, match=r"variants\.std: there are no variants \['none'\]"):
        tables.configurations(wrong, tmp_path, 0)


def test_a_row_is_trained_once_and_again_when_its_settings_changed(tables, trained, tmp_path):
    assert tables.train_all(TOY, tmp_path, told(tmp_path))
    assert trained == [("plain-0", 5), ("std-0", 3)]
    runs = tmp_path.rename(tmp_path.with_name("moved"))
    assert tables.train_all(TOY, runs, told(runs / "data"))
    assert len(trained) == 2
    changed = {**TOY, "variants": {"plain": {}, "std": {"trunk": "plain", "head": {"sweeps": 4}}}}
    assert tables.train_all(changed, runs, told(runs))
    assert trained[2:] == [("std-0", 4)]


def test_a_row_whose_trunk_was_trained_anew_is_out_of_date(tables, trained, tmp_path, capsys):
    assert tables.train_all(TOY, tmp_path, told(tmp_path))
    assert tables.outdated(TOY, tmp_path) == []
    changed = {**TOY, "variants": {"plain": {"head": {"sweeps": 9}}, "std": TOY["variants"]["std"]}}
    options = argparse.Namespace(**{**vars(told(tmp_path)), "only": ["plain"]})
    assert tables.train_all(changed, tmp_path, options)
    assert tables.outdated(changed, tmp_path) == ["std-0"]
    assert tables.evaluate("toy", changed, tmp_path, told(tmp_path)) == tables.WRONG
    assert "std-0: trained otherwise" in capsys.readouterr().out
    assert tables.train_all(changed, tmp_path, told(tmp_path))
    assert trained[2:] == [("plain-0", 9), ("std-0", 3)]


def test_a_row_whose_trunk_has_gone_or_that_noted_none_is_done(tables, trained, tmp_path):
    assert tables.train_all(TOY, tmp_path, told(tmp_path))
    (tmp_path / "plain-0" / "model.priorseg").unlink()
    assert tables.outdated(TOY, tmp_path) == []
    kept = tmp_path / "std-0" / "config.json"
    older = json.loads(kept.read_text())
    del older["network"]["weights_sha256"]
    kept.write_text(json.dumps(older))
    assert tables.train_all(TOY, tmp_path, told(tmp_path))
    assert [name for name, _ in trained] == ["plain-0", "std-0", "plain-0"]
    assert tables.outdated(TOY, tmp_path) == []


def test_times_of_a_seed_that_lies_elsewhere_are_kept(tables, tmp_path):
    kept = tmp_path / "toy.training.json"
    for seed, minutes in ((0, 1), (1, 2), (0, 3)):
        run = tmp_path / f"runs-{minutes}" / f"plain-{seed}"
        run.mkdir(parents=True)
        (run / "model.priorseg").write_bytes(b"")
        (run / "log.csv").write_text(f"epoch,seconds\n1,{30 * minutes}\n2,{30 * minutes}\n")
        tables.note(tables.times({**TOY, "seeds": [0, 1]}, run.parent), kept)
    found = json.loads(kept.read_text())
    assert found == {"plain": {s: {"epochs": 2, "minutes": m} for s, m in (("0", 3), ("1", 2))}}
