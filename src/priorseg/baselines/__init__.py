"""What a prior has to beat: simpler ways from a network's probabilities to a label map.

Every one is a plain function ``(probs, image, *, settings) -> labels`` with probs (K, Y, X), the
image (Y, X, 3) in [0, 1] and labels (Y, X) int64; `BASELINES` holds them with their defaults.
"""

from collections.abc import Mapping
from types import MappingProxyType

from .crf import dense_crf
from .inputs import Baseline, plain
from .objects import rebuild
from .post import std_post, tv_post
from .shape import convex_hull, largest_fill, median_largest_fill
from .total_variation import denoise_tv_l1, tv_l1
from .tuning import Tuned, grid, tune

BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        "plain": plain,
        "median": median_largest_fill,
        "largest-fill": largest_fill,
        "convex-hull": convex_hull,
        "dense-crf": dense_crf,
        "tv-l1": tv_l1,
        "tv-post": tv_post,
        "std-post": std_post,
    }
)

__all__ = [
    "BASELINES",
    "Baseline",
    "Tuned",
    "convex_hull",
    "denoise_tv_l1",
    "dense_crf",
    "grid",
    "largest_fill",
    "median_largest_fill",
    "plain",
    "rebuild",
    "std_post",
    "tune",
    "tv_l1",
    "tv_post",
]
