import pytest
import torch

from priorseg.backbones import BACKBONES, UNet
from priorseg.backbones.padding import pad_to_multiple


@pytest.mark.parametrize("norm", ["group", "batch"])
@pytest.mark.parametrize("size", [(1, 1), (7, 33), (16, 16), (50, 3)])
def test_any_size_channels_and_classes_give_logits_of_the_same_size(norm, size):
    network = UNet(5, 4, width=4, depth=3, norm=norm).eval()
    assert network(torch.rand(2, 5, *size)).shape == (2, 4, *size)


def test_settings_rebuild_the_same_network():
    network = UNet(2, 3, width=6, depth=2, norm="batch")
    twin = BACKBONES["unet"](**network.settings())
    twin.load_state_dict(network.state_dict())
    image = torch.rand(1, 2, 20, 24)
    assert torch.equal(network.eval()(image), twin.eval()(image))


def test_every_weight_gets_a_gradient():
    network = UNet(3, 2, width=4, depth=2)
    network(torch.rand(1, 3, 16, 16)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_a_sample_does_not_depend_on_its_batch_mates():
    network = UNet(1, 2, width=4, depth=2, norm="group").double()
    images = torch.rand(3, 1, 12, 12, dtype=torch.float64)
    together = network(images)
    torch.testing.assert_close(together[1:2], network(images[1:2]))


def test_padding_mirrors_and_keeps_the_image():
    image = torch.arange(12.0).view(1, 1, 3, 4)
    padded = pad_to_multiple(image, 5)
    assert padded.shape == (1, 1, 5, 5)
    assert torch.equal(padded[..., :3, :4], image)
    assert torch.equal(padded[0, 0, 3, :4], image[0, 0, 1])


@pytest.mark.parametrize(
    ("name", "value"),
    [("width", 0), ("width", 2.0), ("depth", 9), ("norm", "layer"), ("in_channels", True)],
)
def test_impossible_arguments_are_refused(name, value):
    arguments = {"in_channels": 3, "out_channels": 2, name: value}
    with pytest.raises(ValueError, match=name):
        UNet(**arguments)


def test_a_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"wants \(B, 3, Y, X\), got \(1, 1, 8, 8\)"):
        UNet(3, 2, width=2)(torch.rand(1, 1, 8, 8))


@pytest.mark.parametrize(("width", "depth"), [(8, 0), (4, 1), (1, 2)])
def test_a_narrow_network_with_group_norms_takes_a_single_pixel(width, depth):
    network = UNet(3, 2, width=width, depth=depth).eval()
    assert bool(torch.isfinite(network(torch.rand(1, 3, 1, 1))).all())


def test_a_batch_of_one_image_as_small_as_a_cell_trains_with_batch_norms():
    network = UNet(3, 2, width=4, depth=4, norm="batch").train()
    network(torch.rand(1, 3, 16, 16)).sum().backward()
    assert all(p.grad is not None for p in network.parameters())
