import pytest
import torch

from priorseg import Segmenter, VariationalHead, load_bundle, save_bundle
from priorseg.backbones import BACKBONES, SegNet
from priorseg.card import Card


@pytest.mark.parametrize("norm", ["group", "batch"])
@pytest.mark.parametrize("depth", [1, 3, 5])
@pytest.mark.parametrize("size", [(1, 1), (7, 33), (32, 32)])
def test_any_size_gives_logits_of_the_same_size_also_in_training(norm, depth, size):
    network = SegNet(5, 4, width=2, depth=depth, norm=norm)
    for mode in (True, False):
        assert network.train(mode)(torch.rand(1, 5, *size)).shape == (1, 4, *size)


def test_values_return_to_the_places_of_their_maxima():
    network = SegNet(1, 1, width=1, depth=1)
    network.down[0] = network.up[0] = network.out = torch.nn.Identity()
    image = torch.rand(1, 1, 8, 6)
    largest = torch.nn.functional.max_pool2d(image, 2).repeat_interleave(2, 2)
    wanted = torch.where(image == largest.repeat_interleave(2, 3), image, 0.0)
    assert torch.equal(network(image), wanted)


def test_the_original_has_the_convolutions_of_vgg16_twice():
    network = SegNet(3, 11, width=64)
    shapes = [tuple(m.weight.shape[:2]) for m in network.modules() if hasattr(m, "stride")]
    shapes = [(outer, inner) for outer, inner in shapes if outer != 11]
    vgg = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    assert [outer for outer, _ in shapes[:13]] == vgg
    assert [inner for _, inner in shapes[13:]] == vgg[::-1]


def test_every_weight_gets_a_gradient():
    network = SegNet(3, 2, width=4, depth=3)
    network(torch.rand(2, 3, 16, 16)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_the_loaded_network_differs_by_half_precision_only(tmp_path):
    torch.manual_seed(0)
    network = SegNet(3, 2, width=4, depth=3)
    network(torch.rand(2, 3, 40, 40))
    card = Card("m", labels={0: "background", 1: "a"}, object_px=9.0)
    model = Segmenter(network.eval(), VariationalHead(), card)
    loaded = load_bundle(save_bundle(tmp_path / "m.priorseg", model)).backbone
    for key, value in network.state_dict().items():
        half = value.half().to(value.dtype) if value.ndim >= 2 else value
        assert torch.equal(loaded.state_dict()[key], half), key
    twin = BACKBONES["segnet"](**network.settings()).eval()
    twin.load_state_dict(loaded.state_dict())
    image = torch.rand(1, 3, 45, 38)
    assert torch.equal(loaded(image), twin(image))


def test_bfloat16_and_channels_last_run():
    network = SegNet(3, 2, width=4, depth=2).eval()
    image = torch.rand(1, 3, 30, 22)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(image.contiguous(memory_format=torch.channels_last)).float()
    assert (found - network(image)).abs().mean() < 0.05 * network(image).abs().max()


@pytest.mark.parametrize(
    ("name", "value"), [("width", 0), ("depth", 6), ("depth", 0), ("norm", "layer")]
)
def test_impossible_arguments_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        SegNet(3, 2, **{name: value})


def test_a_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"wants \(B, 3, Y, X\), got \(1, 1, 8, 8\)"):
        SegNet(3, 2, width=2)(torch.rand(1, 1, 8, 8))
