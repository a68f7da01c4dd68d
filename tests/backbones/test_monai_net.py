import builtins

import numpy as np
import pytest
import torch

from priorseg import Segmenter, VariationalHead, load_bundle, save_bundle
from priorseg.backbones import MonaiNet
from priorseg.backbones.monai_net import _OPTIONS
from priorseg.card import Card
from priorseg.priors import Convex

CARD = Card("m", labels={0: "background", 1: "a"}, object_px=9.0)


def small(network, depth=2):
    pytest.importorskip("monai")
    torch.manual_seed(0)
    depth = 4 if network == "BasicUNet" else depth
    return MonaiNet(3, 2, network=network, width=8, depth=depth)


@pytest.mark.parametrize("network", _OPTIONS)
@pytest.mark.parametrize("size", [(1, 1), (7, 33), (16, 16)])
def test_any_size_gives_logits_of_the_same_size_also_in_training(network, size):
    model = small(network)
    for mode in (True, False):
        assert model.train(mode)(torch.rand(1, 3, *size)).shape == (1, 2, *size)


@pytest.mark.parametrize("network", ["UNet", "AttentionUnet", "SegResNet", "DynUNet"])
@pytest.mark.parametrize("depth", [2, 5])
def test_the_depth_is_the_number_of_halvings(network, depth):
    model, shapes = small(network, depth), []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda own, given, out: shapes.append(out.shape[3]))
    model.eval()(torch.rand(1, 3, 64, 128))
    assert min(shapes) == 128 // 2**depth


@pytest.mark.parametrize("network", _OPTIONS)
def test_a_bundle_brings_it_back_and_priors_apply(tmp_path, network):
    head = VariationalHead([Convex(1, radii=(2, 4))], sweeps=2)
    model = Segmenter(small(network).eval(), head, CARD)
    loaded = load_bundle(save_bundle(tmp_path / "m.priorseg", model))
    model.backbone.load_state_dict(loaded.backbone.state_dict())
    image = torch.rand(1, 3, 32, 40)
    with torch.no_grad():
        assert torch.equal(loaded.backbone(image), model.backbone(image))
    labels = np.random.default_rng(0).random((40, 50, 3)).astype(np.float32)
    assert loaded.segment(labels).certificates["convex"].satisfied


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "SwinUNETR"}, "network must be one of"),
        ({"network": "BasicUNet", "depth": 3}, "BasicUNet has depth 4"),
        ({"network": "DynUNet", "depth": 1}, "DynUNet wants a depth of 2"),
        ({"network": "SegResNet", "width": 12}, "multiple of 8"),
        ({"width": 0}, "width"),
    ],
)
def test_impossible_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MonaiNet(3, 2, **options)


def test_a_missing_monai_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name.startswith("monai"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r'pip install "priorseg\[train\]"'):
        MonaiNet(3, 2)
