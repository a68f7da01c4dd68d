"""What is known about an image besides its logits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Scene:
    """Hold what is known besides the logits; data only.

    Parameters
    ----------
    spacing : tuple of float   pixel edge per axis, (Y, X) or (Z, Y, X), > 0, any unit
    image : (B, C, *S)         the image, for edge weights; None if unknown
    centres : mapping          class -> (N, D) star centres in pixel coordinates (y, x), N >= 1,
                               or (B, N, D) with nan rows for samples that have fewer
    volumes : (B, K)           wanted volume of each class in pixels; nan = free; None = all free
    object_volumes : mapping   class -> (N,) or (B, N) wanted pixels of the object of each star
                               centre, in the order of `centres`; nan = free
    fixed : (B, *S) or (*S)    integers: the label of the label map that a pixel must have, below
                               0 = free; None = all free. A hard constraint, before every prior
    extents : mapping          class -> classes that together make up its object, itself included
                               (cup inside disc: the disc is rim and cup); filled in by the
                               ordered link and by a `Nested` prior where missing

    Raises
    ------
    ValueError  if a spacing is not a finite positive number.
    """

    spacing: tuple[float, ...] = (1.0, 1.0)
    image: "Tensor | None" = None
    centres: Mapping[int, "Tensor"] = field(default_factory=dict)
    volumes: "Tensor | None" = None
    extents: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    fixed: "Tensor | None" = None
    object_volumes: Mapping[int, "Tensor"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "spacing", tuple(float(edge) for edge in self.spacing))
        except TypeError as error:
            raise ValueError(f"spacing {self.spacing} must be a tuple of lengths.") from error
        if not self.spacing or any(not math.isfinite(s) or s <= 0 for s in self.spacing):
            raise ValueError(
                f"spacing {self.spacing} must hold one finite length > 0 per axis, "
                "(Y, X) or (Z, Y, X)."
            )

    def extent(self, label: int) -> tuple[int, ...]:
        """Give the classes that make up the object of a class."""
        return tuple(self.extents.get(label, (label,)))
