import builtins

import numpy as np
import pytest
import torch

from priorseg import Segmenter, VariationalHead, save_bundle
from priorseg.backbones import Wrapped, from_onnx, from_torchscript
from priorseg.bundle_format import BundleError
from priorseg.card import Card
from priorseg.priors import Convex, ThresholdDynamics

CARD = Card("m", labels={0: "background", 1: "bright"}, object_px=9.0)


class Bright(torch.nn.Module):
    """Score bright against dark pixels: logits (-4 x, 4 x) of the standardised mean."""

    def __init__(self):
        super().__init__()
        self.mix = torch.nn.Conv2d(3, 2, 1, bias=False)
        with torch.no_grad():
            self.mix.weight.copy_(torch.tensor([-4.0, 4.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1) / 3)

    def forward(self, image):
        return self.mix(image)


def as_module(folder):
    return Wrapped(Bright(), 3, 2)


def as_torchscript(folder):
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.trace(Bright(), torch.rand(1, 3, 4, 4)).save(folder / "m.pt")
    return from_torchscript(folder / "m.pt", 3, 2)


def as_onnx(folder, size=("y", "x"), batch="b", channels=3):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    weight = np.broadcast_to(np.array([[-4.0], [4.0]]), (2, channels)) / channels
    weights = onnx.numpy_helper.from_array(weight.reshape(2, -1, 1, 1).astype("f4"), "w")
    node = onnx.helper.make_node("Conv", ["image", "w"], ["logits"])
    images = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [batch, count, *size])
        for name, count in (("image", channels), ("logits", 2))
    ]
    graph = onnx.helper.make_graph([node], "g", images[:1], images[1:], [weights])
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, ir_version=8, opset_imports=opset)
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return from_onnx(folder / "m.onnx", 3, 2)


MADE = [as_module, as_torchscript, as_onnx]


def noisy_l():
    """Give an L of bright pixels in noise, (Y, X, 3) in [0, 1]; it is not convex."""
    image = np.full((40, 40, 3), 0.3, np.float32)
    image[8:32, 8:16] = image[24:32, 8:32] = 0.7
    noise = np.random.default_rng(0).normal(0, 0.1, image.shape)
    return np.clip(image + noise, 0, 1).astype(np.float32)


@pytest.mark.parametrize("make", MADE)
def test_priors_apply_to_a_foreign_network(tmp_path, make):
    head = VariationalHead([ThresholdDynamics(1.0, 1.5), Convex(1, radii=(2, 4))], sweeps=8)
    model = Segmenter(make(tmp_path), head, CARD)
    plain = model.segment(noisy_l(), plain=True).labels[0]
    found = model.segment(noisy_l())
    assert not plain[12, 28]
    assert found.labels[0][20, 20] == 1  # inside the hull of the L only
    assert all(found.certificates[name].satisfied for name in found.certificates)


@pytest.mark.parametrize("make", MADE)
def test_a_foreign_network_gives_what_it_gave(tmp_path, make):
    image = torch.rand(2, 3, 7, 9)
    with torch.no_grad():
        torch.testing.assert_close(make(tmp_path)(image), Bright()(image))


@pytest.mark.parametrize("gives", ["probs", "object_probs"])
def test_probabilities_become_logits_of_the_same_probabilities(gives):
    link = torch.nn.Softmax(1) if gives == "probs" else torch.nn.Sigmoid()
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1), link)
    image = torch.randn(1, 3, 6, 6)
    torch.testing.assert_close(link(Wrapped(module, 3, 2, gives=gives)(image)), module(image))


@pytest.mark.parametrize("gives", ["probs", "object_probs"])
def test_certain_probabilities_stay_finite(gives):
    network = Wrapped(torch.nn.Identity(), 2, 2, gives=gives)
    logits = network(torch.eye(2).view(1, 2, 2, 1))
    assert torch.isfinite(logits).all()
    assert logits.abs().max() < 17


def test_logits_called_probabilities_are_refused():
    with pytest.raises(ValueError, match=r"values from -3 to -3.*gives='logits'"):
        Wrapped(torch.nn.Identity(), 1, 1, gives="probs")(torch.full((1, 1, 2, 2), -3.0))


def test_probabilities_that_do_not_sum_to_one_are_refused_as_exclusive_classes():
    image = torch.full((1, 2, 3, 3), 0.5)
    image[0, 1, 2, 2] = 0.9  # at one pixel
    with pytest.raises(ValueError, match=r"sum to 1 to 1\.4 at a pixel.*gives='object_probs'"):
        Wrapped(torch.nn.Identity(), 2, 2, gives="probs")(image)
    assert Wrapped(torch.nn.Identity(), 2, 2, gives="object_probs")(image).isfinite().all()
    image[0, 0, 0, 0] = torch.nan
    for gives in ("probs", "object_probs"):
        with pytest.raises(ValueError, match="values from nan to nan"):
            Wrapped(torch.nn.Identity(), 2, 2, gives=gives)(image)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_probabilities_of_half_precision_sum_to_one_well_enough(dtype):
    image = (4 * torch.randn(1, 40, 30, 30)).softmax(1).to(dtype)
    assert Wrapped(torch.nn.Identity(), 40, 40, gives="probs")(image).isfinite().all()


def test_sizes_are_padded_to_the_multiple_and_cut_again():
    half = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Upsample(scale_factor=4))
    image = torch.rand(1, 2, 9, 14)
    assert Wrapped(half, 2, 2, multiple=4)(image).shape == (1, 2, 9, 14)
    with pytest.raises(ValueError, match=r"gives \(1, 2, 8, 12\), \(1, 2, 9, 14\) is needed"):
        Wrapped(half, 2, 2)(image)


@pytest.mark.parametrize(
    ("module", "message"),
    [(torch.nn.MaxPool2d(1, return_indices=True), "tuple"), (Bright(), "out_channels")],
)
def test_a_wrong_output_is_named(module, message):
    with pytest.raises(ValueError, match=message):
        Wrapped(module, 3, 3)(torch.rand(1, 3, 4, 4))


def test_gradients_pass_through_a_wrapped_module():
    network = as_module(None)
    network(torch.rand(1, 3, 4, 4))[:, 1].sum().backward()
    assert network.module.mix.weight.grad.abs().sum() > 0


def test_no_bundle_holds_a_foreign_network(tmp_path):
    model = Segmenter(as_module(None), VariationalHead(), CARD)
    with pytest.raises(BundleError, match="Wrapped is not one of"):
        save_bundle(tmp_path / "m.priorseg", model)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("load", [from_torchscript, from_onnx])
def test_what_is_no_model_is_refused(tmp_path, load):
    pytest.importorskip("onnxruntime")
    as_torchscript(tmp_path)
    torch.save(Bright().state_dict(), tmp_path / "weights.pt")
    (tmp_path / "half.pt").write_bytes((tmp_path / "m.pt").read_bytes()[:2000])
    (tmp_path / "empty.onnx").write_bytes(b"")
    for name in ("weights.pt", "half.pt", "empty.onnx"):
        with pytest.raises(ValueError, match=rf"{name} is no"):
            load(tmp_path / name, 3, 2)
    with pytest.raises(FileNotFoundError, match=r"no file .*none"):
        load(tmp_path / "none", 3, 2)


def test_an_onnx_model_refuses_training_and_gradients(tmp_path):
    network = as_onnx(tmp_path)
    with pytest.raises(RuntimeError, match="gives no gradients"):
        network(torch.rand(1, 3, 4, 4, requires_grad=True))
    with pytest.raises(RuntimeError, match="cannot be trained"):
        network.train()(torch.rand(1, 3, 4, 4))


def test_an_onnx_model_of_one_size_and_sample_says_so(tmp_path):
    network = as_onnx(tmp_path, size=(8, 9), batch=1)
    image = torch.rand(3, 3, 8, 9)
    torch.testing.assert_close(network(image), Bright()(image).detach())
    with pytest.raises(ValueError, match="8 x 9 only, got 9 x 8"):
        network(image.transpose(2, 3))


def test_an_onnx_model_of_other_channels_is_refused(tmp_path):
    with pytest.raises(ValueError, match="takes 4 channels, not 3"):
        as_onnx(tmp_path, channels=4)


def test_a_missing_onnxruntime_says_what_to_install(tmp_path, monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name == "onnxruntime":
            raise ImportError(name)
        return real(name, *rest)

    (tmp_path / "m.onnx").write_bytes(b"")
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r'pip install "priorseg\[onnx\]"'):
        from_onnx(tmp_path / "m.onnx", 3, 2)
