"""What does not fit is refused before any work, with numbers and a way out."""

import sys

import pytest

from priorseg import memory
from priorseg.memory import TooLarge, available_memory, demand


def test_the_free_memory_of_this_machine_is_known():
    if sys.platform in ("linux", "darwin"):
        assert available_memory() > 2**20


def test_the_smallest_limit_counts(tmp_path, monkeypatch):
    limit, used = tmp_path / "max", tmp_path / "current"
    limit.write_text("3000000\n")
    used.write_text("1000000\n")
    monkeypatch.setattr(memory, "GROUPS", ((str(limit), str(used)),))
    monkeypatch.setattr(sys, "platform", "linux")
    if not memory.Path("/proc/meminfo").exists():
        pytest.skip("no Linux")
    assert available_memory() == 2_000_000
    limit.write_text("max\n")
    assert available_memory() > 2_000_000


def test_an_image_that_does_not_fit_is_refused_with_both_numbers():
    with pytest.raises(TooLarge, match=r"8192 × 4096 px needs about 3\.0 GB of memory, 2\.0 GB"):
        demand(3 * 10**9, (8192, 4096), remedy="Cut it.", available=lambda: 2 * 10**9)
    demand(10**9, (8192, 4096), remedy="", available=lambda: 2 * 10**9)
    demand(10**9, (8192, 4096), remedy="", available=lambda: None)


def test_a_container_counts_its_cached_files_as_free(tmp_path, monkeypatch):
    limit, used = tmp_path / "limit", tmp_path / "used"
    limit.write_text("1000000\n")
    used.write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 100000\ninactive_file 700000\n")
    monkeypatch.setattr(memory, "GROUPS", ((str(limit), str(used)),))
    assert memory.available_memory() == 800_000
