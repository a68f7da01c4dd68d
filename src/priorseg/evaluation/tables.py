"""Turn results into Markdown tables: mean ± spread over seeds, and intervals of differences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .protocol import Protocol, Row
from .records import Record, Results
from .statistics import (
    Interval,
    Score,
    Summary,
    Values,
    paired_bootstrap,
    pooled_accuracy,
    pooled_f1,
    pooled_mean_iou,
    summarise,
)

POOLED: dict[str, tuple[str, str, Score]] = {
    "mIoU pooled": ("mIoU", "confusion", pooled_mean_iou),
    "accuracy pooled": ("accuracy", "confusion", pooled_accuracy),
    "F1 pooled": ("instances", "instances", pooled_f1),
}
_ALONE = ("RE of the truth", "seconds", "seconds of the solve")  # shown without intervals
_PLAIN = ("HD95", "ASSD", "RE", "seconds", "vCDR")  # not shares: px, per cent, s, ratio


class Column(NamedTuple):
    """Say what a column shows."""

    heading: str
    condition: str
    measure: str


@dataclass(frozen=True)
class Cell:
    """Hold one figure of a table."""

    summary: Summary
    interval: Interval | None


def names_of(protocol: Protocol, records: Sequence[Record]) -> list[str]:
    """List the measures that records hold, pooled ones first."""
    found = [name for name, (needs, _, _) in POOLED.items() if needs in protocol.measures]
    for record in records:
        for image in record.images:
            found += [name for name in image["scores"] if name not in found]
    return found


def values_of(records: Sequence[Record], name: str) -> tuple[Values, Score | None]:
    """Give one measure of the records of a row, one per seed, as `summarise` takes it.

    Raises
    ------
    ValueError  if the records hold different images.
    """
    listed = [[image["name"] for image in record.images] for record in records]
    if any(names != listed[0] for names in listed):
        raise ValueError(f"row {records[0].row!r}: its seeds were measured on different images.")
    if name in POOLED:
        _, key, score = POOLED[name]
        counts = [[image["counts"][key] for image in record.images] for record in records]
        return np.array(counts, dtype=np.float64), score
    return np.array([[_number(i["scores"].get(name)) for i in r.images] for r in records]), None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def cell_of(
    protocol: Protocol,
    own: Sequence[Record],
    baseline: Sequence[Record],
    name: str,
) -> Cell:
    """Summarise one row and compare it with its baseline, if there is one."""
    values, score = values_of(own, name)
    interval = None
    compared = baseline if name not in _ALONE else []
    if compared and [i["name"] for i in own[0].images] == [i["name"] for i in baseline[0].images]:
        interval = paired_bootstrap(
            values,
            values_of(baseline, name)[0],
            score,
            draws=protocol.draws,
            level=protocol.level,
        )
    return Cell(summarise(values, score), interval)


def write_tables(protocol: Protocol, results: Results) -> str:
    """Write every set: with several conditions one table per measure, else one in all."""
    parts = [f"# {protocol.title}", _foreword(protocol)]
    for one in protocol.sets:
        records = [record for record in results.records.values() if record.set == one.name]
        if not records:
            continue
        conditions = [
            c.name for c in protocol.conditions if any(r.condition == c.name for r in records)
        ]
        count = len(records[0].images)
        seeds = sorted({record.seed for record in records})
        parts.append(
            f"## {one.name}\n\n{count} images of {one.folder}, split {one.split}; seeds "
            f"{', '.join(map(str, seeds))}."
        )
        names = names_of(protocol, records)
        if len(conditions) == 1:
            parts.append(f"Condition: {conditions[0]}.")
            columns = [Column(titled(name), conditions[0], name) for name in names]
            parts.append(_table(protocol, records, columns))
            continue
        for name in names:
            parts.append(f"**{titled(name)}**")
            columns = [Column(condition, condition, name) for condition in conditions]
            parts.append(_table(protocol, records, columns))
    return "\n\n".join(parts) + "\n"


def _foreword(protocol: Protocol) -> str:
    return (
        "Mean over images and seeds ± standard deviation over seeds; in brackets the difference "
        f"to the baseline and its {100 * protocol.level:g} % interval (paired bootstrap over "
        f"images, {protocol.draws} draws, the same images for all seeds). Shares are in per cent, "
        "distances in pixels. Bold: the interval excludes 0."
    )


def titled(name: str) -> str:
    """Give the name of a measure with its unit."""
    kind = name.split()[0]
    if kind in ("HD95", "ASSD"):
        return f"{name} (px)"
    if kind == "seconds":
        return f"{name} (s)"
    return name if kind == "vCDR" else f"{name} (%)"


def _table(protocol: Protocol, records: Sequence[Record], columns: Sequence[Column]) -> str:
    heads = " | ".join(column.heading for column in columns)
    lines = [f"| row | seeds | {heads} |", "|" + "---|" * (2 + len(columns))]
    for row in protocol.rows:
        cells, seeds = [], 0
        for _, condition, name in columns:
            own = _of(records, row.name, condition)
            seeds = max(seeds, len(own))
            other = _of(records, row.baseline, condition) if row.baseline else []
            cells.append(_write(cell_of(protocol, own, other, name), name) if own else "–")
        if seeds:
            lines.append(f"| {_named(row)} | {seeds} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _of(records: Sequence[Record], row: str, condition: str) -> list[Record]:
    found = [record for record in records if (record.row, record.condition) == (row, condition)]
    return sorted(found, key=lambda record: record.seed)


def _named(row: Row) -> str:
    return f"{row.name} (against {row.baseline})" if row.baseline else row.name


def _write(cell: Cell, name: str) -> str:
    plain = name.split()[0] in _PLAIN
    scale, digits = (1, 3) if plain else (100, 2)
    summary = cell.summary
    if math.isnan(summary.mean):
        return "–"
    text = f"{scale * summary.mean:.{digits}f}"
    if not math.isnan(summary.deviation):
        text += f" ± {scale * summary.deviation:.{digits}f}"
    interval = cell.interval
    if interval is None or math.isnan(interval.low):
        return text
    low, middle, high = (
        f"{scale * value:+.{digits}f}"
        for value in (interval.low, interval.difference, interval.high)
    )
    told = f"{middle} [{low}, {high}]"
    return f"{text} ({f'**{told}**' if interval.excludes_zero else told})"


def card_scores(results: Results, bundle_sha256: str) -> dict[str, Any]:
    """Give the scores of one network as a card holds them: set -> condition -> row -> measure.

    Shares are in [0, 1]; four decimals; nan is left out.
    """
    scores: dict[str, Any] = {}
    for record in results.records.values():
        if record.sha256 != bundle_sha256:
            continue
        row: dict[str, float] = {}
        names: list[str] = [n for n, (_, key, _) in POOLED.items() if _has(record, key)]
        names += [n for image in record.images for n in image["scores"] if n not in names]
        for name in dict.fromkeys(names):
            summary = summarise(*values_of([record], name))
            if not math.isnan(summary.mean):
                row[name] = round(summary.mean, 4)
        scores.setdefault(record.set, {}).setdefault(record.condition, {})[record.row] = row
    return scores


def _has(record: Record, key: str) -> bool:
    counts: Mapping[str, Any] = record.images[0]["counts"] if record.images else {}
    return key in counts
