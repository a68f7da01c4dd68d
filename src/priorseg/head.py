"""The priors as a network layer: logits in, regularised logits out."""

from collections.abc import Sequence

from torch import Tensor, nn

from .links import Link, as_link
from .prior import Prior, log_parameter
from .scene import Scene
from .solver import Solution, replay


class VariationalHead(nn.Module):
    """Regularise logits by a fixed number of sweeps; put it after any network.

    Parameters
    ----------
    priors : list of Prior   "off" means not in the list; empty = logits / temperature
    sweeps : int             part of the trained model: keep it when the model is used
    temperature : float      > 0
    link : str or Link       'softmax' or 'ordered'
    learnable : bool         whether the priors' parameters and the temperature take gradients
    """

    def __init__(
        self,
        priors: Sequence[Prior] = (),
        *,
        sweeps: int = 10,
        temperature: float = 1.0,
        link: str | Link = "softmax",
        learnable: bool = False,
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature must be > 0, got {temperature}.")
        self.priors = nn.ModuleList(priors)
        self.sweeps = sweeps
        self.link = as_link(link)
        self.log_temperature = log_parameter(temperature, "temperature")
        self.requires_grad_(learnable)

    @property
    def temperature(self) -> Tensor:
        """Give the temperature, ()."""
        return self.log_temperature.exp()

    def solve(self, logits: Tensor, scene: Scene | None = None) -> Solution:
        """Run the head's sweeps and give the whole state; see `priorseg.solve`."""
        scene = scene or Scene(spacing=(1.0,) * (logits.ndim - 2))
        return replay(
            logits,
            list(self.priors),  # type: ignore[arg-type]
            scene,
            sweeps=self.sweeps,
            temperature=self.temperature,
            link=self.link,
        )

    def forward(self, logits: Tensor, scene: Scene | None = None) -> Tensor:
        """Regularise logits.

        Parameters
        ----------
        logits : (B, K, *S)   any floating type; computed in float32 or float64
        scene : Scene         None = unit spacing, nothing else known

        Returns
        -------
        (B, K, *S)   logits for the same link: softmax or sigmoid of them are the probabilities
        """
        return self.solve(logits, scene).logits
