"""Images: axes, planes, and what is refused."""

import numpy as np
import pytest
import torch

from priorseg.session import Session
from priorseg.session.image import describe, square_region, take_plane, view_plane


@pytest.mark.parametrize(
    ("shape", "axes", "planes", "channels"),
    [
        ((8, 9), "YX", 1, 1),
        ((8, 9, 3), "YXC", 1, 3),
        ((8, 9, 4), "YXC", 1, 4),
        ((8, 9, 1), "YXC", 1, 1),
        ((5, 8, 9), "ZYX", 5, 1),
        ((1, 8, 9), "ZYX", 1, 1),
        ((3, 8, 9), "ZYX", 3, 1),
        ((5, 8, 9, 3), "ZYXC", 5, 3),
        ((2, 5, 8, 9), "TZYX", 10, 1),
        ((2, 5, 8, 9, 3), "TZYXC", 10, 3),
    ],
)
def test_axes_are_guessed_from_the_shape(shape, axes, planes, channels):
    info = Session().set_image(np.zeros(shape, np.uint8))
    assert (info.axes, info.planes, info.channels, info.shape) == (axes, planes, channels, (8, 9))


@pytest.mark.parametrize(
    ("shape", "axes", "spatial"),
    [
        ((3, 8, 9), "CYX", (8, 9)),
        ((8, 9, 4), "YXZ", (8, 9)),
        ((8, 9, 3), "ZYX", (9, 3)),
        ((8, 9, 5), "yxt", (8, 9)),
        ((8, 9, 3), "YXS", (8, 9)),
        ((4, 8, 9), "QYX", (8, 9)),
    ],
)
def test_given_axes_beat_the_guess(shape, axes, spatial):
    assert Session().set_image(np.zeros(shape, np.uint8), axes=axes).shape == spatial


def test_every_plane_of_a_stack_is_the_right_one():
    stack = np.random.default_rng(0).random((2, 3, 8, 9))
    session = Session()
    session.set_image(stack)
    for index in range(6):
        session.set_plane(index)
        assert session.plane == index
        np.testing.assert_array_equal(session._source.plane, stack.reshape(6, 8, 9)[index])


def test_channels_are_moved_to_the_end():
    image = np.random.default_rng(0).random((3, 8, 9))
    session = Session()
    session.set_image(image, axes="CYX")
    np.testing.assert_array_equal(session._source.plane, image.transpose(1, 2, 0))


def test_the_plane_is_a_copy_that_later_edits_do_not_reach():
    image = np.zeros((8, 9))
    session = Session()
    session.set_image(image)
    image[:] = 1
    assert session._source.plane.max() == 0


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int32, np.float16, np.float64])
def test_any_real_type_is_taken(dtype):
    assert Session().set_image(np.ones((4, 4), dtype)).dtype == np.dtype(dtype).name


def test_lists_and_tensors_are_taken_too():
    assert Session().set_image([[1, 2], [3, 4]]).shape == (2, 2)
    assert Session().set_image(torch.zeros(3, 4, 5)).planes == 3


def test_a_plane_to_look_at_is_not_copied():
    stack = np.arange(24.0).reshape(2, 3, 4)
    plane = view_plane(stack, describe(stack), 1)
    assert np.shares_memory(plane, stack)
    assert (plane == take_plane(stack, describe(stack), 1)).all()


def test_of_a_lazy_stack_only_the_plane_is_read():
    class Lazy(Shaped):
        def __getitem__(self, key):
            assert key == (0, slice(None), slice(None))
            return np.ones((8, 9), np.uint8)

    assert Session().set_image(Lazy(10**6, 8, 9)).planes == 10**6


class Shaped:
    """An array too large to exist."""

    def __init__(self, *shape):
        self.shape, self.dtype = shape, np.dtype(np.uint8)


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((0, 5)), {}, "empty"),
        (np.zeros((1, 1)), {}, "too small"),
        (np.zeros(7), {}, "needs two axes"),
        (None, {}, "real numbers"),
        (np.full((4, 4), np.nan), {}, "nan or infinite"),
        (np.full((4, 4), np.inf), {}, "nan or infinite"),
        (np.zeros((4, 4), complex), {}, "real numbers"),
        (np.zeros((4, 4), object), {}, "real numbers"),
        (np.zeros((2, 2, 2, 5, 6)), {}, "axes='TZYXC'"),
        (np.zeros((4, 4)), {"axes": "ZYX"}, "3 axes, the image has 2"),
        (np.zeros((4, 4)), {"axes": "YY"}, "must hold Y and X"),
        (np.zeros((4, 4)), {"axes": "YW"}, "must hold Y and X"),
        (np.zeros((4, 4)), {"spacing": (1.0, 0.0)}, "spacing"),
        (np.zeros((4, 4)), {"spacing": (1.0, 2.0, 3.0)}, "spacing"),
        (Shaped(70000, 70000), {}, "larger than 2³¹"),
    ],
)
def test_what_cannot_be_segmented_is_refused_with_a_reason(image, options, message):
    session = Session()
    session.set_image(np.zeros((4, 4)))
    with pytest.raises(ValueError, match=message):
        session.set_image(image, **options)
    assert session.info.shape == (4, 4)  # the old image is still there


def test_a_plane_with_nan_is_refused_when_it_is_reached():
    stack = np.zeros((3, 4, 4))
    stack[2, 1, 1] = np.nan
    session = Session()
    session.set_image(stack)
    session.set_plane(1)
    with pytest.raises(ValueError, match="1 of 16 pixel values"):
        session.set_plane(2)
    with pytest.raises(ValueError, match="from 0 to 2"):
        session.set_plane(3)
    assert session.plane == 1


@pytest.mark.parametrize("spacing", [(0.5, 0.25), (2.0, 0.5, 0.25)])
def test_spacing_may_name_two_axes_or_all(spacing):
    info = Session().set_image(np.zeros((3, 8, 9)), spacing=spacing, units="mm")
    assert (info.spacing, info.units) == ((0.5, 0.25), "mm")


@pytest.mark.parametrize(
    ("centre", "side", "expected"),
    [
        ((10, 10), 4, (slice(8, 12), slice(8, 12))),
        ((0, 19), 6, (slice(0, 6), slice(14, 20))),
        ((10, 10), 99, (slice(0, 20), slice(0, 20))),
        ((10.4, 10.4), 5, (slice(8, 13), slice(8, 13))),
    ],
)
def test_a_region_stays_inside_and_keeps_its_side(centre, side, expected):
    assert square_region(centre, side, (20, 20)) == expected


def test_a_region_outside_the_image_is_refused():
    with pytest.raises(ValueError, match="y 30, x 3"):
        square_region((30, 3), 8, (20, 20))
    with pytest.raises(ValueError, match="at least 2 px"):
        square_region((3, 3), 1, (20, 20))
