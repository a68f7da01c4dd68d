import numpy as np
import pytest
import tifffile
from skimage.io import imread, imsave

from priorseg.io import read_image, write_labels


@pytest.fixture
def labels():
    return (np.arange(12 * 7).reshape(12, 7) % 5).astype(np.int64)


@pytest.mark.parametrize("ending", ["png", "tif", "tiff", "PNG"])
def test_written_labels_read_back_equal(tmp_path, labels, ending):
    path = write_labels(tmp_path / f"a.{ending}", labels)
    back = read_image(path)
    np.testing.assert_array_equal(back.array, labels)
    assert back.array.dtype == np.uint8
    assert back.axes == "YX"


def test_labels_above_255_take_16_bits(tmp_path, labels):
    path = write_labels(tmp_path / "a.tif", labels * 1000)
    assert read_image(path).array.dtype == np.uint16
    np.testing.assert_array_equal(tifffile.imread(path), labels * 1000)


def test_spacing_and_units_travel_in_tiff(tmp_path, labels):
    path = write_labels(tmp_path / "a.tif", labels, spacing=(0.5, 0.25), units="µm")
    back = read_image(path)
    assert back.spacing == pytest.approx((0.5, 0.25))
    assert back.units == "µm"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.array([[0.5]]), "whole numbers"),
        (np.array([[-1, 0]]), "between 0 and 65535"),
        (np.array([[70000]]), "between 0 and 65535"),
        (np.zeros((2, 2, 2), int), r"\(Y, X\)"),
        (np.zeros((0, 2), int), r"\(Y, X\)"),
    ],
)
def test_what_is_no_label_map_is_refused(tmp_path, bad, message):
    with pytest.raises(ValueError, match=message):
        write_labels(tmp_path / "a.png", bad)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_else(tmp_path, labels, monkeypatch):
    path = write_labels(tmp_path / "a.tif", labels)
    old = path.read_bytes()

    def full(part, *args, **kwargs):
        part.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(OSError, match="no space"):
        write_labels(path, labels + 1)
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tif"]


def test_labels_are_not_written_as_jpeg(tmp_path, labels):
    with pytest.raises(ValueError, match=r"\.png, \.tif or \.tiff"):
        write_labels(tmp_path / "a.jpg", labels)


def test_colour_pictures_keep_their_channels(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (6, 5, 3)).astype(np.uint8)
    imsave(tmp_path / "rgb.png", picture, check_contrast=False)
    found = read_image(tmp_path / "rgb.png")
    np.testing.assert_array_equal(found.array, picture)
    assert (found.axes, found.name) == ("YXC", "rgb")


def test_a_tiff_stack_tells_its_axes(tmp_path):
    stack = np.zeros((3, 8, 9), np.uint16)
    tifffile.imwrite(tmp_path / "t.tif", stack, imagej=True, metadata={"axes": "TYX"})
    assert read_image(tmp_path / "t.tif").axes == "TYX"


def test_numpy_files_are_read_without_pickles(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(3))
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy").array, np.eye(3))
    np.save(tmp_path / "b.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"b\.npy"):
        read_image(tmp_path / "b.npy")


def test_a_turned_photograph_stands_upright(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    Image.fromarray(np.zeros((4, 8, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").array.shape == (8, 4, 3)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy"])
def test_damaged_files_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"not an image")
    with pytest.raises(ValueError, match=name):
        read_image(tmp_path / name)


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="none"):
        read_image(tmp_path / "none.png")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ValueError, match="use TIFF"):
        read_image(tmp_path / "a.txt")


def test_a_label_png_is_what_other_readers_see(tmp_path, labels):
    write_labels(tmp_path / "a.png", labels)
    np.testing.assert_array_equal(imread(tmp_path / "a.png"), labels)
