"""Independent references for the tests: brute force, scipy and certified long runs.

Nothing here imports priorseg. Logits go in as float64 (B, K, *S) tensors or arrays; what is
small enough to enumerate says so.
"""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import torch
from scipy import ndimage, optimize, sparse, special
from torch import Tensor

KINDS = ("noise", "blobs", "plateaus", "ties", "extreme", "constant")


def random_logits(
    rng: np.random.Generator,
    batch: int,
    classes: int,
    shape: Sequence[int],
    kind: str = "noise",
) -> Tensor:
    """Draw a problem (B, K, *S) of a kind.

    noise: independent normals; blobs: smooth bumps plus noise, like a network's output;
    plateaus: blobs quantised to 8 bits, so that many pixels tie exactly; ties: three values only;
    extreme: ±1000, where exp overflows; constant: one value per class.
    """
    size = (batch, classes, *shape)
    noise = rng.standard_normal(size)
    if kind == "noise":
        values = noise
    elif kind in ("blobs", "plateaus"):
        values = 3 * _bumps(rng, size) + 0.5 * noise
        if kind == "plateaus":
            values = np.round(np.clip(values * 25, -128, 127)) / 25
    elif kind == "ties":
        values = rng.integers(-1, 2, size).astype(float)
    elif kind == "extreme":
        values = 1e3 * rng.choice([-1.0, 0.0, 1.0], size) + noise
    elif kind == "constant":
        values = np.broadcast_to(noise.mean(axis=tuple(range(2, noise.ndim)), keepdims=True), size)
    else:
        raise ValueError(f"kind {kind!r} is not one of {KINDS}.")
    return torch.from_numpy(np.array(values))


def _bumps(rng: np.random.Generator, size: Sequence[int]) -> np.ndarray:
    shape = np.array(size[2:])
    grid = np.indices(shape).reshape(len(shape), -1).T / shape.max()  # (N, D)
    out = np.empty((size[0] * size[1], len(grid)))
    for row in out:
        centres = rng.random((3, len(shape))) * shape / shape.max()
        heights = rng.standard_normal(3)
        row[:] = np.exp(-((grid[:, None] - centres) ** 2).sum(2) / 0.06) @ heights
    return out.reshape(size)


def random_mask(rng: np.random.Generator, shape: Sequence[int], share: float = 0.5) -> np.ndarray:
    """Draw a boolean mask whose pixels are set independently with the given probability."""
    return rng.random(tuple(shape)) < share


def minimise_on_simplex(
    energy: Callable[[Tensor], Tensor], start: Tensor, tolerance: float = 1e-10
) -> Tensor:
    """Minimise a smooth energy of class probabilities (B, K, *S) by quasi-Newton steps on scores.

    u = softmax(z) has no spurious stationary points when the energy is convex and its minimiser
    lies inside the simplex, which any entropy term ensures. For at most a few hundred unknowns.
    """

    def value_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        scores = torch.from_numpy(flat).reshape(start.shape).requires_grad_()
        value = energy(torch.softmax(scores, dim=1)).sum()
        (slope,) = torch.autograd.grad(value, scores)
        return value.item(), slope.numpy().ravel()

    best = start.log().numpy().ravel()
    options = {"maxiter": 20000, "maxfun": 40000, "gtol": tolerance, "ftol": 0.0, "maxcor": 50}
    for _ in range(3):  # a restart forgets a bad curvature model
        best = optimize.minimize(
            value_and_slope, best, jac=True, method="L-BFGS-B", options=options
        ).x
    return torch.softmax(torch.from_numpy(best).reshape(start.shape), dim=1)


def entropic_energy(
    logits: Tensor, temperature: float, regulariser: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    """Build u ↦ −⟨o,u⟩ + ε⟨u, ln u⟩ + R(u), summed over the batch."""

    def energy(probs: Tensor) -> Tensor:
        plain = (temperature * torch.xlogy(probs, probs) - logits * probs).sum()
        return plain + regulariser(probs).sum()

    return energy


def difference_matrix(shape: Sequence[int]) -> sparse.csr_matrix:
    """Build ∇ on one flattened image, (D·N, N), forward with a Neumann end, axis after axis."""
    blocks = []
    for axis, length in enumerate(shape):
        step = sparse.diags([-np.ones(length), np.ones(length - 1)], [0, 1], format="lil")
        step[length - 1, length - 1] = 0
        factors = [sparse.identity(n) if a != axis else step for a, n in enumerate(shape)]
        total = factors[0]
        for factor in factors[1:]:
            total = sparse.kron(total, factor)
        blocks.append(total)
    return sparse.vstack(blocks).tocsr()


def tv_reference(
    logits: Tensor, weight: float, temperature: float, gap: float = 1e-9, iterations: int = 100000
) -> tuple[Tensor, np.ndarray]:
    """Minimise −⟨o,u⟩ + ε⟨u, ln u⟩ + λTV(u) by accelerated projected dual ascent.

    Returns the probabilities (B, K, *S) and the duality gap per sample, which certifies
    ‖u − u*‖² <= gap/ε. Raises if the gap is not reached.
    """
    samples = [
        _tv_sample(sample, weight, temperature, gap, iterations) for sample in logits.numpy()
    ]
    return torch.from_numpy(np.stack([u for u, _ in samples])), np.array([g for _, g in samples])


def _tv_sample(
    logits: np.ndarray, weight: float, temperature: float, gap: float, iterations: int
) -> tuple[np.ndarray, float]:
    classes, shape = logits.shape[0], logits.shape[1:]
    flat, grad = logits.reshape(classes, -1).T, difference_matrix(shape)  # (N, K), (D N, N)
    pairs = (len(shape), -1, classes)
    eta = look = np.zeros((grad.shape[0], classes))
    momentum, step = 1.0, temperature / (2 * len(shape) * max(weight, 1e-9))
    for count in range(iterations):
        scores = (flat + weight * (grad.T @ look)) / temperature
        moved = look - step * (grad @ special.softmax(scores, axis=1))
        length = np.sqrt((moved.reshape(pairs) ** 2).sum(0))
        new = (moved.reshape(pairs) / np.maximum(1, length)).reshape(moved.shape)
        if ((look - new) * (new - eta)).sum() > 0:
            momentum = 1.0  # the momentum points downhill: restart
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        look = new + (momentum - 1) / following * (new - eta)
        eta, momentum = new, following
        if count % 25 == 0:
            scores = (flat + weight * (grad.T @ eta)) / temperature
            probs = special.softmax(scores, axis=1)
            slopes = (grad @ probs).reshape(pairs)
            primal = (temperature * special.xlogy(probs, probs) - flat * probs).sum()
            primal += weight * np.sqrt((slopes**2).sum(0)).sum()
            reached = primal + temperature * special.logsumexp(scores, axis=1).sum()
            if reached <= gap:
                return probs.T.reshape(logits.shape), float(reached)
    raise RuntimeError(f"The gap is {reached:g} after {iterations} iterations, above {gap:g}.")


def volume_reference(
    logits: Tensor, volumes: Tensor, temperature: float
) -> tuple[Tensor, np.ndarray]:
    """Minimise −⟨o,u⟩ + ε⟨u, ln u⟩ subject to Σ_x u = V by scipy on the concave dual.

    Returns the probabilities (B, K, *S) and the heights q (B, K) with q_0 = 0.
    """
    flat = logits.flatten(2).numpy()
    heights = np.zeros(flat.shape[:2])
    for row, scores, target in zip(heights, flat, volumes.numpy(), strict=True):
        row[1:] = _volume_heights(scores, target, temperature)
    shifted = (flat + heights[:, :, None]) / temperature
    probs = special.softmax(shifted, axis=1).reshape(logits.shape)
    return torch.from_numpy(probs), heights


def _volume_heights(scores: np.ndarray, target: np.ndarray, temperature: float) -> np.ndarray:
    def raised(free: np.ndarray) -> np.ndarray:
        return scores.T + np.r_[0.0, free]

    def depth(free: np.ndarray, softness: float) -> float:
        peaks = special.logsumexp(raised(free) / softness, axis=1)
        return softness * peaks.sum() - free @ target[1:]

    def excess(free: np.ndarray, softness: float) -> np.ndarray:
        return special.softmax(raised(free) / softness, axis=1)[:, 1:].sum(0) - target[1:]

    def slope(free: np.ndarray, softness: float) -> np.ndarray:
        probs = special.softmax(raised(free) / softness, axis=1)[:, 1:]
        return (np.diag(probs.sum(0)) - probs.T @ probs) / softness

    free, softness = np.zeros(len(target) - 1), max(temperature, float(np.ptp(scores)))
    while True:  # soften first: far from the root the slope of the cold problem vanishes
        free = optimize.minimize(
            depth, free, (softness,), "trust-exact", excess, slope, options={"gtol": 1e-6}
        ).x
        if softness == temperature:
            break
        softness = max(temperature, softness / 2)
    free = optimize.root(excess, free, (temperature,), jac=slope, tol=1e-14).x
    missed = np.abs(excess(free, temperature)).max()
    if missed > 1e-7 * target.sum():
        raise RuntimeError(f"The volumes are missed by {missed:g} px.")
    return free


def constrained_reference(
    scores: Tensor, constraints: sparse.spmatrix, label: int, temperature: float
) -> tuple[Tensor, float]:
    """Minimise −⟨z,u⟩ + ε⟨u, ln u⟩ for one sample subject to A u_label >= 0.

    scores : (K, *S); constraints : (M, N) on the flattened image. Returns u (K, *S) and the
    duality gap, up to infeasibility, which the caller should check. Solved by scipy on q >= 0.
    """
    flat = scores.flatten(1).numpy().T  # (N, K)
    matrix = sparse.csr_matrix(constraints)

    def raised(q: np.ndarray) -> np.ndarray:
        out = flat.copy()
        out[:, label] += matrix.T @ q
        return out / temperature

    def descent(q: np.ndarray) -> tuple[float, np.ndarray]:
        z = raised(q)
        value = temperature * special.logsumexp(z, axis=1).sum()
        return value, matrix @ special.softmax(z, axis=1)[:, label]

    options = {"maxiter": 50000, "maxfun": 100000, "ftol": 0.0, "gtol": 1e-12, "maxcor": 60}
    q = np.zeros(matrix.shape[0])
    for _ in range(3):
        bounds = optimize.Bounds(0, np.inf)
        q = optimize.minimize(descent, q, jac=True, bounds=bounds, options=options).x
    probs = special.softmax(raised(q), axis=1)
    gap = float(q @ (matrix @ probs[:, label]))
    return torch.from_numpy(probs.T.reshape(scores.shape).copy()), abs(gap)


def tree_constraints(parents: np.ndarray) -> sparse.csr_matrix:
    """Build the rows u[parent] − u[node] >= 0; a root is its own parent (or −1) and has none."""
    nodes = np.flatnonzero((parents >= 0) & (parents != np.arange(len(parents))))
    rows = np.arange(len(nodes)).repeat(2)
    columns = np.stack([parents[nodes], nodes], axis=1).ravel()
    entries = np.tile([1.0, -1.0], len(nodes))
    return sparse.csr_matrix((entries, (rows, columns)), shape=(len(nodes), len(parents)))


def tree_isotonic(values: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Find the nearest y with y[parent] >= y[node] by non-negative least squares on the dual."""
    matrix = tree_constraints(parents).toarray()
    multipliers, _ = optimize.nnls(matrix.T, -values)
    return values + matrix.T @ multipliers


def best_closed_set(weights: np.ndarray, parents: np.ndarray) -> tuple[np.ndarray, float]:
    """Enumerate all sets that contain the parent of each member; at most 18 nodes.

    Returns the heaviest set, the smallest one among ties, and its weight (>= 0: empty counts).
    """
    count = len(weights)
    if count > 18:
        raise ValueError(f"{count} nodes are too many to enumerate; at most 18.")
    sets = np.array(list(product([False, True], repeat=count)))
    roots = (parents < 0) | (parents == np.arange(count))
    closed = (~sets | sets[:, np.where(roots, np.arange(count), parents)]).all(1)
    sets = sets[closed]
    totals = sets @ weights
    best = sets[np.isclose(totals, totals.max(), rtol=0, atol=1e-12)]
    return best[best.sum(1).argmin()], float(totals.max())


def hull_mask(mask: np.ndarray) -> np.ndarray:
    """Intersect all half-planes through two pixels that hold the mask: conv(mask) ∩ Z², exactly.

    In integers; cubic in the number of pixels, so for masks of at most about 100.
    """
    points = np.argwhere(mask)
    inside = np.zeros_like(mask, dtype=bool)
    if len(points) == 0:
        return inside
    low, high = points.min(0), points.max(0)
    inside[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))] = True
    grid = np.stack(np.indices(mask.shape), axis=-1)  # (Y, X, 2)
    for start in points:
        for step in points - start:
            side = (points - start) @ [step[1], -step[0]]
            if side.min() >= 0:
                inside &= (grid - start) @ [step[1], -step[0]] >= 0
    return inside


def best_assignment(scores: Tensor, volumes: Sequence[int]) -> Tensor:
    """Give every pixel a label, class i exactly volumes[i] times, with the largest total score.

    scores : (K, *S), up to a few thousand pixels; scipy's assignment on one column per seat.
    """
    seats = np.repeat(np.arange(len(volumes)), volumes)
    flat = scores.flatten(1).numpy().T[:, seats]  # (N, N)
    rows, columns = optimize.linear_sum_assignment(flat, maximize=True)
    labels = np.empty(len(rows), dtype=np.int64)
    labels[rows] = seats[columns]
    return torch.from_numpy(labels.reshape(tuple(scores.shape[1:])))


def relabelled(
    labels: np.ndarray, scores: np.ndarray, mask: np.ndarray, extent: Sequence[int]
) -> np.ndarray:
    """Give every pixel on the wrong side of a mask its best label on the right side.

    labels, mask : (N,); scores : (labels, N). The first of equal labels.
    """
    out = labels.copy()
    for pixel, label in enumerate(labels):
        if (label in extent) != mask[pixel]:
            legal = [k for k in range(len(scores)) if (k in extent) == mask[pixel]]
            out[pixel] = max(legal, key=lambda k: (scores[k, pixel], -k), default=0)
    return out


def lone_parts(mask: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Keep the 8-connected components of a mask that no pixel of another mask touches."""
    ones = np.ones((3, 3), bool)
    parts, count = ndimage.label(mask, ones)
    near = ndimage.binary_dilation(around, ones)
    alone = [not near[parts == part].any() for part in range(1, count + 1)]
    return np.isin(parts, 1 + np.flatnonzero(alone))


def filled_discs(image: np.ndarray, radii: Sequence[int], slack: float) -> np.ndarray:
    """Mark pixels of value <= 1/2 whose disc sums to more than half its pixels."""
    found = np.zeros(image.shape, bool)
    for radius in radii:
        y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
        disc = (y * y + x * x <= radius * radius).astype(float)
        sums = ndimage.convolve(image.astype(float), disc, mode="constant")
        found |= (image <= 0.5) & (sums > 0.5 * disc.sum() * (1 + slack))
    return found
