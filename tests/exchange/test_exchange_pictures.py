"""PNG and TIFF, seen by other readers, and masks that other programs made."""

import struct
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.io import imread

from priorseg.exchange import read, write
from priorseg.io import read_image

OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


def chunks(data: bytes) -> dict[bytes, bytes]:
    """Take a PNG apart by the letter of its standard."""
    found, at = {}, 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        assert zlib.crc32(kind + body) == int.from_bytes(
            data[at + 8 + size : at + 12 + size], "big"
        )
        found[kind] = body
        at += 12 + size
    return found


def test_an_indexed_png_shows_its_colours_elsewhere(
    tmp_path: Path, labels: Any, known: dict[str, Any]
) -> None:
    write(tmp_path / "a.png", labels, **known)
    table = np.array([(0, 0, 0), *known["colours"].values()], np.uint8)
    np.testing.assert_array_equal(imread(tmp_path / "a.png")[:, :, :3], table[labels])
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), labels)


def test_a_png_says_its_pixels_per_metre(tmp_path: Path, labels: Any) -> None:
    write(tmp_path / "a.png", labels, spacing=(0.5, 0.25), units="µm")
    body = chunks((tmp_path / "a.png").read_bytes())[b"pHYs"]
    assert struct.unpack(">IIB", body) == (4_000_000, 2_000_000, 1)  # x, y, per metre


def test_a_printers_resolution_is_no_pixel_size(tmp_path: Path, labels: Any) -> None:
    Image.fromarray(labels.astype(np.uint8)).save(tmp_path / "a.png", dpi=(72, 72))
    back = read(tmp_path / "a.png")
    assert (back.spacing, back.units) == (None, None)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize("factor", [1, 1000])
def test_tiffs_are_the_same_for_pillow(name: str, factor: int, tmp_path: Path, labels: Any) -> None:
    write(tmp_path / name, labels * factor)
    with Image.open(tmp_path / name) as picture:
        np.testing.assert_array_equal(np.asarray(picture), labels * factor)


def test_an_ome_tiff_says_its_resolution_to_other_readers(tmp_path: Path, labels: Any) -> None:
    write(tmp_path / "a.ome.tif", labels, spacing=(0.5, 0.25), units="µm")
    with Image.open(tmp_path / "a.ome.tif") as picture:
        tags = picture.tag_v2
        found = (float(tags[282]), float(tags[283]), tags[296])  # x, y, per cm
    assert found == (pytest.approx(40_000), pytest.approx(20_000), 3)


def test_an_ome_tiff_says_edges_and_names_in_its_xml(
    tmp_path: Path, labels: Any, known: dict[str, Any]
) -> None:
    write(tmp_path / "a.ome.tif", labels, **known)
    with Image.open(tmp_path / "a.ome.tif") as picture:
        root = ElementTree.fromstring(picture.tag_v2[270].encode("latin-1"))
    pixels = root.find(f"{OME}Image/{OME}Pixels")
    assert pixels is not None
    wanted = {"PhysicalSizeY": "0.5", "PhysicalSizeX": "0.25", "SizeY": "37", "SizeX": "53"}
    assert {key: pixels.get(key) for key in wanted} == wanted
    assert pixels.get("PhysicalSizeXUnit") == pixels.get("PhysicalSizeYUnit") == "µm"
    entries = root.findall(f"{OME}StructuredAnnotations/{OME}MapAnnotation/{OME}Value/{OME}M")
    assert [e.text for e in entries][:3] == list(known["names"].values())


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_images_read_the_edges_that_masks_were_written_with(
    name: str, tmp_path: Path, labels: Any
) -> None:
    write(tmp_path / name, labels, spacing=(0.5, 0.25), units="micrometer")
    image = read_image(tmp_path / name)
    assert image.spacing == pytest.approx((0.5, 0.25))
    assert image.units == "µm"


def test_a_tiff_in_centimetres_says_so(tmp_path: Path, labels: Any) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        labels.astype(np.uint8),
        resolution=(20, 10),
        resolutionunit="CENTIMETER",
    )
    back = read(tmp_path / "a.tif")
    assert (back.spacing, back.units) == (pytest.approx((0.1, 0.05)), "cm")


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.gif", "a.tif"])
def test_black_and_white_becomes_label_1(name: str, tmp_path: Path, labels: Any) -> None:
    Image.fromarray(np.where(labels > 0, 255, 0).astype(np.uint8)).save(tmp_path / name)
    back = read(tmp_path / name)
    np.testing.assert_array_equal(back.labels, labels > 0)
    assert back.notes == ("Values 0 and 255: 255 became label 1.",)


def test_one_bit_pictures_are_label_1(tmp_path: Path, labels: Any) -> None:
    Image.fromarray(labels > 0).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png").labels, labels > 0)


def test_other_grey_values_stay(tmp_path: Path, labels: Any) -> None:
    Image.fromarray(np.array([0, 128, 255, 7], np.uint8)[labels]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        read(tmp_path / "a.png").labels, np.array([0, 128, 255, 7])[labels]
    )


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_colours_become_labels_in_the_order_of_their_codes(
    name: str, tmp_path: Path, labels: Any
) -> None:
    table = np.array([(0, 0, 0), (0, 255, 0), (255, 0, 0), (0, 0, 255)], np.uint8)
    Image.fromarray(table[labels]).save(tmp_path / name)
    back = read(tmp_path / name)
    np.testing.assert_array_equal(back.labels, np.array([0, 2, 3, 1])[labels])
    assert back.colours == {1: (0, 0, 255), 2: (0, 255, 0), 3: (255, 0, 0)}
    assert "1 = #0000ff, 2 = #00ff00, 3 = #ff0000; #000000 is background" in back.notes[0]


def test_without_black_the_commonest_colour_is_background(tmp_path: Path, labels: Any) -> None:
    table = np.array([(255, 255, 255), (0, 255, 0), (0, 255, 0), (0, 255, 0)], np.uint8)
    Image.fromarray(table[labels]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png").labels, labels > 0)


def test_grey_saved_as_colour_is_grey(tmp_path: Path, labels: Any) -> None:
    Image.fromarray(np.repeat(labels[:, :, None], 3, 2).astype(np.uint8)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png").labels, labels)


def test_transparent_pixels_are_background(tmp_path: Path, labels: Any) -> None:
    painted = np.zeros((*labels.shape, 4), np.uint8)
    painted[:] = (200, 0, 0, 0)
    painted[labels == 2] = (0, 9, 0, 255)
    Image.fromarray(painted).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png").labels, labels == 2)


def test_a_photograph_is_no_mask(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"colours: a photograph, .* JPEG"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[0.0, 0.25]], np.float32), "fractions such as 0.25.*Threshold it"),
        (np.array([[0.0, np.nan]], np.float32), "not numbers"),
        (np.array([[0.0, -1.0]], np.float32), "between 0 and 2147483647, got -1"),
        (np.array([[0.0, 1e20]], np.float32), "between 0 and"),
        (np.array([[0, -3]], np.int16), "between 0 and 2147483647, got -3"),
        (np.array([[0, 2**31]], np.uint32), "between 0 and"),
        (np.array([[0, 1j]], np.complex64), "complex64 are no labels"),
    ],
)
def test_values_that_are_no_labels_are_refused(values: Any, message: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", values)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.tif")


def test_whole_numbers_kept_as_floats_are_labels(tmp_path: Path, labels: Any) -> None:
    tifffile.imwrite(tmp_path / "a.tif", labels.astype(np.float32))
    back = read(tmp_path / "a.tif").labels
    np.testing.assert_array_equal(back, labels)
    assert back.dtype == np.uint8


@pytest.mark.parametrize("name", ["a.tif", "a.gif"])
def test_of_a_stack_one_plane_has_to_be_chosen(name: str, tmp_path: Path, labels: Any) -> None:
    planes = [labels.astype(np.uint8), (labels.astype(np.uint8) * 2), labels.astype(np.uint8) * 3]
    first, *others = (Image.fromarray(plane) for plane in planes)
    first.save(tmp_path / name, save_all=True, append_images=others)
    with pytest.raises(ValueError, match=r"holds 3 planes. Choose one with plane=0 to 2"):
        read(tmp_path / name)
    np.testing.assert_array_equal(read(tmp_path / name, plane=0).labels, planes[0])
    np.testing.assert_array_equal(read(tmp_path / name, plane=2).labels > 0, labels > 0)
    with pytest.raises(ValueError, match="no plane 3"):
        read(tmp_path / name, plane=3)


def test_a_png_that_claims_a_huge_picture_is_refused_unopened(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 2**30, 2**30, 8, 0, 0, 0, 0)
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"0")), (b"IEND", b""))
    )
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(ValueError, match=r"a\.png"):
        read(tmp_path / "a.png")


def test_a_tiff_that_claims_a_huge_picture_is_refused_unopened(tmp_path: Path) -> None:
    pixels = zlib.compress(bytes(1000))
    entries = {256: 2**20, 257: 2**20, 258: 8, 259: 8, 262: 1, 273: 8, 277: 1, 278: 2**20}
    entries[279] = len(pixels)
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    header = b"II*\0" + struct.pack("<I", 8 + len(pixels))
    table = struct.pack("<H", len(entries)) + table + bytes(4)
    (tmp_path / "a.tif").write_bytes(header + pixels + table)
    with pytest.raises(ValueError, match=r"claims 1048576 x 1048576 values; at most"):
        read(tmp_path / "a.tif")


def test_a_tiff_whose_strip_unpacks_to_far_more_than_its_pixels_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint8), compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        tags = {tag: tiff.pages[0].tags[tag].valueoffset for tag in (273, 279)}
    data = bytearray((tmp_path / "a.tif").read_bytes())
    bomb = zlib.compress(bytes(2**27))
    data[tags[273] : tags[273] + 4] = struct.pack("<I", len(data))
    data[tags[279] : tags[279] + 4] = struct.pack("<I", len(bomb))
    (tmp_path / "a.tif").write_bytes(data + bomb)
    with pytest.raises(ValueError, match="strips larger than the pixels in them"):
        read(tmp_path / "a.tif")
