"""Where the networks and the images of a protocol lie."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from ..bundle import SUFFIX, ZOO, load_bundle
from ..bundle_format import BundleError, read_header, read_numbers
from .examples import Example, crop_about, load_examples
from .protocol import ImageSet, Protocol, Row

if TYPE_CHECKING:
    from ..segmenter import Segmenter


@dataclass(frozen=True)
class Places:
    """Find and load what a protocol names.

    Parameters
    ----------
    data : Path   the folder with the data sets
    runs : Path   the folder that paths of bundles start from
    """

    data: Path
    runs: Path

    def bundle(self, row: Row, seed: int) -> Path:
        """Give the file of a row's network; names of shipped models count where no file has it."""
        text = row.bundle.replace("{seed}", str(seed))
        path, shipped = self.runs / text, ZOO / f"{Path(text).name}{SUFFIX}"
        return shipped if not path.is_file() and shipped.is_file() and "/" not in text else path

    def _regressor(self, row: Row, seed: int) -> Path | None:
        return self.runs / row.regressor.replace("{seed}", str(seed)) if row.regressor else None

    def missing(self, protocol: Protocol) -> list[tuple[str, int, Path]]:
        """List row, seed and path of the networks and regressors that are not there."""
        lost = []
        for row in protocol.rows:
            for seed in row.seeds:
                wanted = [self.bundle(row, seed), self._regressor(row, seed)]
                lost += [(row.name, seed, path) for path in wanted if path and not path.is_file()]
        return lost

    def sha256(self, row: Row, seed: int) -> str:
        """Give the digest of a row's bundle, after checking it.

        Raises
        ------
        BundleError  for a damaged file; names it.
        """
        path = self.bundle(row, seed)
        try:
            return read_numbers(path, read_header(path))[1]
        except BundleError as error:
            raise BundleError(f"{row.name}, seed {seed}: {path}: {error}") from None

    def regressor_sha256(self, row: Row, seed: int) -> str | None:
        """Give the digest of a row's regressor, None without one."""
        path = self._regressor(row, seed)
        return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()

    def load(self, row: Row, seed: int, device: str) -> "Segmenter":
        """Load a row's network and bring it to a device.

        Raises
        ------
        BundleError  for a damaged file; names it.
        ValueError   if the device cannot be used.
        """
        path = self.bundle(row, seed)
        try:
            segmenter = load_bundle(path)
        except BundleError as error:
            raise BundleError(f"{row.name}, seed {seed}: {path}: {error}") from None
        try:
            return segmenter.to(device)
        except (RuntimeError, AssertionError) as error:  # torch raises either
            raise ValueError(f"device {device!r} cannot be used: {error}") from error

    def regressor(self, row: Row, seed: int, device: str) -> nn.Module | None:
        """Load the network of a row that predicts volumes, if it names one."""
        path = self._regressor(row, seed)
        if path is None:
            return None
        from ..guidance import load_regressor

        found: nn.Module = load_regressor(path)
        return found.to(device).eval()

    def examples(self, one: ImageSet, protocol: Protocol) -> list[Example]:
        """Read and cut the images of a set; see `load_examples` and `crop_about`."""
        found = load_examples(
            self.data,
            one.folder,
            one.split,
            longest=one.longest,
            instances="instances" in protocol.measures,
        )
        return cut(found, one, protocol)


def cut(examples: Sequence[Example], one: ImageSet, protocol: Protocol) -> list[Example]:
    """Take as many images as a set has, relabel them and cut them about its object.

    Raises
    ------
    ValueError  see `relabelled` and `crop_about`.
    """
    found = [relabelled(example, protocol) for example in examples[: one.limit]]
    if not one.about:
        return found
    members = protocol.task.objects[one.about]
    return [crop_about(example, members, one.ratio) for example in found]


def relabelled(example: Example, protocol: Protocol) -> Example:
    """Give the values of a mask the labels of a protocol.

    Raises
    ------
    ValueError  if a value is no label afterwards; says which.
    """
    labels = example.labels.copy()
    for value, label in protocol.relabel.items():
        labels[example.labels == value] = label
    task = protocol.task
    odd = set(np.unique(labels).tolist()) - set(range(len(task.labels))) - {task.ignore}
    if odd:
        raise ValueError(
            f"{example.name}: the mask holds {sorted(odd)}, the protocol names the labels 0 to "
            f"{len(task.labels) - 1}. Name them, or use ignore or relabel."
        )
    return replace(example, labels=labels)
