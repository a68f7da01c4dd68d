"""``priorseg segment``: label images and certificates for a list of files."""

import argparse
import glob
import json
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..io import read_image, write_labels
from .region import Region, choose_region, parse_region
from .request import Request, make_priors, make_scene, parse, with_priors

if TYPE_CHECKING:
    from ..decode import Decoded
    from ..prior import Prior
    from ..segmenter import Segmenter
    from ..tiles import Precision


def expand(patterns: Sequence[str]) -> list[Path]:
    """Turn names and patterns into files, in order, each once; a lost name stays in the list."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        matches = [] if os.path.exists(pattern) else sorted(glob.glob(pattern, recursive=True))
        found.update(dict.fromkeys(map(Path, matches or [pattern])))
    return list(found)


def write_stack(path: Path, labels: NDArray[Any]) -> None:
    """Write a stack of label maps as TIFF; no half file is left if that fails."""
    import tifffile

    part = path.with_name(f".{path.stem}.part.tiff")
    try:
        kind = np.uint8 if labels.max(initial=0) < 256 else np.uint16
        tifffile.imwrite(part, labels.astype(kind), imagej=True, metadata={"axes": "ZYX"})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file; no half file is left if that fails or is interrupted."""
    part = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class ProgressLine:
    """Show how far one file is, on a terminal only, in a line that goes away."""

    def __init__(self, name: str) -> None:
        self.name, self._shown = name, -1.0
        self._quiet = not sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        """Show the number of finished and of all steps, five times a second at most."""
        if not self._quiet and (done == total or monotonic() - self._shown > 0.2):
            self._shown = monotonic()
            print(f"\r{self.name}: {done} of {total}\x1b[K", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if not self._quiet:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def report(
    decoded: "Decoded", region: Region, names: Mapping[int, str], priors: "Sequence[Prior]" = ()
) -> dict[str, Any]:
    """Give the region, its pixel counts, the priors and the certificates as plain values.

    Lengths of the priors are pixels of the image.
    """
    labels = decoded.labels[0].cpu().numpy()
    return {
        "region": {
            axis: [part.start, part.stop]
            for axis, part in zip(("rows", "columns"), region, strict=True)
        },
        "pixels": {name: int((labels == label).sum()) for label, name in names.items()},
        "priors": [{"name": prior.name, **prior.settings()} for prior in priors],
        "certificates": {name: asdict(c) for name, c in decoded.certificates.items()},
    }


@dataclass(frozen=True)
class _Job:
    """What is the same for every file."""

    segmenter: "Segmenter"
    request: Request
    priors: "list[Prior]"
    folder: Path
    model: str
    tiff: bool
    axes: str | None
    spacing: tuple[float, float] | None
    object_px: float | None
    region: tuple[float, float, int] | str
    precision: "Precision"


def segment_file(path: Path, job: _Job) -> tuple[NDArray[Any], list[dict[str, Any]]]:
    """Segment every plane of one file.

    Returns
    -------
    labels : (Y, X) or (planes, Y, X)
    reports : one per plane, see `report`
    """
    from ..session.image import describe, take_plane

    stored = read_image(path)
    axes, spacing = job.axes or stored.axes, job.spacing or stored.spacing
    info = describe(stored.array, axes=axes, spacing=spacing, name=path.name)
    kind = np.uint8 if max(job.segmenter.labels) < 256 else np.uint16
    labels = np.zeros((info.planes, *info.shape), kind)
    reports = []
    for index in range(info.planes):
        plane = take_plane(stored.array, info, index)
        region = choose_region(plane, job.region, job.segmenter.card)
        scene = make_scene(job.request, info.spacing, region, job.segmenter)
        height, width = plane[region].shape[:2]
        trained = job.segmenter.priors(height, width, job.object_px)
        priors = [] if job.request.plain else with_priors(trained, job.priors)
        line = ProgressLine(path.name if info.planes == 1 else f"{path.name}, plane {index + 1}")
        try:
            decoded = job.segmenter.segment(
                plane[region],
                scene=scene,
                priors=priors,
                object_px=job.object_px,
                precision=job.precision,
                progress=line,
            )
        finally:
            line.clear()
        labels[index][region] = decoded.labels[0].cpu().numpy()
        reports.append(report(decoded, region, job.segmenter.labels, priors))
    return (labels[0] if info.planes == 1 else labels), reports


def _finish(path: Path, job: _Job) -> str:
    """Segment one file, write its two results and say where, and which region was seen."""
    labels, reports = segment_file(path, job)
    suffix = ".tiff" if labels.ndim > 2 or job.tiff else ".png"
    target = job.folder / f"{path.stem}_labels{suffix}"
    if labels.ndim > 2:
        write_stack(target, labels)
    else:
        write_labels(target, labels)
    head = {"image": str(path), "model": job.model, "plain": job.request.plain}
    head["precision"] = job.segmenter.network_precision(job.precision)
    text = json.dumps({**head, "planes": reports}, indent=2)
    write_text(job.folder / f"{path.stem}_certificate.json", text + "\n")
    rows, columns = reports[0]["region"]["rows"], reports[0]["region"]["columns"]
    if (rows[1] - rows[0], columns[1] - columns[0]) == labels.shape[-2:]:
        return str(target)
    return f"{target} (seen: rows {rows[0]}-{rows[1] - 1}, columns {columns[0]}-{columns[1] - 1})"


def _prepare(arguments: argparse.Namespace) -> _Job:
    from ..bundle import load_bundle

    request = parse(arguments)
    region = parse_region(arguments.region)
    if arguments.spacing and len(arguments.spacing) > 2:
        raise ValueError(f"--spacing takes one or two lengths, got {arguments.spacing}.")
    edges = tuple((arguments.spacing * 2)[-2:]) if arguments.spacing else None
    priors = make_priors(request)
    segmenter = _on_device(load_bundle(arguments.model), arguments.device)
    folder = Path(arguments.out)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {folder} is a file; name a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    return _Job(
        segmenter=segmenter,
        request=request,
        priors=priors,
        folder=folder,
        model=arguments.model,
        tiff=arguments.format == "tiff",
        axes=arguments.axes,
        spacing=edges,
        object_px=arguments.object_px,
        region=region,
        precision=arguments.precision,
    )


def _on_device(segmenter: "Segmenter", device: str) -> "Segmenter":
    if device == "cpu":
        return segmenter
    try:
        return segmenter.to(device)
    except (RuntimeError, AssertionError) as error:  # torch raises either
        raise ValueError(f"--device {device} cannot be used: {error}") from error


def run(arguments: argparse.Namespace) -> int:
    """Segment the files; report a bad one and go on with the rest.

    Returns
    -------
    int   0, or 1 if any file failed

    Raises
    ------
    ValueError, OSError  if nothing can be done: unknown model, bad arguments, no folder.
    """
    job = _prepare(arguments)
    paths = expand(arguments.images)
    taken: dict[str, Path] = {}
    failed = 0
    for path in paths:
        try:
            twin = taken.setdefault(path.stem, path)
            if twin != path:
                raise ValueError(f"has the same name as {twin}; use another output folder")
            print(f"{path} -> {_finish(path, job)}", flush=True)
        except (ValueError, OSError, RuntimeError, MemoryError) as error:
            failed += 1
            reason = " ".join(str(error).split()) or type(error).__name__
            print(f"priorseg: {path}: {reason}", file=sys.stderr)
    if failed:
        print(f"priorseg: {failed} of {len(paths)} files failed", file=sys.stderr)
    return 1 if failed else 0
