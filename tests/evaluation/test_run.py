import json
import os
import re
import struct
import tomllib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from priorseg.baselines import BASELINES
from priorseg.evaluation import run
from priorseg.evaluation.examples import crop_about, load_examples
from priorseg.evaluation.measures import Task
from priorseg.evaluation.places import Places
from priorseg.evaluation.protocol import load_protocol, protocol_from
from priorseg.evaluation.records import Results
from priorseg.evaluation.rows import check_rows
from priorseg.evaluation.run import evaluate, run_protocol
from priorseg.evaluation.tables import write_tables
from priorseg.guidance import VolumeRegressor, save_regressor
from priorseg.metrics import boundary_fraction
from priorseg.training import data

from .conftest import TEXT, make_images, make_network

TASK = Task(("background", "rim", "cup"), {"disc": (1, 2), "cup": (2,)}, nested=("cup", "disc"))


def protocol(**changes):
    return protocol_from(tomllib.loads(TEXT) | changes)


def finished(bench, path, wanted, **keywords):
    results = Results.open(path, wanted, resume=True)
    run_protocol(wanted, Places(bench, bench), results, report=lambda text: None, **keywords)
    return results


def test_the_truth_scores_best_in_everything(bench):
    examples = load_examples(bench, "toy", "val")
    names = ("mIoU", "accuracy", "Dice", "boundary", "vCDR", "convex", "star", "nested", "volume")
    for row in evaluate(lambda image, truth: truth, examples, TASK, measures=names):
        best = {name: float(not name.startswith(("HD", "AS", "v"))) for name in row}
        assert row == best


@pytest.mark.parametrize("wrong", [np.full((32, 32), 0.7), np.full((32, 32), np.nan)])
def test_maps_of_probabilities_are_no_labels(bench, wrong):
    examples = load_examples(bench, "toy", "val")
    with pytest.raises(ValueError, match="toy/0: The found labels are float64"):
        evaluate(lambda image, truth: wrong, examples, TASK, measures=("accuracy",))


@pytest.mark.parametrize("names", [("Dice",), ("RE",), ("boundary",), ("convex", "seconds")])
def test_labels_that_the_task_does_not_name_are_refused_by_every_measure(bench, names):
    examples = load_examples(bench, "toy", "val")
    foreign = np.full((32, 32), 7)
    with pytest.raises(ValueError, match="toy/0: The found labels go from 7 to 7; 0 to 2"):
        evaluate(lambda image, truth: foreign, examples, TASK, measures=names)


def test_the_same_noise_meets_every_predictor(bench):
    seen = {}
    for name in ("one", "two"):
        images = seen.setdefault(name, [])
        evaluate(
            lambda image, truth, images=images: images.append(image) or truth,
            load_examples(bench, "toy", "val"),
            TASK,
            noise=("gaussian", 0.1),
            seed=4,
        )
    assert np.array_equal(seen["one"], seen["two"])
    assert not np.array_equal(seen["one"][0], seen["one"][1])


def test_an_image_of_two_bytes_is_named(bench, monkeypatch):
    # tifffile says struct.error about them, and leaves the file open
    monkeypatch.setattr(data, "imread", lambda path: struct.unpack_from("<I", b"xx"))
    with pytest.raises(ValueError, match=r"0\.png cannot be read"):
        load_examples(bench, "toy", "val")


def test_sets_without_maps_of_instances_are_refused_where_they_are_needed(tmp_path):
    root = make_images(tmp_path)
    path = root / "toy" / "manifest.json"
    items = json.loads(path.read_text())["items"]
    assert load_examples(root, "toy", "val", instances=True)[0].instances.max() == 1
    items[1].pop("instances")
    path.write_text(json.dumps({"items": items}))
    with pytest.raises(ValueError, match="toy/1 has no map of instances"):
        load_examples(root, "toy", "val", instances=True)


def test_rows_of_a_network_share_its_logits(bench, tmp_path, monkeypatch):
    calls = []
    kept = run.Network.__call__
    monkeypatch.setattr(run.Network, "__call__", lambda s, i: calls.append(1) or kept(s, i))
    finished(bench, tmp_path / "a.json", protocol())
    assert len(calls) == 3 * 2  # images x conditions, for two rows


def test_an_interrupted_run_goes_on_to_the_same_file(bench, tmp_path, monkeypatch):
    whole = finished(bench, tmp_path / "whole.json", protocol())
    kept, done = run.add_noise, []

    def stops(*given):
        done.append(1)
        if len(done) == 5:  # in the middle of the second condition
            raise KeyboardInterrupt
        return kept(*given)

    monkeypatch.setattr(run, "add_noise", stops)
    with pytest.raises(KeyboardInterrupt):
        finished(bench, tmp_path / "part.json", protocol())
    assert len(Results.read(tmp_path / "part.json").records) == 2
    resumed = finished(bench, tmp_path / "part.json", protocol())
    assert len(done) == 5 + 3  # only what was missing
    assert resumed.path.read_bytes() == whole.path.read_bytes()


def test_a_full_disk_leaves_the_old_file_whole(bench, tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    finished(bench, path, protocol(conditions=[{"kind": "none"}]))
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        finished(bench, path, protocol())
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_a_file_is_neither_overwritten_nor_mixed_with_another_protocol(bench, tmp_path):
    path = tmp_path / "a.json"
    finished(bench, path, protocol(conditions=[{"kind": "none"}]))
    with pytest.raises(FileExistsError, match="--resume"):
        Results.open(path, protocol(), resume=False)
    with pytest.raises(ValueError, match="another noise_seed"):
        Results.open(path, protocol(noise_seed=7), resume=True)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(ValueError, match="damaged"):
        Results.open(path, protocol(), resume=True)


@pytest.mark.parametrize(
    "images",
    [
        [7],
        {"a": 1},
        {"list": 9, "scores": {}, "counts": {}},
        {"list": 0, "scores": {"RE": [1.0]}, "counts": {}},
        {"list": 0, "scores": {"RE": ["a", "b", "c"]}, "counts": {}},
    ],
)
def test_records_of_another_form_are_damage(bench, tmp_path, images):
    path = finished(bench, tmp_path / "a.json", protocol(conditions=[{"kind": "none"}])).path
    plain = json.loads(path.read_text())
    plain["records"][0]["images"] = images
    path.write_text(json.dumps(plain))
    with pytest.raises(ValueError, match=r"a\.json is no file of results or is damaged"):
        Results.open(path, protocol(), resume=True)


def test_a_network_that_was_trained_again_is_measured_again(bench, tmp_path):
    root = make_images(tmp_path)
    make_network(root / "net.priorseg", 0)
    first = finished(root, tmp_path / "a.json", protocol()).records
    make_network(root / "net.priorseg", 1)
    second = finished(root, tmp_path / "a.json", protocol()).records
    assert first.keys() == second.keys()
    assert all(first[key].sha256 != second[key].sha256 for key in first)


def test_scores_of_two_trainings_never_stand_in_one_file(tmp_path, monkeypatch):
    root = make_images(tmp_path)
    make_network(root / "net.priorseg")
    old = {r.sha256 for r in finished(root, tmp_path / "a.json", protocol()).records.values()}
    make_network(root / "net.priorseg", seed=1)
    kept, done = run.add_noise, []

    def stops(*given):
        done.append(1)
        if len(done) > 3:  # after the first condition
            raise KeyboardInterrupt
        return kept(*given)

    monkeypatch.setattr(run, "add_noise", stops)
    with pytest.raises(KeyboardInterrupt):
        finished(root, tmp_path / "a.json", protocol())
    left = Results.read(tmp_path / "a.json").records
    assert {key[3] for key in left} == {"clean"}
    assert not old & {record.sha256 for record in left.values()}


def test_another_regressor_or_other_images_are_measured_again(tmp_path):
    root = make_images(tmp_path)
    make_network(root / "net.priorseg")
    told = {"bundle": "net.priorseg", "volumes": "regressed", "regressor": "r.safetensors"}
    wanted = protocol(rows=[{"name": "plain", **told, "mode": "post:volume"}])
    torch.manual_seed(0)
    regressor = VolumeRegressor(3)
    before = []
    for bias in (0.0, 5.0):
        regressor.last.bias.data[1] = bias
        save_regressor(root / "r.safetensors", regressor)
        before.append(finished(root, tmp_path / "a.json", wanted).records)
    key = next(iter(before[0]))
    assert before[0][key].images != before[1][key].images
    manifest = json.loads((root / "toy" / "manifest.json").read_text())
    (root / "toy" / "manifest.json").write_text(json.dumps({"items": manifest["items"][1:]}))
    assert len(finished(root, tmp_path / "a.json", wanted).records[key].images) == 2


def test_a_network_that_was_moved_is_not_measured_again(bench, tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    finished(bench, path, protocol(rows=[{"name": "plain", "bundle": "net.priorseg"}]))
    monkeypatch.setattr(run, "measure", pytest.fail)
    moved = protocol(rows=[{"name": "plain", "bundle": "net-0.priorseg"}])  # the same bytes
    assert "| plain | 1 | " in write_tables(moved, finished(bench, path, moved))


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("post:thresh-dynamics", "row 'last': There is no prior 'thresh_dynamics'"),
        ("post:star(labl=1)", r"row 'last': The prior 'star' has no setting \['labl'\]"),
        ("post:threshold-dynamics(sigma=-1.0)", "row 'last': .*cannot be built"),
        ("post:star(label=9)", "row 'last': star: there is no label 9; known are 0 "),
        ("baseline:mediam", "row 'last': baseline 'mediam' is unknown"),
        ("baseline:median(widht=3)", r"row 'last': .* no setting \['widht'\]"),
        ("baseline:median(width=4)", "row 'last': width must be odd"),
    ],
)
def test_a_wrong_mode_of_the_last_row_is_found_before_anything_is_measured(
    bench, tmp_path, monkeypatch, mode, text
):
    monkeypatch.setattr(run.Network, "__call__", pytest.fail)
    last = {"name": "last", "bundle": "net-0.priorseg", "mode": mode, "sweeps": 2}
    wanted = protocol(rows=[*tomllib.loads(TEXT)["rows"], last])
    with pytest.raises(ValueError, match=text):
        finished(bench, tmp_path / "a.json", wanted)
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize("name", sorted(set(BASELINES) - {"dense-crf"}))
def test_every_baseline_passes_the_check_before_measuring(name):
    check_rows(protocol(rows=[{"name": "plain", "bundle": "b", "mode": f"baseline:{name}"}]))


def test_missing_networks_are_listed_or_left_out(bench, tmp_path):
    rows = [{"name": "plain", "bundle": "net-{seed}.priorseg", "mode": "plain"}]
    wanted = protocol(rows=rows, seeds=[0, 1, 2])
    with pytest.raises(FileNotFoundError, match=r"plain, seed 2: .*net-2\.priorseg"):
        finished(bench, tmp_path / "a.json", wanted)
    results = finished(bench, tmp_path / "a.json", wanted, available=True)
    assert {key[1] for key in results.records} == {0, 1}
    assert "| plain | 2 | " in write_tables(wanted, results)


def test_a_missing_data_set_is_named(bench, tmp_path):
    with pytest.raises(FileNotFoundError, match="'moon' is missing"):
        finished(bench, tmp_path / "a.json", protocol(data=[{"folder": "moon"}]))


def test_instances_are_read_and_compared(bench, tmp_path):
    names = ["instances", "mIoU"]
    results = finished(bench, tmp_path / "a.json", protocol(measures=names, instances="disc"))
    image = next(iter(results.records.values())).images[0]
    assert {"F1", "precision", "recall", "mean AP"} <= set(image["scores"])
    assert np.shape(image["counts"]["instances"]) == (10, 3)


def test_a_crop_is_as_wide_as_asked_and_stays_in_the_image(bench):
    example = load_examples(bench, "toy", "val", instances=True)[0]
    height = np.flatnonzero(np.isin(example.labels, (1, 2)).any(1)).size
    small, large = (crop_about(example, (1, 2), ratio) for ratio in (1.2, 9))
    assert small.labels.shape == (round(1.2 * height),) * 2 == small.instances.shape
    assert (small.labels > 0).sum() == (example.labels > 0).sum()
    assert large.labels.shape == (32, 32)
    with pytest.raises(ValueError, match="no pixel"):
        crop_about(example, (5,), 1.2)


def test_results_are_plain_json_with_null_for_nan(bench, tmp_path):
    path = finished(bench, tmp_path / "a.json", protocol()).path
    plain = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert plain["what"]["task"]["labels"] == ["background", "rim", "cup"]
    columns = plain["records"][0]["images"]
    assert plain["images"] == [["toy/0", "toy/1", "toy/2"]]
    assert torch.tensor(columns["counts"]["confusion"]).sum((1, 2)).tolist() == 3 * [32 * 32]
    digits = [f"{value:e}".split("e")[0].rstrip("0") for value in columns["scores"]["HD95 cup"]]
    assert max(map(len, digits)) <= len("1.23456")


def test_results_read_back_are_those_that_were_measured(bench, tmp_path):
    made = finished(bench, tmp_path / "a.json", protocol())
    read = Results.read(made.path)
    assert read.records == made.records
    assert write_tables(protocol(), read) == write_tables(protocol(), made)


def test_a_file_of_version_1_is_read_and_goes_on_in_the_new_layout(bench, tmp_path):
    wanted = protocol(measures=["Dice", "boundary"])
    made = finished(bench, tmp_path / "new.json", wanted)
    old = tmp_path / "old.json"
    plain = {"version": 1, "title": "Toy", "what": wanted.what()}
    records = [asdict(record) for record in made.records.values()]
    for image in (image for record in records for image in record["images"]):
        image["scores"]["HD95 disc"] += 1e-9
        image["counts"] = {"confusion": [[1]]}  # nothing is pooled here
    old.write_text(json.dumps(plain | {"records": records[1:]}))
    assert finished(bench, old, wanted).records.keys() == made.records.keys()
    assert {r.key: r for r in Results.read(old).records.values()} == made.records


def test_masks_are_relabelled_or_refused(bench, tmp_path):
    merged = {"labels": ["background", "disc"], "objects": {"disc": [1]}, "measures": ["mIoU"]}
    table = {k: v for k, v in (tomllib.loads(TEXT) | merged).items() if k != "nested"}
    with pytest.raises(ValueError, match=r"the mask holds \[2\]"):
        finished(bench, tmp_path / "a.json", protocol_from(table))
    wanted = protocol_from(table | {"relabel": {"2": 1}})
    examples = Places(bench, bench).examples(wanted.sets[0], wanted)
    assert set(np.unique(examples[0].labels)) == {0, 1}
    with pytest.raises(ValueError, match="network gives the labels background, rim, cup"):
        finished(bench, tmp_path / "a.json", wanted)


@pytest.mark.data
def test_true_outlines_of_white_blood_cells_are_as_rough_as_recorded(real_images):
    both = [load_examples(real_images, "cells_wbc2", split) for split in ("train", "val")]
    found = np.mean([boundary_fraction(one.labels) for one in both[0] + both[1]])
    assert found == pytest.approx(1.19, abs=0.06)  # 1.19 for all 100 images; 80 are here


def test_every_shipped_protocol_and_the_one_in_the_docs_can_be_read():
    root = Path(__file__).parents[2]
    for path in (root / "configs" / "protocols").glob("*.toml"):
        assert load_protocol(path).rows
    text = (root / "docs" / "evaluation.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert protocol_from(tomllib.loads(block)).rows


def test_two_runs_into_one_file_lose_nothing(bench, tmp_path):
    path = tmp_path / "a.json"
    halves = [
        protocol(conditions=[{"kind": "none"}]),
        protocol(conditions=[{"kind": "salt", "level": 0.05}]),
    ]
    both = [Results.open(path, one, resume=True) for one in halves]
    for one, results in zip(halves, both, strict=True):
        run_protocol(one, Places(bench, bench), results, report=lambda text: None)
    assert {key[3] for key in Results.read(path).records} == {"clean", "salt 0.05"}
