"""``priorseg evaluate``: measure the rows of a protocol and print the tables."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..evaluation.places import Places
    from ..evaluation.protocol import Protocol
    from ..evaluation.records import Results


def run(arguments: argparse.Namespace) -> int:
    """Measure what is missing, write the results and the tables, and print the tables.

    Returns
    -------
    int   0

    Raises
    ------
    ValueError, OSError  if the protocol, the data, a network or the file of results is wrong.
    """
    import torch

    from ..evaluation.places import Places
    from ..evaluation.protocol import load_protocol
    from ..evaluation.records import Results, write_whole
    from ..evaluation.run import run_protocol
    from ..evaluation.tables import write_tables

    protocol = load_protocol(arguments.protocol)
    out = Path(arguments.out or f"{Path(arguments.protocol).stem}.json")
    if out.suffix == ".md":
        raise ValueError(f"-o {out}: the tables go into the .md file, name a .json.")
    results = Results.open(out, protocol, resume=arguments.resume)
    if arguments.threads is not None:
        if not 1 <= arguments.threads <= 1024:
            raise ValueError(f"--threads {arguments.threads} must be from 1 to 1024.")
        torch.set_num_threads(arguments.threads)
    runs = Path(arguments.runs or Path(arguments.protocol).parent)
    places = Places(Path(arguments.data), runs)
    run_protocol(
        protocol,
        places,
        results,
        device=arguments.device,
        report=_say,
        available=arguments.available,
    )
    if arguments.write:
        write_cards(protocol, places, results)
    tables = write_tables(protocol, results)
    write_whole(out.with_suffix(".md"), tables)
    print(tables, end="")
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def write_cards(protocol: "Protocol", places: "Places", results: "Results") -> None:
    """Put the scores into the card of every network; its weights stay as they are.

    The file gets another digest by that, so the records are told the new one.
    """
    from ..bundle import load_bundle, save_bundle
    from ..evaluation.tables import card_scores

    pairs = {(places.bundle(row, seed), row, seed) for row in protocol.rows for seed in row.seeds}
    for path in sorted({path for path, _, _ in pairs if path.is_file()}):
        segmenter = load_bundle(path)
        before = str(segmenter.sha256)
        scores = card_scores(protocol, results, before)
        if not scores or segmenter.card.scores == scores:
            continue
        save_bundle(path, segmenter, replace(segmenter.card, scores=scores))
        after = str(load_bundle(path).sha256)
        moved = [replace(r, sha256=after) for r in results.records.values() if r.sha256 == before]
        results.add(moved)
        _say(f"wrote the scores into {path}; sha256 {after}")
