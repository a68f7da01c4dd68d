"""Measure how far the measures are from closed forms; prints the tables of docs/measures.md.

python -m tests.measures.error_table
"""

import math
from collections import defaultdict

import numpy as np

from priorseg.measures import measure, measure_cup_disc

from .shapes import SHAPES, draw

RADII = (5, 10, 20, 50, 100, 200)
SPACINGS = ((1.0, 1.0), (1.0, 2.0), (1.0, 4.0))
FIGURES = ("area", "perimeter", "circularity", "feret_max", "feret_min", "solidity")
EYES = ((10, 5), (25, 12), (50, 25), (100, 60), (200, 100))


def errors(
    shape: str, radius: float, spacing: tuple[float, float], places: int, seed: int = 0
) -> dict[str, np.ndarray]:
    """Give errors of a shape at random places and turns.

    Parameters
    ----------
    radius : of the circumscribed circle, in longer pixel edges; half an edge more or less

    Returns
    -------
    (places,) each: per cent; of Feret diameters and the centroid: longer pixel edges
    """
    random = np.random.default_rng(seed)
    longer = max(spacing)
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(places):
        size = (radius + float(random.uniform(-0.5, 0.5))) * longer
        inside, truth = SHAPES[shape](size)
        shift = (float(random.uniform(-0.5, 0.5)), float(random.uniform(-0.5, 0.5)))
        turn = float(random.uniform(0, math.pi))
        mask, centre = draw(inside, size, spacing, shift=shift, turn=turn)
        got = measure(mask, spacing=spacing, units="mm")[0]
        for name in FIGURES:
            value, wanted = getattr(got, name), getattr(truth, name)
            feret = name.startswith("feret")
            found[name].append((value - wanted) / longer if feret else 100 * (value / wanted - 1))
        away = [(a - b) * edge for a, b, edge in zip(got.centroid_px, centre, spacing, strict=True)]
        found["centroid"].append(math.hypot(*away) / longer)
    return {name: np.array(values) for name, values in found.items()}


def rim_errors(
    disc: float, cup: float, spacing: tuple[float, float], places: int, seed: int = 0
) -> dict[str, np.ndarray]:
    """Give errors of a round cup in a round disc, at random places, in longer pixel edges.

    Returns
    -------
    ray : (places, 360); sector, narrowest : (places, 4)
    vertical, horizontal, area : (places,)   of the ratios
    """
    random = np.random.default_rng(seed)
    longer = max(spacing)
    found: dict[str, list[np.ndarray | float]] = defaultdict(list)
    for _ in range(places):
        wide, narrow = ((r + float(random.uniform(-0.5, 0.5))) * longer for r in (disc, cup))
        offset = random.uniform(-0.3, 0.3, 2) * (wide - narrow)
        shift = (float(random.uniform(-0.5, 0.5)), float(random.uniform(-0.5, 0.5)))
        whole, _ = draw(lambda u, v: u * u + v * v <= wide**2, wide, spacing, shift=shift)  # noqa: B023
        inner, _ = draw(
            lambda u, v: (v - offset[0]) ** 2 + (u - offset[1]) ** 2 <= narrow**2,  # noqa: B023
            wide,
            spacing,
            shift=shift,
        )
        got = measure_cup_disc(whole, inner & whole, spacing=spacing, units="mm", eye="right")
        angle = np.radians(got.profile.degrees)
        along = -np.sin(angle) * offset[0] + np.cos(angle) * offset[1]
        true = wide - along - np.sqrt(narrow**2 - offset @ offset + along**2)
        found["ray"].append((got.profile.width - true) / longer)
        found["sector"].append(
            np.array(
                [
                    sector.mean.value - true[(got.profile.degrees - middle + 45) % 360 < 90].mean()
                    for sector, middle in zip(got.sectors, (270, 90, 0, 180), strict=True)
                ]
            )
            / longer
        )
        narrow_true = [
            true[(got.profile.degrees - middle + 45) % 360 < 90].min()
            for middle in (270, 90, 0, 180)
        ]
        least = np.array([sector.narrowest.value for sector in got.sectors])
        found["narrowest"].append((least - narrow_true) / longer)
        for name in ("vertical", "horizontal"):
            found[name].append(getattr(got, name).value - narrow / wide)
        found["area"].append(got.area_ratio.value - (narrow / wide) ** 2)
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    for spacing in SPACINGS:
        print(f"\npixels {spacing[0]:g} x {spacing[1]:g}\n")
        print("| shape | r |", " | ".join(FIGURES), "| centroid |")
        print("|---|---|" + "---|" * (len(FIGURES) + 1))
        for shape in SHAPES:
            for radius in RADII:
                found = errors(shape, radius, spacing, 12 if radius > 50 else 50)
                cells = [f"{v.mean():+.2f} / {abs(v).max():.2f}" for v in found.values()]
                print(f"| {shape} | {radius} |", " | ".join(cells), "|", flush=True)
    for spacing in SPACINGS[:2]:
        print(f"\npixels {spacing[0]:g} x {spacing[1]:g}\n")
        print(
            "| disc, cup | ray: mean, sd | sector mean: worst | narrowest | vertical | horizontal "
            "| area |"
        )
        print("|---|---|---|---|---|---|---|")
        for disc, cup in EYES:
            found = rim_errors(disc, cup, spacing, 20)
            worst = [f"{abs(found[n]).max():.4f}" for n in ("vertical", "horizontal", "area")]
            ray = f"{found['ray'].mean():+.2f}, {found['ray'].std():.2f}"
            sector = f"{abs(found['sector']).max():.2f}"
            least = f"{found['narrowest'].mean():+.2f} / {abs(found['narrowest']).max():.2f}"
            print(
                f"| {disc}, {cup} | {ray} | {sector} | {least} |",
                " | ".join(worst),
                "|",
                flush=True,
            )


if __name__ == "__main__":
    main()
