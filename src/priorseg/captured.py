"""A fixed number of sweeps at a fixed shape, recorded once as a CUDA graph and then replayed.

`FixedSweeps` is the plain function that is recorded and runs anywhere; `Recording` is all that
knows of CUDA; `CapturedReplay` checks what it is given and puts the two together.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from threading import Lock

import torch
from torch import Tensor

from .blocks import begin
from .intake import named
from .kernels.iterates import all_finite
from .links import Link
from .prior import Prior, is_nothing
from .scene import Scene
from .solution import Solution

DEVICE = "cuda"
WARM_UPS = 3  # runs before the recording, so that no lazy initialisation is recorded
HALVES = (torch.float16, torch.bfloat16)


class FixedSweeps:
    """Do sweeps from a cold start as a plain function of memory that stays in place.

    Parameters
    ----------
    example : (B, K, *S)   logits; their shape, dtype and device are those of `logits`
    priors, scene, sweeps, temperature, link : see `priorseg.replay`

    Attributes
    ----------
    logits : (B, K, *S)   what `run` reads; float32 where the example is of half precision.
                          Everything else was prepared once and is constant.

    Raises
    ------
    ValueError  as `priorseg.replay`.
    """

    def __init__(
        self,
        example: Tensor,
        priors: Sequence[Prior],
        scene: Scene | None = None,
        *,
        sweeps: int,
        temperature: float | Tensor = 1.0,
        link: str | Link = "softmax",
    ) -> None:
        # tensors made in inference mode could not be written to outside it
        with torch.inference_mode(False), torch.no_grad(), self._full_precision(example):
            wide = torch.float32 if example.dtype in HALVES else example.dtype
            self.logits = torch.empty(example.shape, dtype=wide, device=example.device)
            self.logits.copy_(example)
            if isinstance(temperature, Tensor):
                temperature = temperature.detach().clone()  # the caller may change theirs
            self._begun = begin(self.logits, priors, scene, temperature, link, None)
        self._begun.scaled = self._begun.u = self.logits  # a run makes its own
        self._begun.duals = {}
        self.priors = self._begun.priors
        self.sweeps = sweeps

    @staticmethod
    def _full_precision(logits: Tensor) -> torch.autocast:
        return torch.autocast(logits.device.type, enabled=False)

    def run(self) -> Solution:
        """Do the sweeps on what `logits` holds now.

        Returns
        -------
        Solution   that of `priorseg.replay`. Where every prior is `capturable` no value passes
                   between host and device.
        """
        with torch.no_grad(), self._full_precision(self.logits):
            state = copy(self._begun)
            state.logits = state.prescribe(self.logits)
            state.scaled = state.logits / state.temperature
            state.u = before = state.link.probs(state.scaled)
            state.fields = {}
            state.duals = {
                name: prior.start(state.u, state.preps[name])
                for name, prior in state.priors.items()
            }
            for _ in range(self.sweeps):
                before = state.u
                state.sweep()
            return state.solution(state.push_on(before, before, 0.0), self.sweeps)


def own_copy(solution: Solution) -> Solution:
    """Copy the tensors that a run computes; what was prepared once is shared."""
    duals = {
        name: tuple(part if is_nothing(part) else part.clone() for part in dual)
        for name, dual in solution.duals.items()
    }
    return replace(
        solution,
        logits=solution.logits.clone(),
        probs=solution.probs.clone(),
        residual=solution.residual.clone(),
        duals=duals,
    )


class Recording:
    """The CUDA graph of a run; its results lie in memory of its own, the same at every replay.

    Parameters
    ----------
    fixed : FixedSweeps   on a CUDA device

    Raises
    ------
    RuntimeError  if the device could not record the run.

    Source: CUDA graphs as in the notes of torch (warm-up on a side stream, then one capture).
    """

    def __init__(self, fixed: FixedSweeps) -> None:
        self._fixed, self._device = fixed, fixed.logits.device
        with torch.inference_mode(False), torch.cuda.device(self._device):
            here, side = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(here)
            with torch.cuda.stream(side):
                for _ in range(WARM_UPS):
                    fixed.run()
            here.wait_stream(side)
            self.graph = torch.cuda.CUDAGraph()
            self._read = torch.cuda.Event()  # type: ignore[no-untyped-call]
            try:
                # other threads may go on using the device meanwhile
                with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                    self._held = fixed.run()
            except RuntimeError as error:
                raise RuntimeError(
                    f"{self._device} could not record the sweeps of {', '.join(fixed.priors)}: "
                    f"{str(error).splitlines()[0]} Use priorseg.replay."
                ) from error

    def replay(self, logits: Tensor) -> Solution:
        """Copy logits in, replay the graph on the current stream, copy the results out."""
        with torch.no_grad(), torch.cuda.device(self._device):
            stream = torch.cuda.current_stream()
            stream.wait_event(self._read)  # the last call may have been on another stream
            self._fixed.logits.copy_(logits)
            self.graph.replay()
            solution = own_copy(self._held)
            self._read.record(stream)
        return solution


class CapturedReplay:
    """Do what `priorseg.replay` does for logits of one shape, as one launch of a CUDA graph.

    The link, all sweeps and the residual are recorded when this is made; a call copies the logits
    in and the results out. Inside nothing is allocated and the host is not waited for.

    Everything but the logits is as it was when this was made: parameters, temperature and scene
    (volumes, image, spacing). A changed parameter is refused; make a new one then. The graph
    keeps the memory that one sweep needs for as long as this lives.

    Parameters
    ----------
    logits : (B, K, *S)    an example on a CUDA device, finite; its shape, dtype and device are
                           those of every call
    priors : list          each one `capturable`
    scene : Scene          None = unit spacing, nothing else known
    sweeps : int           >= 1
    temperature : float    > 0
    link : str or Link     'softmax' or 'ordered'

    Attributes
    ----------
    recording : Recording   its `graph` alone does the sweeps, without checks and copies

    Raises
    ------
    ValueError    for a device that is not CUDA, a prior that exchanges values with the host in
                  its sweeps, no priors or sweeps, logits that take gradients, and as
                  `priorseg.replay`.
    RuntimeError  if the device could not record the sweeps.
    """

    def __init__(
        self,
        logits: Tensor,
        priors: Sequence[Prior],
        scene: Scene | None = None,
        *,
        sweeps: int,
        temperature: float | Tensor = 1.0,
        link: str | Link = "softmax",
    ) -> None:
        _check_example(logits, priors, sweeps)
        self._fixed = FixedSweeps(
            logits, priors, scene, sweeps=int(sweeps), temperature=temperature, link=link
        )
        self._dtype = logits.dtype
        self._settings = {n: prior.settings() for n, prior in self._fixed.priors.items()}
        self._learns = isinstance(temperature, Tensor) and temperature.requires_grad
        self.recording = Recording(self._fixed)
        self._turn = Lock()

    def __call__(self, logits: Tensor) -> Solution:
        """Solve other logits of the same shape.

        Before the graph starts, one pass over the logits asks whether they are finite; the host
        waits for its answer, and with it for all that is queued before, as `priorseg.replay`
        does too. Parameters that live on the device are read as well. Threads take turns.

        Parameters
        ----------
        logits : (B, K, *S)   shape, dtype and device of the example, any strides; finite

        Returns
        -------
        Solution   that of `priorseg.replay`, without gradients. Its tensors are copies: later
                   calls leave them alone. Scene and preparations are shared.

        Raises
        ------
        ValueError  for other logits than those, for logits that take gradients or a prior that
                    would, and if a parameter was changed since the sweeps were recorded.
        """
        self._check_logits(logits)
        self._check_priors()
        with self._turn:
            return self.recording.replay(logits)

    def _check_logits(self, logits: Tensor) -> None:
        """Raise ValueError for logits that do not fit the recorded ones."""
        _check_plain(logits)
        wanted = tuple(self._fixed.logits.shape), self._dtype, self._fixed.logits.device
        given = tuple(logits.shape), logits.dtype, logits.device
        if given != wanted:
            raise ValueError(
                f"The sweeps were recorded for logits of shape {wanted[0]}, {wanted[1]} on "
                f"{wanted[2]}; got {given[0]}, {given[1]} on {given[2]}. Convert them, make "
                "another CapturedReplay, or use priorseg.replay."
            )
        if not all_finite(logits):
            bad = int((~torch.isfinite(logits)).sum())
            raise ValueError(f"{bad} logits are nan or infinite. Check the image and the network.")

    def _check_priors(self) -> None:
        """Raise ValueError if a prior is not what was recorded, or wants gradients."""
        for name, prior in self._fixed.priors.items():
            now, then = prior.settings(), self._settings[name]
            if now != then:
                raise ValueError(
                    f"{name} has changed from {then} to {now} since its sweeps were recorded. "
                    "Make another CapturedReplay."
                )
        parameters = [p for prior in self._fixed.priors.values() for p in prior.parameters()]
        learns = self._learns or any(parameter.requires_grad for parameter in parameters)
        if learns and torch.is_grad_enabled():
            raise ValueError(
                "A prior's parameter or the temperature takes gradients, recorded sweeps give "
                "none. Call under torch.no_grad(), or train with priorseg.replay."
            )


def _check_plain(logits: Tensor) -> None:
    """Raise ValueError for what is no tensor or takes gradients."""
    if not isinstance(logits, Tensor):
        raise ValueError(f"logits must be a torch tensor (B, K, *S), got {type(logits)}.")
    if logits.requires_grad:
        raise ValueError(
            "The logits take gradients, recorded sweeps give none. Detach them, or use "
            "priorseg.replay."
        )


def _check_example(logits: Tensor, priors: Sequence[Prior], sweeps: int) -> None:
    """Raise ValueError for what no graph can be recorded of."""
    _check_plain(logits)
    if logits.device.type != DEVICE:
        raise ValueError(
            f"CUDA graphs need logits on a CUDA device, these are on {logits.device}. "
            "Use priorseg.replay there."
        )
    if not float(sweeps).is_integer() or sweeps < 1:
        raise ValueError(f"sweeps must be a whole number >= 1, got {sweeps}.")
    chosen = named(priors)
    if not chosen:
        raise ValueError("There are no priors, so there is nothing to record: use priorseg.replay.")
    for name, prior in chosen.items():
        if not prior.capturable:
            raise ValueError(
                f"Sweeps of {name} cannot be recorded: host and device exchange values in them. "
                "Use priorseg.replay, or take it off the list."
            )
