"""Networks from elsewhere as backbones: modules, TorchScript, ONNX."""

import os
import warnings
import zipfile
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from .backbone import Backbone
from .checks import check_whole
from .padding import pad_to_multiple

Gives = Literal["logits", "probs", "object_probs"]
SUM_ERROR = 0.01  # sums of half-precision probabilities miss 1 by less
SMALLEST = 1e-7  # probability; below it a prior could no longer win a pixel back


class Wrapped(Backbone):
    """Use any module that maps images to scores as a backbone.

    It cannot be stored in a bundle, for a bundle holds no code: keep the code that builds it, which
    `settings` alone does not. A call raises ValueError if the image or what the module gives has a
    wrong shape, or if what it gives as probabilities is outside [0, 1] or, for 'probs', does not
    sum to 1 at every pixel within 0.01.

    Parameters
    ----------
    module : nn.Module   (B, in_channels, Y, X) to (B, out_channels, Y, X)
    in_channels : int    1 to 64
    out_channels : int   1 to 256
    gives : str          'logits'; 'probs': of exclusive classes, the logits are their logarithms
                         (softmax link); 'object_probs': one sigmoid per object, the logits are
                         their log-odds (ordered link). Probabilities below 1e-7 count as 1e-7.
    multiple : int       the module wants sizes that are multiples of this; other images are
                         mirrored at the far border and the result is cut

    Raises
    ------
    ValueError  for arguments out of range.
    """

    name = "wrapped"

    def __init__(
        self,
        module: nn.Module,
        in_channels: int,
        out_channels: int,
        *,
        gives: Gives = "logits",
        multiple: int = 1,
    ) -> None:
        super().__init__(
            in_channels=in_channels, out_channels=out_channels, gives=gives, multiple=multiple
        )
        check_whole("multiple", multiple, 1, 4096)
        if gives not in get_args(Gives):
            raise ValueError(f"gives must be one of {get_args(Gives)}, got {gives!r}.")
        if not isinstance(module, nn.Module):
            raise ValueError(f"A torch.nn.Module is needed, got {type(module).__name__}.")
        self.module = module
        self.gives, self.multiple = gives, multiple
        if next(module.parameters(), None) is None:  # a parameter tells which device is used
            self.place = nn.Parameter(torch.empty(0), requires_grad=False)

    @property
    def _title(self) -> str:
        return "The wrapped network"

    def _logits(self, image: Tensor) -> Tensor:
        padded = pad_to_multiple(image, self.multiple)
        scores = self._checked(self.module(padded), padded)
        scores = scores[..., : image.shape[2], : image.shape[3]]
        if self.gives == "logits":
            return scores
        probs = _probs(scores.float() if scores.dtype != torch.float64 else scores)
        if self.gives == "object_probs":
            return torch.logit(probs)
        _check_sums(probs)
        return probs.log()

    def _checked(self, scores: object, image: Tensor) -> Tensor:
        wanted = (image.shape[0], self.out_channels, *image.shape[2:])
        if not isinstance(scores, Tensor):
            raise ValueError(
                f"The wrapped network gives a {type(scores).__name__}, a tensor {wanted} is "
                "needed. Wrap a module that picks it out."
            )
        if tuple(scores.shape) != wanted:
            hint = "State the right out_channels"
            if scores.shape[2:] != image.shape[2:]:
                hint = "Let it resize its output to the image, or set multiple"
            raise ValueError(
                f"The wrapped network gives {tuple(scores.shape)}, {wanted} is needed. {hint}."
            )
        return scores


def _probs(scores: Tensor) -> Tensor:
    low, high = float(scores.detach().min()), float(scores.detach().max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # half precision may miss 1 by as much; nan
        raise ValueError(
            f"The wrapped network gives values from {low:.4g} to {high:.4g}, which are no "
            "probabilities. Use gives='logits'."
        )
    return scores.clamp(SMALLEST, 1 - SMALLEST)


def _check_sums(probs: Tensor) -> None:
    sums = probs.detach().sum(1)
    low, high = float(sums.min()), float(sums.max())
    if low < 1 - SUM_ERROR or high > 1 + SUM_ERROR:
        raise ValueError(
            f"The wrapped network gives values that sum to {low:.4g} to {high:.4g} at a pixel; "
            "probabilities of exclusive classes sum to 1. Use gives='object_probs' if each is a "
            "sigmoid of its own, or gives='logits'."
        )


def from_torchscript(
    path: str | Path,
    in_channels: int,
    out_channels: int,
    *,
    gives: Gives = "logits",
    multiple: int = 1,
) -> Wrapped:
    """Load a TorchScript archive as a backbone, on the CPU, in evaluation mode.

    Loading runs code that is in the archive: load only what you trust.

    Parameters
    ----------
    path : str or Path   made by ``torch.jit.save``
    in_channels, out_channels, gives, multiple : see `Wrapped`

    Raises
    ------
    FileNotFoundError  if there is no such file.
    ValueError         if it is no TorchScript archive, or damaged.
    """
    file = existing(path)
    if not any(name.endswith("/constants.pkl") for name in _names(file)):
        raise ValueError(
            f"{file} is no TorchScript archive. If it holds weights (torch.save), build the "
            "network in Python, load them there and use Wrapped."
        )
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*torch.jit.load.*", DeprecationWarning)
            module = torch.jit.load(str(file), map_location="cpu")  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise ValueError(f"The TorchScript archive {file} is damaged: {error}") from None
    network = Wrapped(module, in_channels, out_channels, gives=gives, multiple=multiple)
    return network.eval()


def _names(file: Path) -> list[str]:
    """List what a zip archive holds; nothing for other files."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except zipfile.BadZipFile:
        return []


def from_onnx(
    path: str | Path,
    in_channels: int,
    out_channels: int,
    *,
    gives: Gives = "logits",
    multiple: int = 1,
    output: str | None = None,
) -> Wrapped:
    """Load an ONNX model as a backbone for use, not for training; it runs on the CPU.

    Parameters
    ----------
    path : str or Path   one input, float32 (B, C, Y, X)
    in_channels, out_channels, gives, multiple : see `Wrapped`
    output : str         which output, where the model has several

    Raises
    ------
    ImportError        if onnxruntime is not installed.
    FileNotFoundError  if there is no such file.
    ValueError         if it is no ONNX model, or not one of images.
    """
    from .onnx_graph import OnnxGraph

    graph = OnnxGraph(existing(path), output=output)
    graph.check(in_channels, out_channels)
    return Wrapped(graph, in_channels, out_channels, gives=gives, multiple=multiple).eval()


def existing(path: str | Path) -> Path:
    """Give a path to a file, or raise FileNotFoundError."""
    file = Path(os.fspath(path))
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    return file
