"""What `import priorseg` costs and what it offers."""

import json
import subprocess
import sys

import pytest

import priorseg

PROBE = """
import json, sys, time
before = time.perf_counter()
import priorseg
print(json.dumps([time.perf_counter() - before, sorted(sys.modules)]))
"""


def import_in_a_new_process(code: str = PROBE) -> tuple[float, set[str]]:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, modules = json.loads(run.stdout)
    return seconds, set(modules)


def test_import_takes_less_than_a_second() -> None:
    assert min(import_in_a_new_process()[0] for _ in range(3)) < 1


def test_import_loads_neither_torch_nor_qt_nor_napari() -> None:
    modules = import_in_a_new_process()[1]
    assert not modules & {"torch", "numba", "napari", "qtpy", "PyQt6", "PySide6", "numpy"}


def test_every_public_name_but_the_plugin_resolves_without_qt_and_napari() -> None:
    use = "import priorseg\nfor name in priorseg.__all__: getattr(priorseg, name)"
    modules = import_in_a_new_process(PROBE.replace("import priorseg", use, 1))[1]
    assert "torch" in modules
    assert not modules & {"napari", "qtpy", "PyQt6", "PySide6"}


@pytest.mark.parametrize("name", priorseg.__all__)
def test_public_name_is_listed_and_resolves(name: str) -> None:
    assert name in dir(priorseg)
    assert getattr(priorseg, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        priorseg.nothing  # noqa: B018
