"""Rasters: what they hold is what an array holds, and unchanged tiles are shared."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from works import disc

from priorseg.annotation import Raster
from priorseg.annotation.raster import EDGE, tile_windows

SHAPES = st.tuples(st.integers(1, 300), st.integers(1, 300))
TYPES = st.sampled_from([np.uint8, np.int32])


@st.composite
def images(draw: st.DrawFn, shape: tuple[int, int] | None = None, dtype: type | None = None):
    """Draw label images that have constant tiles and busy ones."""
    dtype = dtype or draw(TYPES)
    shape = shape or draw(SHAPES)
    seed, rough = draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 3))
    chance = np.random.default_rng(seed)
    image = np.zeros(shape, dtype)
    for _ in range(rough):
        y, x = (int(chance.integers(0, side)) for side in shape)
        image[y : y + chance.integers(1, 200), x : x + chance.integers(1, 200)] = chance.integers(
            0, 255
        )
    if draw(st.booleans()):
        image[chance.random(shape) < 0.01] = 7
    return image


@st.composite
def pairs(draw: st.DrawFn):
    first = draw(images())
    return first, draw(images(shape=first.shape, dtype=first.dtype.type))


@st.composite
def edits(draw: st.DrawFn):
    image = draw(images())
    ends = [sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in image.shape]
    window = slice(*ends[0]), slice(*ends[1])
    size = image[window].shape
    values = draw(arrays.arrays(image.dtype, size, elements=st.integers(0, 200)))
    return image, window, values, draw(st.none() | arrays.arrays(bool, size))


@given(images())
def test_an_array_comes_back_as_it_went_in(image) -> None:
    back = Raster.of(image).array()
    assert back.dtype == image.dtype
    assert np.array_equal(back, image)
    assert Raster.of(image).any() == image.any()


@given(pairs())
def test_rasters_are_equal_exactly_if_their_pixels_are(pair) -> None:
    first, second = pair
    one, two, again = Raster.of(first), Raster.of(second), Raster.of(first.copy())
    assert one == again
    assert hash(one) == hash(again)
    assert (one == two) == np.array_equal(first, second)
    assert (one.tiles == two.tiles) == np.array_equal(first, second)


@given(pairs())
def test_a_new_version_shares_exactly_the_tiles_that_did_not_change(pair) -> None:
    first, second = pair
    old = Raster.of(first)
    new = old.with_array(second)
    assert np.array_equal(new.array(), second)
    assert new == Raster.of(second)
    for window, before, after in zip(tile_windows(old.shape), old.pieces, new.pieces, strict=True):
        assert (before is after) == np.array_equal(first[window], second[window])


@given(edits())
def test_changing_a_window_is_assigning_to_a_window(edit) -> None:
    image, window, values, where = edit
    old = Raster.of(image)
    new = old.changed(window, values, where)
    expected = image.copy()
    expected[window] = np.where(where, values, image[window]) if where is not None else values
    assert np.array_equal(new.array(), expected)
    assert np.array_equal(old.array(), image)
    assert np.array_equal(new.crop(window), expected[window])
    for place, part in enumerate(tile_windows(old.shape)):
        if np.array_equal(image[part], expected[part]):
            assert new.pieces[place] is old.pieces[place]


@given(edits())
def test_undoing_a_change_gives_the_same_raster(edit) -> None:
    image, window, values, where = edit
    old = Raster.of(image)
    assert old.changed(window, values, where).changed(window, image[window]) == old


def test_shape_and_type_count() -> None:
    zeros = [Raster.zeros((4, 9)), Raster.zeros((9, 4)), Raster.zeros((4, 9), np.int32)]
    assert len(set(zeros)) == 3
    assert zeros[0] == Raster.of(np.zeros((4, 9), np.uint8))


def test_arrays_are_read_only_and_made_once_while_held() -> None:
    raster = Raster.zeros((5, 5))
    array = raster.array()
    assert raster.array() is array
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1


def test_a_large_empty_raster_takes_no_memory_of_its_pixels() -> None:
    raster = Raster.zeros((40000, 40000), np.int32)
    assert sum(piece.cost for piece in raster.pieces) == 0


def test_two_hundred_strokes_cost_the_tiles_they_touch() -> None:
    versions = [Raster.of(disc(2048, 1000, 1000, 700).astype(np.uint8))]
    chance = np.random.default_rng(0)
    for _ in range(200):
        y, x = (int(part) for part in chance.integers(0, 2038, 2))
        window = slice(y, y + 10), slice(x, x + 10)
        versions.append(versions[-1].changed(window, 3))
        new = {id(piece) for piece in versions[-1].pieces} - {id(p) for p in versions[-2].pieces}
        assert len(new) <= 4
    distinct = {id(p): p.cost for version in versions for p in version.pieces}
    assert sum(distinct.values()) < versions[0].array().nbytes


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((2, 2), np.float32), "uint8 or int32"),
        (np.zeros((2, 2, 2), np.uint8), "shape"),
        (np.zeros((0, 2), np.uint8), "shape"),
    ],
)
def test_other_arrays_are_refused(array, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Raster.of(array)


def test_values_that_do_not_fit_are_refused_not_wrapped() -> None:
    raster = Raster.zeros((4, 4))
    everywhere = slice(None), slice(None)
    for value in (256, -1, 1.5):
        with pytest.raises(ValueError, match="Pixels must"):
            raster.changed(everywhere, value)
    with pytest.raises(ValueError, match="no steps"):
        raster.changed((slice(0, 4, 2), slice(0, 4)), 1)
    with pytest.raises(ValueError, match="shape"):
        raster.with_array(np.zeros((4, 5), np.uint8))


def test_too_many_pixels_are_refused_before_memory_is_taken() -> None:
    with pytest.raises(ValueError, match="at most"):
        Raster.zeros((2**20, 2**20))


def test_tiles_cover_the_image_once() -> None:
    seen = np.zeros((300, 257), int)
    for window in tile_windows(seen.shape):
        seen[window] += 1
        assert max(seen[window].shape) <= EDGE
    assert (seen == 1).all()
    assert len(list(islice(tile_windows(seen.shape), 100))) == 9
