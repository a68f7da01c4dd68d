import math

import pytest
import torch

from priorseg.links import SOFTMAX, Ordered
from priorseg.training.losses import (
    IGNORE,
    LossSettings,
    segmentation_loss,
    targets,
    total_variation,
)

LABELS = torch.tensor([[[0, 1, 2, 2]]])


def test_softmax_targets_are_one_hot_and_ordered_targets_nest():
    assert targets(LABELS, SOFTMAX, 3)[0, :, 0].argmax(0).tolist() == [0, 1, 2, 2]
    ordered = targets(LABELS, Ordered((2, 1)), 2)[0, :, 0]
    assert ordered.tolist() == [[0, 1, 1, 1], [0, 0, 1, 1]]  # disc, cup


@pytest.mark.parametrize(("link", "channels"), [(SOFTMAX, 3), (Ordered((2, 1)), 2)])
def test_the_loss_falls_to_zero_at_the_truth_and_grows_away_from_it(link, channels):
    right = (2 * targets(LABELS, link, channels) - 1) * 30
    assert segmentation_loss(right, LABELS, link) == pytest.approx(0, abs=1e-6)
    assert segmentation_loss(-right, LABELS, link) > 20


def test_even_logits_cost_the_entropy_plus_the_dice_loss():
    found = segmentation_loss(torch.zeros(1, 3, 1, 4), LABELS, SOFTMAX)
    dice = [(2 * n / 3 + 1) / (4 / 3 + n + 1) for n in (1, 2)]
    assert float(found) == pytest.approx(math.log(3) + 1 - sum(dice) / 2, rel=1e-5)


def test_the_loss_has_gradients():
    logits = torch.zeros(1, 2, 1, 4, requires_grad=True)
    segmentation_loss(logits, LABELS, Ordered((2, 1))).backward()
    assert (logits.grad != 0).all()


@pytest.mark.parametrize(("link", "channels"), [(SOFTMAX, 3), (Ordered((2, 1)), 2)])
def test_ignored_pixels_move_no_loss(link, channels):
    labels = LABELS.clone()
    labels[0, 0, 3] = IGNORE
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(1, channels, 1, 4, generator=random, requires_grad=True)
    loss = segmentation_loss(logits, labels, link)
    loss.backward()
    assert (logits.grad[..., 3] == 0).all()
    assert (logits.grad[..., :3] != 0).all()
    cut = segmentation_loss(logits[..., :3], labels[..., :3], link)
    torch.testing.assert_close(loss, cut)


def test_a_sample_without_a_known_pixel_has_a_finite_loss():
    nothing = torch.full((1, 4, 4), IGNORE)
    assert torch.isfinite(segmentation_loss(torch.randn(1, 3, 4, 4), nothing, SOFTMAX))


def test_the_loss_of_a_batch_is_the_mean_of_its_samples():
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 3, 5, 5, generator=random)
    labels = torch.randint(0, 3, (3, 5, 5), generator=random)
    labels[1, :3] = IGNORE
    told = LossSettings(smoothness=0.5, class_weights=(1, 2, 3))
    parts = [
        segmentation_loss(logits[i : i + 1], labels[i : i + 1], SOFTMAX, told) for i in (0, 1, 2)
    ]
    whole = segmentation_loss(logits, labels, SOFTMAX, told)
    assert float(whole) == pytest.approx(float(sum(parts) / 3), rel=1e-6)


def test_total_variation_of_a_half_plane_is_its_edge():
    probs = torch.zeros(1, 2, 8, 10)
    probs[:, 0, :, :4] = 1
    probs[:, 1, :, 4:] = 1
    assert float(total_variation(probs)) == pytest.approx(2 * 8 / 80, rel=1e-4)


def test_class_weights_weigh_the_pixels_of_a_label():
    logits = torch.zeros(1, 3, 1, 4)
    told = LossSettings(dice=0, class_weights=(1, 2, 4))
    found = float(segmentation_loss(logits, LABELS, SOFTMAX, told))
    assert found == pytest.approx(math.log(3) * (1 + 2 + 4 + 4) / 4)
