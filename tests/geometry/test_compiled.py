import os
import subprocess
import sys
from pathlib import Path

import numba

import priorseg
from priorseg.geometry.compiled import compiled

SOURCE = Path(priorseg.__file__).parents[1]


def test_loops_compile_where_no_cache_folder_is_available(monkeypatch):
    njit = numba.njit

    def without_folder(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", without_folder)

    @compiled
    def double(value):
        return 2 * value

    assert double(21) == 42


def test_an_unwritable_cache_setting_is_survived():
    code = "import priorseg.geometry as g; print(*g.ray_tree((1, 3), [[0, 1]]))"
    settings = {"NUMBA_CACHE_DIR": os.devnull + "/none", "PYTHONPATH": str(SOURCE)}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.split() == ["1", "1", "1"], result.stderr
