"""Scheme (15) and Algorithms 1-5 as printed, for comparison with this package's own solvers.

Plain, differentiable functions on tensors ``(B, K, *S)``, straightforward and not optimised.
They import nothing else of the package, so that a test against them is a test against an
independent implementation. Where a printed sign, step or border is wrong or left open, the
docstring names the decision taken (D1-D19 of docs/maths).

Source: X.-C. Tai, *Mathematical Deep Neural Networks and Applications*, 2026.
"""

from .convex import convex_closure, convex_sigmoid, disc
from .dual_averaging import tv_dual, tv_link, tv_softmax
from .energies import duality_gap, entropy, linear_energy, std_energy, total_variation, tv_energy
from .operators import blur, divergence, gaussian_kernel, gradient
from .star import star_directions, star_dual, star_slope, star_softmax
from .threshold_dynamics import std_authors, std_gradient, std_softmax
from .volume import volume_dual, volume_softmax

__all__ = [
    "blur",
    "convex_closure",
    "convex_sigmoid",
    "disc",
    "divergence",
    "duality_gap",
    "entropy",
    "gaussian_kernel",
    "gradient",
    "linear_energy",
    "star_directions",
    "star_dual",
    "star_slope",
    "star_softmax",
    "std_authors",
    "std_energy",
    "std_gradient",
    "std_softmax",
    "total_variation",
    "tv_dual",
    "tv_energy",
    "tv_link",
    "tv_softmax",
    "volume_dual",
    "volume_softmax",
]
