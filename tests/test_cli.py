"""The command line: files in, labels and certificates out, errors as one line."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import priorseg.bundle
from priorseg import Scene, VariationalHead, priors
from priorseg.card import Card
from priorseg.cli import demo, main, request, segment
from priorseg.cli.region import choose_region
from priorseg.decode import Decoded
from priorseg.phantoms import cup_disc


@dataclass
class BrightIsObject:
    """A segmenter without a network: the logit is the brightness; lengths are of 10 px images."""

    head: Any = field(default_factory=lambda: VariationalHead([priors.TotalVariation(0.01)]))
    labels: dict[int, str] = field(default_factory=lambda: {0: "background", 1: "object"})
    card: Card = field(default_factory=lambda: Card("bright"))

    def network_precision(self, precision: str) -> str:
        return {"auto": "float32"}.get(precision, precision)

    def priors(self, height: int, width: int, object_px: float | None = None) -> list[Any]:
        return [prior.enlarged(max(height, width) / 10) for prior in self.head.priors]

    def segment(
        self,
        image: Any,
        *,
        scene: Scene,
        priors: Any,
        plain: bool = False,
        object_px: float | None = None,
        precision: str = "auto",
        progress: Any = None,
    ) -> Decoded:
        for done in (1, 2):
            progress(done, 2)
        grey = np.asarray(image, float)
        grey = grey if grey.ndim == 2 else grey.mean(2)
        logit = torch.from_numpy(grey / 255 - 0.5)
        head = VariationalHead([] if plain else priors)
        return head.solve(torch.stack((-logit, logit))[None], scene).decode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(priorseg.bundle, "load_bundle", lambda name: BrightIsObject())
    square = np.zeros((20, 24), np.uint8)
    square[5:12, 6:15] = 255
    Image.fromarray(square).save(tmp_path / "square.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> int:
    return main(["segment", "--model", "bright", "--out", "out", *arguments])


def certificate(name: str = "square") -> dict[str, Any]:
    return json.loads(Path(f"out/{name}_certificate.json").read_text())


def test_a_file_gets_labels_and_a_certificate(folder: Path) -> None:
    assert run("square.png") == 0
    labels = np.asarray(Image.open("out/square_labels.png"))
    np.testing.assert_array_equal(labels, np.asarray(Image.open("square.png")) > 127)
    plane = certificate()["planes"][0]
    assert plane["pixels"] == {"background": 20 * 24 - 63, "object": 63}
    assert plane["certificates"]["total_variation"]["satisfied"] is True


def test_a_bad_file_is_reported_and_the_rest_goes_on(folder: Path, capsys: Any) -> None:
    (folder / "broken.tif").write_bytes(b"not a picture")
    assert run("missing.png", "broken.tif", "square.png") == 1
    errors = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].strip() for line in errors[:2]] == ["missing.png", "broken.tif"]
    assert errors[2] == "priorseg: 2 of 3 files failed"
    assert (folder / "out" / "square_labels.png").exists()


def test_a_stack_is_segmented_plane_by_plane(folder: Path) -> None:
    tifffile.imwrite(
        "stack.tif",
        np.full((3, 20, 24), [[[255]], [[0]], [[255]]], np.uint8),
        imagej=True,
        metadata={"axes": "ZYX"},
    )
    assert run("stack.tif") == 0
    labels = tifffile.imread("out/stack_labels.tiff")
    assert labels.shape == (3, 20, 24)
    assert [plane["pixels"]["object"] for plane in certificate("stack")["planes"]] == [480, 0, 480]


def test_a_volume_is_met_to_the_pixel(folder: Path) -> None:
    assert run("square.png", "--volume", "1=100", "--format", "tiff") == 0
    assert (tifffile.imread("out/square_labels.tiff") == 1).sum() == 100


def test_a_centre_brings_a_star_certificate(folder: Path) -> None:
    assert run("square.png", "--centre", "1:8,10") == 0
    found = certificate()["planes"][0]["certificates"]["star"]
    assert found["satisfied"]
    assert found["violations"] == 0


def test_a_region_is_segmented_alone_and_put_back_in_place(folder: Path) -> None:
    assert run("square.png", "--region", "8,10,6", "--centre", "1:8,10") == 0
    found = np.argwhere(np.asarray(Image.open("out/square_labels.png")))
    assert (found.min(0).tolist(), found.max(0).tolist()) == ([6, 8], [11, 13])
    assert certificate()["planes"][0]["region"] == {"rows": [6, 12], "columns": [8, 14]}


def test_a_centre_outside_the_region_is_refused(folder: Path, capsys: Any) -> None:
    assert run("square.png", "--region", "8,10,6", "--centre", "1:19,10") == 1
    assert "lies outside the region: rows 6 to 11, columns 8 to 13" in capsys.readouterr().err


def test_a_disc_model_looks_about_the_disc() -> None:
    phantom = cup_disc(512, seed=1, centre=(200.0, 300.0))
    frame = np.pad(phantom.image, ((150, 150), (150, 150), (0, 0)))
    rows, columns = choose_region(frame, "auto", Card("discs", roi="disc"))
    assert rows.start < 350 < rows.stop
    assert columns.start < 450 < columns.stop
    assert choose_region(frame, "whole", Card("discs", roi="disc"))[0] == slice(0, 812)


def test_a_disc_model_sees_the_whole_of_a_crop() -> None:
    crop = np.zeros((256, 300, 3), np.uint8)
    region = choose_region(crop, "auto", Card("discs", roi="disc"))
    assert region == (slice(0, 256), slice(0, 300))


def test_the_region_that_was_seen_is_printed(folder: Path, capsys: Any) -> None:
    assert run("square.png", "--region", "8,10,6") == 0
    assert "seen: rows 6-11, columns 8-13" in capsys.readouterr().out


def test_a_file_in_place_of_the_output_folder_is_named(folder: Path, capsys: Any) -> None:
    Path("afile").write_text("")
    assert main(["segment", "square.png", "--model", "square", "--out", "afile"]) == 2
    assert "is a file" in capsys.readouterr().err


def test_plain_leaves_the_priors_out(folder: Path) -> None:
    assert run("square.png", "--plain") == 0
    assert certificate()["planes"][0]["certificates"] == {}


def test_the_precision_that_was_computed_with_is_recorded(folder: Path) -> None:
    for asked, found in (("auto", "float32"), ("bfloat16", "bfloat16")):
        assert run("square.png", "--precision", asked) == 0
        assert certificate()["precision"] == found


def test_progress_is_shown_on_a_terminal_only(
    folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("square.png") == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert run("square.png") == 0
    assert "square.png: 2 of 2" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["PIL.Image.Image.save", "pathlib.Path.write_text"])
def test_an_interrupt_leaves_no_half_written_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def half(*arguments: Any, **more: Any) -> None:
        path = next(a for a in arguments if isinstance(a, Path))
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    assert run("square.png") == 0
    before = {path: path.read_bytes() for path in (folder / "out").iterdir()}
    monkeypatch.setattr(where, half)
    assert run("square.png") == 130
    assert {path: path.read_bytes() for path in (folder / "out").iterdir()} == before


def test_an_interrupt_while_segmenting_ends_the_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*arguments: Any, **more: Any) -> Decoded:
        raise KeyboardInterrupt

    monkeypatch.setattr(BrightIsObject, "segment", stopped)
    assert run("square.png") == 130
    assert not any((folder / "out").iterdir())


def test_two_files_of_one_name_do_not_overwrite_each_other(folder: Path, capsys: Any) -> None:
    (folder / "b").mkdir()
    Image.open("square.png").save("b/square.png")
    assert run("square.png", "b/square.png") == 1
    assert "same name as square.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--centre", "1:5"], "--centre '1:5' must look like 2:120,133.5"),
        (["--volume", "many"], "--volume 'many' must look like 1=3120"),
        (["--prior", "star(1)"], "--prior 'star(1)' must look like"),
        (["--prior", "stars"], "There is no prior 'stars'"),
        (["--plain", "--volume", "1=5"], "--plain leaves out all priors"),
        (["--region", "1,2"], "--region '1,2' must be auto, whole or like 650,240,400"),
        (["--volume", "1=nan"], "--volume '1=nan' must look like 1=3120"),
        (["--spacing", "1", "2", "3"], "--spacing takes one or two lengths"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_code_2(
    folder: Path, capsys: Any, arguments: list[str], message: str
) -> None:
    assert run("square.png", *arguments) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert message in errors[0]


def test_an_unknown_label_names_the_known_ones(folder: Path, capsys: Any) -> None:
    assert run("square.png", "--volume", "7=5") == 1
    assert "label 7 does not exist; the model has 0 background, 1 object" in capsys.readouterr().err


def test_an_unknown_model_is_an_error_of_the_command(tmp_path: Path, capsys: Any) -> None:
    assert main(["segment", "x.png", "-m", str(tmp_path / "none.priorseg")]) == 2
    assert capsys.readouterr().err.startswith("priorseg: error: ")


def test_a_prior_replaces_the_one_of_the_same_name() -> None:
    asked = request.Request((request.parse_prior("total_variation(weight=3)"),))
    found = request.with_priors(BrightIsObject().priors(20, 10), request.make_priors(asked))
    assert [float(p.weight) for p in found] == [pytest.approx(3)]


def test_the_certificate_names_the_priors_in_pixels_of_the_image(folder: Path) -> None:
    assert run("square.png", "--prior", "threshold_dynamics(sigma=1.5)") == 0
    assert certificate()["planes"][0]["priors"] == [
        {"name": "total_variation", "weight": pytest.approx(0.01 * 24 / 10)},
        {"name": "threshold_dynamics", "weight": pytest.approx(2), "sigma": pytest.approx(1.5),
         "edge": 0},
    ]  # fmt: skip
    assert run("square.png", "--plain") == 0
    assert certificate()["planes"][0]["priors"] == []


def test_volumes_of_nested_objects_go_to_their_channels() -> None:
    row = request._volume_row({2: 7.0}, SimpleNamespace(name="ordered"), 3)  # type: ignore[arg-type]
    assert row is not None
    assert row[0].isnan().tolist() == [True, False]


def test_patterns_are_expanded_and_repeats_dropped(folder: Path) -> None:
    (folder / "a.png").touch()
    found = segment.expand(["*.png", "a.png", "lost.png"])
    assert found == [Path("a.png"), Path("square.png"), Path("lost.png")]


def test_models_lists_the_cards(capsys: Any) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out
    assert main(["models", "--json"]) == 0
    for card in json.loads(capsys.readouterr().out):
        assert card["name"] in lines


def test_version_and_usage_errors_have_the_usual_exit_codes(capsys: Any) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"priorseg {priorseg.__version__}\n"
    assert main([]) == 2
    assert main(["segment"]) == 2


def test_help_needs_neither_torch_nor_qt() -> None:
    code = (
        "import sys\nfrom priorseg.cli import main\nmain(['segment', '--help'])\n"
        "assert not {'torch', 'numpy', 'napari', 'qtpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_demo_says_what_is_missing_without_display_and_xvfb(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(demo, "has_display", lambda: False)
    monkeypatch.setattr(demo.sys, "platform", "linux")
    monkeypatch.setattr(demo.shutil, "which", lambda name: None)
    monkeypatch.delenv("PRIORSEG_UNDER_XVFB", raising=False)
    assert main(["demo"]) == 2
    assert "xvfb-run is missing" in capsys.readouterr().err


def test_the_demo_runs_itself_again_under_xvfb(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[list[str], dict[str, str]]] = []

    def record(command: list[str], *, env: dict[str, str], check: bool) -> Any:
        calls.append((command, env))
        return SimpleNamespace(returncode=7)

    monkeypatch.setattr(demo, "has_display", lambda: False)
    monkeypatch.setattr(demo.sys, "platform", "linux")
    monkeypatch.setattr(demo.shutil, "which", lambda name: "/usr/bin/xvfb-run")
    monkeypatch.setattr(demo.subprocess, "run", record)
    monkeypatch.delenv("PRIORSEG_UNDER_XVFB", raising=False)
    assert main(["demo", "--sample", "cell", "--out", "here"]) == 7
    command, environment = calls[0]
    assert command[:2] == ["xvfb-run", "-a"]
    assert command[-5:] == ["--sample", "cell", "--out", "here", "--headless"]
    assert environment["PRIORSEG_UNDER_XVFB"] == "1"
