import math

import numpy as np
import pytest

from priorseg.measures import measure_cup_disc
from priorseg.metrics import height_px
from priorseg.phantoms import cup_disc

from .error_table import rim_errors
from .shapes import disc, draw, ellipse


def eye_ground(
    radius: float = 40, cup: float = 20, offset: tuple[float, float] = (0, 0), size: int = 121
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a round disc in the middle and a round cup beside it (offset Y, X)."""
    y, x = np.mgrid[:size, :size] - size // 2
    whole = y * y + x * x <= (radius + 0.3) ** 2
    inner = (y - offset[0]) ** 2 + (x - offset[1]) ** 2 <= (cup + 0.3) ** 2
    return whole, inner


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 2.0), (3.0, 1.0)])
@pytest.mark.parametrize(("radius", "cup"), [(25, 12), (60, 35)])
def test_rims_of_round_cups_are_those_of_the_closed_form(radius, cup, spacing):
    found = rim_errors(radius, cup, spacing, 10, seed=5)
    assert abs(found["ray"].mean()) < 0.05  # longer pixel edges
    assert found["ray"].std() < 0.25
    assert abs(found["ray"]).max() < 1.2
    assert abs(found["sector"]).max() < 0.35
    assert abs(found["vertical"]).max() < 1.2 / (2 * radius)
    assert abs(found["horizontal"]).max() < 1.2 / (2 * radius)
    assert abs(found["area"]).max() < 0.006


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.75])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_phantom_has_the_ratios_and_areas_it_was_made_with(ratio, seed):
    made = cup_disc(256, seed=seed, vcdr=ratio)
    found = measure_cup_disc(made.labels > 0, made.labels == 2)
    assert found.vertical.value == pytest.approx(ratio, abs=0.01)  # one row of about 105
    assert found.horizontal.value == pytest.approx(ratio, abs=0.012)
    assert found.area_ratio.value == pytest.approx(ratio**2, abs=0.003)
    assert found.rim_area.value == pytest.approx(made.areas[1] - made.areas[2], rel=0.005)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 1.0)])
def test_the_area_between_the_edges_of_the_profile_is_that_of_the_rim(spacing):
    whole, inner = eye_ground(offset=(4, -6))
    found = measure_cup_disc(whole, inner, spacing=spacing, units="mm")
    profile = found.profile
    swept = (profile.disc**2 - profile.cup**2).sum() / 2 * math.radians(1)
    assert swept == pytest.approx(found.rim_area.value, rel=0.002)


def test_ratios_are_those_of_rows_columns_and_pixels():
    whole, inner = eye_ground(offset=(5, -3))
    found = measure_cup_disc(whole, inner)
    assert found.vertical.value == pytest.approx(height_px(inner) / height_px(whole))
    assert found.horizontal.value == pytest.approx(height_px(inner.T) / height_px(whole.T))
    assert found.area_ratio.value == inner.sum() / whole.sum()
    assert found.rim_area.value == (whole & ~inner).sum()


def test_areas_are_in_square_units_and_ratios_have_none():
    whole, inner = eye_ground()
    pixels = measure_cup_disc(whole, inner)
    real = measure_cup_disc(whole, inner, spacing=(0.01, 0.01), units="mm")
    assert real.disc_area.value == pytest.approx(1e-4 * pixels.disc_area.value)
    assert real.vertical.value == pytest.approx(pixels.vertical.value)
    assert real.sectors[0].mean.value == pytest.approx(0.01 * pixels.sectors[0].mean.value)


def test_the_ratio_along_the_long_axis_of_a_tilted_disc_is_that_of_the_ellipses():
    turn = math.radians(30)
    outer, inner = ellipse(60)[0], ellipse(30)[0]
    whole, _ = draw(outer, 60, turn=turn)
    cup, _ = draw(lambda u, v: inner(u, v), 60, turn=turn)
    found = measure_cup_disc(whole, cup)
    assert found.long_axis.value == pytest.approx(0.5, abs=0.02)
    assert found.long_axis_degrees == pytest.approx(30, abs=1)


def test_a_round_disc_has_no_long_axis():
    found = measure_cup_disc(*eye_ground())
    assert found.long_axis.value is None
    assert "round" in found.long_axis.reason


@pytest.mark.parametrize(
    ("offset", "narrow"),
    [((6, 0), "inferior"), ((-6, 0), "superior"), ((0, 6), "image right"), ((0, -6), "image left")],
)
def test_the_rim_is_narrowest_where_the_cup_is_moved_to(offset, narrow):
    found = measure_cup_disc(*eye_ground(offset=offset))
    means = {sector.name: sector.mean.value for sector in found.sectors}
    assert min(means, key=means.__getitem__) == narrow
    least = next(sector for sector in found.sectors if sector.name == narrow)
    assert least.narrowest.value == pytest.approx(40 - 20 - 6, abs=0.5)


def test_nasal_is_right_in_the_image_of_a_right_eye_and_left_in_that_of_a_left_one():
    whole, inner = eye_ground(offset=(0, 6))  # the narrow rim is right in the image
    for eye, narrow in (("right", "nasal"), ("left", "temporal")):
        found = measure_cup_disc(whole, inner, eye=eye)
        means = {sector.name: sector.mean.value for sector in found.sectors}
        assert list(means) == ["inferior", "superior", "nasal", "temporal"]
        assert min(means, key=means.__getitem__) == narrow


def test_a_mirrored_left_eye_measures_as_the_right_one():
    whole, inner = eye_ground(offset=(-4, 7))
    one = measure_cup_disc(whole, inner, eye="right")
    other = measure_cup_disc(whole[:, ::-1], inner[:, ::-1], eye="left")
    assert [s.mean.value for s in one.sectors] == pytest.approx(
        [s.mean.value for s in other.sectors]
    )


def test_the_order_of_the_rims_is_stated_with_what_decides_it():
    whole, inner = eye_ground(offset=(-5, -8))  # right eye: superior and temporal are narrow
    found = measure_cup_disc(whole, inner, eye="right")
    widths = {sector.name[0].upper(): sector.mean.value for sector in found.sectors}
    assert found.isnt.order == " > ".join(sorted(widths, key=lambda name: -widths[name]))
    assert found.isnt.order == "N > I > S > T"
    assert found.isnt.holds is False
    assert found.isnt.margin == pytest.approx(widths["N"] - widths["S"])
    y, x = np.mgrid[:121, :121] - 60
    tall = (y / 44) ** 2 + (x / 36) ** 2 <= 1
    held = measure_cup_disc(tall, (y + 3) ** 2 + (x + 2) ** 2 <= 400, eye="right")
    assert held.isnt.holds is True
    assert held.isnt.order == "I > S > N > T"


def test_without_the_eye_the_rule_is_not_judged():
    found = measure_cup_disc(*eye_ground())
    assert found.isnt.holds is None
    assert "eye is not given" in found.isnt.reason


def test_a_cup_that_touches_the_edge_of_the_disc_leaves_no_rim_there():
    whole, _ = eye_ground()
    y, x = np.mgrid[:121, :121] - 60
    inner = whole & (y > -15) & (abs(x) < 18)
    profile = measure_cup_disc(whole, inner).profile
    below = abs(profile.degrees - 270) < 10
    assert profile.width[below].max() == 0
    assert (profile.width >= 0).all()


def test_sectors_whose_rays_miss_the_cup_have_a_reason_and_the_others_figures():
    whole, _ = eye_ground()
    y, x = np.mgrid[:121, :121] - 60
    inner = (y - 22) ** 2 + x**2 <= 14**2  # below the centre of the disc
    found = measure_cup_disc(whole, inner, eye="left")
    means = {sector.name: sector.mean for sector in found.sectors}
    assert means["superior"].value is None
    assert "90 of 90 rays" in means["superior"].reason
    assert found.vertical.value is not None
    assert found.isnt.holds is None


def test_a_pixel_far_out_does_not_pass_unseen():
    whole, inner = eye_ground()
    whole[3, 3] = True
    found = measure_cup_disc(whole, inner)
    assert found.vertical.value is None
    assert found.disc_area.value is None
    assert "the disc has 2 pieces" in found.vertical.reason


def nothing(mask: np.ndarray) -> np.ndarray:
    return np.zeros_like(mask)


def split(mask: np.ndarray) -> np.ndarray:
    return mask & (abs(np.arange(121) - 60) > 2)


@pytest.mark.parametrize(
    ("change_disc", "change_cup", "message", "disc_known"),
    [
        (nothing, np.array, "there is no disc", False),
        (np.array, nothing, "there is no cup", True),
        (nothing, nothing, "there is no disc", False),
        (np.array, lambda cup: np.roll(cup, 30, 1), "px of the cup lie outside the disc", True),
        (np.array, split, "the cup has 2 pieces", True),
        (lambda disc: np.roll(disc, 22, 0), np.array, "touches the border", False),
    ],
)
def test_what_is_missing_or_cut_gives_a_reason_and_no_figure(
    change_disc, change_cup, message, disc_known
):
    whole, inner = eye_ground()
    found = measure_cup_disc(change_disc(whole), change_cup(inner))
    readings = (found.vertical, found.horizontal, found.area_ratio, found.rim_area)
    assert all(reading.value is None and message in reading.reason for reading in readings)
    assert found.sectors == ()
    assert found.profile is None
    assert (found.disc_area.value is not None) == disc_known
    assert message in found.remark


def test_a_disc_at_the_edge_of_the_seen_region_is_cut():
    whole, inner = eye_ground()
    seen = (slice(20, 121), slice(0, 121))
    assert "touches the border" in measure_cup_disc(whole, inner, region=seen).vertical.reason
    assert measure_cup_disc(whole, inner).vertical.value is not None


def test_holes_forbid_areas_but_not_extents():
    whole, inner = eye_ground()
    whole[30, 60] = False
    found = measure_cup_disc(whole, inner)
    assert found.area_ratio.value is None
    assert found.disc_area.reason == "holes in the disc; fill them"
    assert found.vertical.value is not None
    assert "holes" in found.remark


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"eye": "OD"}, "eye must be"),
        ({"spacing": (0.1, 0.1)}, "needs its unit"),
        ({"spacing": (-1, 1), "units": "mm"}, "positive"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        measure_cup_disc(*eye_ground(), **options)


def test_masks_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="must be equal"):
        measure_cup_disc(np.ones((4, 4), bool), np.ones((4, 5), bool))


def test_long_rays_are_measured_in_parts_with_the_same_result(monkeypatch):
    mask, _ = draw(disc(30)[0], 30)
    cup, _ = draw(disc(15)[0], 30)
    whole = measure_cup_disc(mask, cup).profile
    monkeypatch.setattr("priorseg.measures.rim._SAMPLES", 1000)
    np.testing.assert_array_equal(measure_cup_disc(mask, cup).profile.width, whole.width)


def test_the_place_in_a_large_image_changes_nothing_but_the_centre():
    whole, inner = eye_ground(offset=(3, 2))
    far = [np.pad(mask, ((200, 10), (50, 300))) for mask in (whole, inner)]
    here, there = measure_cup_disc(whole, inner), measure_cup_disc(*far)
    assert here.profile.centre_px == pytest.approx((60, 60))
    assert there.profile.centre_px == pytest.approx((260, 110))
    np.testing.assert_array_equal(here.profile.width, there.profile.width)
    assert there.vertical == here.vertical
