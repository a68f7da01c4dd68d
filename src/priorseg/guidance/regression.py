"""A small network that corrects the volumes which another network's probabilities add up to."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..io import replace_whole
from ..links import Link, Ordered, as_link
from .volumes import label_fractions, network_fractions, object_volumes

SIDE = 32  # the tower sees probabilities averaged over that many by that many cells
LEAST = 1e-7  # share of a label below which the network's share counts as that
NOTE = "priorseg.volume_regressor"


class VolumeRegressor(nn.Module):
    """Predict the share of each label in the image from the logits.

    The logarithm of a share is that of the network's own share, plus a correction which starts
    at 0: untrained, it gives the network's shares. The correction sees the probabilities only,
    averaged over cells, and sends no gradient to the network.

    Parameters
    ----------
    channels : int       of the logits, 1 to 256
    link : str or Link   of the logits
    width : int          channels of the first layer, 1 to 16

    Raises
    ------
    ValueError  for numbers out of range, or channels that do not fit the link.
    """

    def __init__(self, channels: int, link: str | Link = "softmax", *, width: int = 16) -> None:
        super().__init__()
        for name, value, high in (("channels", channels, 256), ("width", width, 16)):
            if type(value) is not int or not 1 <= value <= high:
                raise ValueError(f"{name} must be a whole number from 1 to {high}, got {value!r}.")
        self.channels, self.width, self.link = channels, width, as_link(link)
        self.link.check(channels)
        labels = self.link.label_count(channels)
        self.tower = nn.Sequential(
            nn.Conv2d(labels, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.mix = nn.Sequential(nn.Linear(2 * width + labels, 2 * width), nn.ReLU())
        self.last = nn.Linear(2 * width, labels)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def settings(self) -> dict[str, Any]:
        """Give the constructor arguments as plain values; see `load_regressor`."""
        order = list(self.link.order) if isinstance(self.link, Ordered) else []
        link = {"name": self.link.name, "order": order}
        return {"channels": self.channels, "link": link, "width": self.width}

    def forward(self, logits: Tensor, temperature: Tensor | float = 1.0) -> Tensor:
        """Give the share of each label, (B, labels) float64, > 0, sum 1.

        Parameters
        ----------
        logits : (B, K, Y, X)
        temperature : ()   > 0
        """
        if logits.ndim != 4 or logits.shape[1] != self.channels:
            raise ValueError(
                f"The regressor takes logits (B, {self.channels}, Y, X), got {tuple(logits.shape)}."
            )
        plain = network_fractions(logits, self.link, temperature).clamp_min(LEAST).log()
        with torch.no_grad():
            probs = torch.softmax(self.link.class_logits(logits / temperature), 1)
            cells = functional.adaptive_avg_pool2d(probs, SIDE).to(self.last.weight)
        seen = self.tower(cells).mean((2, 3))
        known = plain.detach().to(seen)
        correction = self.last(self.mix(torch.cat((seen, known), 1)))
        return torch.softmax(plain + correction.double(), 1)

    def volumes(self, logits: Tensor, temperature: Tensor | float = 1.0) -> Tensor:
        """Give what `Volume` asks for, (B, K) float64 pixels, sum or outermost <= those of S."""
        shares = object_volumes(self(logits, temperature), self.link)
        return shares * logits[0, 0].numel()

    @staticmethod
    def loss(fractions: Tensor, truth: Tensor) -> Tensor:
        """Give the mean Kullback-Leibler divergence of predicted from true shares, ().

        Parameters
        ----------
        fractions : (B, labels)   as `forward` gives them
        truth : (B, *S) int64     label maps; other labels mean unlabelled, samples without any
                                  label do not count
        """
        wanted = label_fractions(truth, fractions.shape[1])
        known = ~wanted.isnan().any(1)
        wanted, found = wanted[known], fractions[known].clamp_min(1e-30)
        divergence = torch.xlogy(wanted, wanted) - wanted * found.log()
        return divergence.sum() / max(1, len(wanted))


def save_regressor(path: str | Path, regressor: VolumeRegressor) -> Path:
    """Write a regressor to a safetensors file; an existing file is replaced only when it is whole.

    Raises
    ------
    OSError  if the file cannot be written; what was there before stays.
    """
    from safetensors.torch import save

    state = {
        key: value.detach().cpu().contiguous() for key, value in regressor.state_dict().items()
    }
    data = save(state, {NOTE: json.dumps(regressor.settings())})
    target = Path(path)
    replace_whole(target, data)
    return target


def load_regressor(path: str | Path) -> VolumeRegressor:
    """Read a regressor that `save_regressor` wrote; nothing in the file is executed.

    Raises
    ------
    FileNotFoundError  if there is no such file.
    ValueError         if it is damaged or holds something else.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no volume regressor {path}.")
    try:
        with safe_open(path, "pt") as stream:
            told = json.loads((stream.metadata() or {})[NOTE])
            state = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
        link, name = told["link"], told["link"]["name"]
        kind = Ordered(tuple(link["order"])) if name == "ordered" else as_link(name)
        regressor = VolumeRegressor(told["channels"], kind, width=told["width"])
        regressor.load_state_dict(state)
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} is damaged or is no volume regressor: {reason}") from None
    if not all(bool(torch.isfinite(value).all()) for value in state.values()):
        raise ValueError(f"{path} holds nan or infinite numbers: its training failed.")
    return regressor.eval()
