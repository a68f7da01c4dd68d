"""The benchmarks of saving run at a tiny size and print their tables. Speed is not tested."""

import importlib
import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def benches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "bench"))


def test_saving_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("save_bench").main(["--side", "256", "--strokes", "3"])
    rows = [line.split(" | ")[0] for line in capsys.readouterr().out.splitlines()]
    assert {"| edit ms", "| save ms", "| bytes", "| load ms"} <= set(rows)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 needs a POSIX system")
def test_kills_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("kill_bench").main(["--kills", "2", "--workers", "1"])
    assert "| kills | 2 |" in capsys.readouterr().out
