"""Smoke tests: every benchmark runs at a tiny size and prints its table. Speed is not tested."""

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from priorseg import solve
from priorseg.blocks import begin

BENCH = Path(__file__).parent / "bench"
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a benchmark as a script does: its own folder comes first."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module


def rows_of(text: str) -> list[list[str]]:
    """Read the rows of all Markdown tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {n for n, line in enumerate(lines) if set(line) <= {"|", "-"}}
    heads |= {n - 1 for n in heads}
    return [line[2:-2].split(" | ") for n, line in enumerate(lines) if n not in heads]


def test_targets_give_a_verdict_on_every_target(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    load("targets_bench").main(["--side=64", "--repeats=1"])
    rows = rows_of(capsys.readouterr().out)
    assert {len(row) for row in rows} == {9}
    for name in ("STD, T", "TV to gap", "volume, warm", "star", "hull closure", "forward"):
        of_name = [row for row in rows if name in row[0]]
        assert any("met" in row[6] or "missed" in row[6] for row in of_name), name


def test_a_row_is_met_only_if_both_its_targets_are(load: Load) -> None:
    row, timing = load("targets_bench").Row, load("common").Timing
    cells = row("x", timing(10, 0, 1), timing(150, 0, 1), most=20, least=20).cells
    assert cells[4:7] == ["15.0×", "≥ 20×, ≤ 20 ms", "**missed** / met"]


def test_printed_kernel_is_the_one_our_sweeps_use(load: Load) -> None:
    bench = load("targets_bench")
    logits, scene = load("common").disc(64)
    with torch.no_grad():
        notes = [row.note for row in bench.std_rows("disc", logits, scene, 1)]
    found = [re.search(r"differs by ([-+.e\d]+)", note) for note in notes]
    differences = [float(match.group(1)) for match in found if match]
    assert len(differences) == 2
    assert max(differences) < 1e-4


def test_training_bench_weighs_every_contender(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = load("training_bench")
    bench.main(["--weigh", "printed, unrolled", "--side=256", "--batch=2"])
    assert float(capsys.readouterr().out) > 10  # ten unrolled steps of 1.5 MiB and their blurs
    assert bench.disagreement(1, 64) < 1e-4
    assert set(bench.times(1, 64, 1, list(bench.CONTENDERS))) == set(bench.CONTENDERS)


def test_scaling_prints_an_exponent_for_every_layer(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = load("scaling_bench")
    bench.main(["--sides", "64", "96", "--repeats=1"])
    rows = rows_of(capsys.readouterr().out)
    assert [row[0] for row in rows] == list(bench.LAYERS)
    assert all(np.isfinite(float(row[3])) for row in rows)


def test_exponent_of_a_power_law_is_its_power(load: Load) -> None:
    sides = [256, 512, 1024]
    assert load("scaling_bench").exponent(sides, [3 * s**2.5 for s in sides], 256) == "1.25"


def test_peers_run_or_say_why_not(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    load("peers_bench").main(["--side=64", "--tests=1", "--problems=noise"])
    rows = rows_of(capsys.readouterr().out)
    assert len(rows) == len(load("peers").METHODS)
    scores = {row[0]: row[3] for row in rows if not row[-1].startswith("left out")}
    assert {"arg max", "**STD, 10 sweeps**", "TV-Chambolle of probabilities"} <= set(scores)
    for row in rows:
        assert row[-1].startswith("left out") == (row[3] == "–")


def test_a_peer_that_is_not_installed_is_named_as_left_out(
    load: Load, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    peers = load("peers")
    monkeypatch.setattr(peers, "found", peers.found.__wrapped__)
    monkeypatch.setitem(sys.modules, "maxflow", None)
    monkeypatch.setitem(sys.modules, "maxflow.fastmin", None)
    bench = load("peers_bench")
    few = {name: peers.METHODS[name] for name in ("arg max", "alpha-expansion")}
    monkeypatch.setattr(bench, "METHODS", few)
    bench.main(["--side=64", "--tests=1", "--problems=noise"])
    assert "left out: maxflow is not installed" in capsys.readouterr().out


def test_every_method_has_the_same_number_of_settings(load: Load) -> None:
    counts = {len(method.grid) for method in load("peers").METHODS.values() if method.values}
    assert counts == {6}


def test_gpu_bench_says_that_no_device_is_here(
    load: Load, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    load("gpu_bench").main([])
    assert "No CUDA device" in capsys.readouterr().out


@pytest.mark.parametrize("case", ["STD", "TV", "STD + volume", "TV, ordered link"])
def test_sweeps_in_place_are_those_of_solve(load: Load, case: str) -> None:
    bench = load("gpu_bench")
    chosen, link = bench.CASES[case]()
    logits, scene = bench.problem(64, link)
    if link == "ordered":
        scene = None
    with torch.no_grad():
        fixed = bench.FixedSweeps(begin(logits, chosen, scene, 1.0, link, None), 2)
        places = [part.data_ptr() for part in fixed.parts()]
        fixed.run()
        fixed.reset()
        fixed.run()
        fixed.run()
        wanted = solve(logits, chosen, scene, sweeps=4, link=link).probs
    assert [part.data_ptr() for part in fixed.parts()] == places
    torch.testing.assert_close(fixed.u, wanted, rtol=0, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_bench_agrees_with_the_cpu(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    load("gpu_bench").main(["--sides=128", "--repeats=1"])
    assert all(row[-1] == "yes" for row in rows_of(capsys.readouterr().out))
