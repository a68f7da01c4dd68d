"""Print the median time of every geometry function: python tests/bench/geometry_bench.py."""

import time

import numpy as np

from priorseg import geometry


def median_ms(function, repeats):
    function()  # compiles
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def cases(size):
    """Return name -> call on a noisy blob about a centre that is not on a symmetry axis."""
    rng = np.random.default_rng(0)
    shape, centre = (size, size), np.array([[0.48 * size, 0.53 * size]])
    y, x = np.indices(shape) - np.floor(centre + 0.5).T[:, :, None]
    weights = 2.4 - 8 * np.hypot(y, x) / size + rng.normal(size=shape)
    wave = 0.03 * np.sin(9 * np.arctan2(y, x))
    blob = np.hypot(y, x) < size * (0.3 + wave)
    specks = rng.random(shape) < 0.05
    parent = geometry.ray_tree(shape, centre)
    order = geometry.topological_order(parent)
    block = geometry.tree_isotonic_blocks(weights, parent, order)[1]
    scores = rng.normal(size=(3, size * size)) + np.stack([0 * y, y, x]).reshape(3, -1) / size
    thirds = np.array([-1, size * size // 3, size * size // 5])
    five = rng.random((5, 2)) * (size - 1)
    return {
        "ray_tree": lambda: geometry.ray_tree(shape, centre),
        "ray_forest, 5 centres": lambda: geometry.ray_forest(shape, five),
        "topological_order": lambda: geometry.topological_order(parent),
        "tree_isotonic": lambda: geometry.tree_isotonic(weights, parent, order),
        "block_mean": lambda: geometry.block_mean(weights, block),
        "max_weight_closure": lambda: geometry.max_weight_closure(weights, parent, order),
        "star_violations": lambda: geometry.star_violations(blob, parent),
        "ancestor_closure": lambda: geometry.ancestor_closure(blob, parent),
        "closed_subset": lambda: geometry.closed_subset(blob, parent, order),
        "closure_with_volume": lambda: geometry.closure_with_volume(
            weights, parent, size * size // 5, order
        ),
        "label_components": lambda: geometry.label_components(blob),
        "convex_hull_mask": lambda: geometry.convex_hull_mask(blob),
        "hull_closure, blob": lambda: geometry.hull_closure(blob),
        "hull_closure, specks": lambda: geometry.hull_closure(specks),
        "hull_deficit": lambda: geometry.hull_deficit(blob),
        "convex_star_closure": lambda: geometry.convex_star_closure(blob, parent),
        "largest_component": lambda: geometry.largest_component(blob),
        "fill_holes": lambda: geometry.fill_holes(blob),
        "disc_counts, radius 10": lambda: geometry.disc_counts(blob, 10),
        "assign_volumes, 2 classes": lambda: geometry.assign_volumes(scores[:2], thirds[:2]),
        "assign_volumes, 3 classes": lambda: geometry.assign_volumes(scores, thirds),
    }


def main():
    small = {name: median_ms(call, 9) for name, call in cases(512).items()}
    large = {name: median_ms(call, 3) for name, call in cases(2048).items()}
    print(f"{'median ms':28}{'512^2':>10}{'2048^2':>10}")
    for name, milliseconds in small.items():
        print(f"{name:28}{milliseconds:10.2f}{large[name]:10.1f}")


if __name__ == "__main__":
    main()
