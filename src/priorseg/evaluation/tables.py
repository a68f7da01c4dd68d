"""Turn results into Markdown tables: mean ± spread over seeds, and intervals of differences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .measures import COUNTED
from .protocol import Protocol, Row
from .records import Record, Results, current
from .statistics import (
    Interval,
    Score,
    Summary,
    Values,
    paired_bootstrap,
    pooled_accuracy,
    pooled_f1,
    pooled_mean_iou,
    pooled_object_iou,
    summarise,
)

_ALONE = ("RE of the truth", "seconds", "seconds of the solve")  # shown without intervals
_PLAIN = ("HD95", "ASSD", "RE", "seconds", "vCDR")  # not shares: px, per cent, s, ratio


@dataclass(frozen=True)
class Cell:
    """Hold one figure of a table."""

    summary: Summary
    interval: Interval | None


def pooled_measures(objects: Mapping[str, Sequence[int]]) -> dict[str, tuple[str, Score]]:
    """Give the measures of counts summed over all images: name -> (measure, score).

    Parameters
    ----------
    objects : mapping   name -> labels, see `Task`
    """
    found: dict[str, tuple[str, Score]] = {
        "mIoU pooled": ("mIoU", pooled_mean_iou),
        "accuracy pooled": ("accuracy", pooled_accuracy),
        "F1 pooled": ("instances", pooled_f1),
    }
    for name, members in objects.items():
        found[f"IoU pooled {name}"] = ("IoU", pooled_object_iou(members))
    return found


Pools = Mapping[str, tuple[str, Score]]


def names_of(records: Sequence[Record], measures: Sequence[str], pools: Pools) -> list[str]:
    """List the measures that records hold, pooled ones first."""
    found = [name for name, (needs, _) in pools.items() if needs in measures]
    for record in records:
        for image in record.images:
            found += [name for name in image["scores"] if name not in found]
    return found


def values_of(records: Sequence[Record], name: str, pools: Pools) -> tuple[Values, Score | None]:
    """Give one measure of the records of a row, one per seed, as `summarise` takes it.

    Raises
    ------
    ValueError  if the records hold different images.
    """
    listed = [[image["name"] for image in record.images] for record in records]
    if any(names != listed[0] for names in listed):
        raise ValueError(f"row {records[0].row!r}: its seeds were measured on different images.")
    if name in pools:
        needs, score = pools[name]
        counts = [
            [image["counts"][COUNTED[needs]] for image in record.images] for record in records
        ]
        return np.array(counts, dtype=np.float64), score
    return np.array([[_number(i["scores"].get(name)) for i in r.images] for r in records]), None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def cell_of(
    protocol: Protocol, own: Sequence[Record], baseline: Sequence[Record], name: str
) -> Cell:
    """Summarise one row and compare it with its baseline, if there is one."""
    pools = pooled_measures(protocol.task.objects)
    values, score = values_of(own, name, pools)
    interval = None
    ours, theirs = paired(own, [] if name in _ALONE else baseline)
    if ours and [i["name"] for i in ours[0].images] == [i["name"] for i in theirs[0].images]:
        interval = paired_bootstrap(
            values_of(ours, name, pools)[0],
            values_of(theirs, name, pools)[0],
            score,
            draws=protocol.draws,
            level=protocol.level,
        )
    return Cell(summarise(values, score), interval)


def paired(
    own: Sequence[Record], baseline: Sequence[Record]
) -> tuple[Sequence[Record], Sequence[Record]]:
    """Keep the seeds that both rows have, so that seeds cannot make a difference.

    A row of one network, without ``{seed}`` in its bundle, is compared with all seeds.
    """
    if not (own and baseline):
        return (), ()
    if not all("{seed}" in record.settings["bundle"] for record in (*own, *baseline)):
        return own, baseline
    shared = {one.seed for one in own} & {one.seed for one in baseline}
    ours, theirs = ([one for one in some if one.seed in shared] for some in (own, baseline))
    return ours, theirs


def write_tables(protocol: Protocol, results: Results) -> str:
    """Write one table per set and measure, a column per condition; one per set if that is one.

    Records that the protocol does not ask for are left out, see `current`.
    """
    parts = [f"# {protocol.title}", _foreword(protocol)]
    told = current(protocol, results)
    for one in protocol.sets:
        records = [record for record in told if record.set == one.name]
        made = {(record.row, record.condition) for record in records}
        rows = [row for row in protocol.rows if row.name in {row for row, _ in made}]
        found = {condition for _, condition in made}
        conditions = [c.name for c in protocol.conditions if c.name in found]
        if not rows or not conditions:
            continue
        seeds = sorted({record.seed for record in records})
        parts.append(
            f"## {one.name}\n\n{len(records[0].images)} images of {one.folder}, split {one.split}; "
            f"seeds {', '.join(map(str, seeds))}."
        )
        pools = pooled_measures(protocol.task.objects)
        names = names_of(records, protocol.measures, pools)
        if len(conditions) == 1:
            parts.append(_by_measure(protocol, records, rows, conditions[0], names))
            continue
        parts += [
            f"**{titled(name)}**\n\n{_by_condition(protocol, records, rows, conditions, name)}"
            for name in names
        ]
    return "\n\n".join(parts) + "\n"


def _by_condition(
    protocol: Protocol,
    records: Sequence[Record],
    rows: Sequence[Row],
    conditions: Sequence[str],
    name: str,
) -> str:
    lines = [["row", "seeds", *conditions]]
    for row in rows:
        cells = [_cell(protocol, records, row, condition, name) for condition in conditions]
        lines.append([_named(row), _seeds(records, row), *cells])
    return markdown(lines)


def _by_measure(
    protocol: Protocol,
    records: Sequence[Record],
    rows: Sequence[Row],
    condition: str,
    names: Sequence[str],
) -> str:
    lines = [
        [condition, *map(_named, rows)],
        ["seeds", *(_seeds(records, row) for row in rows)],
    ]
    for name in names:
        cells = [_cell(protocol, records, row, condition, name) for row in rows]
        lines.append([titled(name), *cells])
    return markdown(lines)


def _cell(
    protocol: Protocol, records: Sequence[Record], row: Row, condition: str, name: str
) -> str:
    own = records_of(records, row.name, condition)
    if not own:
        return "–"
    other = records_of(records, row.baseline, condition) if row.baseline else []
    return _write(cell_of(protocol, own, other, name), name, len(own[0].images))


def _seeds(records: Sequence[Record], row: Row) -> str:
    return str(len({record.seed for record in records if record.row == row.name}))


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Write a table; its first line is the head."""
    rule = "|" + "---|" * len(lines[0])
    plain = [[cell.replace("|", "/") for cell in line] for line in lines]  # a bar ends a cell
    text = [f"| {' | '.join(line)} |" for line in plain]
    return "\n".join([text[0], rule, *text[1:]])


def _foreword(protocol: Protocol) -> str:
    return (
        "Mean over images and seeds ± standard deviation over seeds; in brackets the difference "
        f"to the baseline and its {100 * protocol.level:g} % interval (paired bootstrap over "
        f"images, {protocol.draws} draws, the same images for all seeds), then the difference of "
        "each seed. Shares are in per cent, distances in pixels. n: where only so many images have "
        "a value. Bold: the interval excludes 0 and every seed has that sign."
    )


def titled(name: str) -> str:
    """Give the name of a measure with its unit."""
    kind = name.split()[0]
    if kind in ("HD95", "ASSD"):
        return f"{name} (px)"
    if kind == "seconds":
        return f"{name} (s)"
    return name if kind == "vCDR" else f"{name} (%)"


def is_share(name: str) -> bool:
    """Say whether a measure is a share, shown in per cent; others are shown as they are."""
    return name.split()[0] not in _PLAIN


def records_of(records: Sequence[Record], row: str, condition: str) -> list[Record]:
    """Give the records of a row under a condition, by their seeds."""
    found = [record for record in records if (record.row, record.condition) == (row, condition)]
    return sorted(found, key=lambda record: record.seed)


def _named(row: Row) -> str:
    return f"{row.name} (against {row.baseline})" if row.baseline else row.name


def _write(cell: Cell, name: str, images: int) -> str:
    scale, digits = (100, 2) if is_share(name) else (1, 3)
    summary = cell.summary
    if math.isnan(summary.mean):
        return "–"
    text = f"{scale * summary.mean:.{digits}f}"
    if not math.isnan(summary.deviation):
        text += f" ± {scale * summary.deviation:.{digits}f}"
    if summary.images < images:
        text += f", n = {summary.images}"
    interval = cell.interval
    if interval is None or math.isnan(interval.low):
        return text
    low, middle, high = (
        f"{scale * value:+.{digits}f}"
        for value in (interval.low, interval.difference, interval.high)
    )
    told = f"{middle} [{low}, {high}]"
    each = "".join(f" {scale * value:+.{digits}f}" for value in interval.seeds)
    told = f"**{told}**" if interval.certain else told
    return f"{text} ({told}{f';{each}' if each else ''})"


def card_scores(protocol: Protocol, results: Results, bundle_sha256: str) -> dict[str, Any]:
    """Give the scores of one network as a card holds them: set -> condition -> row -> measure.

    Shares are in [0, 1]; four decimals; nan and times are left out, and what the protocol does not
    ask for, see `current`.
    """
    pools, measures = pooled_measures(protocol.task.objects), protocol.measures
    scores: dict[str, Any] = {}
    for record in current(protocol, results):
        if record.sha256 != bundle_sha256:
            continue
        row: dict[str, float] = {}
        for name in names_of([record], measures, pools):
            summary = summarise(*values_of([record], name, pools))
            if not math.isnan(summary.mean) and not name.startswith("seconds"):
                row[name] = round(summary.mean, 4)
        scores.setdefault(record.set, {}).setdefault(record.condition, {})[record.row] = row
    return scores
