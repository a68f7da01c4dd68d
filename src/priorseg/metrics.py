"""Compare label maps: overlap, distance between boundaries, sizes.

Labels equal to `ignore` in the wanted map are left out of everything that counts pixels. Where an
object is missing: overlap is 1 if both maps lack it and 0 if one does; distances are 0 if both
lack it and the diagonal of the image if one does. Where all pixels are ignored everything is nan.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Labels = NDArray[Any]
Mask = NDArray[np.bool_]


def _check(found: Labels, wanted: Labels) -> tuple[Labels, Labels]:
    found, wanted = np.asarray(found), np.asarray(wanted)
    if found.shape != wanted.shape:
        raise ValueError(
            f"The label maps have shapes {found.shape} and {wanted.shape}; they must be equal."
        )
    if found.size == 0:
        raise ValueError("The label maps are empty.")
    return found, wanted


def _masks(
    found: Labels, wanted: Labels, members: Sequence[int], ignore: int | None
) -> tuple[Mask, Mask]:
    """Give an object in both maps; ignored pixels lie in neither."""
    found, wanted = _check(found, wanted)
    a, b = np.isin(found, members), np.isin(wanted, members)
    if ignore is not None:
        known = wanted != ignore
        a, b = a & known, b & known
    return a, b


def _unknown(wanted: Labels, ignore: int | None) -> bool:
    """Say whether all pixels are ignored."""
    return ignore is not None and bool((np.asarray(wanted) == ignore).all())


def check_labels(found: Labels, wanted: Labels, labels: int, *, ignore: int | None = None) -> None:
    """Check two label maps; what was found where the wanted one is ignored may be anything.

    Raises
    ------
    ValueError  if their shapes differ, or a label lies outside 0 .. labels - 1; `ignore` may.
    """
    _counted(found, wanted, labels, ignore)


def _counted(
    found: Labels, wanted: Labels, labels: int, ignore: int | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give the labels at the pixels that count; see `check_labels`."""
    found, wanted = _check(found, wanted)
    if ignore is not None:
        known = wanted != ignore
        found, wanted = found[known], wanted[known]
    for name, array in (("found", found), ("wanted", wanted)):
        if array.size and (array.min() < 0 or array.max() >= labels):
            raise ValueError(
                f"The {name} labels go from {array.min()} to {array.max()}; "
                f"0 to {labels - 1} is allowed."
            )
    return found, wanted


def accuracy(found: Labels, wanted: Labels, *, ignore: int | None = None) -> float:
    """Give the share of pixels whose labels agree, in [0, 1]; nan if all are ignored."""
    found, wanted = _check(found, wanted)
    if ignore is None:
        return float((found == wanted).mean())
    known = wanted != ignore
    return float((found == wanted)[known].mean()) if known.any() else math.nan


def dice(
    found: Labels, wanted: Labels, members: Sequence[int], *, ignore: int | None = None
) -> float:
    """Give 2|A ∩ B| / (|A| + |B|) of an object; 1 if both lack it, nan if all is ignored.

    Parameters
    ----------
    found, wanted : label maps of equal shape
    members : labels that make up the object, for instance (1, 2) for disc = rim and cup
    ignore : int   wanted label of pixels that do not count
    """
    a, b = _masks(found, wanted, members, ignore)
    if _unknown(wanted, ignore):
        return math.nan
    total = int(a.sum()) + int(b.sum())
    return 1.0 if total == 0 else float(2 * (a & b).sum() / total)


def iou(
    found: Labels, wanted: Labels, members: Sequence[int], *, ignore: int | None = None
) -> float:
    """Give |A ∩ B| / |A ∪ B| of an object; 1 if both lack it, nan if all is ignored."""
    a, b = _masks(found, wanted, members, ignore)
    if _unknown(wanted, ignore):
        return math.nan
    union = int((a | b).sum())
    return 1.0 if union == 0 else float((a & b).sum() / union)


def confusion(
    found: Labels, wanted: Labels, labels: int, *, ignore: int | None = None
) -> NDArray[np.int64]:
    """Count pixels by wanted (rows) and found label (columns), (labels, labels).

    Raises
    ------
    ValueError  if a label lies outside 0 .. labels - 1; `ignore` may.
    """
    found, wanted = _counted(found, wanted, labels, ignore)
    code = wanted.astype(np.int64).ravel() * labels + found.astype(np.int64).ravel()
    return np.bincount(code, minlength=labels**2).reshape(labels, labels)


def label_iou(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Give the IoU of every label, (..., labels), of confusion matrices (..., labels, labels).

    nan for labels that occur neither as wanted nor as found.
    """
    counts = np.asarray(counts, dtype=np.float64)
    both = np.diagonal(counts, axis1=-2, axis2=-1)
    union = counts.sum(-2) + counts.sum(-1) - both
    found = np.full(both.shape, math.nan)
    np.divide(both, union, out=found, where=union > 0)
    return found


def mean_iou(counts: NDArray[Any]) -> float:
    """Average the IoU of the labels over a confusion matrix, of one image or pooled over many.

    Labels that occur neither as wanted nor as found are left out.
    """
    found = label_iou(counts)
    if np.isnan(found).all():
        raise ValueError("The confusion matrix counts no pixels.")
    return float(np.nanmean(found))


def boundary_fraction(labels: Labels, *, known: Mask | None = None) -> float:
    """Give 100 · #{x : l(x) ≠ l(x + e1) or l(x) ≠ l(x + e2)} / N, in per cent.

    The last row and column have no neighbour behind them. It measures roughness (the RE of the
    tables); lower is not better: compare it with that of the wanted map.

    Parameters
    ----------
    labels : (Y, X)
    known : (Y, X) bool   pixels that count, as x and as neighbours; None = all. N is their number;
                          the result is nan if there are none

    Source: not published; reconstructed from the figures of Jia, Liu and Tai (RUnet), whose
    values near 1.3 it gives for the true maps of their images.
    """
    labels, _ = _check(labels, labels)
    counts = np.ones(labels.shape, bool) if known is None else np.asarray(known, bool)
    _check(labels, counts)
    edge = np.zeros(labels.shape, bool)
    edge[:-1] |= (labels[:-1] != labels[1:]) & counts[1:]
    edge[:, :-1] |= (labels[:, :-1] != labels[:, 1:]) & counts[:, 1:]
    return 100 * float(edge[counts].mean()) if counts.any() else math.nan


def surface_distances(
    a: Mask, b: Mask, spacing: Sequence[float] = (1.0, 1.0)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure how far each boundary pixel of one object lies from the boundary of the other.

    Boundary pixels lie in the object and have a 4-neighbour outside; beyond the image is outside.

    Parameters
    ----------
    a, b : (Y, X)              neither is empty
    spacing : (float, float)   pixel edges, any unit; the distances have the same

    Returns
    -------
    from a to b, from b to a   one distance per boundary pixel

    Raises
    ------
    ValueError  if an object is empty.
    """
    a, b = _check(np.asarray(a, bool), np.asarray(b, bool))
    if not (a.any() and b.any()):
        raise ValueError("An object is empty: there is no distance to it.")
    box = ndimage.find_objects((a | b).astype(np.uint8))[0]
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (a[box], b[box])]
    away = [ndimage.distance_transform_edt(~edge, sampling=spacing) for edge in edges]
    return away[1][edges[0]], away[0][edges[1]]


def boundary_errors(
    found: Labels,
    wanted: Labels,
    members: Sequence[int],
    *,
    spacing: Sequence[float] = (1.0, 1.0),
    ignore: int | None = None,
) -> tuple[float, float]:
    """Give the 95 % Hausdorff distance and the average symmetric surface distance of an object.

    The first is the larger of the 95th percentiles of the two directed distances, the second the
    mean over the boundary pixels of both. 0 if both maps lack the object; the diagonal of the
    image if one does; nan if all is ignored.

    Parameters
    ----------
    found, wanted : (Y, X)
    members : labels that make up the object
    spacing : (float, float)   pixel edges; the result has their unit

    Returns
    -------
    HD95, ASSD
    """
    a, b = _masks(found, wanted, members, ignore)
    if _unknown(wanted, ignore):
        return math.nan, math.nan
    if not (a.any() and b.any()):
        sides = [side * edge for side, edge in zip(a.shape, spacing, strict=True)]
        missing = math.hypot(*sides) if a.any() or b.any() else 0.0
        return missing, missing
    there, back = surface_distances(a, b, spacing)
    worst = max(float(np.percentile(there, 95)), float(np.percentile(back, 95)))
    return worst, float(np.concatenate([there, back]).mean())


def height_px(mask: Mask) -> int:
    """Count the rows from the first to the last pixel of an object, (Y, X); 0 if empty."""
    rows = np.flatnonzero(np.asarray(mask, bool).any(1))
    return int(rows[-1] - rows[0] + 1) if rows.size else 0


def height_ratio_error(
    found: Labels,
    wanted: Labels,
    inner: Sequence[int],
    outer: Sequence[int],
    *,
    ignore: int | None = None,
) -> float:
    """Give the error of the ratio of heights, inner to outer: the vertical cup-to-disc ratio.

    A map without the outer object has ratio 0; nan if the wanted map lacks it.
    """
    pairs = [_masks(found, wanted, members, ignore) for members in (inner, outer)]
    (a, b), (whole_a, whole_b) = [[height_px(mask) for mask in pair] for pair in pairs]
    if not whole_b:
        return math.nan
    return abs((a / whole_a if whole_a else 0.0) - b / whole_b)


def volume_error(
    found: Labels, wanted: Labels, members: Sequence[int], *, ignore: int | None = None
) -> float:
    """Give ||A| - |B|| / max(|A|, |B|), in [0, 1]: 0 if both lack the object, 1 if one does.

    nan if all is ignored.
    """
    a, b = (int(mask.sum()) for mask in _masks(found, wanted, members, ignore))
    if _unknown(wanted, ignore):
        return math.nan
    return abs(a - b) / max(a, b, 1)
