"""An ONNX model as a module that cannot be trained."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


class OnnxGraph(nn.Module):
    """Run an ONNX model with onnxruntime on the CPU, with as many threads as torch.

    Parameters
    ----------
    path : Path    the model
    output : str   which output; None = the only one

    Raises
    ------
    ImportError  if onnxruntime is not installed.
    ValueError   if the file is no ONNX model or not one of images.
    """

    def __init__(self, path: Path, *, output: str | None = None) -> None:
        super().__init__()
        self.path = path
        self._session = _open(path)
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape or ()) != 4 or inputs[0].type not in TYPES:
            told = [f"{entry.name}: {entry.type} {entry.shape}" for entry in inputs]
            raise ValueError(
                f"{path} has the inputs {told}; one image of floating point numbers, "
                "(B, C, Y, X), is needed."
            )
        self._input, self._type = inputs[0], TYPES[inputs[0].type]
        outputs = {entry.name: entry for entry in self._session.get_outputs()}
        if output is None and len(outputs) == 1:
            (output,) = outputs
        if output not in outputs:
            raise ValueError(f"{path} has the outputs {sorted(outputs)}; name one, not {output!r}.")
        self._output = outputs[output]

    def check(self, in_channels: int, out_channels: int) -> None:
        """Raise ValueError if the model says that it has other numbers of channels."""
        for what, entry, wanted in (
            ("takes", self._input, in_channels),
            ("gives", self._output, out_channels),
        ):
            found = entry.shape[1] if len(entry.shape or ()) == 4 else None
            if isinstance(found, int) and found != wanted:
                raise ValueError(f"{self.path} {what} {found} channels, not {wanted}.")

    def forward(self, image: Tensor) -> Tensor:
        """Run the model.

        Parameters
        ----------
        image : (B, C, Y, X)

        Returns
        -------
        the output, float32, on the image's device

        Raises
        ------
        RuntimeError  in training mode, or if a gradient is wanted.
        ValueError    if the model does not take images of this size.
        """
        if self.training or (torch.is_grad_enabled() and image.requires_grad):
            raise RuntimeError(
                "An ONNX model cannot be trained and gives no gradients. Call .eval() on the "
                "backbone, or wrap the network it was made from."
            )
        size = tuple(image.shape[2:])
        fixed = tuple(self._input.shape[2:])
        if any(isinstance(own, int) and own != n for own, n in zip(fixed, size, strict=True)):
            raise ValueError(
                f"{self.path} takes images of {fixed[0]} x {fixed[1]} only, got {size[0]} x "
                f"{size[1]}. Export it with dynamic axes for Y and X."
            )
        array = image.detach().cpu().numpy().astype(self._type)
        single = self._input.shape[0] == 1
        parts = [self._run(part) for part in (np.split(array, len(array)) if single else [array])]
        return torch.from_numpy(np.concatenate(parts)).float().to(image.device)

    def _run(self, array: Any) -> Any:
        try:
            return self._session.run([self._output.name], {self._input.name: array})[0]
        except Exception as error:  # its exceptions share no other base
            raise ValueError(
                f"{self.path} does not run on an image of shape {array.shape}: {error}"
            ) from None


def _open(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ImportError('ONNX models need onnxruntime: pip install "priorseg[onnx]".') from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors; they are raised as well
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no other base
        raise ValueError(f"{path} is no ONNX model that can be run: {error}") from None
