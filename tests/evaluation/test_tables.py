import tomllib
from dataclasses import asdict, replace

import numpy as np
import pytest

from priorseg import load_bundle
from priorseg.cli import main
from priorseg.evaluation.protocol import protocol_from
from priorseg.evaluation.records import Record, Results, settings_of
from priorseg.evaluation.tables import card_scores, write_tables

from .conftest import TEXT, make_images, make_network

TWO = tomllib.loads(TEXT.replace("net.priorseg", "net-{seed}.priorseg")) | {
    "measures": ["mIoU", "accuracy"],
    "conditions": [{"kind": "none"}],
    "seeds": [0, 1],
}
ROWS = protocol_from(TWO)


def record(row, seed, values):
    images = [
        {
            "name": f"toy/{place}",
            "scores": {"accuracy": value},
            "counts": {"confusion": np.diag([50, 30, 20]).tolist()},
        }
        for place, value in enumerate(values)
    ]
    settings = settings_of(next(one for one in ROWS.rows if one.name == row))
    source = asdict(ROWS.sets[0])
    noise = {"kind": "none", "level": 0.0}
    return Record(row, seed, "toy", "clean", settings, source, noise, "net", "abc", images)


def results_of(tmp_path, *made):
    results = Results(tmp_path / "a.json", {}, "Toy")
    results.records = {one.key: one for one in made}
    return results


def test_a_table_shows_mean_spread_and_interval(tmp_path):
    plain = [record("plain", seed, [*3 * [0.5, 0.7], None]) for seed in (0, 1)]
    gained = [
        record("trained", seed, [*3 * [0.6 + more, 0.8 + more], None])
        for seed, more in ((0, 0.0), (1, 0.04))
    ]
    text = write_tables(ROWS, results_of(tmp_path, *plain, *gained))
    assert "7 images of toy, split val; seeds 0, 1." in text
    assert "| clean | plain | trained (against plain) |" in text
    assert "| seeds | 2 | 2 |" in text
    gain = "72.00 ± 2.83, n = 6 (**+12.00 [+12.00, +12.00]**; +10.00 +14.00)"
    assert f"| accuracy (%) | 60.00 ± 0.00, n = 6 | {gain} |" in text
    same = "100.00 ± 0.00 (+0.00 [+0.00, +0.00]; +0.00 +0.00)"
    assert f"| mIoU pooled (%) | 100.00 ± 0.00 | {same} |" in text


def test_a_difference_is_bold_only_if_all_seeds_have_its_sign(tmp_path):
    values = np.linspace(0.4, 0.6, 8)
    plain = [record("plain", seed, values.tolist()) for seed in (0, 1)]
    changes = 0.20, -0.02
    other = [record("trained", n, (values + more).tolist()) for n, more in enumerate(changes)]
    text = write_tables(ROWS, results_of(tmp_path, *plain, *other))
    assert "(+9.00 [+9.00, +9.00]; +20.00 -2.00)" in text


def test_a_seed_that_the_baseline_lacks_makes_no_difference(tmp_path):
    plain = record("plain", 0, 2 * [0.5, 0.7, 0.9])
    poorer = [record("trained", 0, 2 * [0.5, 0.7, 0.9]), record("trained", 1, 6 * [0.2])]
    text = write_tables(ROWS, results_of(tmp_path, plain, *poorer))
    assert "| accuracy (%) | 70.00 | 45.00 ± 35.36 (+0.00 [+0.00, +0.00]) |" in text
    alone = write_tables(ROWS, results_of(tmp_path, plain, poorer[1]))
    assert "| accuracy (%) | 70.00 | 20.00 |" in alone  # no seed in common, no difference


def test_a_network_without_seeds_is_compared_with_all_of_them(tmp_path):
    rows = [{"name": "plain", "bundle": "net.priorseg", "mode": "plain"}, TWO["rows"][1]]
    told = protocol_from(TWO | {"rows": rows})
    plain = replace(record("plain", 0, 3 * [0.5, 0.7]), settings=settings_of(told.rows[0]))
    better = [record("trained", 0, 3 * [0.6, 0.8]), record("trained", 1, 3 * [0.7, 0.9])]
    assert "(**+15.00 [+15.00, +15.00]**)" in write_tables(
        told, results_of(tmp_path, plain, *better)
    )


def test_a_gain_on_five_images_is_not_bold(tmp_path):
    made = record("plain", 0, 5 * [0.5]), record("trained", 0, 5 * [0.6])
    text = write_tables(ROWS, results_of(tmp_path, *made))
    assert "| accuracy (%) | 50.00 | 60.00 |" in text
    assert "**" not in text


def test_a_bar_in_a_name_does_not_break_the_table(tmp_path):
    rows = [{"name": "a|b", "bundle": "net.priorseg"}]
    told = protocol_from(TWO | {"rows": rows, "baseline": "a|b"})
    own = replace(record("plain", 0, [0.5]), row="a|b", settings=settings_of(told.rows[0]))
    assert "| clean | a/b |" in write_tables(told, results_of(tmp_path, own))


def test_seeds_measured_on_different_images_are_refused(tmp_path):
    made = [record("plain", 0, [0.5, 0.7]), record("plain", 1, [0.5])]
    with pytest.raises(ValueError, match="different images"):
        write_tables(ROWS, results_of(tmp_path, *made))


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"mode": "plain", "sweeps": 50}},
        {"source": asdict(ROWS.sets[0]) | {"limit": 1}},
        {"noise": {"kind": "salt", "level": 0.5}},
        {"row": "a row of an older protocol"},
        {"seed": 7},
    ],
)
def test_records_of_something_else_are_neither_in_tables_nor_on_cards(tmp_path, change):
    kept, stale = record("plain", 0, [0.5, 0.7]), record("plain", 1, [0.1, 0.1])
    results = results_of(tmp_path, kept, replace(stale, **change))
    assert "| accuracy (%) | 60.00 |" in write_tables(ROWS, results)
    assert card_scores(ROWS, results, "abc")["toy"]["clean"].keys() == {"plain"}
    assert card_scores(ROWS, results, "abc")["toy"]["clean"]["plain"]["accuracy"] == 0.6


def test_card_scores_are_those_of_one_network(tmp_path):
    found = card_scores(ROWS, results_of(tmp_path, record("plain", 0, [0.5, 0.70004])), "abc")
    assert found["toy"]["clean"]["plain"]["accuracy"] == 0.6
    assert card_scores(ROWS, results_of(tmp_path, record("plain", 0, [0.5])), "def") == {}


def test_the_command_writes_results_tables_and_cards(tmp_path, capsys):
    root = make_images(tmp_path)
    net = make_network(root / "net.priorseg")
    weights = [tensor.clone() for tensor in load_bundle(net).state_dict().values()]
    (root / "p.toml").write_text(TEXT)
    command = ["evaluate", str(root / "p.toml"), "--data", str(root), "-o", str(root / "out.json")]
    assert main([*command, "--write"]) == 0
    assert capsys.readouterr().out == (root / "out.md").read_text()
    again = load_bundle(net)
    assert set(again.card.scores["toy"]["salt 0.05"]) == {"plain", "trained"}
    assert all(a.equal(b) for a, b in zip(weights, again.state_dict().values(), strict=True))
    before = (root / "out.json").read_bytes()
    assert main([*command, "--resume"]) == 0  # the new digest is known: nothing to measure
    assert (root / "out.json").read_bytes() == before


def test_the_command_names_what_is_wrong_in_one_line(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path / "none.toml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    root = make_images(tmp_path)
    (root / "p.toml").write_text(TEXT)
    assert main(["evaluate", str(root / "p.toml"), "-o", str(root / "o.md")]) == 2
    assert "name a .json" in capsys.readouterr().err
    (root / "net.priorseg").write_bytes(b"no bundle")
    command = ["evaluate", str(root / "p.toml"), "--data", str(root), "-o", str(root / "o.json")]
    assert main(command) == 2
    assert "plain, seed 0" in capsys.readouterr().err
