import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from priorseg import load_bundle
from priorseg.evaluation import tuning
from priorseg.evaluation.examples import load_examples
from priorseg.evaluation.modes import mode_text, parse_mode
from priorseg.evaluation.places import Places
from priorseg.evaluation.predictor import Predictor
from priorseg.evaluation.protocol import load_protocol, protocol_from
from priorseg.metrics import dice
from priorseg.training.build import read_samples
from priorseg.training.config import TrainConfig

from .conftest import TEXT, make_images, make_network

ROOT = Path(__file__).parents[2]
PROTOCOLS = {
    path.name.split(".")[0]: load_protocol(path)
    for path in (ROOT / "configs" / "tables").glob("*.protocol.toml")
}
TUNED = {
    name: [row for row in protocol.rows if row.name.endswith(", tuned")]
    for name, protocol in PROTOCOLS.items()
}


def protocol(**changes):
    return protocol_from(tomllib.loads(TEXT) | {"measures": ["Dice"]} | changes)


def row_of(mode, **keywords):
    rows = [{"name": "plain, tuned", "bundle": "net.priorseg", "mode": mode, **keywords}]
    return protocol(rows=rows, baseline="plain, tuned").rows[0]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_mode_of_the_tables_is_read_as_it_is_written(name):
    for mode in (parse_mode(row.mode) for row in PROTOCOLS[name].rows):
        assert parse_mode(mode_text(mode)) == mode


def test_the_first_prior_is_varied_and_the_others_stay():
    found = tuning.candidates("post:threshold-dynamics(edge=1.0) + convex(labels=(1, 2))")
    grid = tuning.GRIDS["threshold-dynamics"]
    assert len(found) == len(grid["weight"]) * len(grid["sigma"])
    for text, mode in found.items():
        first, second = parse_mode(text).calls
        assert (first, second) == mode.calls
        assert first.settings["edge"] == 1.0
        assert second.settings == {"labels": (1, 2)}


@pytest.mark.parametrize("mode", ["plain", "trained", "post:volume", "baseline:largest-fill"])
def test_what_has_no_grid_is_refused(mode):
    with pytest.raises(ValueError, match=r"cannot be tuned; there are grids for total-variation"):
        tuning.candidates(mode)


@pytest.mark.parametrize(
    ("mode", "grid"),
    [
        ("baseline:median()", {"median": {"width": (3, 7, 31)}}),
        (
            "post:threshold-dynamics()",
            {"threshold-dynamics": {"weight": (0.5, 5.0), "sigma": (1.0, 4.0)}},
        ),
    ],
)
def test_the_best_candidate_is_that_of_a_plain_loop(bench, monkeypatch, mode, grid):
    monkeypatch.setattr(tuning, "GRIDS", grid)
    segmenter, examples = load_bundle(bench / "net.priorseg"), load_examples(bench, "toy", "val")
    wanted = protocol()
    row = row_of(mode, **({"sweeps": 4} if mode.startswith("post") else {}))
    choice = tuning.tune_row(row, segmenter, examples, wanted)
    scores = {}
    for text in tuning.candidates(mode):
        predict = Predictor(segmenter, text, task=wanted.task, sweeps=row.sweeps)
        each = [
            dice(predict(one.unit).labels, one.labels, members)
            for one in examples
            for members in ((1, 2), (2,))
        ]
        scores[text] = np.mean(each)
    assert choice.tuned.scores == pytest.approx(scores)
    assert scores[choice.mode] == max(scores.values())
    first = parse_mode(choice.mode).calls[0].settings
    (told,) = grid.values()
    assert choice.at_end == tuple(k for k, v in told.items() if first[k] in (v[0], v[-1]))


def test_the_network_alone_is_scored_for_comparison(bench):
    segmenter, examples = load_bundle(bench / "net.priorseg"), load_examples(bench, "toy", "val")
    plain = Predictor(segmenter, "plain")
    each = [dice(plain(e.unit).labels, e.labels, m) for e in examples for m in ((1, 2), (2,))]
    assert tuning.plain_score(segmenter, examples, protocol()) == pytest.approx(np.mean(each))


def test_errors_are_no_scores_to_tune_by(bench):
    examples = load_examples(bench, "toy", "val")
    with pytest.raises(ValueError, match="first measure is 'boundary'"):
        tuning.score(examples[0].labels, examples[0].labels, protocol(measures=["boundary"]))


def test_images_to_tune_on_are_those_the_network_was_not_trained_on(tmp_path):
    root = make_images(tmp_path, count=12)
    manifest = root / "toy" / "manifest.json"
    items = json.loads(manifest.read_text())["items"]
    for item in items[:10]:
        item["split"] = "train"
    manifest.write_text(json.dumps({"items": items}))
    data = {"labels": ["background", "rim", "cup"], "held_out": 0.3, "root": str(root)}
    told = {"data": {**data, "sets": [{"folder": "toy"}]}, "augment": {"size": 16}, "seed": 5}
    config = TrainConfig.from_dict(told)
    (root / "run-5").mkdir()
    make_network(root / "run-5" / "model.priorseg")
    row = protocol(rows=[{"name": "a", "bundle": "run-{seed}/model.priorseg"}], baseline="a").rows[
        0
    ]
    places = Places(root, root)
    with pytest.raises(FileNotFoundError, match=r"config\.json does not exist: train"):
        tuning.held_out(protocol(), places, row, 5)
    (root / "run-5" / "config.json").write_text(json.dumps(config.to_dict()))
    found = tuning.held_out(protocol(), places, row, 5)
    trained, out = read_samples(config, root)
    assert [one.name for one in found] == [sample.name for sample in out]
    assert len(found) == 3
    assert not {one.name for one in found} & {s.name for s in trained}
    small = {"folder": "toy", "about": "disc", "ratio": 1.0, "limit": 2}
    cut = tuning.held_out(protocol(data=[small]), places, row, 5)
    assert [one.name for one in cut] == [one.name for one in found[:2]]
    assert [one.labels.shape for one in cut] == [(21, 21)] * 2  # discs of radius 10 in 32 x 32
    with pytest.raises(ValueError, match="was not trained on 'other'"):
        tuning.held_out(protocol(data=[{"folder": "other"}]), places, row, 5)


@pytest.mark.parametrize("name", [name for name, rows in TUNED.items() if rows])
def test_rows_called_tuned_have_the_settings_that_were_chosen_and_not_by_the_images_shown(name):
    results = ROOT / "docs" / "results"
    told = json.loads((results / f"{name}.tuned.json").read_text(encoding="utf-8"))
    chosen = {row: parse_mode(one["mode"]) for row, one in told["rows"].items()}
    assert chosen == {row.name: parse_mode(row.mode) for row in TUNED[name]}
    for one in told["rows"].values():
        assert one["scores"][one["mode"]] == max(one["scores"].values())
    if (results / f"{name}.json").exists():
        lists = json.loads((results / f"{name}.json").read_text(encoding="utf-8"))["images"]
        assert not set(told["names"]) & {image for images in lists for image in images}
