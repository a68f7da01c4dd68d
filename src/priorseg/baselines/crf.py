"""Approach 2 of the slides: a dense conditional random field after the network."""

import importlib
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike

from .inputs import Labels, as_image, as_probs, best, check_count, check_number

LEAST = 1e-5  # smaller probabilities count as this, so that the unary costs stay finite


def _library() -> ModuleType:
    try:
        return importlib.import_module("pydensecrf.densecrf")
    except ImportError as error:
        raise ImportError(
            'The dense CRF needs pydensecrf2 (MIT): pip install "priorseg[bench]".'
        ) from error


def dense_crf(
    probs: ArrayLike,
    image: ArrayLike | None = None,
    *,
    gaussian_weight: float = 3.0,
    gaussian_sigma_px: float = 3.0,
    bilateral_weight: float = 3.0,
    bilateral_sigma_px: float = 30.0,
    colour_sigma: float = 13.0,
    iterations: int = 10,
) -> Labels:
    """Run mean-field steps of a dense CRF whose pairs are weighed by distance and by colour.

    The cost of a pixel is −ln of its probability. A pair with unequal labels costs
    gaussian_weight · exp(−d²/2 gaussian_sigma²) + bilateral_weight · exp(−d²/2 bilateral_sigma²
    − c²/2 colour_sigma²), d its distance in pixels, c that of its colours on 0..255.

    Parameters
    ----------
    probs : (K, Y, X)            see `as_probs`; below 1e-5 they count as 1e-5
    image : (Y, X, 3)            in [0, 1]; may be None if `bilateral_weight` is 0
    gaussian_weight, bilateral_weight : float   >= 0; 0 = without that term
    gaussian_sigma_px, bilateral_sigma_px : float   > 0, pixels
    colour_sigma : float         > 0, on 0..255
    iterations : int             mean-field steps, >= 0

    Returns
    -------
    labels : (Y, X)

    Raises
    ------
    ImportError  if pydensecrf2 is missing (extra `bench`).
    ValueError   if a setting is out of its range, or weights so large that the steps overflow.

    Source: Krähenbühl and Koltun 2011. The defaults are those of pydensecrf's example but for the
    bilateral term, whose 10 and 80 px there swallow the objects of pictures of 300 pixels.
    """
    planes = as_probs(probs)
    count, height, width = planes.shape
    near = check_number("gaussian_weight", gaussian_weight)
    alike = check_number("bilateral_weight", bilateral_weight)
    reach = check_number("gaussian_sigma_px", gaussian_sigma_px, above=0)
    wide = check_number("bilateral_sigma_px", bilateral_sigma_px, above=0)
    colour = check_number("colour_sigma", colour_sigma, above=0)
    steps = check_count("iterations", iterations, least=0)
    field = _library().DenseCRF2D(width, height, count)
    costs = -np.log(planes.clip(LEAST, 1.0)).reshape(count, -1)
    field.setUnaryEnergy(np.ascontiguousarray(costs, dtype=np.float32))
    if near > 0:
        field.addPairwiseGaussian(sxy=reach, compat=near)
    if alike > 0:
        picture = as_image(image, (height, width), "The bilateral term of the dense CRF")
        colours = np.ascontiguousarray(np.rint(255 * picture).astype(np.uint8))
        field.addPairwiseBilateral(sxy=wide, srgb=colour, rgbim=colours, compat=alike)
    found = np.asarray(field.inference(steps)).reshape(planes.shape)
    if not np.isfinite(found).all():
        raise ValueError(
            f"The dense CRF overflowed with weights {near:g} and {alike:g}; choose smaller ones."
        )
    return best(found)
