"""Exact geometry of masks: digital stars, digital convexity, components, volumes.

NumPy arrays in, NumPy arrays out; one two-dimensional image at a time.
"""

from .beside import hulls_beside
from .closure import ancestor_closure, closed_subset, max_weight_closure, star_violations
from .components import fill_holes, label_components, largest_component, lone_components
from .discs import disc_counts
from .hull import convex_hull_mask, convex_star_closure, hull_closure, hull_deficit
from .isotonic import block_mean, tree_isotonic, tree_isotonic_blocks
from .rays import ray_forest, ray_tree, topological_order
from .settled import hulls_around, settle_rays
from .transport import assign_volumes
from .tree_volumes import closure_with_volumes, tree_shifts
from .volume_closure import closure_with_volume

__all__ = [
    "ancestor_closure",
    "assign_volumes",
    "block_mean",
    "closed_subset",
    "closure_with_volume",
    "closure_with_volumes",
    "convex_hull_mask",
    "convex_star_closure",
    "disc_counts",
    "fill_holes",
    "hull_closure",
    "hull_deficit",
    "hulls_around",
    "hulls_beside",
    "label_components",
    "largest_component",
    "lone_components",
    "max_weight_closure",
    "ray_forest",
    "ray_tree",
    "settle_rays",
    "star_violations",
    "topological_order",
    "tree_isotonic",
    "tree_isotonic_blocks",
    "tree_shifts",
]
