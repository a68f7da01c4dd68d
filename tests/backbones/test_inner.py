import pytest
import torch

from priorseg import Segmenter, VariationalHead, load_bundle, save_bundle
from priorseg.backbones import UNet
from priorseg.backbones.inner import RegularisedActivation
from priorseg.card import Card
from priorseg.links import Ordered
from priorseg.scene import Scene

SCENE = Scene(spacing=(1.0, 1.0))
PRIORS = ["threshold-dynamics", "total-variation"]


def features(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("prior", PRIORS)
def test_without_weight_it_is_the_sigmoid(prior):
    x = features(2, 3, 9, 8)
    found = RegularisedActivation(prior, weight=1e-9)(x)
    torch.testing.assert_close(found, torch.sigmoid(x), atol=1e-7, rtol=0)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_it_lowers_the_energy_it_claims_to_minimise(prior, dtype):
    x = features(1, 2, 20, 24, dtype=dtype)
    layer = RegularisedActivation(prior, sweeps=30, weight=0.8)

    def energy(v):
        prep = layer.prior.prepare(SCENE, v, link=Ordered())
        entropy = torch.xlogy(v, v) + torch.xlogy(1 - v, 1 - v)
        return float((entropy - x * v).sum() + layer.prior.energy(v, prep).sum())

    found = layer(x)
    assert energy(found) < energy(torch.sigmoid(x)) - 1
    assert energy(found) < energy((found + 0.02 * torch.randn_like(x)).clamp(1e-6, 1 - 1e-6))


@pytest.mark.parametrize("prior", PRIORS)
def test_its_gradient_is_the_derivative(prior):
    layer = RegularisedActivation(prior, sweeps=2, weight=0.7, learnable=True)
    x = features(1, 2, 5, 4).requires_grad_()
    assert torch.autograd.gradcheck(layer, (x,))
    layer(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs() > 0 for p in layer.parameters())


def test_channels_and_samples_do_not_see_each_other():
    x = features(3, 4, 12, 16, dtype=torch.float32)
    layer = RegularisedActivation(sweeps=4)
    torch.testing.assert_close(layer(x)[1:2, 2:3], layer(x[1:2, 2:3]), atol=1e-6, rtol=0)


def test_the_memory_layout_and_half_precision_around_it_change_nothing():
    x = features(2, 4, 12, 16, dtype=torch.float32)
    layer = RegularisedActivation()
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x.contiguous(memory_format=torch.channels_last))
    assert torch.equal(found, layer(x))


@pytest.mark.parametrize("prior", PRIORS)
def test_a_network_with_inner_priors_survives_a_bundle(tmp_path, prior):
    torch.manual_seed(0)
    network = UNet(3, 2, width=4, depth=2, inner=prior, inner_sweeps=2, inner_weight=0.5)
    for parameter in network.inner_parameters():
        parameter.data += 0.25  # as if it had been learned
    model = Segmenter(network, VariationalHead(), Card("m", labels={0: "b", 1: "a"}, object_px=9.0))
    loaded = load_bundle(save_bundle(tmp_path / "m.priorseg", model)).backbone
    assert loaded.settings() == network.settings()
    network.load_state_dict(loaded.state_dict())
    learned = float(loaded.up[0][-1].prior.weight)
    assert learned == pytest.approx(0.5 * torch.tensor(0.25, dtype=torch.float64).exp().item())
    image = torch.rand(1, 3, 21, 30)
    assert torch.equal(loaded(image), network.requires_grad_(False)(image))


def test_a_network_says_whether_its_inner_priors_learn():
    network = UNet(3, 2, width=4, depth=2, inner="total-variation", inner_learnable=True)
    assert network.settings()["inner_learnable"] is True
    assert all(p.requires_grad for p in network.inner_parameters())
    network(torch.rand(1, 3, 16, 16)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs() > 0 for p in network.inner_parameters())
    assert "inner_learnable" not in UNet(3, 2, inner="total-variation").settings()


@pytest.mark.parametrize("prior", PRIORS)
def test_every_weight_before_the_inner_priors_learns(prior):
    network = UNet(3, 2, width=4, depth=2, inner=prior)
    network(torch.rand(1, 3, 16, 16)).square().sum().backward()
    trained = [p for p in network.parameters() if p.requires_grad]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trained)
    assert len(trained) == len(list(UNet(3, 2, width=4, depth=2).parameters()))


def test_a_plain_network_keeps_its_old_names_and_settings():
    network = UNet(3, 2, width=4, depth=1)
    assert set(network.settings()) == {"in_channels", "out_channels", "width", "depth", "norm"}
    blocks = ("down.0", "down.1", "up.0")
    keys = {f"{b}.{i}.weight" for b in blocks for i in (0, 1, 3, 4)} | {"out.weight", "out.bias"}
    assert set(network.state_dict()) == keys | {f"{b}.{i}.bias" for b in blocks for i in (1, 4)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("inner", "tv"),
        ("inner_learnable", 1),
        ("inner_sweeps", 0),
        ("inner_weight", 0.0),
        ("inner_sigma", float("nan")),
    ],
)
def test_impossible_arguments_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        UNet(3, 2, **{"inner": "threshold-dynamics", name: value})


def test_nothing_inside_cannot_be_learned():
    with pytest.raises(ValueError, match="inner_learnable needs a prior inside"):
        UNet(3, 2, inner_learnable=True)


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="nan"):
        RegularisedActivation()(torch.full((1, 1, 8, 8), torch.nan))
