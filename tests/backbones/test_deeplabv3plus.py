import pytest
import torch

from priorseg import Segmenter, VariationalHead, load_bundle, save_bundle
from priorseg.backbones import BACKBONES, DeepLabV3Plus
from priorseg.backbones.padding import pad_to_multiple
from priorseg.card import Card
from priorseg.priors import ThresholdDynamics


def small(**more):
    torch.manual_seed(0)
    return DeepLabV3Plus(3, 2, width=16, low_width=8, **more)


@pytest.mark.parametrize("stride", [8, 16, 32])
@pytest.mark.parametrize("size", [(1, 1), (7, 50), (64, 33)])
def test_any_size_gives_logits_of_the_same_size_also_in_training(stride, size):
    network = small(output_stride=stride)
    for mode in (True, False):
        logits = network.train(mode)(torch.rand(1, 3, *size))
        assert logits.shape == (1, 2, *size)
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_with_symmetric_filters_a_mirrored_image_gives_mirrored_logits(stride):
    network = small(output_stride=stride).double().eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.weight.data += layer.weight.data.flip(3)
    image = torch.rand(1, 3, 20, 65, dtype=torch.float64)  # 65 = 64 + 1: nothing is padded
    torch.testing.assert_close(network(image.flip(3)), network(image).flip(3))


def test_settings_rebuild_the_same_network():
    network = small(output_stride=8, dropout=0.3).eval()
    twin = BACKBONES["deeplabv3plus"](**network.settings()).eval()
    twin.load_state_dict(network.state_dict())
    image = torch.rand(1, 3, 20, 24)
    assert torch.equal(network(image), twin(image))


def test_every_weight_gets_a_gradient():
    network = small()
    network(torch.rand(2, 3, 48, 48)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_forty_steps_are_enough_to_learn_the_statistics_of_the_norms():
    slow, fast = small(dropout=0.0), small(dropout=0.0)
    image = torch.rand(4, 3, 33, 33)
    for layer in fast.modules():
        layer.momentum = 1.0  # these know the batch after one pass
    for network, passes in ((slow, 40), (fast, 1)):
        for _ in range(passes):
            network(image)
    for (key, found), wanted in zip(slow.named_buffers(), fast.buffers(), strict=True):
        if "running" in key:
            torch.testing.assert_close(found, wanted, rtol=0.03, atol=0.02)


def test_encoder_and_decoder_share_no_parameter_and_leave_none_out():
    network = small()
    encoder = {id(p) for p in network.encoder_parameters()}
    assert encoder == {id(p) for name, p in network.named_parameters() if "encoder." in name}
    assert 0 < len(encoder) < len(list(network.parameters()))


def test_a_half_precision_bundle_of_the_default_stays_below_twelve_megabytes():
    assert 2 * sum(p.numel() for p in DeepLabV3Plus(3, 12).parameters()) < 11e6


def test_the_loaded_network_differs_by_half_precision_only(tmp_path):
    network = small().eval()
    for buffer in (b for name, b in network.named_buffers() if "running_var" in name):
        buffer.uniform_(0.5, 2)
    network.train()(torch.rand(2, 3, 40, 40))  # num_batches_tracked is 1
    card = Card("m", labels={0: "background", 1: "a"}, object_px=9.0)
    model = Segmenter(network.eval(), VariationalHead([ThresholdDynamics()], sweeps=2), card)
    loaded = load_bundle(save_bundle(tmp_path / "m.priorseg", model)).backbone
    for key, value in network.state_dict().items():
        half = value.half().to(value.dtype) if value.ndim >= 2 else value
        assert torch.equal(loaded.state_dict()[key], half), key
    image = torch.rand(1, 3, 45, 38)
    network.load_state_dict(loaded.state_dict())
    assert torch.equal(loaded(image), network(image))


def test_bfloat16_and_channels_last_agree_with_float32():
    network = small().eval()
    image = torch.rand(1, 3, 64, 48)
    wanted = network(image)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(image.contiguous(memory_format=torch.channels_last))
    assert found.dtype == torch.float32
    assert torch.corrcoef(torch.stack((found.flatten(), wanted.flatten())))[0, 1] > 0.99


@pytest.mark.parametrize(
    ("name", "value"),
    [("output_stride", 4), ("width", 2.0), ("dropout", 1.0), ("in_channels", True)],
)
def test_impossible_arguments_are_refused(name, value):
    arguments = {"in_channels": 3, "out_channels": 2, name: value}
    with pytest.raises(ValueError, match=name):
        DeepLabV3Plus(**arguments)


def test_a_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"wants \(B, 3, Y, X\), got \(1, 1, 8, 8\)"):
        small()(torch.rand(1, 1, 8, 8))


@pytest.mark.parametrize("size", [1, 2, 9, 17, 18, 33])
def test_padding_reaches_the_next_size_of_the_grid(size):
    image = torch.arange(float(size)).view(1, 1, 1, size).expand(1, 1, size, size)
    padded = pad_to_multiple(image, 16, extra=1, least=17)
    assert padded.shape[2:] == ((17, 17) if size <= 17 else (33, 33))
    assert torch.equal(padded[..., :size, :size], image)
