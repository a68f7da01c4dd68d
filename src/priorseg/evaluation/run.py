"""Run a predictor, or all rows of a protocol, over images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..training.data import Sample
from .examples import Example, as_example
from .measures import Counts, Found, Scores, Task, check_measures, measure
from .noise import add_noise
from .places import Places
from .predictor import Network, Predictor
from .protocol import Condition, ImageSet, Protocol, Row
from .records import DIGEST, Record, Results, image_record, settings_of
from .rows import check_rows

if TYPE_CHECKING:
    from ..segmenter import Segmenter

Predict = Callable[[NDArray[np.float32], NDArray[Any]], Found | NDArray[Any]]
Report = Callable[[str], None]


def evaluate(
    predict: Predict,
    samples: Sequence[Sample | Example],
    labels: Sequence[str] | Task,
    *,
    noise: tuple[str, float] = ("none", 0.0),
    measures: Sequence[str] = ("mIoU", "accuracy", "RE"),
    seed: int = 0,
) -> list[dict[str, float]]:
    """Measure one predictor on images at their own resolution.

    Parameters
    ----------
    predict : call         image (Y, X, 3) float32 in [0, 1] and true labels (Y, X), for oracles
                           alone, to labels (Y, X) or `Found`; a `Predictor` is one
    samples : list
    labels : list of str   names of the labels, or a `Task`
    noise : (kind, level)  see `add_noise`; image i gets the noise of seed + i
    measures : keys of `priorseg.evaluation.measures.MEASURES`
    seed : int

    Returns
    -------
    list of dict   per image: measure -> value, nan where it has none
    """
    task = labels if isinstance(labels, Task) else Task(tuple(labels))
    check_measures(measures, task)
    rows = []
    for index, example in enumerate(map(as_example, samples)):
        image = add_noise(example.unit, *noise, seed + index)
        found = predict(image, example.labels)
        found = found if isinstance(found, Found) else Found(np.asarray(found))
        rows.append(_score(found, example, task, measures)[0])
    return rows


def _score(
    found: Found, example: Example, task: Task, names: Sequence[str]
) -> tuple[Scores, Counts]:
    try:
        return measure(found, example.labels, task, names, wanted_instances=example.instances)
    except ValueError as error:
        raise ValueError(f"{example.name}: {error}") from error


def run_protocol(
    protocol: Protocol,
    places: Places,
    results: Results,
    *,
    device: str = "cpu",
    report: Report = print,
    available: bool = False,
) -> None:
    """Measure what is missing in the results, and write after every step.

    A step is one network on one set in one condition; all rows of the network share its logits.
    Records that were made by another network, with other settings or on other images are made
    again.

    Parameters
    ----------
    protocol : Protocol
    places : Places
    results : Results   extended; what it holds already is not measured again
    device : str        of the network: 'cpu', 'cuda'
    report : call       told what is done
    available : bool    leave rows and seeds without a file out, instead of an error

    Raises
    ------
    FileNotFoundError  if networks or data are missing; lists them.
    ValueError         if a network, a prior or an image does not fit; says which. Modes of all
                       rows are checked before anything is measured.
    """
    check_rows(protocol)
    lost = places.missing(protocol)
    if lost and not available:
        text = "; ".join(f"{row}, seed {seed}: {path}" for row, seed, path in lost)
        raise FileNotFoundError(f"{len(lost)} files of networks are missing: {text}")
    for name, seed, path in lost:
        report(f"left out: {name}, seed {seed}: {path} does not exist")
    left_out = {(name, seed) for name, seed, _ in lost}
    _forget(protocol, places, results, left_out, report)
    for one in protocol.sets:
        examples = places.examples(one, protocol)
        report(f"{one.name}: {one.folder}, split {one.split}, {len(examples)} images")
        for seed, rows in _groups(protocol, places, left_out):
            _measure_network(
                _Part(protocol, places, results, one, seed, device, report), rows, examples
            )


def _forget(
    protocol: Protocol,
    places: Places,
    results: Results,
    left_out: set[tuple[str, int]],
    report: Report,
) -> None:
    """Drop what an earlier network of a row and seed scored, so that no table mixes the two."""
    pairs = {(row.name, seed): row for row in protocol.rows for seed in row.seeds}
    now = {pair: places.sha256(row, pair[1]) for pair, row in pairs.items() if pair not in left_out}
    stale = [
        key
        for key, record in results.records.items()
        if now.get((record.row, record.seed), record.sha256) != record.sha256
    ]
    for key in stale:
        del results.records[key]
    if stale:
        report(f"dropped: {len(stale)} records of networks that were trained again since")


def _groups(
    protocol: Protocol, places: Places, left_out: set[tuple[str, int]]
) -> list[tuple[int, list[Row]]]:
    """Put the rows of one network together."""
    groups: dict[tuple[Any, int], list[Row]] = {}
    for row in protocol.rows:
        for seed in row.seeds:
            if (row.name, seed) not in left_out:
                groups.setdefault((places.bundle(row, seed), seed), []).append(row)
    return [(seed, rows) for (_, seed), rows in groups.items()]


@dataclass(frozen=True)
class _Part:
    """One network on one set of images."""

    protocol: Protocol
    places: Places
    results: Results
    set: ImageSet
    seed: int
    device: str
    report: Report

    def empty(self, row: Row, condition: Condition, sha256: str) -> Record:
        """Give the record without its images."""
        digest = self.places.regressor_sha256(row, self.seed)
        return Record(
            row=row.name,
            seed=self.seed,
            set=self.set.name,
            condition=condition.name,
            settings=settings_of(row) | ({DIGEST: digest} if digest else {}),
            source=asdict(self.set),
            noise={"kind": condition.kind, "level": condition.level},
            bundle=row.bundle.replace("{seed}", str(self.seed)),
            sha256=sha256,
        )

    def open_rows(
        self, rows: Sequence[Row], condition: Condition, sha256: str, names: Sequence[str]
    ) -> list[Row]:
        """Give the rows that have no record, or one of something else or of other images."""
        found, moved = [], []
        for row in rows:
            wanted = self.empty(row, condition, sha256)
            have = self.results.records.get(wanted.key)
            if (
                have is None
                or not have.same_but_images(wanted)
                or [image["name"] for image in have.images] != list(names)
            ):
                found.append(row)
            elif have.settings != wanted.settings:  # the same network lies elsewhere
                moved.append(replace(wanted, images=have.images))
        if moved:
            self.results.add(moved)
        return found


def _measure_network(part: _Part, rows: Sequence[Row], examples: Sequence[Example]) -> None:
    """Measure the rows of one network in every condition that is still open."""
    protocol, places, seed = part.protocol, part.places, part.seed
    sha256 = places.sha256(rows[0], seed)
    names = [example.name for example in examples]
    steps = {c: part.open_rows(rows, c, sha256, names) for c in protocol.conditions}
    if not any(steps.values()):
        return
    segmenter = places.load(rows[0], seed, part.device)
    network = Network(segmenter, protocol.precision)  # type: ignore[arg-type]
    predictors = {row.name: _predictor(part, row, segmenter) for row in rows}
    if "seconds" in protocol.measures:  # the first image pays for compiling and for memory
        for predictor in predictors.values():
            _finish(predictor, examples[0], examples[0].unit, *network(examples[0].unit))
    for condition, wanted in steps.items():
        if not wanted:
            continue
        chosen = {row.name: predictors[row.name] for row in wanted}
        images = _images(part, network, chosen, condition, examples)
        records = [
            replace(part.empty(row, condition, sha256), images=images[row.name]) for row in wanted
        ]
        part.results.add(records)
        part.report(f"{part.set.name}, {condition.name}, seed {seed}: {', '.join(images)}")


def _predictor(part: _Part, row: Row, segmenter: "Segmenter") -> Predictor:
    try:
        return Predictor(
            segmenter,
            row.mode,
            task=part.protocol.task,
            volumes=row.volumes,  # type: ignore[arg-type]
            centres=row.centres,  # type: ignore[arg-type]
            regressor=part.places.regressor(row, part.seed, part.device),
            split=row.split,
            sweeps=row.sweeps,
            temperature=row.temperature,
        )
    except ValueError as error:
        raise ValueError(f"row {row.name!r}, seed {part.seed}: {error}") from error


def _images(
    part: _Part,
    network: Network,
    predictors: Mapping[str, Predictor],
    condition: Condition,
    examples: Sequence[Example],
) -> dict[str, list[dict[str, Any]]]:
    """Measure rows that share logits in one condition: row -> records of the images."""
    protocol = part.protocol
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in predictors}
    for index, example in enumerate(examples):
        noise = (condition.kind, condition.level)
        image = add_noise(example.unit, *noise, protocol.noise_seed + index)
        logits, seconds = network(image)
        for name, predictor in predictors.items():
            found = _finish(predictor, example, image, logits, seconds)
            scored = _score(found, example, protocol.task, protocol.measures)
            made[name].append(image_record(example.name, *scored))
    return made


def _finish(
    predictor: Predictor,
    example: Example,
    image: NDArray[np.float32],
    logits: Tensor,
    seconds: float,
) -> Found:
    try:
        return predictor.finish(
            logits,
            image,
            example.labels,
            instances=example.instances,
            network_seconds=seconds,
        )
    except ValueError as error:
        raise ValueError(f"{example.name}: {error}") from error
