"""Kill the window while mouse and keys work in it: the next one recovers all but the last 2 s.

`tests/bench/window_kill_bench.py --kills 60` does the same many times.
"""

import sys
from pathlib import Path

import pytest
from window_kills import kill_windows, phantom_folder


@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 needs a POSIX system")
def test_a_killed_window_is_recovered_by_the_next_one(tmp_path: Path, qapp: object) -> None:
    images = phantom_folder(tmp_path / "images")
    verdicts = [*kill_windows(tmp_path / "sessions", images, kills=3)]
    assert [one for one in verdicts if not one.survived] == []
    assert sum(one.durable for one in verdicts) > 3
    assert sum(one.passed_over + one.died for one in verdicts) == 0
