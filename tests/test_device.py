"""The torch form of the loop, which runs on a graphics card, never makes the host wait.

Reading a tensor's value makes the host wait for the card. Torch tells of every such reading on
the CPU too; in float64 no compiled kernel runs, so that what is watched is what a card would do.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from priorseg import Scene, priors
from priorseg.blocks import begin
from priorseg.links import Ordered

READINGS = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select")
STD, TV = priors.ThresholdDynamics(2.0, 1.5), priors.TotalVariation(1.0)
NESTED = priors.Nested((2, 1))


class Readings(TorchDispatchMode):
    """Note which operations read values."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.__name__.split(".")[0] in READINGS:
            self.found.append(function.__name__)
        return function(*args, **(kwargs or {}))


def started(chosen, link):
    channels = 3 if link == "softmax" else 2
    logits = torch.randn(2, channels, 16, 70, dtype=torch.float64)
    return begin(logits, chosen, Scene(), 1.0, link, None)


@pytest.mark.parametrize("link", ["softmax", Ordered((2, 1))])
@pytest.mark.parametrize("chosen", [[STD], [TV], [STD, TV], [STD, NESTED], [TV, STD, NESTED]])
def test_sweeps_read_no_value(chosen, link):
    with torch.no_grad(), Readings() as readings:
        state = started(chosen, link)
        asked_before = len(readings.found)
        for _ in range(3):
            state.sweep()
    assert asked_before > 0, "the check of the logits reads them, once"
    assert readings.found[asked_before:] == []


def test_a_reading_would_be_noticed():
    with torch.no_grad(), Readings() as readings:
        bool(started([STD], "softmax").u.sum() > 0)
    assert readings.found.count("_local_scalar_dense.default") > 1
