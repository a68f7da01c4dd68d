"""``priorseg train``: train a network as a TOML file says; again after a stop, and it goes on."""

import argparse
import dataclasses
import math
import os
from pathlib import Path

STOPPED, INTERRUPTED = 3, 130
"""Exit codes when time was up, and after Ctrl-C."""


def run(arguments: argparse.Namespace) -> int:
    """Train and write the bundle; 0 = done, 3 = time was up, 130 = interrupted.

    Raises
    ------
    ValueError, OSError, ImportError  see `priorseg.training.run.train`; also if it diverged.
    """
    from ..training.run import require_extra

    require_extra()
    import torch

    from ..training.config import TrainConfig
    from ..training.run import train

    config = TrainConfig.from_toml(arguments.config)
    if arguments.seed is not None:
        config = TrainConfig.from_dict({**config.to_dict(), "seed": arguments.seed})
    if arguments.data is not None:
        data = dataclasses.replace(config.data, root=str(Path(arguments.data).resolve()))
        config = dataclasses.replace(config, data=data)
    if arguments.threads is not None:
        if not 1 <= arguments.threads <= 1024:
            raise ValueError(f"--threads {arguments.threads} must be from 1 to 1024.")
        torch.set_num_threads(arguments.threads)
    out = Path(arguments.out or Path("runs") / Path(arguments.config).stem)
    minutes = math.inf if arguments.minutes is None else arguments.minutes
    first = os.environ.get("RANK", "0") == "0"  # torchrun starts several

    def tell(line: str) -> None:
        if first:
            print(line, flush=True)

    try:
        found = train(config, out, minutes=minutes, device=arguments.device, progress=tell)
    except FloatingPointError as error:
        raise ValueError(str(error)) from None
    except KeyboardInterrupt:
        tell(f"Interrupted. Run the same command again to go on from the last checkpoint in {out}.")
        return INTERRUPTED
    if found is None:
        tell(f"Time is up; {out} holds a checkpoint. Run the same command again to go on.")
        return STOPPED
    tell(f"Wrote {found}.")
    return 0
