"""Files that lie, with a right checksum: clear reasons, little memory, nothing executed."""

import copy
import json
import re
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from works import fresh, stream

from priorseg.annotation import Store, load
from priorseg.annotation.statefile import MAGIC, read_file
from priorseg.annotation.tile import digest_of

STATE = next(state for state in stream(fresh(300), 1) if len(state.things) > 2)


def packed(header: object) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return zlib.compress(text)


def forged(header: bytes, bodies: list[bytes], claimed: int | None = None) -> bytes:
    length = struct.pack("<I", len(header) if claimed is None else claimed)
    data = b"".join((MAGIC, length, header, *bodies))
    return data + digest_of(data)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory):
    store = Store(tmp_path_factory.mktemp("honest"), STATE.picture)
    return read_file(store.save(STATE).read_bytes())


def reason(folder: Path, data: bytes) -> str:
    """Load a folder with one file, and say why it was passed over."""
    (folder / "000001.state").write_bytes(data)
    tracemalloc.start()
    try:
        found = load(folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 150 * 2**20
    assert found.state is None
    return found.problems[-1]


def change(path: list, value: object):
    def changed(header: dict) -> None:
        inner = header
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    return changed


@pytest.mark.parametrize(
    ("lie", "says"),
    [
        (change(["state", "picture", "shape"], [2**40, 2**40]), "at most"),
        (change(["state", "picture", "shape"], [46000, 46000]), "tiles, its picture has"),
        (change(["state", "picture", "shape"], [300.0, 300]), "how large"),
        (change(["state", "picture", "shape"], "wide"), "how large"),
        (change(["state", "picture"], None), "how large"),
        (change(["state"], 5), "how large"),
        (change(["rasters", "kept"], [[0, 10**15]]), "tiles, its picture has"),
        (change(["rasters", "kept"], [[0, -9]]), "lists of tiles hold"),
        (change(["rasters", "kept"], [[0, 9.0]]), "lists of tiles hold"),
        (change(["rasters", "kept"], [[-1, 9]]), "cannot hold -1"),
        (change(["rasters", "draft"], [[256, 9]]), "cannot hold 256"),
        (change(["rasters", "kept"], [[77, 9]]), r"objects \[77\] that it does not list"),
        (change(["rasters", "kept"], ["0" * 32] * 9), "in no file that is whole"),
        (change(["rasters", "kept"], ["xy" * 16] * 9), "non-hexadecimal"),
        (change(["rasters", "kept"], [5] * 9), "no digest"),
        (change(["rasters", "kept"], {}), "lists of tiles are damaged"),
        (change(["rasters"], {"kept": []}), "must hold the rasters"),
        (change(["bodies"], None), "list of tiles is missing"),
        (change(["bodies"], [["0" * 32, 10**12]]), "do not fill"),
        (change(["bodies"], [["0" * 32, -5]]), "list of tiles holds"),
        (change(["bodies"], [[1, 5]]), "no digest"),
        (change(["state", "version"], 3), "Update priorseg"),
        (change(["state", "settings", "temperature"], {"number": "nan"}), "temperature"),
    ],
)
def test_a_lying_header_is_passed_over_with_the_reason(
    honest, tmp_path: Path, lie, says: str
) -> None:
    header = copy.deepcopy(honest.header)
    lie(header)
    found = reason(tmp_path, forged(packed(header), list(honest.bodies.values())))
    assert re.search(says, found), found


def test_bombs_are_never_blown_up(honest, tmp_path: Path) -> None:
    bomb = zlib.compress(b" " * 200_000_000)
    assert "takes more than" in reason(tmp_path, forged(bomb, []))
    header = copy.deepcopy(honest.header)
    digest = next(iter(honest.bodies)).hex()
    header["bodies"] = [[digest, len(bomb)]]
    for name in header["rasters"]:
        header["rasters"][name] = [digest] * 9
    assert "does not hold" in reason(tmp_path, forged(packed(header), [bomb]))


def test_a_tile_that_is_not_its_digest_is_damage(honest, tmp_path: Path) -> None:
    (digest, body), *rest = honest.bodies.items()
    size = len(zlib.decompress(body))
    other = zlib.compress(np.random.default_rng(0).bytes(size))
    header = copy.deepcopy(honest.header)
    header["bodies"] = [[digest.hex(), len(other)], *header["bodies"][1:]]
    data = forged(packed(header), [other, *(one for _, one in rest)])
    assert "is damaged" in reason(tmp_path, data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no saved state"),
        (b"\x80\x04cos\nsystem\n", "no saved state"),
        (MAGIC, "cut off or damaged"),
        (forged(b"", [], 2**32 - 1), "longer than the file"),
        (forged(b"no zlib", []), "header cannot be read"),
        (forged(packed([]), []), "no table"),
        (forged(packed(b"[" * 100_000), []), "header cannot be read"),
        (forged(packed(b'{"time": NaN}'), []), "NaN is no number"),
        (forged(packed(b"1" * 10_000), []), "header cannot be read"),
        (forged(packed(b"\xff\xfe"), []), "header cannot be read"),
    ],
)
def test_other_bytes_are_passed_over(tmp_path: Path, data: bytes, says: str) -> None:
    assert says in reason(tmp_path, data)


def test_an_impossible_time_is_no_time(honest, tmp_path: Path) -> None:
    for time in (10**400, -5, "now", True):
        header = {**honest.header, "time": time}
        data = forged(packed(header), list(honest.bodies.values()))
        (tmp_path / "000001.state").write_bytes(data)
        assert load(tmp_path).state == STATE
        assert load(tmp_path).time in (0.0, 1.0)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


@settings(max_examples=300)
@given(st.data())
def test_any_change_of_a_header_gives_a_state_or_a_reason(tmp_path_factory, honest, data) -> None:
    header = copy.deepcopy(honest.header)
    for _ in range(data.draw(st.integers(1, 3))):
        inner, place = header, None
        while True:
            keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            if not keys:
                break
            place = data.draw(st.sampled_from(keys))
            if not isinstance(inner[place], dict | list) or data.draw(st.integers(0, 4)) == 0:
                inner[place] = data.draw(VALUES)
                break
            inner = inner[place]
    folder = tmp_path_factory.mktemp("any")
    (folder / "000001.state").write_bytes(forged(packed(header), list(honest.bodies.values())))
    found = load(folder)
    assert (found.state is None) == bool(found.problems)
