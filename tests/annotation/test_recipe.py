"""Recipes: read back as written, strict, and replayed to the same pixels."""

import base64
import math
import subprocess
import sys
import tomllib
import zlib
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from works import disc, fresh, stream

from priorseg.annotation import Candidate, Picture, State, keep, lock, paint, pixel_digest
from priorseg.annotation.recipe import SCALARS, TABLES, Recipe, read_recipe, write_recipe
from priorseg.annotation.replaying import replay, square_of
from priorseg.annotation.script import as_python, literal, runs_of_values
from priorseg.annotation.things import fixed_pixels
from priorseg.annotation.toml_text import toml_text
from priorseg.cli import main
from priorseg.session import Painted, PriorChoice, Session, Settings
from priorseg.session.adapting import adapted

VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_tomllib_reads_back_what_is_written(table) -> None:
    assert repr(ordered(tomllib.loads(toml_text(table)))) == repr(ordered(table))


def ordered(value: Any) -> Any:
    """Sort tables, which TOML writes values first."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    return [ordered(one) for one in value] if isinstance(value, list) else value


def test_the_states_of_a_day_come_back_from_their_recipes(tmp_path: Path) -> None:
    for state in islice(stream(fresh(150), 7), 40):
        assert read_recipe(write_recipe(tmp_path / "r.toml", state)).state == state


def test_what_is_hard_to_write_comes_back(tmp_path: Path) -> None:
    picture = Picture('Ä "é" \\ \x7f\n', "/some where/é.tif", "ab", (150, 120), 3, (0.1, 1 / 3))
    settings = Settings(
        priors=(PriorChoice("x", {"a": None, "b": {2: (1.5, math.inf)}, "c": "", "d": -0.0}),),
        centres={3: ((1e-17, 1e17),)},
    )
    state = replace(
        State.fresh(picture, settings),
        region=(slice(3, 9), slice(0, 6)),
        model="cells",
        inverted=True,
    )
    recipe = Recipe(state, "ZYX")
    back = read_recipe(write_recipe(tmp_path / "r.toml", recipe))
    assert back == recipe
    assert back.file == tmp_path / "r.toml"


def test_a_free_object_beside_one_with_a_volume_comes_back_and_older_recipes_have_none(
    tmp_path: Path,
) -> None:
    file = write_recipe(tmp_path / "r.toml", fresh(150))
    assert read_recipe(file).state.settings.object_volumes == {1: (None, 400.0)}
    head, _, tail = file.read_text().partition("[object_volumes]")
    file.write_text(head + tail[tail.index("[painted]") :])
    assert read_recipe(file).state.settings.object_volumes == {}


def test_every_field_of_settings_is_written() -> None:
    known = {*SCALARS, *TABLES, "priors", "painted"}
    assert known == {one.name for one in fields(Settings)}


def written(tmp_path: Path) -> tuple[Path, str]:
    state = paint(fresh(150), disc(150, 40, 40, 20), 2)
    file = write_recipe(tmp_path / "r.toml", keep(state, [Candidate(1, "one", disc(150, 9, 9, 5))]))
    return file, file.read_text()


BOMB = base64.b64encode(zlib.compress(bytes(10**7))).decode()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("version = 1", "version = 2", "Update priorseg"),
        ("version = 1", "", "it has no version"),
        ("version = 1", "version = 1\nmore = 2", "no key \\['more'\\]"),
        ("temperature = 1.0", "temperature = nan", "temperature must be"),
        ("temperature = 1.0", "", "lacks the key 'temperature'"),
        ("temperature = 1.0", "temperature = 1979-05-27", "temperature must be"),
        ("tol = ", "tolerance = ", "lacks the key 'tol'"),
        ("sigma = 2.5", "sigma = 1979-05-27", "no setting"),
        ("shape = [150, 150]", "shape = [150, 151]", "digest|damaged|150"),
        ("shape = [150, 150]", "shape = [2000000000, 2]", "at most"),
        ("shape = [150, 150]", "shape = 150", "rows, columns"),
        ("number = 1", "number = 2", "objects \\[1\\] that are not listed"),
        ('[draft]\ndigest = "', '[draft]\ndigest = "0', "not those of its digest"),
        ("[[0, 4]]", "[[0, 4000000000]]", "lists 4000000000 tiles"),
        ("[[0, 4]]", f'[[0, 3], "{BOMB}"]', "damaged tile"),
        ("[[0, 4]]", '[[0, 3], "?"]', "damaged tile"),
        ("[[0, 4]]", "[[256, 4]]", "from 0 to 255"),
        ("version = 1", "version = 1\nx = " + "[" * 5000, "nested"),
        ("version = 1", "version = ", "no TOML"),
        ("1 = [[", "one = [[", "whole number is needed"),
    ],
)
def test_a_recipe_that_is_not_understood_is_refused(old, new, reason, tmp_path: Path) -> None:
    file, text = written(tmp_path)
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=reason):
        read_recipe(file)


def test_what_is_no_text_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="no plain text"):
        read_recipe(tmp_path / "r.toml")
    with pytest.raises(FileNotFoundError):
        read_recipe(tmp_path / "none.toml")


@dataclass
class Bright:
    """A segmenter without a network: core above 0.7, ring above 0.4 of the range."""

    channels: str = "grey"
    sha256: str = "bright"
    labels: dict[int, str] = field(default_factory=lambda: {0: "ground", 1: "ring", 2: "core"})

    def __post_init__(self) -> None:
        from priorseg import VariationalHead, priors
        from priorseg.card import Card

        self.card = Card("bright", channels=self.channels, labels=self.labels)
        self.head = VariationalHead([priors.ThresholdDynamics(0.5, 1.0)], sweeps=5)

    def logits(self, image: Any, *, progress: Any, cancelled: Any) -> Any:
        import torch

        grey = np.asarray(image, np.float64)
        assert (grey.ndim == 3) is (self.channels == "rgb")
        grey = torch.from_numpy(grey.mean(2) if grey.ndim == 3 else grey).float() / 255
        return torch.stack((10 * (0.4 - grey), 0 * grey, 10 * (grey - 0.7)))[None]


def ramp(side: int = 90) -> np.ndarray:
    """Noise about a bright disc with a brighter middle, uint8."""
    noise = np.random.default_rng(3).normal(0, 25, (side, side))
    bright = 130.0 * disc(side, 45, 45, 30) + 90 * disc(side, 40, 48, 14)
    return np.clip(bright + noise, 0, 255).astype(np.uint8)


def solved(
    array: np.ndarray,
    axes: str,
    change: Any = lambda settings: settings,
    make: Any = lambda state: state,
    *,
    model: Any = None,
    region: Any = None,
    plane: int = 0,
    invert: bool = False,
    path: Path | None = None,
    name: str = "bright",
) -> Recipe:
    """Do what the panel does, and give what it would save."""
    segmenter = Bright() if model is None else model
    session = Session(segmenter)
    given, letters = adapted(array, axes, segmenter.card.channels, invert=invert)
    info = session.set_image(given, axes=letters, spacing=(1.0, 1.5), units="µm")
    session.set_plane(plane)
    if region is not None:
        session.set_region(*region)
    session.compute_logits()
    raw = array[plane] if "Z" in axes else array
    picture = Picture(
        "ramp", str(path) if path else None, pixel_digest(raw), info.shape, plane, (1.0, 1.5), "µm"
    )
    state = make(State.fresh(picture, change(session.default_settings())))
    fixed = fixed_pixels(state)
    settings = replace(state.settings, painted=Painted(fixed) if fixed.any() else None)
    *_, frame = session.frames(settings)
    state = replace(
        state,
        model=name,
        model_sha256=segmenter.sha256,
        region=session.region,
        draft=state.draft.with_array(frame.labels),
        inverted=invert,
    )
    return Recipe(state, axes)


def stars(settings: Settings) -> Settings:
    added = (PriorChoice("star", {"label": 2}), PriorChoice("volume"))
    return replace(
        settings,
        priors=(*settings.priors, *added),
        centres={2: ((40.0, 48.0),)},
        volumes={2: 500.0},
        temperature=0.8,
    )


def objects(settings: Settings) -> Settings:
    """Ask for a volume of one of two cores that touch; the other is free."""
    return replace(
        settings,
        priors=(*settings.priors, PriorChoice("star", {"label": 2})),
        centres={2: ((40.0, 43.0), (40.0, 56.0))},
        object_volumes={2: (170.0, None)},
    )


def test_without_priors_a_recipe_gives_the_threshold(tmp_path: Path) -> None:
    recipe = solved(ramp(), "YX", lambda settings: replace(settings, priors=()))
    found = replay(read_recipe(write_recipe(tmp_path / "r.toml", recipe)), ramp(), Bright())
    grey = ramp() / 255
    expected = np.select([grey > 0.7, grey > 0.4], [2, 1], 0)
    assert (found.labels == expected).all()
    assert (found.differing, found.notes) == (0, ())


def work(state: State) -> State:
    """Paint a stroke, and keep and lock an object where the network sees nothing."""
    state = keep(state, [Candidate(2, "far", disc(90, 75, 70, 6))])
    state = lock(state, 1)
    return paint(state, disc(90, 20, 20, 4), 1)


@pytest.mark.parametrize(
    "case",
    [
        "priors",
        "region",
        "plane",
        "inverted colours",
        "paint and locked objects",
        "converged",
        "volume of an object",
    ],
)
def test_a_replay_gives_the_pixels_that_were_seen(case: str, tmp_path: Path) -> None:
    array, axes, model, options = ramp(), "YX", Bright(), {}
    if case == "region":
        options = {"region": ((40.0, 44.5), 60)}
    elif case == "plane":
        array, axes, options = np.stack([ramp().T, ramp(), ramp()[::-1]]), "ZYX", {"plane": 2}
        options["change"] = lambda settings: settings
    elif case == "inverted colours":
        array, model, options = 255 - ramp(), Bright("rgb"), {"invert": True}
    elif case == "paint and locked objects":
        options = {"make": work}
    elif case == "converged":
        options = {"change": lambda one: replace(stars(one), replay=False, sweeps=400)}
    elif case == "volume of an object":
        options = {"change": objects}
    options.setdefault("change", stars)
    recipe = solved(array, axes, model=model, **options)
    assert recipe.state.draft.array().any()
    found = replay(read_recipe(write_recipe(tmp_path / "r.toml", recipe)), array, model)
    assert (found.labels == recipe.state.draft.array()).all()
    assert (found.differing, found.notes) == (0, ())
    if case == "volume of an object":
        assert "centre 1: 170 of 170 px" in found.frame.certificates["star"].message
        assert found.frame.certificates["star"].satisfied
    if case == "paint and locked objects":
        assert (found.labels[disc(90, 75, 70, 6)] == 2).all()
        assert (found.labels[disc(90, 20, 20, 4)] == 1).all()


def test_a_stack_whose_file_calls_its_planes_otherwise_is_found_by_its_pixels(tmp_path) -> None:
    stack = np.stack([ramp().T, ramp(), ramp()[::-1]])
    recipe = replace(solved(stack, "ZYX", plane=1), axes=None)  # 3 leading planes look like any
    tifffile.imwrite(tmp_path / "s.tif", stack, photometric="minisblack", metadata={"axes": "CYX"})
    assert replay(recipe, tmp_path / "s.tif", Bright()).notes == ()


def test_another_image_and_another_model_are_told(tmp_path: Path) -> None:
    recipe = solved(ramp(), "YX")
    found = replay(recipe, ramp()[::-1].copy(), replace(Bright(), sha256="other"))
    assert found.differing > 100
    text = " ".join(found.notes)
    assert "other pixels" in text
    assert "another one" in text
    with pytest.raises(ValueError, match="90 × 90"):
        replay(recipe, ramp(80), Bright())
    with pytest.raises(ValueError, match="had no file"):
        replay(recipe, None, Bright())


def test_the_image_is_looked_for_beside_the_recipe(tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / "ramp.png")
    recipe = solved(ramp(), "YX", path=Path("/nowhere/at all/ramp.png"))
    file = write_recipe(tmp_path / "r.toml", recipe)
    assert replay(read_recipe(file), None, Bright()).notes == ()


def test_a_region_that_no_session_takes_is_refused() -> None:
    assert square_of((slice(0, 50), slice(10, 90)), (50, 200)) == ((24.5, 49.5), 80)
    with pytest.raises(ValueError, match="no square"):
        square_of((slice(0, 50), slice(10, 90)), (60, 200))


def test_runs_put_every_value_back() -> None:
    image = np.random.default_rng(0).integers(0, 3, (7, 11), np.uint8)
    back = np.zeros_like(image)
    for row, start, stop, value in runs_of_values(image):
        back[row, start:stop] = value
    assert (back == image).all()


@given(VALUES.filter(lambda one: not isinstance(one, str) or one.isprintable()))
def test_literals_are_python_for_the_same_value(value) -> None:
    def tuples(one: Any) -> Any:
        if isinstance(one, list):
            return tuple(map(tuples, one))
        return {k: tuples(v) for k, v in one.items()} if isinstance(one, dict) else one

    assert repr(eval(literal(value))) == repr(tuples(value))


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: Any) -> Path:
    """A part of scikit-image's photograph of a cell, and its recipe of a shipped network."""
    from skimage import data

    from priorseg import load_bundle

    folder = tmp_path_factory.mktemp("photograph")
    image = np.ascontiguousarray(data.cell()[200:330, 210:350])
    Image.fromarray(image).save(folder / "cell.png")

    def change(settings: Settings) -> Settings:
        added = (PriorChoice("star", {"label": 1}), PriorChoice("volume"))
        priors = (*settings.priors, *added)
        centres = {1: ((60.0, 70.0),)}
        return replace(settings, priors=priors, centres=centres, volumes={1: 2000.0})

    def work(state: State) -> State:
        mask = np.zeros(state.picture.shape, bool)
        mask[100:110, 20:40] = True
        return paint(state, mask, 2)

    recipe = solved(
        image, "YX", change, work, model=load_bundle("cells"), region=((64.5, 69.5), 128),
        path=folder / "cell.png", name="cells",
    )  # fmt: skip
    assert len(np.unique(recipe.state.draft.array())) > 1
    return write_recipe(folder / "cell.recipe.toml", recipe).parent


def test_the_command_replays_a_shipped_network_to_the_same_pixels(photograph, capsys) -> None:
    recipe, out = photograph / "cell.recipe.toml", photograph / "labels.ome.tif"
    assert main(["replay", str(recipe), "--out", str(out)]) == 0
    assert "all 18,200 pixels are those of the recipe" in capsys.readouterr().out
    assert (tifffile.imread(out) == read_recipe(recipe).state.draft.array()).all()


def test_the_command_says_how_many_pixels_differ(photograph: Path, tmp_path, capsys) -> None:
    state = read_recipe(photograph / "cell.recipe.toml").state
    draft = state.draft.array().copy()
    draft[:2, :3] = 7
    other = replace(state, draft=state.draft.with_array(draft), model_sha256="0" * 64)
    file = write_recipe(tmp_path / "other.toml", other)
    assert main(["replay", str(file)]) == 1
    said = capsys.readouterr().err
    assert "6 of 18,200 pixels" in said
    assert "The model is another one" in said
    assert main(["replay", str(file), "--out", "labels.jpg"]) == 2
    assert main(["replay", str(tmp_path / "none.toml")]) == 2
    image = photograph / "cell.png"
    before = image.read_bytes()
    assert main(["replay", str(file), "--out", str(image)]) == 2
    assert "the image itself" in capsys.readouterr().err
    assert image.read_bytes() == before


def test_the_program_makes_the_same_pixels(photograph: Path, tmp_path: Path) -> None:
    recipe = read_recipe(photograph / "cell.recipe.toml")
    script, out = tmp_path / "script.py", tmp_path / "labels.png"
    script.write_text(as_python(recipe))
    image = str(photograph / "cell.png")
    subprocess.run([sys.executable, "-W", "error", script, image, str(out)], check=True)
    assert (np.asarray(Image.open(out)) == recipe.state.draft.array()).all()


def test_a_program_needs_a_model() -> None:
    with pytest.raises(ValueError, match="no model yet"):
        as_python(fresh(64))
