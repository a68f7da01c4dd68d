"""What one step of the training does, and when it refuses to go on."""

import numpy as np
import pytest
import torch
from skimage.io import imsave
from toys import config

from priorseg.training.checkpoint import load_checkpoint
from priorseg.training.run import train


def test_plain_epochs_leave_temperature_and_priors_alone(root, tmp_path):
    train(config(root, schedule={"head_epochs": 0}), tmp_path / "out", device="cpu")
    weights = load_checkpoint(tmp_path / "out" / "checkpoint.pt")["weights"]
    assert float(weights["head.log_temperature"]) == 0
    assert float(weights["head.priors.0.log_weight"].exp()) == pytest.approx(2)


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(root, tmp_path, monkeypatch):
    def broken(parameters, limit):
        return torch.tensor(torch.nan)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", broken)
    with pytest.raises(FloatingPointError, match=r"gradient is nan in epoch 1.*schedule\.rate"):
        train(config(root), tmp_path / "out", device="cpu")
    assert not (tmp_path / "out" / "checkpoint.pt").exists()


def test_a_mask_of_16_bits_with_large_values_is_refused(root, tmp_path):
    mask = np.full((16, 16), 300, np.uint16)
    imsave(root / "toys" / "0-mask.png", mask, check_contrast=False)
    with pytest.raises(ValueError, match=r"mask of toys/0 holds \[300\]"):
        train(config(root), tmp_path / "out", device="cpu")
