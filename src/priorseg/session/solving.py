"""Solve a problem sweep by sweep and picture it as frames."""

import math
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..guidance import with_volumes
from ..kernels.enlarge import enlarged_labels
from ..links import SOFTMAX, Link, as_link, likeliest
from ..prior import Certificate, Prior, single_images
from ..scene import Scene
from ..solver import INERTIA, Solution, due, iterate, met, solve
from .corrections import fixed_labels
from .frame import Frame, count_labels, on_canvas
from .objects import check_objects, objects_that_fit
from .problem import Problem, active_priors, coarsen, enlarge, make_scene
from .settings import Settings

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]
Probs = Callable[[], NDArray[np.float32]]


def given_logits(
    logits: ArrayLike, link: str | Link, shape: tuple[int, int] | None
) -> tuple[Tensor, Link]:
    """Check logits from elsewhere; see `Session.set_logits`.

    Returns
    -------
    (1, K, Y, X) float32, and the link
    """
    planes = torch.as_tensor(logits if isinstance(logits, Tensor) else np.asarray(logits))
    if planes.ndim != 3 or planes.numel() == 0:
        raise ValueError(f"logits must be (K, Y, X) and not empty, got {tuple(planes.shape)}.")
    if shape is not None and tuple(planes.shape[1:]) != shape:
        raise ValueError(
            f"The logits cover {tuple(planes.shape[1:])} pixels, the image has {shape}. Resize "
            "one of them, or start a new session."
        )
    found = as_link(link)
    planes = torch.empty(planes.shape).copy_(planes.detach())[None]  # rows lie in memory
    check_logits(planes, tuple(planes.shape[2:]), found)
    return planes, found


def check_logits(logits: Tensor, shape: tuple[int, ...], link: Link) -> None:
    """Raise ValueError unless logits are finite, (1, K, *shape), and fit the link."""
    if logits.ndim != 4 or logits.shape[0] != 1 or tuple(logits.shape[2:]) != shape:
        raise ValueError(f"The logits have shape {tuple(logits.shape)}, expected (1, K, *{shape}).")
    link.check(int(logits.shape[1]))
    if link.label_count(int(logits.shape[1])) > 256:
        raise ValueError(f"{logits.shape[1]} channels are too many: 256 labels at most.")
    bad = int((~torch.isfinite(logits)).sum())
    if bad:
        raise ValueError(f"{bad} logits are nan or infinite. Check the image and the network.")


def network_logits(
    segmenter: Any, pixels: NDArray[Any], progress: Progress | None, cancelled: Cancelled
) -> Tensor | None:
    """Run a network on pixels (y, x[, C]); None if cancelled meanwhile."""
    from ..segmenter import Cancelled as Stopped

    with torch.no_grad():
        try:
            logits = segmenter.logits(
                pixels, progress=progress or (lambda done, total: None), cancelled=cancelled
            )
        except Stopped:
            return None
    if logits is None or cancelled():
        return None
    logits = logits.detach()
    if logits.dtype not in (torch.float32, torch.float64):
        logits = logits.float()
    check_logits(logits, pixels.shape[:2], as_link(segmenter.head.link))
    return torch.as_tensor(logits).contiguous()


@dataclass(frozen=True)
class _Task:
    """One solve: the full problem, and the possibly coarser one that is solved."""

    problem: Problem
    small: Problem
    settings: Settings
    reduced: Settings
    stride: int
    priors: list[Prior]
    scene: Scene
    messages: tuple[str, ...]

    @classmethod
    def plan(cls, problem: Problem, settings: Settings, stride: int) -> "_Task":
        """Check the settings on the full problem, then reduce it."""
        small, reduced = coarsen(problem, settings, stride)
        priors, messages = active_priors(reduced, small)
        scene = make_scene(settings, problem, priors)
        check_objects(scene, priors, problem)
        if stride > 1:
            scene = objects_that_fit(make_scene(reduced, small, priors), priors, small)
            messages.append(f"Preview on blocks of {stride} × {stride} px.")
        scene = with_volumes(scene, small.logits, priors, small.link, settings.temperature)
        return cls(problem, small, settings, reduced, stride, priors, scene, tuple(messages))

    @property
    def arguments(self) -> dict[str, Any]:
        return {"temperature": self.settings.temperature, "link": self.small.link}

    def solutions(self, warm: Solution | None) -> Iterator[Solution]:
        """Yield the state after each sweep, for ever; without priors the answer, once."""
        if not self.priors or self.settings.sweeps == 0:
            return iter(
                [solve(self.small.logits, self.priors, self.scene, sweeps=0, **self.arguments)]
            )
        return iterate(
            self.small.logits,
            self.priors,
            self.scene,
            warm=warm,
            inertia=0.0 if self.settings.replay else INERTIA,
            reuse=True,
            **self.arguments,
        )

    def ended(self, solution: Solution) -> bool:
        """Say whether the solve may stop after this sweep; see `priorseg.solve`."""
        settings = self.settings
        if not self.priors or solution.sweeps >= settings.sweeps:
            return True
        if settings.replay or settings.tol == 0 or not due(solution, settings.tol):
            return False
        return bool(met(solution, settings.tol)[0])

    def sketch(self, solution: Solution) -> tuple[NDArray[np.uint8], Probs]:
        """Give the likeliest labels (y, x) and how to get their probabilities, not hardened."""
        scores = solution.link.class_logits(solution.logits.detach())
        if self.stride > 1 and single_images(scores):
            labels = enlarged_labels(scores[0], self.stride, self.problem.size)[None]
        else:
            labels = likeliest(enlarge(scores, self.stride, self.problem.size))
        fixed = fixed_labels(self.settings.painted, self.problem) if self.stride > 1 else None
        if fixed is not None:  # blocks are wider than the brush
            labels = torch.where(fixed >= 0, fixed, labels.to(fixed)).to(labels)
        if scores.data_ptr() == solution.logits.data_ptr():
            scores = scores.clone()  # the next sweep writes there
        size, stride = self.problem.size, self.stride

        def probs() -> NDArray[np.float32]:
            with torch.no_grad():
                return _plane(SOFTMAX.probs(enlarge(scores, stride, size)))

        return _bytes(labels), probs

    def picture(
        self,
        arrays: tuple[NDArray[np.uint8], Probs],
        solution: Solution,
        seconds: float,
        certificates: dict[str, Certificate] | None = None,
        messages: tuple[str, ...] = (),
        reached: bool = True,
    ) -> Frame:
        """Make a frame; it is final if it has certificates."""
        problem, (labels, probs) = self.problem, arrays
        return Frame(
            on_canvas(labels, problem.region, problem.shape),
            probs,
            problem.region,
            certificates or {},
            float(solution.residual[0]),
            solution.sweeps,
            seconds,
            certificates is not None,
            self.settings,
            count_labels(labels, problem.shape[0] * problem.shape[1], problem.kinds),
            self.messages + messages,
            reached,
        )


def _bytes(labels: Tensor) -> NDArray[np.uint8]:
    return np.asarray(labels[0].to(torch.uint8).cpu().numpy())


def _plane(probs: Tensor) -> NDArray[np.float32]:
    return np.asarray(probs[0].detach().to(torch.float32).cpu().numpy())


def decoded_frame(task: _Task, solution: Solution, begin: float, open_end: bool) -> Frame:
    """Make the final frame: labels that satisfy the priors exactly, and their certificates."""
    with torch.no_grad():
        reached = not open_end or not task.priors or bool(met(solution, task.settings.tol)[0])
    decoded = solution.decode()
    seconds = perf_counter() - begin
    residual = float(solution.residual[0])
    messages: tuple[str, ...] = ()
    if not reached:
        messages = (
            f"Not converged: probabilities still changed by {residual:.2g} after "
            f"{solution.sweeps} sweeps. Allow more sweeps.",
        )
    arrays = _bytes(decoded.labels), lambda: _plane(decoded.probs)
    certificates = dict(decoded.certificates)
    return task.picture(arrays, solution, seconds, certificates, messages, reached)


def plain_frame(problem: Problem, temperature: float) -> Frame:
    """Picture what the network alone says."""
    begin = perf_counter()
    task = _Task.plan(problem, Settings(temperature=temperature), 1)
    solution = next(task.solutions(None))
    return task.picture(task.sketch(solution), solution, perf_counter() - begin, {})


def frames(
    problem: Problem,
    settings: Settings,
    *,
    stride: int,
    preview: bool,
    warm: MutableMapping[int, Solution],
    due: Callable[[], bool],
    cancelled: Cancelled,
) -> Iterator[Frame]:
    """Check the settings, then yield a frame whenever one is due, and at last the final one.

    At least one sweep is done before `cancelled` is asked, so that a stream of new requests
    still moves on.

    Parameters
    ----------
    problem : Problem
    settings : Settings
    stride : int      solve on blocks of that many pixels along each axis; 1 = exactly
    preview : bool    end without a final frame
    warm : mapping    stride -> last solution; read and written
    due : asked after each sweep whether a frame is wanted
    cancelled : asked after each sweep
    """
    begin = perf_counter()
    task = _Task.plan(problem, settings, stride)
    return _frames(task, begin, preview, warm, due, cancelled)


def _frames(
    task: _Task,
    begin: float,
    preview: bool,
    warm: MutableMapping[int, Solution],
    due: Callable[[], bool],
    cancelled: Cancelled,
) -> Iterator[Frame]:
    replay = task.settings.replay
    quiet = task.settings.sweeps / 2 if replay and warm else 0  # no flash of a half-solved state
    states = task.solutions(None if replay else _usable(warm.get(task.stride), task.small.logits))
    while True:
        with torch.no_grad():  # closed before each yield: the mode belongs to the thread
            solution = next(states)
            _check_finite(solution, warm)
            ended = task.ended(solution)
        if task.priors and (ended or not replay):
            warm[task.stride] = solution
        if ended:
            break
        if solution.sweeps >= quiet and due():
            yield task.picture(task.sketch(solution), solution, perf_counter() - begin)
        if cancelled():
            return
    if cancelled():
        return
    if preview:
        yield task.picture(task.sketch(solution), solution, perf_counter() - begin)
    else:
        yield decoded_frame(task, solution, begin, open_end=not replay)


def _check_finite(solution: Solution, warm: MutableMapping[int, Solution]) -> None:
    if not math.isfinite(float(solution.residual[0])):
        warm.clear()
        raise ValueError(
            "The probabilities left the range of numbers. Raise the temperature or lower the "
            "weights."
        )


def _usable(warm: Solution | None, logits: Tensor) -> Solution | None:
    """Give a solution to go on from, if it belongs to logits of this shape."""
    if warm is None or warm.probs.shape != logits.shape:
        return None
    return warm
