"""Phantoms against closed forms: areas, nesting, centres, determinism."""

import math
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from priorseg.phantoms import Phantom, blood_smear, cup_disc, nuclei

SAMPLES = Path(__file__).parents[1] / "sample_data"


def pixels(phantom: Phantom, label: int) -> int:
    return int((phantom.labels >= label).sum())


@pytest.mark.parametrize("size", [64, 200, 512])
@pytest.mark.parametrize("vcdr", [0.2, 0.5, 0.8])
def test_disc_and_cup_have_the_area_of_their_ellipses(size: int, vcdr: float) -> None:
    phantom = cup_disc(size, seed=size, vcdr=vcdr)
    for label in (1, 2):
        area = phantom.areas[label]
        perimeter = 2.2 * math.pi * math.sqrt(area / math.pi)  # axes differ by at most 22 %
        assert abs(pixels(phantom, label) - area) < perimeter  # Jarník's inequality


@pytest.mark.parametrize("cells", [1, 3, 6, 12])
def test_cells_and_nuclei_have_their_closed_form_area(cells: int) -> None:
    phantom = blood_smear(300, seed=cells, cells=cells)
    for label, lobes in ((1, 1), (2, 4)):
        area = phantom.areas[label]
        perimeter = 1.1 * 2 * math.sqrt(math.pi * area * cells * lobes)  # Cauchy-Schwarz
        assert abs(pixels(phantom, label) - area) < perimeter
        assert abs(pixels(phantom, label) - area) < 0.02 * area


@pytest.mark.parametrize("count", [1, 7, 12, 40])
def test_nuclei_have_the_area_of_their_discs_and_every_third_touches(count: int) -> None:
    phantom = nuclei(256, seed=count, count=count)
    area = phantom.areas[1]
    assert abs(pixels(phantom, 1) - area) < 2 * math.sqrt(math.pi * area * count)
    assert phantom.image.shape == phantom.labels.shape == (256, 256)
    near = [
        min(math.dist(one, other) for other in phantom.centres[1] if other is not one)
        for one in phantom.centres[1]
    ] if count > 1 else []  # fmt: skip
    assert sum(gap < 2.2 * math.sqrt(area / count / math.pi) for gap in near) >= 2 * (count // 3)


@pytest.mark.parametrize("vcdr", [0.3, 0.6])
def test_vertical_cup_to_disc_ratio_is_the_one_asked_for(vcdr: float) -> None:
    labels = cup_disc(512, seed=5, vcdr=vcdr).labels
    heights = [np.ptp(np.flatnonzero((labels >= k).any(1))) + 1 for k in (1, 2)]
    assert heights[1] / heights[0] == pytest.approx(vcdr, abs=2 / heights[0])


@pytest.mark.parametrize("phantom", [cup_disc(128), blood_smear(128)], ids=["disc", "smear"])
def test_image_and_labels_have_the_promised_types(phantom: Phantom) -> None:
    assert phantom.image.shape == (128, 128, 3)
    assert phantom.labels.shape == (128, 128)
    assert phantom.image.dtype == phantom.labels.dtype == np.uint8
    assert set(np.unique(phantom.labels)) == {0, 1, 2}


@pytest.mark.parametrize("seed", range(5))
def test_the_inner_object_lies_strictly_inside_the_outer(seed: int) -> None:
    for phantom in (cup_disc(96, seed, vcdr=0.7), blood_smear(96, seed, 2)):
        inner, outside = phantom.labels == 2, phantom.labels == 0
        for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
            assert not (inner & np.roll(outside, step, axis)).any()


@pytest.mark.parametrize("seed", range(5))
def test_centres_lie_in_their_objects(seed: int) -> None:
    for phantom in (cup_disc(96, seed), blood_smear(200, seed, 5)):
        for label, points in phantom.centres.items():
            rows, columns = np.rint(points).astype(int).T
            assert (phantom.labels[rows, columns] >= label).all()


def test_the_first_two_white_cells_touch() -> None:
    phantom = blood_smear(300, seed=1, cells=4)
    first, second = phantom.centres[1][:2]
    along = np.linspace(first, second, 500)
    values = phantom.labels[tuple(np.rint(along).astype(int).T)]
    assert (values == 0).sum() <= 500 * 2 / math.dist(first, second)  # at most about two pixels


def test_a_seed_gives_one_image_and_another_seed_another() -> None:
    for make in (cup_disc, blood_smear, nuclei):
        np.testing.assert_array_equal(make(80, 3).image, make(80, 3).image)
        assert (make(80, 3).image != make(80, 4).image).any()


def test_noise_has_the_standard_deviation_asked_for() -> None:
    clean, noisy = (blood_smear(200, noise=noise).image.astype(float) for noise in (0, 0.02))
    grey = (clean > 60).all(2) & (clean < 195).all(2)  # far from clipping
    assert (noisy - clean)[grey].std() / 255 == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cup_disc(10), "size must be at least 64"),
        (lambda: cup_disc(noise=-1), "noise must be"),
        (lambda: cup_disc(vcdr=1.0), "vcdr must lie between 0 and 1, got 1.0"),
        (lambda: cup_disc(128, centre=(5, 60)), "does not fit"),
        (lambda: nuclei(count=41), "count must lie between 1 and 40, got 41"),
        (lambda: blood_smear(cells=0), "cells must lie between 1 and 12, got 0"),
    ],
)
def test_impossible_phantoms_are_refused_with_the_value(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_the_shipped_files_are_what_the_script_makes() -> None:
    made = runpy.run_path(str(SAMPLES / "regenerate.py"))["PHANTOMS"]
    for name, phantom in made.items():
        image = np.asarray(Image.open(SAMPLES / f"{name}.png")).astype(int)
        assert abs(image - phantom().image).max() <= 1  # one level: rounding may differ
        labels = np.asarray(Image.open(SAMPLES / f"{name}_labels.png"))
        np.testing.assert_array_equal(labels, phantom().labels)


def test_the_shipped_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.iterdir() if path.is_file()) < 300_000
