"""States: plain data and back, strictly."""

import base64
import json
import math
from dataclasses import fields, replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from works import SETTINGS, disc, fresh, stream

from priorseg.annotation import Picture, Raster, State, Thing, paint
from priorseg.annotation.plain import (
    SEPARATE,
    from_plain,
    settings_from_dict,
    settings_to_dict,
    to_plain,
)
from priorseg.annotation.statefile import read_file, read_state
from priorseg.session import Painted, PriorChoice, Settings

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(-9, 99), inner, max_size=4)
    ),
    max_leaves=12,
).filter(lambda value: depth(value) <= 3)


def depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if type(value) is tuple else ()
    return 1 + max(map(depth, inner), default=0)


def through_json(value: object) -> object:
    return json.loads(json.dumps(value, allow_nan=False))


def same(one: object, two: object) -> bool:
    """Compare exactly, nan with nan and the type of numbers too."""
    return repr(one) == repr(two)


@given(PLAIN)
def test_plain_data_goes_through_json_unchanged(value) -> None:
    assert same(from_plain(through_json(to_plain(value, "x")), "x"), value)


def test_settings_go_through_json_unchanged() -> None:
    back = settings_from_dict(through_json(settings_to_dict(SETTINGS)))
    assert back == SETTINGS
    assert hash(back) == hash(SETTINGS)


def test_every_field_of_settings_is_written_or_kept_as_pixels() -> None:
    assert set(settings_to_dict(SETTINGS)) | set(SEPARATE) >= {one.name for one in fields(Settings)}


def test_volumes_of_objects_are_absent_from_files_that_have_none_and_from_older_ones() -> None:
    plain = settings_to_dict(replace(SETTINGS, object_volumes={}))
    assert "object_volumes" not in plain
    assert settings_from_dict(plain).object_volumes == {}


def test_states_of_a_day_go_through_json_unchanged() -> None:
    for state in islice(stream(fresh(150), 5), 80):
        back = State.from_dict(through_json(state.to_dict()), state.rasters())
        assert back == state
        assert hash(back) == hash(state)


def test_the_region_and_the_picture_are_kept() -> None:
    picture = Picture("Ä/é", "/some where/é.tif", "ab", (150, 120), 3, (0.1, 1 / 3), "µm")
    state = State.fresh(picture)
    state = replace(state, region=(slice(3, 9), slice(0, 120)), model="cells", inverted=True)
    assert State.from_dict(through_json(state.to_dict()), state.rasters()) == state


def test_proposed_centres_go_through_json_and_older_files_have_none() -> None:
    state = replace(fresh(64), proposed={1: ((1e-3, 7.0),)})
    table = through_json(state.to_dict())
    assert State.from_dict(table, state.rasters()) == state
    assert "proposed" not in fresh(64).to_dict()
    assert not State.from_dict(fresh(64).to_dict(), state.rasters()).proposed


def test_what_was_moved_or_removed_is_not_proposed_any_longer() -> None:
    state = replace(fresh(64), proposed={1: ((1e-3, 7.0), (9.0, 9.0)), 3: ((1.0, 1.0),)})
    assert state.proposed == {1: ((1e-3, 7.0),)}
    assert not replace(state, settings=replace(state.settings, centres={})).proposed


OF_VERSION_1 = (  # a file as it was written then: a painted and kept rectangle in 8 × 8 pixels
    "P*YP>K~zOCY5@QMcma)3(T?LF4Ez^Aql(amr28vTbRyuiXcK~f?A@yBzu%Cq_GMr80m&ZQ;~Ddy;#a1(rn_p"
    "{$xiE&($_NrLAjWM(t|!YWxoY<35wp9Jsof`b&~j#3AicuS8^(T2H^aSa{*)~Wch9)nulKWBbpZzkV)XtSRZ"
    "bvG$$$WP~C$s8H4d3Jq4|s;{_Q=j_?ntRI6V|;@crC?8^c&E(K(meNf>waxyQim7DTk=7?I0xNM-5Cn@2`aw"
    "v(9p=f+UFpSvyu`T=h6HW~ApY%4HB{N8^S>WVY5R>1&$IJbtWOz{6*NM|{y~Rw`j1u&9Jm<58vt_gI?7mrj$"
    "ligr+Im(o$>f4hsK%f%l-fJc)H&O;)3&+ji`1q&E7wm(x0YL_&ysLVm&}Y`7zSK-ME=gPrqo`VtCXs1xShM!"
    "O~#(J>2+u2G+(XLRM$?M^YsM7FLnu~M)3<?p)TY2{11+$zx{XtV_-lBOiWB*AsCG=kIDxC0xSRxcmZQzpblU"
    "J8Uw@FOoYjS=)nX41lRxv#RrreydX4-#(>h?bWJm*"
)


def test_a_file_that_does_not_say_whether_grey_was_inverted_is_read() -> None:
    file = read_file(base64.b85decode(OF_VERSION_1))
    assert file.header["state"]["version"] == 1
    state = read_state(file, file.bodies.get)
    box = np.zeros((8, 8), np.uint8)
    box[2:4, 2:5] = 1
    assert (state.painted.array() == 2 * box).all()
    assert (state.kept.array() == box).all()
    assert (state.things[0].name, state.inverted) == ("disc", False)


def test_painted_pixels_are_solved_with_and_never_stored_twice() -> None:
    assert fresh(64).to_solve() == SETTINGS
    state = paint(fresh(64), disc(64, 30, 30, 9), 2)
    wanted = Painted(3 * disc(64, 30, 30, 9).astype(np.uint8))
    assert state.to_solve() == replace(SETTINGS, painted=wanted)
    assert replace(state, settings=state.to_solve()) == state
    assert settings_from_dict(settings_to_dict(state.to_solve())) == SETTINGS


def broken(change) -> tuple[dict, dict]:
    state = next(s for s in stream(fresh(150), 5) if len(s.things) > 1)
    table = through_json(state.to_dict())
    change(table)
    return table, state.rasters()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop("version"), "no version"),
        (lambda t: t.update(version=99), "Update priorseg"),
        (lambda t: t.update(extra=1), r"no key \['extra'\]"),
        (lambda t: t.update(version=1), r"no key \['inverted'\]"),
        (lambda t: t.update(inverted=1), "inverted must be"),
        (lambda t: t.pop("things"), "lacks the key 'things'"),
        (lambda t: t.update(things=7), "state.things must be a list"),
        (lambda t: t["things"][0].update(number=0), "number must be a whole number"),
        (lambda t: t["things"][0].update(name=" "), "name must be a text"),
        (lambda t: t["things"][0].update(label=True), "label must be a whole number"),
        (lambda t: t["things"][0].update(inside=77), "inside object 77, which does not exist"),
        (lambda t: t["things"].append(t["things"][0]), "the same number"),
        (lambda t: t.update(region=[[0, 151], [0, 5]]), "does not lie in an image"),
        (lambda t: t.update(region=[[0, 5]]), "region must be"),
        (lambda t: t["picture"].update(shape=[150, 151]), "must be uint8 of the picture's shape"),
        (lambda t: t["picture"].update(shape=[0, 5]), "shape"),
        (lambda t: t["picture"].update(shape=[1, 2, 3]), "shape"),
        (lambda t: t["picture"].update(spacing=[0, 1]), "spacing must be"),
        (lambda t: t["picture"].update(spacing=[1]), "spacing must be"),
        (lambda t: t["picture"].update(path=5), "path must be a text"),
        (lambda t: t["settings"].update(temperature=-1), "temperature must be"),
        (lambda t: t["settings"].update(temperature="hot"), "must be like 1.0"),
        (lambda t: t["settings"].update(sweeps=2.5), "must be like 50"),
        (lambda t: t["settings"].update(replay=1), "must be like False"),
        (lambda t: t["settings"].update(spells=1), "no key"),
        (lambda t: t["settings"].update(centres=[1]), "table of pairs"),
        (lambda t: t["settings"].update(centres={"pairs": [[1, 5]]}), "settings: "),
        (lambda t: t["settings"].update(volumes={"pairs": [[{"pairs": []}, 5]]}), "no table"),
        (lambda t: t["settings"]["priors"].append("star"), "must be a table"),
        (lambda t: t["settings"]["priors"][0].update(on="yes"), "must be like True"),
    ],
)
def test_what_is_wrong_is_said(change, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        State.from_dict(*broken(change))


def test_data_nested_too_deep_is_refused() -> None:
    value: object = 1
    for _ in range(50):
        value = [value]
    with pytest.raises(ValueError, match="nested"):
        from_plain(value, "x")


def test_what_no_file_can_hold_is_refused_when_written() -> None:
    settings = Settings(priors=(PriorChoice("star", {"link": object()}),))
    with pytest.raises(TypeError, match="star holds a object"):
        settings_to_dict(settings)


def test_objects_cannot_lie_in_each_other() -> None:
    ring = (Thing(1, 1, "a", inside=2), Thing(2, 1, "b", inside=1))
    with pytest.raises(ValueError, match="lies in it in turn"):
        replace(fresh(64), things=ring)


def test_numbers_labels_and_spacing_are_checked() -> None:
    with pytest.raises(ValueError, match="number of an object"):
        Thing(0, 1, "a")
    with pytest.raises(ValueError, match="label must be"):
        Thing(1, 255, "a")
    with pytest.raises(ValueError, match="spacing"):
        Picture("a", None, "", (4, 4), 0, (math.nan, 1.0))
    with pytest.raises(ValueError, match="kept must be int32"):
        replace(fresh(64), kept=Raster.zeros((64, 64)))


def test_centres_that_are_only_proposed_are_no_clicks() -> None:
    bare = fresh(300)
    settings = replace(bare.settings, centres={1: ((9.0, 9.0), (20.0, 9.0))})
    state = replace(bare, settings=settings, proposed={1: ((20.0, 9.0),)})
    assert state.clicks == 1
