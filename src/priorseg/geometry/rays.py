"""Digital rays: for every pixel, the next pixel on its way to the nearest centre."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import Indices
from .compiled import compiled


def ray_tree(shape: Sequence[int], centres: ArrayLike) -> Indices:
    """Point every pixel to the next one on its digital ray towards the nearest centre.

    See `ray_forest`, which also tells the centre that each ray ends in.

    Returns
    -------
    parent : (H*W,) int32   flat index of the next pixel; the pixel of a centre points to itself
    """
    pixels = _centre_pixels(shape, centres)
    parent, _ = _grow(int(shape[0]), int(shape[1]), pixels)
    return parent


def ray_forest(shape: Sequence[int], centres: ArrayLike) -> tuple[Indices, Indices]:
    """Point every pixel along its digital ray and tell the centre that the ray ends in.

    The next pixel lies on the previous Chebyshev ring m-1 about the centre. The smaller
    coordinate a stays if a <= floor(v(m) m) and falls by one otherwise, v being the
    van der Corput sequence: two paths that meet never part again, and the path of a pixel up to
    128, 256, 512 or 1024 px away stays within 1.9, 2.3, 2.5 or 2.9 px of its straight ray.

    Every step takes both offsets to the centre not further out and one of them closer. Hence
    discs and axis-parallel ellipses about the centre, rectangles too, are exactly star-shaped.

    With several centres each pixel steps towards its nearest one (Euclidean distance between
    pixels; ties to the lowest index). A step shortens the distance d to that centre, and the
    nearest centre of the next pixel is no farther than that: the distance to the nearest
    centre falls strictly along every path. So there are no cycles and each path ends in a
    centre. A path may cross the border of two cells by a pixel or two; the owner is the centre
    that it ends in, hence owner[parent[x]] = owner[x] without exception.

    Parameters
    ----------
    shape : (H, W)        pixels; H*W < 2**31
    centres : (N, 2)      y, x in pixel coordinates, rounded half up to the pixel grid, N >= 1

    Returns
    -------
    parent : (H*W,) int32   flat index of the next pixel; the pixel of a centre points to itself
    owner : (H, W) int32    index of the centre at the end of the path. Of two centres in one
                            pixel the first owns it.

    Raises
    ------
    ValueError  if the image is not two-dimensional, if there is no centre, or if a centre is
                not finite or outside the image.

    Source: consistent digital rays (Chun, Korman, Noellenburg, Tokuyama, Discrete Comput.
    Geom. 2009) with the van der Corput order of steps.
    """
    pixels = _centre_pixels(shape, centres)
    return _grow(int(shape[0]), int(shape[1]), pixels)


def topological_order(parent: ArrayLike) -> Indices:
    """List the pixels so that every parent comes before its children.

    The order walks whole rays, which keeps the memory accesses of later passes close together.

    Parameters
    ----------
    parent : (N,)   flat index of the parent of each pixel; a root is its own parent

    Returns
    -------
    order : (N,) int32   cache it: it depends on the tree only

    Raises
    ------
    ValueError  if an index is out of range or if following the parents runs in a cycle.
    """
    tree = np.ascontiguousarray(parent, dtype=np.int32).reshape(-1)
    if tree.size and (tree.min() < 0 or tree.max() >= tree.size):
        raise ValueError(
            f"parent holds indices from {tree.min()} to {tree.max()}; "
            f"a tree of {tree.size} pixels needs 0 to {tree.size - 1}."
        )
    order, missing = _peel_leaves(tree)
    if missing:
        raise ValueError(f"parent has a cycle: {missing} pixels never reach a root.")
    return order


def _centre_pixels(shape: Sequence[int], centres: ArrayLike) -> NDArray[np.int64]:
    """Round the centres to pixels (half up) after checking them against the image."""
    extent = tuple(int(edge) for edge in shape)
    if len(extent) != 2:
        raise ValueError(f"star shape is 2-D for now, the image has shape {extent}.")
    if min(extent) < 1 or extent[0] * extent[1] >= 2**31:
        raise ValueError(f"an image of shape {extent} must have 1 to 2**31 - 1 pixels.")
    points = np.asarray(centres, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ValueError(f"centres must be (N, 2) with N >= 1, got shape {points.shape}.")
    for index, point in enumerate(points):
        inside = np.all((point >= -0.5) & (np.floor(point + 0.5) < extent))  # False for nan
        if not inside:
            raise ValueError(
                f"centre {index} at (y, x) = ({point[0]:g}, {point[1]:g}) "
                f"is not inside the image of shape {extent}."
            )
    return np.floor(points + 0.5).astype(np.int64)


def _grow(height: int, width: int, centres: NDArray[np.int64]) -> tuple[Indices, Indices]:
    last_stay = _last_staying_coordinate(max(height, width))
    if len(centres) == 1:
        owner = np.zeros((height, width), np.int32)
        return _step_inwards(owner, centres, last_stay), owner
    nearest = _nearest_centre(height, width, centres)
    parent = _step_inwards(nearest, centres, last_stay)
    return parent, _owner_of_root(nearest, parent, topological_order(parent))


@compiled
def _last_staying_coordinate(rings: int) -> NDArray[np.int64]:
    """Return floor(v(m) m) for every ring m < rings, v(m) = reversed bits of m / 2^bits."""
    last_stay = np.zeros(rings, np.int64)
    for ring in range(1, rings):
        reversed_bits, bits, rest = 0, 0, ring
        while rest:
            reversed_bits = 2 * reversed_bits + rest % 2
            rest //= 2
            bits += 1
        last_stay[ring] = (reversed_bits * ring) >> bits
    return last_stay


@compiled
def _nearest_centre(height: int, width: int, centres: NDArray[np.int64]) -> Indices:
    nearest = np.zeros((height, width), np.int32)
    shortest = np.empty(width, np.int64)
    for y in range(height):
        for index in range(len(centres)):
            across = (y - centres[index, 0]) ** 2
            column = centres[index, 1]
            for x in range(width):
                distance = across + (x - column) ** 2
                if index == 0 or distance < shortest[x]:
                    shortest[x] = distance
                    nearest[y, x] = index
    return nearest


@compiled
def _step_inwards(
    nearest: Indices, centres: NDArray[np.int64], last_stay: NDArray[np.int64]
) -> Indices:
    height, width = nearest.shape
    parent = np.empty(height * width, np.int32)
    for y in range(height):
        for x in range(width):
            centre_y, centre_x = centres[nearest[y, x], 0], centres[nearest[y, x], 1]
            down, right = y - centre_y, x - centre_x
            ring, minor = max(abs(down), abs(right)), min(abs(down), abs(right))
            minor_falls = minor > last_stay[ring]
            step_y = 1 if abs(down) == ring or minor_falls else 0
            step_x = 1 if abs(right) == ring or minor_falls else 0
            next_y = y - step_y * np.sign(down)
            next_x = x - step_x * np.sign(right)
            parent[y * width + x] = next_y * width + next_x
    return parent


@compiled
def _owner_of_root(nearest: Indices, parent: Indices, order: Indices) -> Indices:
    owner = nearest.copy()
    flat = owner.ravel()
    for pixel in order:
        flat[pixel] = flat[parent[pixel]]
    return owner


@compiled
def _peel_leaves(parent: Indices) -> tuple[Indices, int]:
    """Fill the order from its end: a leaf, then its parent once all other children are out."""
    size = len(parent)
    children = np.zeros(size, np.int32)
    for pixel in range(size):
        if parent[pixel] != pixel:
            children[parent[pixel]] += 1
    order = np.empty(size, np.int32)
    free = size
    for leaf in range(size):
        pixel = leaf
        while children[pixel] == 0:
            children[pixel] = -1
            free -= 1
            order[free] = pixel
            if parent[pixel] == pixel:
                break
            pixel = parent[pixel]
            children[pixel] -= 1
    return order, free
