import json
import subprocess
import sys

import pytest

from priorseg.card import Card


def test_a_card_survives_json():
    card = Card(
        "m",
        title="t",
        labels={0: "b", 1: "x", 2: "y"},
        channels=4,
        seeds=(0, 7),
        scores={"val": {"clean": {"mIoU": 0.5}}},
        known_failures=("a", "b"),
        roi="disc",
    )
    assert Card.from_json(json.loads(json.dumps(card.to_json()))) == card


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""),
        ("title", 3),
        ("labels", {1: "a", 2: "b"}),
        ("labels", {"x": "a"}),
        ("labels", {0: "a", 1: 2}),
        ("channels", "rgba"),
        ("object_px", -1),
        ("object_px", float("nan")),
        ("roi", "eye"),
        ("seeds", (-1,)),
        ("known_failures", "one"),
    ],
)
def test_a_wrong_entry_is_refused(key, value):
    with pytest.raises(ValueError, match="card"):
        Card(**{"name": "m", key: value})


@pytest.mark.parametrize("plain", [[], {"name": "m", "code": "x"}, {}, {"name": "m", "labels": 3}])
def test_foreign_json_is_no_card(plain):
    with pytest.raises(ValueError, match="card"):
        Card.from_json(plain)


def test_models_are_listed_without_torch():
    program = (
        "import sys; from priorseg.bundle import models; models(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
