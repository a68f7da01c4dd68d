"""Sessions: one network run, many solves, and never an answer for the wrong image."""

import contextlib
import itertools
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from priorseg import Scene, VariationalHead, solve
from priorseg.priors import Star, ThresholdDynamics, TotalVariation
from priorseg.session import PriorChoice, Session, Settings
from priorseg.session.problem import enlarge, preview_stride
from priorseg.session.solving import likeliest

TV = PriorChoice("total_variation", {"weight": 0.5})
SMOOTH = PriorChoice("threshold_dynamics", {"weight": 1.0, "sigma": 1.0})


class Network:
    """Logits of two classes, a formula of the pixels."""

    labels = {0: "background", 1: "bright"}  # noqa: RUF012

    def __init__(self, sha256="one", gain=1.0):
        self.head = VariationalHead([ThresholdDynamics(0.7, 1.0)], sweeps=6, temperature=0.8)
        self.sha256, self.gain, self.seen = sha256, gain, []

    def logits(self, image, *, progress, cancelled):
        self.seen.append(image.shape)
        progress(1, 1)
        bright = self.gain * (torch.as_tensor(image).float() / 64 - 2)
        return torch.stack((-bright, bright))[None]


def picture(size=48, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    disc = (y - 0.5) ** 2 + (x - 0.5) ** 2 < 0.1
    return np.clip(disc * 120 + 60 + rng.normal(0, 40, disc.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def session():
    session = Session(Network())
    session.set_image(picture())
    session.compute_logits()
    return session


def last(session, settings, **options):
    return list(session.frames(settings, **options))[-1]


def settings(*priors, **changes):
    return Settings(priors=priors or (SMOOTH,), **{"sweeps": 30, "tol": 1e-4, **changes})


def test_the_network_runs_once_whatever_the_settings(session):
    for weight in (0.1, 1.0, 4.0):
        last(session, settings(replace(SMOOTH, settings={"weight": weight})))
    session.compute_logits()
    assert session.network_runs == 1


def test_going_back_to_an_image_is_free(session):
    session.set_image(picture(seed=1))
    session.compute_logits()
    session.set_image(picture())
    session.compute_logits()
    assert session.network_runs == 2


@pytest.mark.parametrize("change", ["pixel", "dtype", "model", "plane", "region"])
def test_any_change_that_matters_runs_the_network_again(change):
    session = Session(Network())
    stack = np.stack([picture(), picture(seed=1)])
    session.set_image(stack)
    session.compute_logits()
    if change == "pixel":
        stack[0, 3, 3] ^= 1
        session.set_image(stack)
    if change == "dtype":
        session.set_image(stack.astype(np.uint16))
    if change == "model":
        session.set_model(Network("two"))
    if change == "plane":
        session.set_plane(1)
    if change == "region":
        session.set_region((20, 20), 16)
    assert not session.ready
    session.compute_logits()
    assert session.network_runs == 2


def test_the_same_region_again_changes_nothing(session):
    session.set_region(None)
    assert session.ready
    session.set_region((20, 20), 16)
    session.compute_logits()
    session.set_region((20, 20), 16)
    assert session.ready


def test_the_same_saved_model_again_changes_nothing(session):
    before = session.epoch
    session.set_model(session.segmenter)
    assert session.epoch == before
    assert session.ready


def test_unsaved_models_never_share_logits():
    session = Session(Network(sha256=""))
    session.set_image(picture())
    session.compute_logits()
    session.set_model(Network(sha256="", gain=-1.0))
    session.compute_logits()
    assert session.plain().labels[0, 0] == 1


def test_the_cache_keeps_within_its_memory():
    session = Session(Network(), cache_bytes=3 * 48 * 48 * 2 * 4)
    for seed in range(5):
        session.set_image(picture(seed=seed))
        session.compute_logits()
    assert len(session._cache) == 3


def test_the_default_settings_are_those_of_the_trained_head(session):
    found = session.default_settings()
    assert [choice.name for choice in found.priors] == ["threshold_dynamics"]
    assert found.priors[0].on
    assert found.priors[0].settings["weight"] == pytest.approx(0.7)
    assert (found.sweeps, found.temperature) == (6, pytest.approx(0.8))
    assert not found.centres
    assert not found.volumes


def test_a_replay_is_bit_equal_to_the_head_whatever_came_before(session):
    head = session.segmenter.head
    logits = session.segmenter.logits(picture(), progress=lambda *_: None, cancelled=lambda: False)
    expected = head.solve(logits).decode()
    for before in (settings(), settings(TV), session.default_settings()):
        last(session, before)
        found = last(session, session.default_settings())
        np.testing.assert_array_equal(found.labels, expected.labels[0].numpy())
        np.testing.assert_array_equal(found.probs, expected.probs[0].float().numpy())
        assert found.sweeps == 6


def test_a_final_frame_is_what_the_solver_decodes(session):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 20, 24)).astype(np.float32)
    session = Session()
    session.set_logits(logits)
    session.compute_logits()
    found = last(session, settings(TV, SMOOTH, tol=0.0, sweeps=9))
    priors = [TotalVariation(0.5), ThresholdDynamics(1.0, 1.0)]
    expected = solve(torch.tensor(logits)[None], priors, Scene(), sweeps=9).decode()
    np.testing.assert_array_equal(found.labels, expected.labels[0].numpy())
    assert found.certificates.keys() == expected.certificates.keys()
    assert found.final
    assert found.labels.dtype == np.uint8
    assert found.probs.dtype == np.float32


def test_a_warm_solve_ends_where_a_cold_one_does():
    logits = np.random.default_rng(0).normal(size=(2, 16, 16))
    convex = settings(TV, tol=1e-4, sweeps=500)
    other = settings(replace(TV, settings={"weight": 0.8}), tol=1e-4, sweeps=500)
    ends = []
    for before in ([], [other]):
        session = Session()
        session.set_logits(logits)
        session.compute_logits()
        for one in before:
            last(session, one)
        ends.append(last(session, convex).probs)
    np.testing.assert_allclose(*ends, atol=5e-3)


def test_a_warm_solve_of_the_same_settings_is_done_at_once(session):
    first = last(session, settings())
    again = last(session, settings())
    assert first.sweeps > 3
    assert again.sweeps == 1


def test_solving_while_the_image_changes_ends_without_a_frame(session):
    frames = session.frames(settings(sweeps=1000, tol=0.0), every=0.0)
    next(frames)
    session.set_image(picture(size=32))
    assert list(frames) == []


def test_the_solution_of_an_old_image_never_warms_the_next(session):
    last(session, settings())
    session.set_image(picture(seed=7))
    session.compute_logits()
    fresh = Session(Network())
    fresh.set_image(picture(seed=7))
    fresh.compute_logits()
    np.testing.assert_array_equal(last(session, settings()).probs, last(fresh, settings()).probs)


def test_frames_keep_their_distance_but_the_last_one_comes(session):
    many = list(session.frames(settings(sweeps=20, tol=0.0), every=0.0))
    few = list(session.frames(settings(TV, sweeps=20, tol=0.0), every=1e6))
    assert len(many) == 20
    assert [frame.final for frame in few] == [True]


def test_a_replay_does_not_flash_its_first_sweeps(session):
    trained = replace(session.default_settings(), sweeps=10)
    first = [frame.sweeps for frame in session.frames(trained, every=0.0)]
    again = [frame.sweeps for frame in session.frames(trained, every=0.0)]
    assert first == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert again == [5, 6, 7, 8, 9, 10]


def test_an_interrupted_replay_warms_nothing(session):
    trained = session.default_settings()
    next(session.frames(trained, every=0.0))
    assert not session._warm
    last(session, trained)
    assert session._warm


def test_a_stream_of_requests_still_shows_frames(session):
    shown = [
        frame
        for weight in np.linspace(0.5, 2, 20)
        for frame in session.frames(
            settings(replace(SMOOTH, settings={"weight": float(weight)}), tol=0.0),
            cancelled=lambda: True,
            every=0.0,
        )
    ]
    assert len(shown) == 20
    assert not any(frame.final for frame in shown)


def test_a_region_is_solved_alone_and_the_rest_is_background(session):
    session.set_region((24, 24), 20)
    session.compute_logits()
    frame = last(session, settings())
    assert session.segmenter.seen[-1] == (20, 20)
    assert frame.region == session.region == (slice(14, 34), slice(14, 34))
    assert frame.labels.shape == (48, 48)
    assert frame.probs.shape == (2, 20, 20)
    outside = frame.labels.copy()
    outside[frame.region] = 0
    assert not outside.any()
    assert frame.counts == {k: int((frame.labels == k).sum()) for k in (0, 1)}


def test_centres_are_given_in_the_full_image(session):
    session.set_region((24, 24), 20)
    session.compute_logits()
    star = settings(PriorChoice("star", {"label": 1}), centres={1: ((25.0, 22.0),)})
    frame = last(session, star)
    scene = Scene(centres={1: torch.tensor([[11.0, 8.0]])})
    logits = session._snapshot()[0].logits
    expected = solve(logits, [Star(1)], scene, sweeps=30, tol=1e-4).decode()
    np.testing.assert_array_equal(frame.labels[frame.region], expected.labels[0].numpy())
    assert frame.certificates["star"].satisfied


@pytest.mark.parametrize("point", [(48.0, 3.0), (-1.0, 3.0), (3.0, 1e9), (float("nan"), 3.0)])
def test_a_centre_outside_is_named(session, point):
    with pytest.raises(ValueError, match=r"Centre 2 of bright .* outside the region"):
        last(session, settings(centres={1: ((3.0, 3.0), point)}))


def test_a_prior_that_waits_for_a_click_is_left_out_and_says_so(session):
    waiting = settings(PriorChoice("star", {"label": 1}), PriorChoice("volume"), SMOOTH)
    frame = last(session, waiting)
    assert frame.certificates.keys() == {"threshold_dynamics"}
    assert "Star shape of bright is off" in frame.messages[0]
    assert "Volume is off" in frame.messages[1]


def test_a_wanted_volume_is_met_exactly(session):
    frame = last(session, settings(PriorChoice("volume"), SMOOTH, volumes={1: 321.0}))
    assert frame.counts[1] == 321
    assert frame.certificates["volume"].satisfied


def test_volumes_that_cannot_be_are_told(session):
    with pytest.raises(ValueError, match="volume"):
        last(session, settings(PriorChoice("volume"), volumes={1: 1e6}))
    with pytest.raises(ValueError, match="label 7"):
        last(session, settings(PriorChoice("volume"), volumes={7: 10.0}))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (PriorChoice("nothing"), "no prior 'nothing'"),
        (PriorChoice("star", {"lable": 1}), r"no setting \['lable'\]"),
        (PriorChoice("threshold_dynamics", {"weight": -1.0}), "weight"),
        (PriorChoice("convex"), r"needs a value for \['labels'\]"),
    ],
)
def test_wrong_priors_are_named(session, choice, message):
    with pytest.raises(ValueError, match=message):
        last(session, settings(choice))


def test_a_prior_that_is_off_is_absent(session):
    off = last(session, settings(replace(SMOOTH, on=False)))
    np.testing.assert_array_equal(off.probs, last(session, Settings()).probs)


def test_the_plain_frame_is_the_network_alone(session):
    expected = session._snapshot()[0].logits.argmax(1)[0].numpy()
    last(session, settings())
    frame = session.plain()
    np.testing.assert_array_equal(frame.labels, expected)
    assert frame.final


def test_nested_logits_have_one_label_more_than_channels():
    session = Session()
    session.set_logits(np.random.default_rng(0).normal(size=(2, 12, 12)), link="ordered")
    session.compute_logits()
    frame = last(session, settings(TV))
    assert frame.probs.shape == (3, 12, 12)
    np.testing.assert_allclose(frame.probs.sum(0), 1, atol=1e-5)
    assert session.labels.keys() == {0, 1, 2}


def test_given_logits_follow_the_region_and_end_with_the_image(session):
    logits = np.random.default_rng(0).normal(size=(3, 48, 48))
    session.set_logits(logits)
    session.set_region((10, 12), 8)
    session.compute_logits()
    frame = session.plain()
    expected = logits.argmax(0)[frame.region]
    np.testing.assert_array_equal(frame.labels[frame.region], expected)
    session.set_image(picture(seed=3))
    session.compute_logits()
    assert session.labels == Network.labels


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (np.zeros((2, 5, 5)), "the image has"),
        (np.zeros((48, 48)), r"\(K, Y, X\)"),
        (np.full((2, 48, 48), np.nan), "nan or infinite"),
        (np.zeros((1, 48, 48)), "at least 2 channels"),
        (np.zeros((257, 48, 48), np.float32), "256 labels"),
    ],
)
def test_wrong_logits_are_refused(session, logits, message):
    with pytest.raises(ValueError, match=message):
        session.set_logits(logits)


def test_nothing_is_solved_before_there_are_logits():
    session = Session()
    with pytest.raises(ValueError, match="set_image"):
        session.compute_logits()
    session.set_image(picture())
    with pytest.raises(ValueError, match="set_model"):
        session.compute_logits()
    with pytest.raises(ValueError, match="compute_logits"):
        session.plain()
    with pytest.raises(ValueError, match="compute_logits"):
        session.frames(settings())


def test_a_cancelled_network_leaves_no_logits():
    session = Session(Network())
    session.set_image(picture())
    session.compute_logits(cancelled=lambda: True)
    assert not session.ready
    session.compute_logits()
    assert session.ready


class TestPreview:
    @pytest.fixture
    def session(self):
        session = Session(Network(), preview_side=32)
        session.set_image(picture(size=100))
        session.compute_logits()
        return session

    @pytest.mark.parametrize(
        ("size", "stride"), [((100, 100), 1), ((256, 264), 1), ((512, 512), 2), ((9999, 9999), 4)]
    )
    def test_is_solved_on_blocks_where_the_region_is_large(self, size, stride):
        assert preview_stride(size, 256) == stride

    def test_shows_the_full_size_and_is_not_final(self, session):
        frame = last(session, settings(), preview=True)
        assert frame.labels.shape == (100, 100)
        assert frame.probs.shape == (2, 100, 100)
        assert not frame.final
        assert not frame.certificates
        assert "Preview" in frame.messages[-1]

    def test_is_close_to_the_full_solve(self, session):
        preview = last(session, settings(), preview=True)
        full = last(session, settings())
        assert (preview.labels != full.labels).mean() < 0.03

    @pytest.mark.parametrize("stride", [2, 3, 8])
    def test_is_interpolated_between_block_centres(self, stride):
        blocks = torch.rand(1, 2, 5, 4)
        expected = torch.nn.functional.interpolate(blocks, scale_factor=stride, mode="bilinear")
        size = (5 * stride - 1, 4 * stride)
        torch.testing.assert_close(enlarge(blocks, stride, size), expected[:, :, :-1])

    def test_never_changes_the_full_solve(self, session):
        other = Session(Network())
        other.set_image(picture(size=100))
        other.compute_logits()
        last(session, settings(TV), preview=True)
        np.testing.assert_array_equal(
            last(session, settings()).probs, last(other, settings()).probs
        )

    def test_keeps_centres_and_volumes_in_place(self, session):
        wish = settings(
            PriorChoice("star", {"label": 1}),
            PriorChoice("volume"),
            centres={1: ((99.4, 99.4),)},
            volumes={1: 3000.0},
        )
        frame = last(session, wish, preview=True)
        assert abs(frame.counts[1] - 3000) < 300
        bad = replace(wish, centres={1: ((100.0, 3.0),)})
        with pytest.raises(ValueError, match=r"y 100"):
            last(session, bad, preview=True)

    def test_of_a_small_region_is_exact(self, session):
        session.set_region((50, 50), 32)
        session.compute_logits()
        frame = last(session, settings(), preview=True)
        assert not frame.final
        np.testing.assert_allclose(frame.probs, last(session, settings()).probs, atol=1e-3)


def test_two_threads_may_solve_and_change_images_at_once(session):
    from concurrent.futures import ThreadPoolExecutor

    def look(seed):
        session.set_image(picture(size=32 + seed, seed=seed))
        session.compute_logits()
        shapes = set()
        with contextlib.suppress(ValueError):  # another image came in between
            for frame in session.frames(settings(), every=0.0):
                shapes.add((frame.labels.shape, frame.probs.shape[1:]))
        return shapes

    with ThreadPoolExecutor(4) as pool:
        found = list(itertools.chain(*pool.map(look, range(16))))
    assert all(labels == probs for labels, probs in found)


def test_the_likeliest_label_is_the_first_of_the_largest():
    scores = torch.randint(0, 4, (1, 5, 30, 30))
    torch.testing.assert_close(likeliest(scores).long(), scores.argmax(1))


def test_settings_are_values():
    one = settings(volumes={1: 5}, centres={1: [(1, 2)]})
    two = settings(volumes={1: 5.0}, centres={1: ((1.0, 2.0),)})
    assert one == two
    assert hash(one) == hash(two)
    assert pickle.loads(pickle.dumps(one)) == one
    assert one.priors[0].settings == {"weight": 1.0, "sigma": 1.0}
    with pytest.raises(TypeError):
        one.volumes[1] = 6


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"sweeps": -1},
        {"tol": -1.0},
        {"volumes": {1: 0.0}},
        {"volumes": {1: float("nan")}},
    ],
)
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change)).rstrip("s")):
        Settings(**change)


def test_importing_a_session_does_not_import_torch():
    code = "import sys, priorseg.session; sys.exit('torch' in sys.modules or 'qtpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def segmenter(edge=0.0):
    from priorseg import Segmenter
    from priorseg.backbones import UNet
    from priorseg.card import Card

    torch.manual_seed(0)
    head = VariationalHead([ThresholdDynamics(1.0, 1.5, edge=edge)], sweeps=5, temperature=0.7)
    return Segmenter(UNet(3, 2, width=4, depth=2), head, Card("tiny"))


@pytest.mark.parametrize("edge", [0.0, 5.0])
def test_a_session_shows_what_its_segmenter_segments(edge):
    model = segmenter(edge)
    image = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    session = Session(model)
    session.set_image(image)
    session.compute_logits()
    frame = last(session, session.default_settings())
    np.testing.assert_array_equal(frame.labels, model.segment(image).labels[0].numpy())
    plain = model.segment(image, plain=True).labels[0].numpy()
    np.testing.assert_array_equal(session.plain().labels, plain)


def test_proposed_centres_give_the_labels_of_a_batch():
    from priorseg import Segmenter
    from priorseg.backbones import UNet
    from priorseg.card import Card
    from priorseg.links import Ordered

    torch.manual_seed(1)
    names = {0: "background", 1: "interior", 2: "touching border"}
    card = Card("n", labels=names, objects={2: "nucleus"}, centres="network", inner={2: 1})
    head = VariationalHead(
        [ThresholdDynamics(1.0, 1.0), Star(2)], sweeps=5, link=Ordered((1, 2)), temperature=0.1
    )
    model = Segmenter(UNet(3, 2, width=4, depth=2), head, card)
    session = Session(model)
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    session.set_image(image)
    session.compute_logits()
    start = session.default_settings()
    assert any("nucleus is off" in text for text in last(session, start).messages)
    found = session.propose_centres(start)
    batch = model.segment(image)
    assert len(found.centres[2]) > 1
    np.testing.assert_array_equal(last(session, found).labels, batch.labels[0].numpy())


def test_a_real_network_can_be_cancelled_and_refuses_wrong_channels():
    session = Session(segmenter())
    session.set_image(np.zeros((40, 40, 3), np.uint8))
    session.compute_logits(cancelled=lambda: True)
    assert not session.ready
    session.set_image(np.zeros((40, 40), np.uint8))
    with pytest.raises(ValueError, match="RGB"):
        session.compute_logits()


@pytest.mark.parametrize("preview_side", [256, 16])
def test_the_probabilities_of_a_sketch_stay_those_of_its_labels(preview_side):
    session = Session(preview_side=preview_side)
    session.set_image(np.zeros((70, 80), np.float32))
    session.set_logits(np.random.default_rng(0).normal(size=(3, 70, 80)).astype(np.float32))
    session.compute_logits()
    chosen = settings(SMOOTH, sweeps=12, tol=0.0)
    for preview in (True, False):
        for frame in list(session.frames(chosen, every=0.0, preview=preview)):
            if not frame.final:
                best = np.take_along_axis(frame.probs, frame.labels[None].astype(int), 0)[0]
                np.testing.assert_allclose(best, frame.probs.max(0), atol=1e-5)


def test_total_variation_that_met_its_gap_is_not_called_unfinished():
    session = Session()
    session.set_image(np.zeros((70, 80), np.float32))
    session.set_logits(np.random.default_rng(0).normal(size=(3, 70, 80)).astype(np.float32))
    session.compute_logits()
    done = last(session, settings(TV, sweeps=400, tol=1e-3))
    assert done.sweeps < 400
    assert done.reached
    assert not any("converged" in message for message in done.messages)
    early = last(session, settings(replace(TV, settings={"weight": 3.0}), sweeps=3, tol=1e-6))
    assert not early.reached
    assert any("Not converged" in message for message in early.messages)
