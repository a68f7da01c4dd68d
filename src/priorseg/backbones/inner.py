"""An activation with a prior, for layers inside a network."""

import math
from typing import Literal, get_args

from torch import Tensor, nn

from ..links import Ordered
from ..prior import Prior
from ..priors.threshold_dynamics import ThresholdDynamics
from ..priors.total_variation import TotalVariation
from ..scene import Scene
from ..solver import replay
from .checks import check_whole

Inner = Literal["none", "threshold-dynamics", "total-variation"]


class RegularisedActivation(nn.Module):
    """Give v = argmin over [0, 1] of −⟨x, v⟩ + ⟨v, ln v⟩ + ⟨1 − v, ln(1 − v)⟩ + R(v).

    Each channel is a problem of its own with two classes (total variation restarts its momentum
    for all of them at once). Without R the minimiser is the sigmoid of x; R makes it smooth: a
    field is taken off x, sweep by sweep. Distances are in pixels of the layer, which grow with
    its depth.

    Parameters
    ----------
    prior : str       'threshold-dynamics' or 'total-variation'
    sweeps : int      1 to 100
    weight : float    of the prior, > 0, see `ThresholdDynamics` and `TotalVariation`
    sigma : float     of threshold dynamics, pixels, > 0
    learnable : bool  whether weight and sigma take gradients

    Raises
    ------
    ValueError  for arguments out of range.

    Source: the slides' regularised activations v^t, t = 1..T (docs/maths, D17).
    """

    def __init__(
        self,
        prior: str = "threshold-dynamics",
        *,
        sweeps: int = 3,
        weight: float = 1.0,
        sigma: float = 1.0,
        learnable: bool = False,
    ) -> None:
        super().__init__()
        check_whole("inner_sweeps", sweeps, 1, 100)
        for name, value in (("inner_weight", weight), ("inner_sigma", sigma)):
            if isinstance(value, bool) or not (0 < value < math.inf):
                raise ValueError(f"{name} must be a finite number > 0, got {value!r}.")
        self.sweeps = sweeps
        self.prior = _prior(prior, float(weight), float(sigma)).requires_grad_(learnable)

    def forward(self, x: Tensor) -> Tensor:
        """Activate features.

        Parameters
        ----------
        x : (B, C, Y, X)   finite

        Returns
        -------
        (B, C, Y, X)   in [0, 1], float32 or float64

        Raises
        ------
        ValueError  for nan or infinite features: the network diverged.
        """
        scene = Scene(spacing=(1.0, 1.0))
        return replay(x, [self.prior], scene, sweeps=self.sweeps, link=Ordered()).probs


def check_inner(inner: object, learnable: object) -> None:
    """Raise ValueError for a name that is none of `Inner`, or nothing that could be learnt."""
    if inner not in get_args(Inner):
        raise ValueError(f"inner must be one of {get_args(Inner)}, got {inner!r}.")
    if not isinstance(learnable, bool):
        raise ValueError(f"inner_learnable must be true or false, got {learnable!r}.")
    if learnable and inner == "none":
        raise ValueError("inner_learnable needs a prior inside. Choose inner, or leave it out.")


def _prior(name: str, weight: float, sigma: float) -> Prior:
    if name == "threshold-dynamics":
        return ThresholdDynamics(weight, sigma)
    if name == "total-variation":
        return TotalVariation(weight)
    raise ValueError(f"prior must be 'threshold-dynamics' or 'total-variation', got {name!r}.")
