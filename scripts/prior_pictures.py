"""Draw what each prior does to the same doubtful logits: docs/images/priors/*.png.

    python scripts/prior_pictures.py docs/images/priors

Every picture is a row of label maps over the logits of the object (light = likely): first without
the prior, then with it. Everything is made here; no image of a person is shown.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy import ndimage

from priorseg import Scene, priors, solve
from priorseg.guidance import instances
from priorseg.links import Ordered
from priorseg.prior import Prior

SIDE, ENLARGE, GAP, NOISE = 128, 3, 12, 1.0
COLOURS = np.array([[0, 0, 0], [230, 159, 0], [86, 180, 233], [0, 158, 115]], float)
Y, X = np.mgrid[:SIDE, :SIDE].astype(float)
Marks = tuple[tuple[float, float], ...]
Panel = tuple[np.ndarray, np.ndarray, Marks]  # logits of the object, label map, centres


def disc(y: float, x: float, height: float, width: float | None = None) -> np.ndarray:
    """Give how far inside an ellipse each pixel lies, in units of its radius."""
    return 1 - np.hypot((Y - y) / height, (X - x) / (width or height))


def doubtful(inside: np.ndarray, seed: int, noise: float = NOISE) -> np.ndarray:
    """Give logits of an object as an uncertain network would: blurred, with noise."""
    rng = np.random.default_rng(seed)
    grain = ndimage.gaussian_filter(rng.standard_normal(inside.shape), 1.2)
    return np.clip(8 * inside, -3, 3) + noise * grain / grain.std()


def bitten() -> np.ndarray:
    """Give an ellipse with a bite, a tongue and a satellite."""
    body = disc(64, 60, 42, 34)
    bite, tongue = disc(52, 92, 17), disc(96, 92, 6, 22)
    return np.maximum.reduce([np.minimum(body, -bite), tongue, disc(24, 104, 9)])


def labels_of(
    logits: np.ndarray, *wishes: Prior, ordered: bool = False, scene: Scene | None = None
) -> np.ndarray:
    """Solve two exclusive classes, or a cup (channel 2) in a disc; give the label map, (Y, X)."""
    link = Ordered((2, 1)) if ordered else "softmax"
    planes = logits if ordered else np.stack((np.zeros_like(logits[0]), *logits))
    field = torch.from_numpy(planes)[None].double()
    found = solve(field, wishes, scene or Scene(), sweeps=200, tol=1e-4, link=link).decode()
    return found.labels[0].numpy()


def smooth() -> list[Panel]:
    """Without; total variation; threshold dynamics."""
    plane = doubtful(bitten(), 1, 2.2)
    wishes = ((), (priors.TotalVariation(1.5),), (priors.ThresholdDynamics(5.0, 3.0),))
    return [(plane, labels_of(plane[None], *each), ()) for each in wishes]


def volume() -> list[Panel]:
    """Without; half and one and a half of the pixels that the network finds."""
    plane, std = doubtful(disc(64, 64, 40, 34), 2), priors.ThresholdDynamics(2.0, 2.0)
    free = labels_of(plane[None], std)
    panels: list[Panel] = [(plane, free, ())]
    for share in (0.5, 1.5):
        wanted = torch.tensor([[torch.nan, float(round(share * (free > 0).sum()))]])
        found = labels_of(plane[None], std, priors.Volume(), scene=Scene(volumes=wanted))
        panels.append((plane, found, ()))
    return panels


def star() -> list[Panel]:
    """Without; one centre; two centres, each object in a colour of its own."""
    pair = np.maximum(disc(62, 40, 28), disc(68, 88, 26))
    plane = doubtful(np.maximum(pair, disc(14, 100, 6, 9)), 3)
    std = priors.ThresholdDynamics(2.0, 2.0)
    panels: list[Panel] = [(plane, labels_of(plane[None], std), ())]
    for points in (((62.0, 40.0),), ((62.0, 40.0), (68.0, 88.0))):
        centres = torch.tensor(points)
        found = labels_of(plane[None], std, priors.Star(label=1), scene=Scene(centres={1: centres}))
        parted = instances(found, centres.numpy(), 1)
        panels.append((plane, np.asarray(parted), points))
    return panels


def convex() -> list[Panel]:
    """Without; convex; convex and a single piece."""
    plane, std = doubtful(bitten(), 4), priors.ThresholdDynamics(2.0, 2.0)
    wishes = [(std,), *((std, priors.Convex(labels=(1,), single=one)) for one in (False, True))]
    return [(plane, labels_of(plane[None], *each), ()) for each in wishes]


def nested() -> list[Panel]:
    """Without; the inner object stays in the outer one; and both convex."""
    outer, inner = doubtful(disc(64, 58, 40, 38), 5), doubtful(disc(60, 86, 22, 26), 6)
    planes, std = np.stack((outer, inner)), priors.ThresholdDynamics(2.0, 2.0)
    apart = np.where(inner > 0, 2, np.where(outer > 0, 1, 0))
    inside = labels_of(planes, std, priors.Nested(order=(2, 1)), ordered=True)
    both = priors.Convex(labels=(1, 2), single=True)
    hulls = labels_of(planes, std, both, priors.Nested(order=(2, 1)), ordered=True)
    return [(outer, apart, ()), (outer, inside, ()), (outer, hulls, ())]


def drawn(panel: Panel) -> Image.Image:
    """Draw a label map over the logits, with its outline and the centres."""
    logits, labels, marks = panel
    grey = np.clip(40 + 150 * (logits + 4) / 8, 20, 210)[..., None].repeat(3, 2)
    tint = COLOURS[labels]
    edge = labels != ndimage.grey_erosion(labels, size=3)
    mixed = np.where((labels > 0)[..., None], 0.55 * grey + 0.45 * tint, grey)
    mixed = np.where((edge & (labels > 0))[..., None], tint, mixed)
    size = (SIDE * ENLARGE, SIDE * ENLARGE)
    image = Image.fromarray(mixed.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(image)
    for y, x in marks:
        row, column = ENLARGE * (y + 0.5), ENLARGE * (x + 0.5)
        for step in (-1, 1):
            ends = (column - 9, row - 9 * step, column + 9, row + 9 * step)
            pen.line(ends, fill="black", width=6)
            pen.line(ends, fill="white", width=3)
    return image


def strip(panels: list[Panel]) -> Image.Image:
    """Put panels side by side."""
    side = SIDE * ENLARGE
    whole = Image.new("RGB", (len(panels) * (side + GAP) - GAP, side), "white")
    for place, panel in enumerate(panels):
        whole.paste(drawn(panel), (place * (side + GAP), 0))
    return whole


PICTURES: Mapping[str, Callable[[], list[Panel]]] = {
    "smooth": smooth,
    "volume": volume,
    "star": star,
    "convex": convex,
    "nested": nested,
}


def main() -> None:
    """Draw all pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, make in PICTURES.items():
        strip(make()).save(options.folder / f"{name}.png", optimize=True)
        print(options.folder / f"{name}.png")


if __name__ == "__main__":
    main()
