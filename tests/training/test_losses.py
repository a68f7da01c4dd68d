import math

import pytest
import torch

from priorseg.links import SOFTMAX, Ordered
from priorseg.training.losses import segmentation_loss, targets

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
