"""ImageJ regions: outlines that give every pixel back, in any program that knows polygons."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from roifile import ROI_TYPE, ImagejRoi, roiread
from skimage.measure import points_in_poly

from priorseg.exchange import read, write
from priorseg.exchange.outlines import fill, outlines

MASKS = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def signed_area(path: Any) -> float:
    x, y = np.asarray(path, float).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


def by_points(paths: Any, shape: tuple[int, int]) -> Any:
    """Ask scikit-image of each pixel's centre in how many outlines it lies."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    centres = np.stack([x.ravel(), y.ravel()], 1)
    return sum(points_in_poly(centres, path).astype(int) for path in paths).reshape(shape)


@settings(max_examples=300, deadline=None)
@given(MASKS)
def test_filling_the_outlines_gives_the_mask(mask: Any) -> None:
    paths = outlines(mask)
    np.testing.assert_array_equal(fill(paths, mask.shape), mask)
    if paths:
        np.testing.assert_array_equal(by_points(paths, mask.shape) % 2 == 1, mask)


@settings(max_examples=300, deadline=None)
@given(MASKS)
def test_outlines_enclose_as_much_as_the_mask_has_pixels(mask: Any) -> None:
    assert sum(signed_area(path) for path in outlines(mask)) == mask.sum()


@settings(max_examples=100, deadline=None)
@given(MASKS)
def test_outer_outlines_and_holes_run_in_opposite_ways(mask: Any) -> None:
    paths = outlines(mask)
    turns = sum(np.sign(signed_area(p)) * by_points([p], mask.shape) for p in paths)
    np.testing.assert_array_equal(turns if paths else np.zeros(mask.shape), mask)


@settings(max_examples=100, deadline=None)
@given(MASKS)
def test_edges_of_outlines_are_straight_and_turn_at_every_corner(mask: Any) -> None:
    for path in outlines(mask):
        steps = np.roll(path, -1, axis=0) - path
        assert ((steps == 0).sum(1) == 1).all()
        assert ((steps[:, 0] == 0) != (np.roll(steps, -1, axis=0)[:, 0] == 0)).all()


def test_an_outline_of_a_rectangle_is_its_four_corners() -> None:
    mask = np.zeros((5, 7), bool)
    mask[1:3, 2:6] = True
    (path,) = outlines(mask)
    assert path.tolist() == [[2, 1], [6, 1], [6, 3], [2, 3]]  # clockwise on a screen


def test_fill_agrees_with_points_on_polygons_in_between_pixels() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        path = random.uniform(-3, 23, (random.integers(3, 12), 2))
        np.testing.assert_array_equal(
            fill([path], (20, 17)), by_points([path], (20, 17)).astype(bool)
        )


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3))
)
def test_any_labels_come_back_from_a_zip(
    tmp_path_factory: pytest.TempPathFactory, labels: Any
) -> None:
    path = tmp_path_factory.mktemp("rois") / "a.zip"
    if labels.any():
        write(path, labels)
        np.testing.assert_array_equal(read(path).labels, labels)
    else:
        with pytest.raises(ValueError, match="no label to write"):
            write(path, labels)


def test_the_regions_are_the_labels_for_roifile_alone(
    tmp_path: Path, labels: Any, known: dict[str, Any]
) -> None:
    write(tmp_path / "a.zip", labels, **known)
    regions = roiread(tmp_path / "a.zip")
    assert [region.name for region in regions] == list(known["names"].values())
    assert [region.stroke_color for region in regions] == [
        bytes((255, *colour)) for colour in known["colours"].values()
    ]
    for label, region in enumerate(regions, 1):
        paths = region.coordinates(multi=True)
        np.testing.assert_array_equal(by_points(paths, labels.shape) % 2 == 1, labels == label)
        rows, columns = np.nonzero(labels == label)
        assert (region.top, region.left) == (rows.min(), columns.min())
        assert (region.bottom, region.right) == (rows.max() + 1, columns.max() + 1)


def test_a_simple_object_is_a_traced_polygon_and_one_with_a_hole_a_composite(
    tmp_path: Path, labels: Any
) -> None:
    write(tmp_path / "a.zip", labels)
    kinds = [(region.roitype, region.composite) for region in roiread(tmp_path / "a.zip")]
    assert kinds == [(ROI_TYPE.RECT, True), (ROI_TYPE.TRACED, False), (ROI_TYPE.RECT, True)]


def test_one_label_fits_into_a_roi_and_several_do_not(tmp_path: Path, labels: Any) -> None:
    with pytest.raises(ValueError, match=r"one label, there are 3\. Use \.zip"):
        write(tmp_path / "a.roi", labels)
    write(tmp_path / "a.roi", labels == 2, names={1: "cup"})
    back = read(tmp_path / "a.roi")
    np.testing.assert_array_equal(back.labels, labels == 2)
    assert back.names == {1: "cup"}


def test_regions_far_out_keep_their_place(tmp_path: Path) -> None:
    labels = np.zeros((3, 60_000), np.uint8)
    labels[1, 59_990:59_995] = 1
    labels[0, 40_000] = 2
    write(tmp_path / "a.zip", labels)
    np.testing.assert_array_equal(read(tmp_path / "a.zip").labels, labels)
    with pytest.raises(ValueError, match="end at 60535"):
        write(tmp_path / "b.zip", np.ones((1, 60_536), np.uint8))


def bundle(path: Path, *regions: ImagejRoi) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, region in enumerate(regions):
            archive.writestr(f"{number}.roi", region.tobytes())
    return path


def test_rectangles_and_ovals_of_imagej_are_filled(tmp_path: Path) -> None:
    box = {"top": 2, "left": 3, "bottom": 12, "right": 23}
    path = bundle(
        tmp_path / "a.zip",
        ImagejRoi(roitype=ROI_TYPE.RECT, name="box", **box),
        ImagejRoi(roitype=ROI_TYPE.OVAL, name="egg", top=20, left=0, bottom=40, right=30),
    )
    back = read(path, shape=(50, 40))
    assert back.names == {1: "box", 2: "egg"}
    assert (back.labels == 1)[2:12, 3:23].all()
    assert (back.labels == 1).sum() == 200
    y, x = np.mgrid[:50, :40] + 0.5
    egg = ((x - 15) / 15) ** 2 + ((y - 30) / 10) ** 2 <= 1
    assert np.count_nonzero((back.labels == 2) != egg) <= 2  # an outline of 1440 corners
    assert back.notes == ("The 2 regions became labels in their order.",)


def test_polygons_of_others_overlap_and_the_last_one_wins(tmp_path: Path) -> None:
    path = bundle(
        tmp_path / "a.zip",
        ImagejRoi.frompoints([[0, 0], [10, 0], [10, 10], [0, 10]], name="a"),
        ImagejRoi.frompoints([[5.0, 5.0], [15.0, 5.0], [15.0, 15.0], [5.0, 15.0]], name="b"),
    )
    back = read(path)
    wanted = np.zeros((15, 15), int)
    wanted[:10, :10] = 1
    wanted[5:, 5:] = 2
    np.testing.assert_array_equal(back.labels, wanted)
    assert "25 pixels lie in several regions" in back.notes[-1]
    assert "15 x 15 holds them" in back.notes[0]


def test_curves_of_a_composite_are_followed(tmp_path: Path) -> None:
    k = 10 * 4 / 3 * (np.sqrt(2) - 1)  # four Bezier curves that make a circle of radius 10
    path = [0, 30, 20]
    for end in ([30, 20 + k, 20 + k, 30, 20, 30], [20 - k, 30, 10, 20 + k, 10, 20],
                [10, 20 - k, 20 - k, 10, 20, 10], [20 + k, 10, 30, 20 - k, 30, 20]):  # fmt: skip
        path += [3, *end]
    floats = np.array([*path, 4], np.float32)
    region = ImagejRoi(
        roitype=ROI_TYPE.RECT, shape_roi_size=len(floats), multi_coordinates=floats,
        top=10, left=10, bottom=30, right=30,
    )  # fmt: skip
    found = read(bundle(tmp_path / "a.zip", region), shape=(40, 40)).labels
    y, x = np.mgrid[:40, :40] + 0.5
    assert np.count_nonzero((found > 0) != ((x - 20) ** 2 + (y - 20) ** 2 <= 100)) <= 4


def test_lines_and_points_are_left_out_and_counted(tmp_path: Path) -> None:
    line = ImagejRoi(roitype=ROI_TYPE.LINE, x2=5, y2=5)
    square = ImagejRoi(roitype=ROI_TYPE.RECT, bottom=3, right=3)
    assert "1 regions are lines" in read(bundle(tmp_path / "a.zip", line, square)).notes[0]
    with pytest.raises(ValueError, match="no region with an area"):
        read(bundle(tmp_path / "b.zip", line))


def test_what_lies_outside_the_image_is_cut_off(tmp_path: Path) -> None:
    square = ImagejRoi(roitype=ROI_TYPE.RECT, top=-5, left=-5, bottom=3, right=100)
    away = ImagejRoi(roitype=ROI_TYPE.RECT, top=50, left=50, bottom=60, right=60)
    back = read(bundle(tmp_path / "a.zip", square, away), shape=(4, 4))
    np.testing.assert_array_equal(back.labels, [[1] * 4] * 3 + [[0] * 4])
    assert "1 regions hold no pixel" in back.notes[-1]


@pytest.mark.parametrize(
    "path",
    [[1, 0, 0], [0, 0], [7, 1, 2], [0, float("nan"), 1, 1, 2, 2, 1, 3, 0], [0, 1, 1, 3, 1, 1]],
)
def test_damaged_paths_are_errors(path: list[float], tmp_path: Path) -> None:
    floats = np.array(path, np.float32)
    region = ImagejRoi(
        roitype=ROI_TYPE.RECT,
        shape_roi_size=len(floats),
        multi_coordinates=floats,
        bottom=9,
        right=9,
    )
    with pytest.raises(ValueError, match=r"a\.zip"):
        read(bundle(tmp_path / "a.zip", region), shape=(9, 9))


def test_a_zip_that_unpacks_to_gigabytes_is_refused_unopened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(f"{number}.roi", bytes(2**26))
    assert (tmp_path / "a.zip").stat().st_size < 2**20
    with pytest.raises(ValueError, match="claims more than"):
        read(tmp_path / "a.zip")


def test_a_region_that_claims_a_huge_image_is_refused(tmp_path: Path) -> None:
    corners = [[0.0, 0.0], [1e9, 0.0], [1e9, 1e9]]
    far = bundle(tmp_path / "a.zip", ImagejRoi.frompoints(np.array(corners)))
    with pytest.raises(ValueError, match="at most"):
        read(far)


def test_names_that_no_file_can_have_are_kept_in_the_region(tmp_path: Path) -> None:
    names = {1: "../../up/and:away\\ 😀", 2: ""}
    write(tmp_path / "a.zip", np.array([[1, 2]]), names=names)
    with zipfile.ZipFile(io.BytesIO((tmp_path / "a.zip").read_bytes())) as archive:
        assert not any("/" in name or "\\" in name for name in archive.namelist())
    assert read(tmp_path / "a.zip").names[1] == names[1]
