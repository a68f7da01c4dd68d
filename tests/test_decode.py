"""Label maps of several priors together, and what earlier versions got wrong."""

import pytest
import torch

from priorseg import Scene, priors, solve
from priorseg.links import Ordered
from priorseg.priors import Convex, Nested, Star, ThresholdDynamics, TotalVariation, Volume

NAN = float("nan")


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def disc_logits(size, seed, classes=3):
    logits = noise(2, classes, size, size, seed=seed)
    y, x = torch.meshgrid(torch.arange(1.0 * size), torch.arange(1.0 * size), indexing="ij")
    logits[:, 1] += 4 - ((y - size / 2) ** 2 + (x - size / 2) ** 2) / 20
    return logits


def smooth(seed, classes=4, size=36):
    field = noise(1, classes, size, size, seed=seed) * 2
    return torch.nn.functional.avg_pool2d(field, 3, 1, 1) * 4


@pytest.mark.parametrize("seed", range(6))
def test_decoding_never_depends_on_batch_mates(seed):
    logits, centre = disc_logits(24, seed), {1: [(12, 12)]}
    chosen = [Star(1), Volume()]
    both = Scene(centres=centre, volumes=[[NAN] * 3, [NAN, 100, NAN]])
    alone = Scene(centres=centre, volumes=[[NAN] * 3])
    together = solve(logits, chosen, both, sweeps=5).decode().labels[0]
    assert torch.equal(together, solve(logits[:1], chosen, alone, sweeps=5).decode().labels[0])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("nested", [False, True])
def test_two_stars_meet_their_volumes(seed, nested):
    logits = noise(1, 3, 32, 32, seed=seed)
    if nested:
        chosen = [Nested((2, 1)), Star(1), Star(2), Volume()]
        scene = Scene(centres={1: [(16, 16)], 2: [(16, 16)]}, volumes=[NAN, 200, 60])
    else:
        chosen = [Star(1), Star(2), Volume()]
        scene = Scene(centres={1: [(8, 8)], 2: [(24, 24)]}, volumes=[NAN, 300, 300])
    certificates = solve(logits, chosen, scene, sweeps=5).decode().certificates
    missed = {name: c.message for name, c in certificates.items() if not c.satisfied}
    assert not missed


@pytest.mark.parametrize("seed", range(8))
def test_convex_always_holds_when_it_competes_with_a_star(seed):
    scene = Scene(centres={3: [(20, 25)]})
    decoded = solve(smooth(seed), [Star(3), Convex([2, 3])], scene, sweeps=5).decode()
    assert decoded.certificates["convex"].satisfied


@pytest.mark.parametrize("seed", range(6))
def test_volumes_hold_after_stray_cups_are_removed(seed):
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    r = ((y - 16) ** 2 + (x - 16) ** 2).sqrt()
    disc, cup = 8 - r, 5 - r
    cup[2:4, 2:4] = 4
    logits = torch.stack([-disc, torch.minimum(disc, -cup), cup])[None] + noise(1, 3, 32, 32) / 9
    scene = Scene(volumes=[NAN, 180, 73])
    certificates = solve(logits, [Nested((2, 1)), Volume()], scene, sweeps=5).decode().certificates
    assert all(c.satisfied for c in certificates.values()), certificates


@pytest.mark.parametrize("volumes", [[2**19, 2**19 + 1.0], [2**19 - 1.0, 2**19]])
def test_sums_that_rounding_accepts_decode_too(volumes):
    logits = noise(1, 2, 1024, 1024)
    decoded = solve(logits, [Volume()], Scene(volumes=[volumes]), sweeps=1).decode()
    assert decoded.certificates["volume"].satisfied


def test_switching_the_last_prior_off_shows_the_plain_result():
    logits = noise(1, 3, 12, 12)
    warm = solve(logits, [TotalVariation(3.0)], Scene(), sweeps=20)
    off = solve(logits, [], Scene(), sweeps=5, warm=warm)
    assert torch.equal(off.probs, torch.softmax(logits, 1))
    still = solve(logits, [TotalVariation(3.0)], Scene(), sweeps=0, warm=warm)
    torch.testing.assert_close(still.probs, torch.softmax(still.logits, 1))


def test_gradients_through_convex_are_finite_at_any_margin():
    logits = torch.zeros(1, 2, 16, 16)
    logits[:, 0] = 45
    logits[:, 1, 4:12, 4:12] = 45
    logits[:, 0, 4:12, 4:12] = 0
    logits[:, 0, 7:9, 8:12] = 0.2
    logits[:, 1, 7:9, 8:12] = 0
    logits.requires_grad_()
    solve(logits, [Convex([1])], sweeps=1).probs.square().sum().backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("margin", [20.0, 40.0, 60.0, 100.0])
def test_gradients_through_volumes_stay_bounded_on_plateaus(dtype, margin):
    logits = torch.full((1, 2, 16, 16), -margin, dtype=dtype)
    logits[:, 0] = margin
    logits[:, :, 4:8, 4:8] *= -1
    logits.requires_grad_()
    labels = torch.zeros(1, 16, 16, dtype=torch.long)
    labels[:, 4:8, 5:9] = 1
    solution = solve(logits, [Volume()], Scene(volumes=[NAN, 16.0]), sweeps=1)
    torch.nn.functional.cross_entropy(solution.logits, labels).backward()
    assert logits.grad.abs().max() < 10


def test_a_vanishing_edge_strength_changes_nothing():
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    image = ((y - 32) ** 2 + (x - 32) ** 2 < 200).float()[None, None]
    logits = noise(1, 2, 64, 64)
    plain = solve(logits, [ThresholdDynamics(4.0)], Scene(), sweeps=5).probs
    edged = solve(logits, [ThresholdDynamics(4.0, edge=1e-6)], Scene(image=image), sweeps=5).probs
    torch.testing.assert_close(edged, plain, rtol=0, atol=1e-3)


def test_a_warm_start_carries_neither_graph_nor_precision():
    logits = noise(1, 2, 12, 12)
    chosen = [TotalVariation(1.0)]
    warm = solve(logits.double().requires_grad_(), chosen, sweeps=3)
    fresh = solve(logits, chosen, sweeps=3, warm=warm)
    assert fresh.probs.dtype == torch.float32
    assert not fresh.probs.requires_grad


def test_a_volume_that_is_missed_shows_in_the_gap():
    logits, scene = noise(1, 2, 8, 8), Scene(volumes=[NAN, 20.0])
    solution = solve(logits, [Volume()], scene, sweeps=1)
    assert solution.gap.item() < 1e-6
    assert solve(logits, [Volume()], scene, sweeps=0).gap.item() > 1e-3


UNCLEAR = {
    "list of priors": lambda x: solve(x, Volume()),
    "torch tensor": lambda x: solve(x.numpy(), []),
    "one number": lambda x: solve(x, [], temperature=torch.ones(2)),
    "scene.volumes": lambda x: solve(x, [Volume()], Scene(volumes=[[1.0, None]])),
    "scene.centres": lambda x: solve(x, [Star(1)], Scene(centres={1: [(1, 2), (3,)]})),
    "whole numbers": lambda x: solve(x, [Star(1.7)]),
    "spacing": lambda x: solve(x, [], Scene(spacing=1.0)),
    "sweeps whole": lambda x: solve(x, [], sweeps=2.5),
    "scene.image holds": lambda x: solve(
        x, [ThresholdDynamics(edge=1.0)], Scene(image=torch.full((1, 1, 8, 8), NAN))
    ),
}


@pytest.mark.parametrize("message", list(UNCLEAR))
def test_unclear_input_is_named(message):
    with pytest.raises(ValueError, match=message):
        UNCLEAR[message](torch.zeros(1, 2, 8, 8))


def test_arrays_and_lists_work_warm_as_well():
    logits = noise(1, 3, 12, 12)
    scene = Scene(centres={1: [(5, 5)]}, volumes=torch.tensor([NAN, 20, NAN]).numpy())
    chosen = [Star(1), Volume(), priors.Convex(2)]
    warm = solve(logits, chosen, scene, sweeps=3)
    again = Scene(centres={1: [(5, 5)]}, volumes=torch.tensor([NAN, 20, NAN]).numpy())
    assert solve(logits, chosen, again, sweeps=3, warm=warm).decode().labels.shape == (1, 12, 12)


def test_certificates_tell_the_objects_apart():
    logits = noise(1, 2, 24, 24) * 3
    scene = Scene(volumes=[[300.0, 100.0]])
    chosen = [Volume(), Convex([1, 2]), Nested((2, 1))]
    decoded = solve(logits, chosen, scene, link="ordered").decode()
    certificate, labels = decoded.certificates["volume"], decoded.labels
    disc, cup = int((labels > 0).sum()), int((labels == 2).sum())
    assert dict(certificate.parts) == {1: abs(disc - 300), 2: abs(cup - 100)}
    assert certificate.violations == sum(certificate.parts.values()) > 0
    assert f"object 1: {disc} of 300 px" in certificate.message


def test_a_free_object_inside_one_of_known_volume_leaves_that_volume_exact():
    logits = noise(1, 3, 16, 16) * 2
    scene = Scene(volumes=[[NAN, 60.0, NAN]])
    link = Ordered((3, 2, 1))
    labels = solve(logits, [Volume()], scene, link=link).decode().labels
    assert int(((labels == 2) | (labels == 3)).sum()) == 60


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (3, 4, 5), (260, 190)])
@pytest.mark.parametrize("order", [None, (2, 3, 1)])
def test_plain_decoding_takes_the_first_likeliest_label(shape, dtype, order):
    logits = (noise(2, 3, *shape).double() * 2).round().to(dtype)  # many ties
    link = "softmax" if order is None else Ordered(order)
    scores = logits.double() if order is None else link.class_logits(logits.double())
    decoded = solve(logits, [], Scene(spacing=(1.0,) * len(shape)), sweeps=0, link=link).decode()
    assert torch.equal(decoded.labels, scores.argmax(1))
    assert decoded.labels.dtype == torch.int64
    expected = torch.softmax(scores, 1).to(dtype)
    torch.testing.assert_close(decoded.probs, expected, rtol=0, atol=1e-6)


def test_more_labels_than_a_byte_holds_are_kept_apart():
    logits = noise(1, 300, 6, 6)
    logits[:, 280, 2:4, 2:5] = 30
    logits[:, 280, 2, 4] = -30
    decoded = solve(logits, [Convex([280])], sweeps=0).decode()
    assert decoded.certificates["convex"].satisfied
    assert set(decoded.labels[logits[:, 280] > 20].tolist()) == {280}
