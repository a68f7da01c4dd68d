"""From an image, or from logits that several rows share, to labels."""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import guidance
from ..guidance.guide import CENTRE_SOURCES, VOLUME_SOURCES, CentreSource, VolumeSource
from ..guidance.oracles import ORACLES
from ..intake import named, resolve, with_extents
from ..prior import Prior
from ..priors import make_prior
from ..scene import Scene
from ..solver import solve
from .measures import Found, Task
from .modes import Mode, find_baseline, parse_mode

if TYPE_CHECKING:
    from ..segmenter import Segmenter
    from ..tiles import Precision


class Network:
    """Compute the logits of one image, and say how long that took.

    Parameters
    ----------
    segmenter : Segmenter
    precision : str   see `Segmenter.logits`
    """

    def __init__(self, segmenter: "Segmenter", precision: "Precision" = "float32") -> None:
        self.segmenter, self.precision = segmenter, precision

    @torch.no_grad()
    def __call__(self, image: NDArray[Any]) -> tuple[Tensor, float]:
        """Give the logits (1, K, Y, X) at the image's own resolution, and seconds."""
        start = perf_counter()
        logits = self.segmenter.logits(image, precision=self.precision)
        if logits.is_cuda:
            torch.cuda.synchronize(logits.device)
        return logits, perf_counter() - start


class Predictor:
    """Turn an image into labels with a segmenter, in one of several modes.

    Parameters
    ----------
    segmenter : Segmenter
    mode : str or Mode    see `parse_mode`
    task : Task           gives the objects to baselines and to instances; None = one object per
                          label
    volumes, centres      where priors that ask for them get them: 'truth' (an oracle: name the
                          row so), 'network', 'regressed' (volumes only), or 'clicks' (centres
                          only, drawn in the true objects as a person might click: name it so)
    regressor : Module    for volumes='regressed', see `priorseg.guidance`
    split : bool          part instances at centres (proposed, or those that `centres` names)
                          without a star prior too, so that a plain network can be compared; else
                          they are components
    sweeps : int          None = the head's; for 'post' after a network without priors it must be
                          said, because such a head was never meant to sweep
    temperature : float   None = the head's
    precision : str       of the network

    Raises
    ------
    ValueError  for a mode, prior, baseline or guide that does not exist, or if the task names
                other labels than the network gives.
    """

    def __init__(
        self,
        segmenter: "Segmenter",
        mode: str | Mode = "trained",
        *,
        task: Task | None = None,
        volumes: VolumeSource = "network",
        centres: CentreSource = "network",
        regressor: nn.Module | None = None,
        split: bool = False,
        sweeps: int | None = None,
        temperature: float | None = None,
        precision: "Precision" = "float32",
    ) -> None:
        self.mode = parse_mode(mode) if isinstance(mode, str) else mode
        self.task, self.split = task or Task(tuple(segmenter.labels.values())), split
        _check_labels(segmenter, self.task)
        if volumes not in VOLUME_SOURCES or centres not in CENTRE_SOURCES:
            raise ValueError(
                f"volumes {volumes!r} must be one of {', '.join(VOLUME_SOURCES)}; centres "
                f"{centres!r} one of {', '.join(CENTRE_SOURCES)}."
            )
        head = segmenter.head
        self.network, self.link = Network(segmenter, precision), head.link
        self.guides = {"volumes": volumes, "centres": centres, "regressor": regressor}
        self.priors: list[Prior] = []  # lengths of the trained ones are those of the bundle
        if self.mode.kind == "trained":
            self.priors = list(head.priors)  # type: ignore[arg-type]
        elif self.mode.kind == "post":
            self.priors = _post_priors(segmenter, self.mode, sweeps)
        own = float(head.temperature.detach())
        self.temperature = own if temperature is None else temperature
        self.sweeps = (head.sweeps if sweeps is None else sweeps) if self.priors else 0
        self._baseline = (
            find_baseline(self.mode.calls[0], self.task) if self.mode.kind == "baseline" else None
        )

    def __call__(self, image: NDArray[np.float32], truth: NDArray[Any] | None = None) -> Found:
        """Segment one image; see `finish`."""
        logits, seconds = self.network(image)
        return self.finish(logits, image, truth, network_seconds=seconds)

    @torch.no_grad()
    def finish(
        self,
        logits: Tensor,
        image: NDArray[np.float32],
        truth: NDArray[Any] | None = None,
        *,
        instances: NDArray[Any] | None = None,
        network_seconds: float = 0.0,
    ) -> Found:
        """Turn the logits of an image into labels.

        Parameters
        ----------
        logits : (1, K, Y, X)    of the network, for this image
        image : (Y, X, 3)        for priors and baselines that look at it
        truth : (Y, X)           true labels, read by the guides 'truth' and 'clicks' alone
        instances : (Y, X)       true instances, for those guides where objects touch
        network_seconds : float  goes into the result
        """
        start = perf_counter()
        scene = self._scene(logits, image, (truth, instances))
        priors = self.priors
        if self.mode.kind == "trained":
            priors = self.network.segmenter.priors(*logits.shape[2:])
        solution = solve(
            logits,
            priors,
            scene,
            sweeps=self.sweeps,
            temperature=self.temperature,
            link=self.link,
        )
        decoded = solution.decode()
        if self._baseline is not None:
            probs = decoded.probs[0].float().cpu().numpy()
            labels = np.asarray(self._baseline(probs, np.asarray(image, np.float32)))
        else:
            labels = decoded.labels[0].cpu().numpy()
        found = Found(labels, centres=self._centres(scene, logits))
        found = replace(found, instances=self._instances(found, logits, truth, instances))
        spent = perf_counter() - start
        return replace(found, seconds={"network": network_seconds, "solve": spent})

    def _scene(
        self, logits: Tensor, image: NDArray[np.float32], known: Sequence[NDArray[Any] | None]
    ) -> Scene:
        reads = {name for prior in self.priors for name in prior.reads}
        scene = Scene()
        if reads & {"centres", "volumes"}:
            scene = self._guided(logits, *known)
        if "image" in reads:
            unit = self.network.segmenter.preprocessing.tensor(image)
            scene = replace(scene, image=unit.to(logits.device))
        return scene

    def _guided(
        self, logits: Tensor, truth: NDArray[Any] | None, instances: NDArray[Any] | None
    ) -> Scene:
        """Ask for volumes and centres as the guides say; proposals as `Segmenter.guide` makes."""
        labels = None
        if truth is not None:
            plain = np.asarray(truth, np.int64)
            if self.task.ignore is not None:
                plain = np.where(plain == self.task.ignore, -1, plain)  # unlabelled
            labels = torch.from_numpy(plain)[None].to(logits.device)
        numbers = None
        if instances is not None:
            numbers = torch.from_numpy(np.asarray(instances, np.int64))[None]
        return guidance.scene_of(
            logits,
            self.priors,
            self.link,
            truth=labels,
            instances=numbers,
            temperature=self.temperature,
            object_px=self._object_px(logits),
            inner=self.network.segmenter.card.inner or None,
            **self.guides,  # type: ignore[arg-type]
        )

    def _centres(self, scene: Scene, logits: Tensor) -> dict[tuple[int, ...], NDArray[np.float64]]:
        """Give the star centres by the labels that make up their object."""
        if not scene.centres:
            return {}
        link = resolve(self.link, self.priors, logits)
        whole = with_extents(scene, named(self.priors), link, int(logits.shape[1]))
        return {
            tuple(sorted(whole.extent(label))): _rows(rows) for label, rows in scene.centres.items()
        }

    def _instances(
        self,
        found: Found,
        logits: Tensor,
        truth: NDArray[Any] | None = None,
        instances: NDArray[Any] | None = None,
    ) -> NDArray[Any] | None:
        """Part the object at the trees of its star prior, or at the row's centres if wanted."""
        members = self.task.objects.get(self.task.instances)
        if members is None:
            return None
        points = found.centres_of(members)
        if points is None and not self.split:
            return None
        if points is None and (oracle := ORACLES.get(str(self.guides["centres"]))) is not None:
            points = oracle(np.isin(_needed(truth), members), instances)
        elif points is None:
            points = guidance.propose_centres(
                np.isin(found.labels, members),
                self._inner(found),
                object_px=self._object_px(logits),
            )
        return np.asarray(guidance.instances(found.labels, points, list(members)))

    def _object_px(self, logits: Tensor) -> float | None:
        """Give the diameter of an object where the card says how centres are found, else None.

        It does not depend on the row, so that all rows have their centres proposed alike.
        """
        segmenter = self.network.segmenter
        if segmenter.card.centres != "network" and not segmenter.card.inner:
            return None
        return segmenter.typical_px(logits)

    def _inner(self, found: Found) -> NDArray[np.bool_] | None:
        """Mark the inner parts of the instances, where the network knows them."""
        inner = self.network.segmenter.card.inner
        members = self.task.objects.get(self.task.instances, ())
        parts = [part for label, part in inner.items() if label in members]
        return np.isin(found.labels, parts) if parts else None


def _post_priors(segmenter: "Segmenter", mode: Mode, sweeps: int | None) -> list[Prior]:
    if sweeps is None and not len(segmenter.head.priors):
        raise ValueError(
            "The network has no priors, so its head does not say how often those of 'post' sweep. "
            "Add sweeps, for instance 10, or 60 for total variation."
        )
    device = next(segmenter.backbone.parameters()).device
    return [make_prior(call.name, call.settings).to(device) for call in mode.calls]


def _needed(truth: NDArray[Any] | None) -> NDArray[Any]:
    if truth is None:
        raise ValueError("Centres of the truth or of clicks need the true labels.")
    return truth


def _rows(centres: object) -> NDArray[np.float64]:
    """Give the centres of the first sample, without the rows that stand for none."""
    rows = torch.as_tensor(centres).detach().cpu().double()
    rows = (rows[0] if rows.ndim == 3 else rows).reshape(-1, 2)
    return np.asarray(rows[~rows.isnan().any(1)].numpy())


def _check_labels(segmenter: "Segmenter", task: Task) -> None:
    names = tuple(segmenter.labels.values())
    swapped = names != task.labels and sorted(names) == sorted(task.labels)
    if swapped or len(names) != len(task.labels):
        raise ValueError(
            f"The network gives the labels {', '.join(segmenter.labels.values())}; those to be "
            f"measured are {', '.join(task.labels)}."
        )
