"""Kill the real process at random moments: what comes back is whole and at most 2 s old.

`tests/bench/kill_bench.py --kills 500` does the same many times.
"""

import sys
from pathlib import Path

import pytest
from kills import kill_in_a_row


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and its clock need a POSIX system")
@pytest.mark.parametrize("first", [0, 100, 200, 300, 400])
def test_after_a_kill_a_state_that_was_given_comes_back_and_nothing_durable_is_lost(
    tmp_path: Path, first: int
) -> None:
    verdicts = kill_in_a_row(tmp_path, list(range(first, first + 5)))
    assert [one for one in verdicts if not one.survived] == []
    assert sum(one.given for one in verdicts) > 20
    assert sum(one.durable for one in verdicts) > 3
    assert sum(one.passed_over for one in verdicts) == 0  # no half file ever has a real name
