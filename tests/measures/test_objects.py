import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.measure import perimeter_crofton, regionprops

from priorseg.geometry import hull_deficit
from priorseg.measures import measure
from priorseg.measures.outline import caliper, feret, hull_corners, perimeter

from .error_table import errors
from .shapes import SHAPES, disc, draw

blobs = arrays(np.bool_, (9, 11)).filter(np.any)
edges = st.tuples(st.sampled_from([0.25, 1.0, 1.5]), st.sampled_from([0.5, 1.0, 2.0]))


def smooth_blobs(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(7)
    fields = (ndimage.gaussian_filter(random.normal(size=(90, 120)), 6) for _ in range(count))
    return [ndimage.binary_opening(field > field.std() / 2) for field in fields]


# largest errors over random places, turns and half a pixel of size: docs/measures.md
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 2.0), (4.0, 1.0)])
@pytest.mark.parametrize(
    ("shape", "radius", "mean", "worst"),
    [
        ("disc", 5, 1.0, 6.0),
        ("disc", 20, 0.1, 0.8),
        ("disc", 100, 0.05, 0.15),
        ("ellipse 2:1", 20, 0.3, 1.5),
        ("ellipse 2:1", 100, 0.15, 0.7),
        ("square", 20, 2.0, 4.5),
        ("square", 100, 1.0, 2.0),
        ("annulus 2:1", 20, 0.2, 1.5),
        ("annulus 2:1", 100, 0.05, 0.15),
    ],
)
def test_perimeters_are_those_of_closed_forms_within_so_many_per_cent(
    shape, radius, mean, worst, spacing
):
    error = errors(shape, radius, spacing, 8 if radius > 50 else 40, seed=3)["perimeter"]
    assert abs(error.mean()) < mean
    assert abs(error).max() < worst


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (3.0, 1.0)])
@pytest.mark.parametrize("shape", SHAPES)
def test_areas_ferets_solidity_and_centroids_are_those_of_closed_forms(shape, spacing):
    found = errors(shape, 60, spacing, 10, seed=4)
    assert abs(found["area"]).max() < 0.6
    assert abs(found["feret_max"]).max() < 1.5  # longer pixel edges
    assert abs(found["feret_min"]).max() < 1.1
    assert abs(found["solidity"]).max() < 0.3
    assert found["centroid"].max() < 0.3


@pytest.mark.parametrize("radius", [20, 50, 200])
def test_a_disc_has_circularity_one(radius):
    mask, _ = draw(disc(radius)[0], radius, shift=(0.2, -0.3))
    assert measure(mask)[0].circularity == pytest.approx(1, abs=0.01)


@given(blobs, edges)
def test_what_scikit_image_measures_with_a_spacing_is_the_same(mask, spacing):
    ours = measure(mask, spacing=spacing, units="mm")[0]
    theirs = regionprops(mask.astype(np.uint8), spacing=spacing)[0]
    assert ours.area == pytest.approx(theirs.area)
    assert ours.centroid == pytest.approx(theirs.centroid)
    assert ours.equivalent_diameter == pytest.approx(theirs.equivalent_diameter_area)
    assert ours.box == theirs.bbox


@given(blobs)
def test_the_largest_feret_diameter_is_that_of_scikit_image_within_a_pixel(mask):
    theirs = regionprops(mask.astype(np.uint8))[0].feret_diameter_max
    assert abs(measure(mask)[0].feret_max - theirs) < 1


def test_perimeters_of_blobs_are_those_of_scikit_image_within_three_per_cent():
    for mask in smooth_blobs(6):
        theirs = perimeter_crofton(np.pad(mask, 2), directions=4)
        assert perimeter(mask) == pytest.approx(theirs, rel=0.03)


@given(blobs, edges)
def test_calipers_are_the_extremes_over_all_directions(mask, spacing):
    corners = hull_corners(mask, spacing)
    largest, smallest = feret(corners)
    rows, columns = np.nonzero(mask)
    sides = [(-0.5, 0), (0.5, 0), (0, -0.5), (0, 0.5)]
    points = np.concatenate([np.stack([rows + a, columns + b], 1) for a, b in sides]) * spacing
    angle = np.radians(np.arange(0, 180, 0.25))
    extents = np.ptp(points @ np.stack([np.sin(angle), np.cos(angle)]), axis=0)
    assert extents.max() <= largest * (1 + 1e-9)
    assert extents.max() >= largest * 0.9999
    assert extents.min() >= smallest * (1 - 1e-9)
    slack = largest * math.radians(0.25)  # an extent turns no faster than the largest one
    assert extents.min() <= smallest + slack


def test_a_rectangle_has_its_sides_as_extents():
    mask = np.zeros((20, 30), bool)
    mask[4:11, 5:25] = True
    corners = hull_corners(mask, (2.0, 0.5))
    assert caliper(corners, 90) == 14
    assert caliper(corners, 0) == 10
    assert measure(mask, spacing=(2.0, 0.5), units="mm")[0].feret_min == 10


@given(blobs, edges)
def test_perimeters_do_not_change_under_shifts_flips_and_exchanged_axes(mask, spacing):
    length = perimeter(mask, spacing)
    assert perimeter(np.pad(mask, ((3, 0), (1, 7))), spacing) == pytest.approx(length)
    assert perimeter(mask[::-1], spacing) == pytest.approx(length)
    assert perimeter(mask[:, ::-1], spacing) == pytest.approx(length)
    assert perimeter(mask.T, spacing[::-1]) == pytest.approx(length)
    assert perimeter(mask, (10 * spacing[0], 10 * spacing[1])) == pytest.approx(10 * length)


@given(blobs, blobs)
def test_perimeters_of_objects_far_apart_add_up(one, other):
    both = np.concatenate([one, np.zeros((9, 8), bool), other], 1)
    assert perimeter(both) == pytest.approx(perimeter(one) + perimeter(other))


def test_the_rim_of_a_hole_counts():
    mask = np.ones((41, 41), bool)
    hole, _ = draw(disc(10)[0], 10)
    mask[7:34, 7:34] &= ~hole
    full = perimeter(np.ones((41, 41), bool))
    assert perimeter(mask) - full == pytest.approx(2 * math.pi * 10, rel=0.03)
    assert measure(mask)[0].holes == 1


@given(blobs)
def test_solidity_is_one_exactly_where_the_object_is_digitally_convex(mask):
    found = measure(mask)[0]
    whole = found.pieces == 1 and hull_deficit(mask) == 0
    assert (found.solidity == 1) == whole or found.pieces > 1
    assert 0 < found.solidity <= 1


def test_a_single_pixel_is_measured_and_marked_as_rough():
    mask = np.zeros((5, 5), np.uint8)
    mask[2, 3] = 1
    found = measure(mask)[0]
    assert (found.area_px, found.feret_max, found.centroid_px) == (1, 1.0, (2.0, 3.0))
    assert found.feret_min == pytest.approx(math.sqrt(0.5))
    assert "rough" in found.remark


def test_an_object_counts_what_lies_inside_it_to_any_depth():
    image = np.zeros((30, 30), np.int32)
    image[2:28, 2:28], image[6:20, 6:20], image[8:10, 8:10] = 5, 9, 70_000
    found = {m.number: m for m in measure(image, inside={9: 5, 70_000: 9})}
    assert found[5].area_px == 26 * 26
    assert found[9].area_px == 14 * 14
    assert found[70_000].area_px == 4
    assert found[5].holes == 0


def test_an_object_that_is_all_covered_by_what_it_holds_is_still_measured():
    image = np.zeros((9, 9), np.uint8)
    image[2:6, 2:6] = 2
    disc_, cup = measure(image, names={1: "disc", 2: "cup"}, inside={2: 1})
    assert (disc_.name, disc_.area_px) == ("disc", 16)
    assert (cup.name, cup.area_px) == ("cup", 16)


def test_a_named_object_without_pixels_is_listed_without_figures():
    found = measure(np.zeros((4, 4), np.uint8), names={3: "lost"})
    assert [(m.name, m.area_px, m.perimeter) for m in found] == [("lost", 0, None)]
    assert found[0].remark == "has no pixels"


def test_objects_at_the_edge_of_the_image_or_of_the_seen_region_are_marked():
    image = np.zeros((20, 20), np.uint8)
    image[0:6, 5:11], image[10:16, 10:16] = 1, 2
    assert [m.touches_border for m in measure(image)] == [True, False]
    seen = (slice(0, 20), slice(0, 16))
    assert [m.touches_border for m in measure(image, region=seen)] == [True, True]


def test_small_and_large_numbers_give_the_same_figures():
    image = np.zeros((20, 20), np.int64)
    image[3:9, 4:15] = 7
    small, large = measure(image)[0], measure(np.where(image, 2**40, 0))[0]
    assert (small.number, large.number) == (7, 2**40)
    assert (small.area_px, small.perimeter, small.box) == (66, large.perimeter, large.box)


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((2, 3, 4), int), {}, "plane by plane"),
        (np.zeros((0, 4), int), {}, "plane by plane"),
        (np.ones((3, 3)), {}, "whole numbers"),
        (np.full((3, 3), -2), {}, "numbered from 1"),
        (np.ones((3, 3), int), {"spacing": (1, 0), "units": "mm"}, "positive"),
        (np.ones((3, 3), int), {"spacing": (1, math.nan), "units": "mm"}, "positive"),
        (np.ones((3, 3), int), {"spacing": (1, 99), "units": "mm"}, "factor 50"),
        (np.ones((3, 3), int), {"spacing": (1, 2, 3), "units": "mm"}, "two pixel edges"),
        (np.ones((3, 3), int), {"spacing": (2, 2)}, "needs its unit"),
        (np.ones((3, 3), int), {"units": " "}, "units is empty"),
        (np.ones((3, 3), int), {"inside": {1: 2, 2: 1}}, "lies inside itself"),
        (np.ones((3, 3), int), {"inside": {1: 1}}, "lies inside itself"),
        (np.ones((3, 3), int), {"region": (slice(0, 4), slice(0, 3))}, "outside the image"),
        (np.ones((3, 3), int), {"region": (slice(2, 2), slice(0, 3))}, "is empty"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_its_reason(image, options, message):
    with pytest.raises(ValueError, match=message):
        measure(image, **options)


def test_an_empty_mask_has_no_hull():
    with pytest.raises(ValueError, match="no hull"):
        hull_corners(np.zeros((3, 3), bool))
