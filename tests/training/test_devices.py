"""Number types and layout of a network while it trains."""

import torch
from torch import nn

from priorseg.training.devices import Devices


def test_depthwise_convolutions_stay_in_float32_beside_bfloat16():
    devices = Devices("cpu", "bfloat16")
    deep, wide = nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 1)
    network = nn.Sequential(deep, wide)
    devices.place(network)
    image = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with devices.autocast():
        assert deep(image).dtype == torch.float32
        assert network(image).dtype == torch.bfloat16
    torch.testing.assert_close(
        deep(image), nn.functional.conv2d(image, *deep.parameters(), groups=4)
    )


def test_one_process_adds_up_to_itself():
    devices = Devices("cpu")
    value = torch.tensor([1.0, 2.0])
    assert torch.equal(devices.total(value), value)
    assert devices.first
    assert devices.any(True)
    assert not devices.any(False)
