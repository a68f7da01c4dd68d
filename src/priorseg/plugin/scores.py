"""The scores on a model card, of any shape, as small tables; plain data, no Qt."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PLAIN = {"HD95": " px", "ASSD": " px", "vCDR": "", "RE": " %"}  # all other measures are shares
ALONE = ("plain",)  # rows of the network alone
WHOLE = ("with priors", "priors")  # rows of the model as it is shipped
HEADLINES = ("mIoU", "F1", "Dice", "IoU", "AP")  # in this order, as far as they were measured
SHAPES = ("convex", "star", "nested", "volume")
DEEPEST = 8  # levels of a card that are read
Row = dict[str, "float | str"]


@dataclass(frozen=True)
class ScoreTable:
    """Hold the scores on one set of images under one condition.

    Parameters
    ----------
    set, condition : str   may be empty
    rows : list of str     how the labels were made, such as 'plain' and 'priors'; '' = not said
    measures : mapping     measure -> row -> value
    """

    set: str
    condition: str
    rows: list[str] = field(default_factory=list)
    measures: dict[str, Row] = field(default_factory=dict)

    @property
    def alone(self) -> str | None:
        """Give the row of the network alone, if there is one."""
        return next((row for row in self.rows if row in ALONE), None)

    @property
    def whole(self) -> str | None:
        """Give the row of the model as it is shipped, if one can be told."""
        found = next((row for row in self.rows if row in WHOLE), None)
        return self.rows[0] if found is None and len(self.rows) == 1 else found

    def headlines(self, most: int = 2) -> list[str]:
        """List the measures that say most, at most so many of the first kind that is there.

        Of a measure that is there as a mean over images and pooled, the pooled one.
        """
        for kind in HEADLINES:
            found = {}
            for name in self.measures:
                words = name.split()
                if kind in words:
                    bare = tuple(word for word in words if word not in ("image", "pooled"))
                    if bare not in found or "pooled" in words:
                        found[bare] = name
            if found:
                return list(found.values())[:most]
        return list(self.measures)[:most]

    @property
    def shapes(self) -> list[str]:
        """List the measures that say how often a promised shape is there."""
        return [name for name in self.measures if (name.split() or [""])[0] in SHAPES]


def score_tables(scores: Mapping[str, Any]) -> list[ScoreTable]:
    """Read the scores of a card.

    Parameters
    ----------
    scores : mapping   set -> condition -> row -> measure -> value, as `card_scores` writes them;
                       on older cards without rows, or flatter still
    """
    tables: dict[tuple[str, str], ScoreTable] = {}
    for path, value in _leaves(scores, ()):
        *place, measure = path
        row = place.pop() if len(place) > 2 else ""
        where, condition = (place[0] if place else ""), " · ".join(place[1:])
        table = tables.setdefault((where, condition), ScoreTable(where, condition))
        if row not in table.rows:
            table.rows.append(row)
        table.measures.setdefault(measure, {})[row] = value
    return list(tables.values())


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float | str]]:
    if isinstance(value, Mapping) and len(path) < DEEPEST:
        for key, entry in value.items():
            yield from _leaves(entry, (*path, str(key)))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value
    elif value is not None and path:
        yield path, str(value)


def written(measure: str, value: float | str | None) -> str:
    """Write a score: shares in per cent, distances in pixels; – if there is none."""
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(value):
        return "–"
    unit = PLAIN.get((measure.split() or [""])[0])
    if unit is not None:
        return f"{value:.2f}{unit}"
    return f"{100 * value:.1f}" if abs(value) <= 1 else f"{value:.4g}"


def in_short(scores: Mapping[str, Any]) -> list[str]:
    """Say the scores in a line per set: 'wbc: clean mIoU 90.9 (network alone 89.0); ...'."""
    lines: dict[str, list[str]] = {}
    for table in score_tables(scores):
        whole, alone = table.whole, table.alone
        if whole is None:
            continue
        said = []
        for name in table.headlines():
            value = table.measures[name]
            text = f"{name} {written(name, value.get(whole))}"
            if alone is not None and alone != whole:
                text += f" (network alone {written(name, value.get(alone))})"
            said.append(text)
        lines.setdefault(table.set, []).append(f"{table.condition} {', '.join(said)}".strip())
    return [f"{name}: {'; '.join(parts)}" if name else "; ".join(parts) for name, parts in
            lines.items()]  # fmt: skip
