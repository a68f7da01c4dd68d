import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.io import imsave

from priorseg import Scene, Segmenter, Session, VariationalHead, geometry, phantoms, solve
from priorseg.backbones import UNet
from priorseg.bundle import save_bundle
from priorseg.card import Card
from priorseg.cli import main
from priorseg.guidance import (
    VolumeRegressor,
    clicked_centres,
    instances,
    load_regressor,
    network_volumes,
    propose_centres,
    save_regressor,
    scene_of,
    true_centres,
    true_volumes,
    typical_diameter,
)
from priorseg.links import SOFTMAX, Ordered
from priorseg.priors import Nested, Star, ThresholdDynamics, Volume
from priorseg.session import PriorChoice, Settings

NOISE = np.random.default_rng(5)


def discs(shape, *circles):
    """Draw discs (y, x, radius) as one mask."""
    y, x = np.indices(shape)
    return np.any([(y - v) ** 2 + (x - h) ** 2 <= r * r for v, h, r in circles], axis=0)


def logits_of(*masks, height=4.0):
    """Give logits whose arg max is a mask, (B, 2, Y, X)."""
    inside = torch.as_tensor(np.stack(masks), dtype=torch.float64) * 2 - 1
    return height * torch.stack((-inside, inside), 1)


def truth_of(batch=2, count=3, shape=(20, 24)):
    return torch.as_tensor(NOISE.integers(0, count, (batch, *shape)))


# centres


@pytest.mark.parametrize("radius", [6, 12, 40])
@pytest.mark.parametrize(("distance", "count"), [(0.0, 1), (0.5, 1), (1.3, 2), (1.9, 2), (2.4, 2)])
def test_overlapping_discs_are_divided_from_a_distance_on_whatever_their_size(
    radius, distance, count
):
    far = distance * radius
    mask = discs(
        (3 * radius, 6 * radius), *[(1.5 * radius, 2 * radius + d, radius) for d in (0, far)]
    )
    found = propose_centres(mask)
    assert len(found) == count
    if count == 2:
        wanted = [(1.5 * radius, 2 * radius), (1.5 * radius, 2 * radius + far)]
        assert np.abs(np.sort(found, 0) - wanted).max() <= 0.3 * radius


def test_a_small_disc_beside_a_large_one_has_a_centre_of_its_own():
    found = propose_centres(discs((80, 120), (40, 40, 30), (40, 78, 10)))
    assert len(found) == 2


def test_every_proposed_centre_lies_in_the_object_and_every_large_component_has_one():
    for seed in range(5):
        noise = np.random.default_rng(seed).standard_normal((90, 70))
        mask = ndimage.gaussian_filter(noise, 4) > 0.02
        found = propose_centres(mask, object_px=12.0).astype(int)
        numbers, count = geometry.label_components(mask)
        areas = np.bincount(numbers.ravel())[1:]
        held = {numbers[y, x] for y, x in found}
        assert {i + 1 for i in range(count) if areas[i] >= 12} <= held
        assert 0 not in held


def test_inner_parts_tell_apart_what_the_outline_does_not():
    numbers = np.zeros((30, 90), int)
    numbers[5:25, 5:25], numbers[5:25, 25:45], numbers[5:25, 60:80] = 1, 2, 3
    inner = ndimage.minimum_filter(numbers, 3) == ndimage.maximum_filter(numbers, 3)
    inner &= (numbers > 0) & (numbers < 3)  # the third has none
    assert len(propose_centres(numbers > 0)) == 2
    found = propose_centres(numbers > 0, inner).astype(int)
    assert numbers[found[:, 0], found[:, 1]].tolist() == [1, 2, 3]


def test_the_typical_diameter_is_that_of_the_parted_objects_whatever_crumbs_there_are():
    whole = discs((90, 200), (40, 30, 18), (40, 64, 18), (40, 140, 18))  # two of them touch
    inner = discs((90, 200), (40, 30, 12), (40, 64, 12), (40, 140, 12))
    crumbs = np.zeros_like(whole)
    crumbs[80:88:4, 4:196:6] = True
    assert typical_diameter(whole | crumbs, inner, object_px=24.0) == pytest.approx(36, abs=1)
    assert typical_diameter(np.zeros((9, 9), bool)) is None


def test_a_crumb_of_an_inner_part_is_no_object_of_its_own():
    whole = discs((60, 60), (30, 30, 20))
    crumb = discs((60, 60), (30, 44, 1.5))  # 9 pixels: 2 % of a disc 24 px wide
    inner = discs((60, 60), (30, 26, 9)) | crumb
    assert propose_centres(whole, inner, object_px=24.0).tolist() == [[30, 26]]
    assert len(propose_centres(whole, inner, object_px=24.0, speck=0.01)) == 2
    assert propose_centres(crumb, object_px=24.0).tolist() == [[30, 44]]  # an outline may be small


def test_a_network_with_inner_parts_proposes_from_them():
    whole = discs((40, 70), (20, 20, 14), (20, 40, 14))
    inner = whole & ~discs((40, 70), *[(y, 30, 2) for y in range(40)])
    signs = torch.as_tensor(np.stack((inner, whole)), dtype=torch.float64)[None] * 8 - 4
    priors, link = [Star(2)], Ordered((1, 2))
    scene = scene_of(signs, priors, link, inner={2: 1})
    assert scene.centres[2].shape == (1, 2, 2)
    labels = solve(signs, priors, scene, sweeps=3, link=link).decode().labels[0]
    assert instances(labels, scene.centres[2][0], (1, 2)).max() == 2
    with pytest.raises(ValueError, match="label 3 does not exist"):
        scene_of(signs, priors, link, inner={2: 3})


def test_specks_get_no_centre_and_small_holes_do_not_move_one():
    mask = discs((60, 60), (30, 30, 15))
    mask[30, 30] = False
    mask[2:4, 2:4] = True
    assert np.abs(propose_centres(mask) - (30, 30)).max() <= 1


def test_a_small_hole_is_filled_where_it_is_all_that_lies_outside():
    whole = np.ones((31, 31), bool)
    whole[12, 12] = False
    assert propose_centres(whole).tolist() == propose_centres(np.ones_like(whole)).tolist()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1)])
def test_an_empty_image_has_no_centre_and_a_full_one_its_middle(shape):
    assert propose_centres(np.zeros(shape)).shape == (0, 2)
    middle = (np.array(shape) - 1) / 2
    assert np.array_equal(propose_centres(np.ones(shape)), [middle])


def test_proposals_turn_with_the_image():
    mask = discs((64, 80), (20, 25, 12), (35, 38, 11), (50, 70, 8))
    turned = propose_centres(mask.T)[:, ::-1]
    assert np.array_equal(np.sort(turned, 0), np.sort(propose_centres(mask), 0))


@pytest.mark.parametrize(
    ("probs", "settings"),
    [
        (np.zeros((2, 2, 2)), {}),
        (np.full((4, 4), np.nan), {}),
        (np.full((4, 4), 1.5), {}),
        (np.full((4, 4), 3), {}),
        (np.zeros((0, 4)), {}),
        (np.ones((4, 4)), {"object_px": 0.0}),
        (np.ones((4, 4)), {"object_px": np.nan}),
        (np.ones((4, 4)), {"dip": 1.0}),
        (np.ones((4, 4)), {"smooth": -1.0}),
        (np.ones((4, 4)), {"inner": np.ones((4, 5))}),
    ],
)
def test_bad_input_for_proposals_is_refused(probs, settings):
    with pytest.raises(ValueError, match=r"must|Give"):
        propose_centres(probs, **settings)


def test_a_true_centre_is_the_pixel_farthest_from_the_outside():
    mask = ndimage.gaussian_filter(NOISE.standard_normal((40, 50)), 3) > 0
    numbers, count = geometry.label_components(mask)
    found = true_centres(mask).astype(int)
    assert len(found) == count
    for number, (y, x) in enumerate(found, 1):
        own = np.pad(numbers == number, 1)
        outside = np.argwhere(~own) - 1
        pixels = np.argwhere(own) - 1
        away = ((pixels[:, None] - outside) ** 2).sum(-1).min(1)
        assert ((outside - (y, x)) ** 2).sum(1).min() == away.max()


def test_touching_instances_have_a_true_centre_each():
    numbers = np.zeros((20, 40), np.uint16)
    numbers[2:17, 2:17], numbers[2:17, 17:32] = 7, 3
    assert len(true_centres(numbers > 0)) == 1
    assert np.array_equal(true_centres(numbers > 0, numbers), [(9, 24), (9, 9)])  # 3, then 7


def touching_instances(seed):
    """Give numbered blobs of a noisy field, cut in two by the middle column."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((60, 70)), 4)
    numbers = geometry.label_components(noise > 0)[0].astype(int)
    numbers[:, 35:] += (numbers[:, 35:] > 0) * numbers.max()
    return numbers


@pytest.mark.parametrize("seed", range(6))
def test_every_click_lies_in_its_object_and_at_least_half_as_deep_as_its_deepest_pixel(seed):
    for numbers in (touching_instances(seed), *phantom_instances(seed)):
        found = clicked_centres(numbers > 0, numbers).astype(int)
        present = [number for number in np.unique(numbers) if number]
        assert len(found) == len(present)
        for number, (y, x) in zip(present, found, strict=True):
            own = np.pad(numbers == number, 1)
            depth = ndimage.distance_transform_edt(own)[1:-1, 1:-1]
            assert numbers[y, x] == number
            assert depth[y, x] >= 0.5 * depth.max()


def phantom_instances(seed):
    """Give the numbered components of each phantom."""
    for make in (phantoms.blood_smear, phantoms.cup_disc, phantoms.nuclei):
        yield geometry.label_components(make(128, seed=seed).labels > 0)[0]


def test_clicks_are_the_same_twice_and_others_for_another_seed():
    numbers = touching_instances(0)
    first, again = (clicked_centres(numbers > 0, numbers) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, clicked_centres(numbers > 0, numbers, seed=1))
    assert not np.array_equal(first, true_centres(numbers > 0, numbers))
    alone = numbers == numbers.max()
    assert np.array_equal(clicked_centres(alone), first[-1:])  # whatever else is there


def test_clicks_spread_evenly_over_the_deep_half_of_an_object():
    disc = discs((41, 41), (20, 20, 18))
    found = np.concatenate([clicked_centres(disc, seed=seed) for seed in range(600)])
    away = np.linalg.norm(found - 20, axis=1)
    assert away.max() <= 10
    assert (away**2).mean() == pytest.approx(9.5**2 / 2, rel=0.1)  # an even disc


@pytest.mark.parametrize("centres", ["truth", "clicks"])
def test_centres_of_the_truth_and_clicks_need_a_truth(centres):
    with pytest.raises(ValueError, match=f"centres='{centres}' needs truth"):
        scene_of(torch.zeros(1, 2, 6, 6), [Star(1)], SOFTMAX, centres=centres)
    with pytest.raises(ValueError, match=r"one of \('truth', 'clicks', 'network'\), got 'click'"):
        scene_of(torch.zeros(1, 2, 6, 6), [Star(1)], SOFTMAX, centres="click")


# objects of centres


def test_touching_discs_become_two_star_shaped_objects():
    circles = [(30, 25, 15), (30, 50, 14)]
    mask, points = discs((60, 80), *circles), [(30, 25), (30, 50)]
    logits = logits_of(mask) + 2 * torch.as_tensor(NOISE.standard_normal((1, 2, 60, 80)))
    scene = Scene(centres={1: torch.tensor(points)})
    labels = solve(logits, [Star(1)], scene, sweeps=3).decode().labels[0]
    found = instances(labels, points, 1)
    assert np.array_equal(found > 0, labels.numpy() == 1)
    for number, (circle, point) in enumerate(zip(circles, points, strict=True), 1):
        own, whole = found == number, discs((60, 80), circle)
        tree = geometry.ray_forest(own.shape, points)[0]
        assert own[point]
        assert geometry.star_violations(own, tree) == 0
        assert (own & whole).sum() / (own | whole).sum() > 0.85


def test_without_centres_the_components_are_the_objects():
    labels = NOISE.integers(0, 3, (15, 16))
    wanted = geometry.label_components(labels > 0)[0]
    assert np.array_equal(instances(labels, None, (1, 2)), wanted)
    assert np.array_equal(instances(labels, np.full((2, 2), np.nan), (1, 2)), wanted)


def test_centres_of_a_wrong_shape_or_place_are_refused():
    for centres in ([1.0, 2.0], np.zeros((2, 3)), [(99.0, 0.0)], [(np.nan, 1.0)]):
        with pytest.raises(ValueError, match="centre"):
            instances(np.ones((5, 5), int), centres, 1)


# samples without a centre


def test_the_star_prior_leaves_a_sample_without_a_centre_free():
    logits = torch.as_tensor(NOISE.standard_normal((2, 2, 12, 14)))
    rows = torch.tensor([[[5.0, 6.0]], [[torch.nan, torch.nan]]])
    solved = solve(logits, [Star(1)], Scene(centres={1: rows}), sweeps=4)
    assert torch.equal(solved.probs[1], solve(logits[1:], [], Scene(), sweeps=0).probs[0])
    alone = solve(logits[:1], [Star(1)], Scene(centres={1: rows[0]}), sweeps=4)
    assert torch.equal(solved.probs[0], alone.probs[0])
    decoded = solved.decode()
    assert torch.equal(decoded.labels[1], logits[1].argmax(0))
    assert torch.equal(decoded.labels[0], alone.decode().labels[0])
    assert "free in 1 of 2 samples" in decoded.certificates["star"].message


def test_a_free_star_object_takes_gradients_as_if_the_prior_were_off():
    logits = torch.as_tensor(NOISE.standard_normal((1, 2, 9, 9))).requires_grad_()
    scene = Scene(centres={1: torch.full((1, 1, 2), torch.nan)})
    weights = torch.as_tensor(NOISE.standard_normal((1, 2, 9, 9)))
    star = solve(logits, [Star(1)], scene, sweeps=3).probs
    (found,) = torch.autograd.grad((star * weights).sum(), logits)
    (wanted,) = torch.autograd.grad((logits.softmax(1) * weights).sum(), logits)
    torch.testing.assert_close(found, wanted)


def test_a_free_star_object_neither_claims_ground_nor_cedes_it():
    logits = torch.as_tensor(NOISE.standard_normal((1, 3, 16, 16)))
    volumes = torch.tensor([[100.0, 80.0, 76.0]])
    nothing = torch.full((1, 1, 2), torch.nan)
    scene = Scene(centres={1: torch.tensor([[8.0, 8.0]]), 2: nothing}, volumes=volumes)
    decoded = solve(logits, [Star(1), Star(2), Volume()], scene, sweeps=5).decode()
    assert all(certificate.satisfied for certificate in decoded.certificates.values())
    assert decoded.labels.flatten().bincount().tolist() == [100, 80, 76]


def test_no_centre_at_all_is_still_an_error():
    for centres in ({}, {1: torch.zeros(0, 2)}, {1: torch.zeros(1, 0, 2)}):
        with pytest.raises(ValueError, match="centre"):
            solve(torch.zeros(1, 2, 4, 4), [Star(1)], Scene(centres=centres))


# volumes


def test_true_volumes_are_the_counts_that_the_solver_then_meets():
    truth, logits = truth_of(), torch.as_tensor(NOISE.standard_normal((2, 3, 20, 24)))
    scene = scene_of(logits, [Volume()], SOFTMAX, truth=truth, volumes="truth")
    wanted = torch.stack([row.flatten().bincount(minlength=3) for row in truth])
    assert torch.equal(scene.volumes, wanted.double())
    labels = solve(logits, [Volume()], scene, sweeps=3).decode().labels
    assert torch.equal(torch.stack([row.flatten().bincount(minlength=3) for row in labels]), wanted)


def test_true_volumes_of_nested_objects_count_what_lies_inside():
    truth, link = truth_of(count=4), Ordered((2, 3, 1))
    found = true_volumes(truth, link, 3)
    inside = {1: (1, 2, 3), 2: (2,), 3: (2, 3)}
    for label, extent in inside.items():
        count = sum((truth == part).flatten(1).sum(1) for part in extent)
        assert torch.equal(found[:, label - 1], count.double())


def test_unlabelled_pixels_are_shared_out_and_a_sample_of_them_is_free():
    truth = truth_of(batch=2)
    truth[0, :10], truth[1] = 255, 11
    found = true_volumes(truth, SOFTMAX, 3)
    torch.testing.assert_close(found[0], 2.0 * truth[0, 10:].flatten().bincount().double())
    assert found[1].isnan().all()


@pytest.mark.parametrize(("link", "channels"), [(SOFTMAX, 3), (Ordered((2, 1)), 2)])
def test_a_class_that_is_absent_from_the_truth_is_kept_out(link, channels):
    truth = truth_of(batch=1, count=2)
    logits = torch.as_tensor(NOISE.standard_normal((1, channels, 20, 24)))
    scene = scene_of(logits, [Volume()], link, truth=truth, volumes="truth")
    decoded = solve(logits, [Volume()], scene, sweeps=3, link=link).decode()
    assert (decoded.labels != 2).all()
    assert decoded.certificates["volume"].satisfied


@pytest.mark.parametrize("link", [SOFTMAX, Ordered()])
def test_the_networks_own_volumes_change_nothing(link):
    logits = torch.as_tensor(NOISE.standard_normal((2, 3, 10, 11)))
    if link != SOFTMAX:
        logits = logits.sort(1).values  # inner objects are less likely
    scene = scene_of(logits, [Volume()], link, temperature=0.7)
    found = solve(logits, [Volume()], scene, sweeps=3, temperature=0.7, link=link).probs
    torch.testing.assert_close(found, link.probs(logits / 0.7), atol=1e-8, rtol=0)


def test_volumes_of_the_network_are_nested_even_where_its_probabilities_are_not():
    logits = torch.tensor([5.0, -5.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    found = network_volumes(logits, Ordered((1, 2, 3)))[0]
    assert (
        found[0]
        == found[1]
        == found[2]
        == pytest.approx(64 * float(torch.sigmoid(torch.tensor(5.0))))
    )


def test_gradients_reach_the_logits_through_the_networks_volumes():
    logits = torch.as_tensor(NOISE.standard_normal((1, 3, 6, 6))).requires_grad_()
    weights = torch.as_tensor(NOISE.standard_normal((1, 3, 6, 6)))
    scene = scene_of(logits, [Volume()], SOFTMAX)
    probs = solve(logits, [Volume()], scene, sweeps=2).probs
    (found,) = torch.autograd.grad((probs * weights).sum(), logits)
    (wanted,) = torch.autograd.grad((logits.softmax(1) * weights).sum(), logits)
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-6)


# the regressor


@pytest.mark.parametrize("link", [SOFTMAX, Ordered((2, 3, 1))])
def test_an_untrained_regressor_gives_the_networks_volumes(link):
    logits = torch.randn(2, 3, 40, 30, generator=torch.Generator().manual_seed(0)).sort(1).values
    regressor = VolumeRegressor(3, link)
    found = scene_of(logits, [Volume()], link, volumes="regressed", regressor=regressor).volumes
    torch.testing.assert_close(found, network_volumes(logits, link), rtol=1e-4, atol=1e-3)
    assert sum(p.numel() for p in regressor.parameters()) <= 100_000


def test_the_largest_regressor_has_at_most_a_hundred_thousand_parameters():
    assert sum(p.numel() for p in VolumeRegressor(256).parameters()) <= 100_000


def test_a_regressor_learns_what_the_network_gets_wrong():
    torch.manual_seed(0)
    masks = [discs((32, 32), (16, 16, radius)) for radius in range(4, 13, 2)]
    truth = torch.as_tensor(np.stack(masks)).long()
    logits = logits_of(*masks, height=2).float() + torch.tensor([5.0, 0.0]).view(1, 2, 1, 1)
    regressor, losses = VolumeRegressor(2), []
    steps = torch.optim.Adam(regressor.parameters(), 1e-2)
    for _ in range(40):
        losses.append(regressor.loss(regressor(logits), truth))
        steps.zero_grad()
        losses[-1].backward()
        steps.step()
    assert losses[0] > 0.05  # the network sees a quarter of each object
    assert losses[-1] < 0.2 * losses[0]


def test_the_loss_is_the_divergence_of_the_shares():
    truth = torch.tensor([[[0, 0, 1, 255]], [[255, 255, 255, 255]]])
    shares = torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]], dtype=torch.float64)
    wanted = 2 / 3 * np.log(2 / 3 / 0.5) + 1 / 3 * np.log(1 / 3 / 0.25)
    assert float(VolumeRegressor.loss(shares, truth)) == pytest.approx(wanted)


def test_a_regressor_survives_its_file(tmp_path):
    regressor = VolumeRegressor(2, Ordered((2, 1)), width=4)
    torch.nn.init.normal_(regressor.last.weight)
    twin = load_regressor(save_regressor(tmp_path / "v.safetensors", regressor))
    logits = torch.randn(1, 2, 9, 8)
    assert torch.equal(twin(logits), regressor(logits))
    assert twin.settings() == regressor.settings()


@pytest.mark.parametrize("harm", ["cut", "flip", "other", "empty", "nan"])
def test_a_damaged_regressor_is_refused(tmp_path, harm):
    regressor = VolumeRegressor(2)
    if harm == "nan":
        torch.nn.init.constant_(regressor.last.bias, torch.nan)
    file = save_regressor(tmp_path / "v.safetensors", regressor)
    data = file.read_bytes()
    changed = {"cut": data[:-50], "flip": b"\xff" * 8 + data[8:], "empty": b"", "nan": data}
    changed["other"] = data.replace(b'\\"width\\": 16', b'\\"width\\": 12')
    file.write_bytes(changed[harm])
    with pytest.raises(ValueError, match=r"v\.safetensors"):
        load_regressor(file)


# scenes


def test_only_what_a_prior_reads_is_filled_in():
    logits = logits_of(discs((20, 20), (10, 10, 5)))
    assert scene_of(logits, [ThresholdDynamics()], SOFTMAX).volumes is None
    assert not scene_of(logits, [Volume()], SOFTMAX).centres
    assert scene_of(logits, [Star(1)], SOFTMAX).volumes is None


@pytest.mark.parametrize("source", ["truth", "network"])
def test_one_scene_serves_a_batch_with_and_without_the_object(source):
    one, two = discs((40, 60), (20, 15, 8)), discs((40, 60), (20, 15, 8), (20, 40, 8))
    masks = [one, two, np.zeros_like(one)]
    logits = logits_of(*masks, height=10)
    truth = torch.as_tensor(np.stack(masks)).long()
    priors = [Star(1), Volume()]
    scene = scene_of(logits, priors, SOFTMAX, truth=truth, centres=source, volumes=source)
    rows = scene.centres[1]
    assert [int((~row.isnan().any(1)).sum()) for row in rows] == [1, 2, 0]
    decoded = solve(logits, priors, scene, sweeps=5).decode()
    assert torch.equal(decoded.labels, truth)


def test_centres_of_nested_objects_are_those_of_label_and_inside():
    truth = torch.as_tensor(discs((40, 40), (20, 20, 14)).astype(int))
    truth[12:19, 12:19] = 2
    logits = torch.zeros(1, 3, 40, 40)
    for priors, link, planes in (
        ([Star(1), Star(2), Nested((2, 1))], SOFTMAX, logits),
        ([Star(1), Star(2)], Ordered((2, 1)), logits[:, :2]),
    ):
        scene = scene_of(planes, priors, link, truth=truth[None], centres="truth")
        assert torch.allclose(scene.centres[1], torch.tensor([20.0, 20.0]).double(), atol=1)
        assert scene.centres[2].tolist() == [[[15.0, 15.0]]]


def test_a_scene_that_cannot_be_made_says_why():
    logits, truth = torch.zeros(1, 2, 6, 6), torch.zeros(1, 6, 6, dtype=torch.int64)
    cases = [
        ([Volume()], {"volumes": "guess"}, "volumes must come from"),
        ([Volume()], {"volumes": "truth"}, "needs truth"),
        ([Volume()], {"volumes": "regressed"}, "needs a regressor"),
        ([Volume()], {"volumes": "truth", "truth": truth[:, 1:]}, "of shape"),
        ([Star(1)], {"centres": "truth", "truth": truth.float()}, "whole numbers"),
        ([Star(1)], {"centres": "truth", "truth": truth, "instances": truth[0]}, "instances"),
    ]
    for priors, sources, words in cases:
        with pytest.raises(ValueError, match=words):
            scene_of(logits, priors, SOFTMAX, **sources)
    with pytest.raises(ValueError, match="nan or infinite"):
        scene_of(logits / 0, [Star(1)], SOFTMAX)


# shipped networks


class _Painter(torch.nn.Module):
    """A network that takes bright pixels for the object."""

    in_channels, out_channels = 1, 2

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, image):
        return torch.cat((-image, image), 1) * self.weight


def painter(centres):
    head = VariationalHead([Star(1)], sweeps=3)
    return Segmenter(_Painter(), head, Card("m", object_px=20.0, centres=centres, channels="grey"))


IMAGE = (255 * discs((60, 90), (30, 30, 12), (30, 50, 12))).astype(np.uint8)


def test_a_network_that_proposes_centres_segments_without_clicks():
    model = painter("network")
    decoded = model.segment(IMAGE)
    assert decoded.certificates["star"].satisfied
    assert np.array_equal(decoded.labels[0].numpy(), IMAGE > 0)
    scene = model.guide(model.logits(IMAGE))
    assert instances(decoded.labels[0], scene.centres[1][0], 1).max() == 2
    assert not model.segment(IMAGE, plain=True).certificates


def test_given_centres_win_over_proposed_ones():
    given = torch.tensor([[30.0, 30.0]])
    model = painter("network")
    assert model.guide(model.logits(IMAGE), Scene(centres={1: given})).centres[1] is given
    wanted = painter("click").segment(IMAGE, scene=Scene(centres={1: given}))
    found = model.segment(IMAGE, scene=Scene(centres={1: given}))
    assert torch.equal(found.labels, wanted.labels)


def test_a_network_that_wants_clicks_says_so():
    with pytest.raises(ValueError, match="click inside the object"):
        painter("click").segment(IMAGE)


def test_an_image_without_objects_is_segmented_as_empty():
    decoded = painter("network").segment(np.zeros((30, 40), np.uint8))
    assert not decoded.labels.any()


def test_the_command_line_needs_no_centre_for_such_a_network(tmp_path):
    torch.manual_seed(0)
    card = Card("m", labels={0: "b", 1: "x"}, centres="network", object_px=8.0)
    head = VariationalHead([Star(1)], sweeps=2)
    save_bundle(tmp_path / "m.priorseg", Segmenter(UNet(3, 2, width=4, depth=1), head, card))
    picture = np.repeat(IMAGE[..., None], 3, 2)
    imsave(tmp_path / "i.png", picture, check_contrast=False)
    names = [str(tmp_path / name) for name in ("i.png", "m.priorseg", "out")]
    assert main(["segment", names[0], "--model", names[1], "--out", names[2]]) == 0
    told = json.loads((tmp_path / "out" / "i_certificate.json").read_text())
    assert told["planes"][0]["certificates"]["star"]["satisfied"]


def test_proposals_know_the_scale_at_which_the_network_works():
    model = painter("network")
    assert model.object_px(60, 90) == 20.0
    small = Segmenter(
        UNet(3, 2, width=4, depth=1), VariationalHead(), Card("m", object_px=20.0),
        preprocessing=type(model.preprocessing)(size=64),
    )  # fmt: skip
    assert small.object_px(128, 32) == 40.0
    with pytest.raises(ValueError, match="object_px must be a number of pixels > 0, got 0"):
        model.guide(model.logits(IMAGE), object_px=0)


def test_a_card_without_the_entry_wants_clicks_and_a_wrong_one_is_refused():
    assert Card.from_json({"name": "old"}).centres == "click"
    card = Card("m", labels={0: "b", 1: "x", 2: "y"}, centres="network", inner={2: 1})
    assert Card.from_json(json.loads(json.dumps(card.to_json()))) == card
    with pytest.raises(ValueError, match=r"card\.centres"):
        Card("m", centres="guess")
    with pytest.raises(ValueError, match=r"card\.inner"):
        Card("m", inner={1: 0})


def test_a_session_and_a_segmenter_propose_by_the_diameter_measured_in_a_wide_image():
    speckled = IMAGE.copy()
    speckled[4:6, 4:6] = 255
    counts = []
    for shrink in (0.0, 4.0):
        model = painter("network")
        model.card = replace(model.card, object_px=8.0, shrink=shrink)
        session = Session(model)
        session.set_image(speckled)
        session.compute_logits()
        points = session.propose_centres(session.default_settings()).centres[1]
        wanted = model.guide(model.logits(speckled)).centres[1][0]
        assert np.array_equal(np.array(points), wanted.numpy())
        counts.append(len(points))
    assert counts == [3, 2]


def test_a_session_opens_such_a_network_and_proposes_centres_on_request():
    session = Session(painter("network"))
    session.set_image(IMAGE)
    session.set_region((30, 45), 56)
    session.compute_logits()
    settings = session.default_settings()
    *_, off = session.frames(settings)
    assert off.final
    assert any("no centre yet" in message for message in off.messages)
    proposed = session.propose_centres(settings)
    assert np.abs(np.sort(proposed.centres[1], 0) - [(30, 30), (30, 50)]).max() <= 1
    *_, last = session.frames(proposed)
    assert last.certificates["star"].satisfied


def test_proposals_leave_clicked_centres_and_priors_that_are_off_alone():
    session = Session(painter("click"))
    session.set_image(IMAGE)
    session.compute_logits()
    clicked = Settings((PriorChoice("star", {"label": 1}),), centres={1: ((30, 28),)})
    assert session.propose_centres(clicked) == clicked
    off = Settings((PriorChoice("star", {"label": 1}, on=False),))
    assert session.propose_centres(off) == off


@pytest.mark.data
def test_touching_nuclei_are_told_apart_on_real_masks(real_images):
    from skimage.io import imread

    folder = real_images / "nuclei_dsb2018"
    items = json.loads((folder / "manifest.json").read_text())["items"]
    chosen = [item for item in items if item["split"] == "train"][5::60]
    hit = nuclei = proposed = 0
    for item in chosen:
        numbers = imread(folder / item["instances"]).astype(int)
        points = propose_centres(numbers > 0).astype(int)
        hit += len(set(numbers[points[:, 0], points[:, 1]]))
        nuclei, proposed = nuclei + len(np.unique(numbers)) - 1, proposed + len(points)
    assert hit / nuclei > 0.9
    assert hit / proposed > 0.9
