import tomllib
from pathlib import Path

import pytest

from priorseg.evaluation.modes import Call, parse_mode
from priorseg.evaluation.protocol import load_protocol, protocol_from
from priorseg.priors import make_prior

from .conftest import TEXT


def read(**changes):
    table = tomllib.loads(TEXT) | changes
    return protocol_from({key: value for key, value in table.items() if value is not None})


def test_a_protocol_says_what_is_measured():
    protocol = read(seeds=[0, 1])
    assert [one.name for one in protocol.conditions] == ["clean", "salt 0.05"]
    assert protocol.rows[1].baseline == "plain"
    assert protocol.rows[0].baseline == ""
    assert protocol.rows[0].seeds == (0,)  # one network is measured once
    assert protocol.task.objects == {"disc": (1, 2), "cup": (2,)}


def test_a_path_with_seed_is_measured_for_every_seed():
    rows = [{"name": "a", "bundle": "a-{seed}.priorseg"}]
    assert read(rows=rows, baseline="a", seeds=[3, 5]).rows[0].seeds == (3, 5)
    rows[0]["seeds"] = [3]
    assert read(rows=rows, baseline="a", seeds=[3, 5]).rows[0].seeds == (3,)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"tilte": "x"}, r"no key \['tilte'\]"),
        ({"labels": ["one"]}, "at least 2"),
        ({"objects": {"disc": [1, 7]}}, r"'disc' is made of the labels \(1, 7\)"),
        ({"nested": ["cup", "dics"]}, "'dics' is no object"),
        ({"nested": ["disc", "cup"]}, "must be some of"),
        ({"objects": {"disc": [1], "cup": [2]}}, "must be some of"),
        ({"measures": ["mIuO"]}, "mIuO"),
        ({"ignore": 7, "relabel": {"7": 1}}, "value 7 is both ignored and relabelled"),
        ({"measures": ["instances"]}, "needs the key 'instances'"),
        ({"conditions": [{"kind": "salt"}]}, "needs a level"),
        ({"conditions": [{"kind": "salt", "level": 2}]}, "level 2.0"),
        ({"conditions": [{"kind": "none"}, {"kind": "none"}]}, "occur twice"),
        ({"data": [{"folder": "toy", "about": "iris"}]}, "'iris' is no object"),
        ({"baseline": "nothing"}, "'nothing' is no row"),
        ({"seeds": [True]}, "whole number"),
        ({"draws": 10}, "from 100"),
        ({"level": 10**400}, "from 0.5"),
        ({"level": float("nan")}, "from 0.5"),
        ({"rows": []}, "at least 1"),
        ({"rows": [{"name": "a", "bundle": "b", "mode": "best"}]}, "mode 'best'"),
        ({"rows": [{"name": "a", "bundle": "b", "volumes": "regressed"}]}, "go together"),
        ({"rows": [{"name": "a", "bundle": "b", "centres": "click"}]}, "truth, clicks, network"),
        ({"rows": [{"name": "a", "bundle": "b", "seeds": [0, 1]}]}, r"\{seed\}"),
    ],
)
def test_what_is_wrong_in_a_protocol_is_named(changes, text):
    with pytest.raises(ValueError, match=text):
        read(**({"baseline": None} | changes))


def test_a_missing_or_broken_file_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"p\.toml"):
        load_protocol(tmp_path / "p.toml")
    (tmp_path / "p.toml").write_bytes(b"title = \xff")
    with pytest.raises(ValueError, match="no TOML"):
        load_protocol(tmp_path / "p.toml")


def test_modes_are_read_from_short_texts():
    assert parse_mode("plain").kind == "plain"
    two = parse_mode("post: threshold-dynamics(weight=2.0) + nested(order=(2, 1))")
    assert two.calls == (
        Call("threshold_dynamics", {"weight": 2.0}),
        Call("nested", {"order": (2, 1)}),
    )
    assert [make_prior(call.name, call.settings).name for call in two.calls] == [
        "threshold_dynamics",
        "nested",
    ]
    assert parse_mode("baseline:tv-l1(weight=-1)").calls == (Call("tv_l1", {"weight": -1}),)


def test_hyphens_of_numbers_and_quoted_texts_are_no_part_of_a_name():
    (call,) = parse_mode("baseline:tv-l1(tol=1e-4, fidelity=2.e-1, of='a-b-1')").calls
    assert call == Call("tv_l1", {"tol": 1e-4, "fidelity": 0.2, "of": "a-b-1"})


def test_shipped_protocols_call_oracles_so_and_say_how_often_post_processing_sweeps():
    root = Path(__file__).parents[2] / "configs"
    rows = [
        row
        for path in [*root.glob("protocols/*.toml"), *root.glob("tables/*.protocol.toml")]
        for row in load_protocol(path).rows
    ]
    assert {True, False} == {"truth" in (row.volumes, row.centres) for row in rows}
    for row in rows:
        assert ("truth" in (row.volumes, row.centres)) == row.name.endswith("(oracle)"), row.name
        assert not row.mode.startswith("post:") or row.sweeps, row.name


@pytest.mark.parametrize("text", ["post:", "baseline:a + b", "post:f(1)", "post:__import__('os')"])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="mode"):
        parse_mode(text)
