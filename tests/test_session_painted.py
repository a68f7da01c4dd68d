"""Painted pixels in a session: every frame holds them, whatever is solved around them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from priorseg import Scene, solve
from priorseg.links import Ordered
from priorseg.priors import ThresholdDynamics
from priorseg.session import Painted, PriorChoice, Session, Settings
from priorseg.session.corrections import pooled_paint

SMOOTH = PriorChoice("threshold_dynamics", {"weight": 3.0, "sigma": 2.0})
PRIORS = {
    "none": (),
    "total variation": (PriorChoice("total_variation", {"weight": 2.0}),),
    "threshold dynamics": (SMOOTH,),
    "star": (SMOOTH, PriorChoice("star", {"label": 1})),
    "convex": (SMOOTH, PriorChoice("convex", {"labels": [1]})),
    "volume": (SMOOTH, PriorChoice("volume", {})),
    "all": (
        SMOOTH,
        PriorChoice("volume", {}),
        PriorChoice("star", {"label": 1}),
        PriorChoice("convex", {"labels": [1]}),
    ),
}


def disc_logits(shape=(90, 110), seed=0):
    y, x = np.mgrid[: shape[0], : shape[1]]
    disc = (y - 45) ** 2 + (x - 55) ** 2 < 25**2
    noise = np.random.default_rng(seed).normal(0, 1, (2, *shape))
    return (np.stack([np.where(disc, -2, 2), np.where(disc, 2, -2)]) + noise).astype(np.float32)


def paint(shape=(90, 110), seed=0):
    """Draw strokes of both labels, and single pixels."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros(shape, np.uint8)
    for value in (1, 2, 1, 2):
        y, x = rng.integers(20, 70), rng.integers(25, 85)
        pixels[y : y + 4, x : x + int(rng.integers(2, 20))] = value
    pixels[rng.random(shape) < 0.002] = 2
    return Painted(pixels)


def drawn(chosen="threshold dynamics", **changes):
    return Settings(
        priors=PRIORS[chosen],
        sweeps=12,
        centres={1: ((45.0, 55.0),)},
        volumes={1: 2100.0},
        **changes,
    )


def held(frame, painted, region=(slice(None), slice(None))):
    wanted, labels = painted.pixels[region], frame.labels[region]
    return (labels[wanted > 0] == wanted[wanted > 0] - 1).all()


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("chosen", PRIORS)
def test_every_frame_holds_the_painted_pixels(chosen, preview, replay):
    session = Session(preview_side=40)  # previews on blocks of 2 × 2 and wider
    session.set_logits(disc_logits())
    session.compute_logits()
    for seed in range(3):
        painted = paint(seed=seed)
        settings = drawn(chosen, painted=painted, replay=replay)
        shown = list(session.frames(settings, every=0, preview=preview))
        assert shown
        assert shown[-1].final is not preview
        assert all(held(frame, painted) for frame in shown)


def test_only_the_painted_pixels_of_the_region_count():
    session = Session()
    session.set_image(np.zeros((90, 110), np.uint8))
    session.set_logits(disc_logits())
    session.set_region((45, 55), 60)
    session.compute_logits()
    painted = paint(seed=4)
    frame = list(session.frames(drawn(painted=painted)))[-1]
    assert held(frame, painted, session.region)
    outside = np.ones_like(frame.labels, dtype=bool)
    outside[session.region] = False
    assert not frame.labels[outside].any()


def test_the_final_frame_is_the_solve_of_the_same_prescribed_pixels():
    logits, painted = disc_logits(), paint(seed=2)
    session = Session()
    session.set_logits(logits)
    session.compute_logits()
    frame = list(session.frames(drawn(painted=painted, replay=True)))[-1]
    fixed = torch.from_numpy(painted.pixels.astype(np.int64) - 1)
    prior = ThresholdDynamics(3.0, 2.0)
    alone = solve(torch.from_numpy(logits)[None], [prior], Scene(fixed=fixed), sweeps=12)
    assert np.array_equal(frame.labels, alone.decode().labels[0].numpy())
    np.testing.assert_allclose(frame.probs, alone.probs[0].numpy(), atol=1e-5)


def test_erasing_the_paint_gives_what_was_there_before():
    session = Session()
    session.set_logits(disc_logits())
    session.compute_logits()
    strong = PriorChoice("threshold_dynamics", {"weight": 8.0, "sigma": 3.0})
    settings = replace(drawn(), priors=(strong,), tol=1e-4, sweeps=200)
    before = list(session.frames(settings))[-1]
    pixels = np.zeros((90, 110), np.uint8)
    pixels[5:20, 5:25] = 2
    painted = list(session.frames(replace(settings, painted=Painted(pixels))))[-1]
    after = list(session.frames(settings))[-1]
    assert (painted.labels != before.labels).any()
    assert np.array_equal(after.labels, before.labels)


def test_plain_shows_the_network_without_paint():
    session = Session()
    session.set_logits(disc_logits())
    session.compute_logits()
    plain = session.plain().labels
    list(session.frames(drawn(painted=paint())))
    assert np.array_equal(session.plain().labels, plain)
    assert np.array_equal(plain, disc_logits().argmax(0))


def test_a_painted_part_lies_in_all_objects_around_it():
    logits = np.stack([disc_logits()[1] - 6, disc_logits()[1]])
    session = Session()
    session.set_logits(logits, labels={0: "background", 1: "cup", 2: "disc"}, link=Ordered((1, 2)))
    session.compute_logits()
    pixels = np.zeros((90, 110), np.uint8)
    pixels[40:46, 50:56] = 2  # cup
    pixels[5, 5] = 2
    frame = list(session.frames(drawn(painted=Painted(pixels)), every=0))[-1]
    assert held(frame, Painted(pixels))
    assert frame.probs[1, 5, 5] == 1


def test_a_volume_below_the_paint_names_the_object_and_the_remedy():
    session = Session()
    session.set_logits(disc_logits(), labels={0: "background", 1: "nucleus"})
    session.compute_logits()
    pixels = np.zeros((90, 110), np.uint8)
    pixels[40:50, 50:60] = 2
    low = replace(drawn("volume", painted=Painted(pixels)), volumes={1: 60.0})
    for preview in (False, True):
        with pytest.raises(ValueError, match=r"100 px are painted as nucleus.*Raise the volume"):
            list(session.frames(low, preview=preview))
    pixels[:] = 1
    with pytest.raises(ValueError, match=r"The paint leaves 0 px for nucleus"):
        list(session.frames(replace(low, painted=Painted(pixels))))


def test_paint_of_another_image_or_label_is_refused():
    session = Session()
    session.set_logits(disc_logits())
    session.compute_logits()
    with pytest.raises(ValueError, match="of an image of 4 × 4 px, this one has 90 × 110"):
        list(session.frames(drawn(painted=Painted(np.ones((4, 4), np.uint8)))))
    with pytest.raises(ValueError, match="Label 6 is painted, but there are only: 0 background"):
        list(session.frames(drawn(painted=Painted(np.full((90, 110), 7, np.uint8)))))


@pytest.mark.parametrize("stride", [2, 3, 4])
def test_a_block_is_painted_if_most_of_its_pixels_are_painted_alike(stride):
    rng = np.random.default_rng(stride)
    pixels = np.repeat(np.repeat(rng.integers(0, 4, (9, 11)), 3, 0), 3, 1)[:25, :30]
    pixels[rng.random(pixels.shape) < 0.3] = 0
    rows, columns = slice(2, 25), slice(1, 30)
    found = pooled_paint(Painted(pixels.astype(np.uint8)), rows, columns, stride).pixels
    crop = pixels[rows, columns]
    assert found.shape == tuple(-(-size // stride) for size in crop.shape)
    for (y, x), value in np.ndenumerate(found):
        block = crop[y * stride : (y + 1) * stride, x * stride : (x + 1) * stride]
        counts = np.bincount(block.ravel(), minlength=5)[1:]
        best = int(counts.argmax()) + 1 if counts.max() * 2 > block.size else 0
        assert value == best
