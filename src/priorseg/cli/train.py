"""``priorseg train``: train a network as a TOML file says; again after a stop, and it goes on."""

import argparse
import dataclasses
import math
import os
from pathlib import Path

STOPPED = 3
"""Exit code when time was up."""


def run(arguments: argparse.Namespace) -> int:
    """Train and write the bundle; 0 = done, 3 = time was up."""
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
        torch.set_num_threads(arguments.threads)
    out = Path(arguments.out or Path("runs") / Path(arguments.config).stem)
    minutes = math.inf if arguments.minutes is None else arguments.minutes
    first = os.environ.get("RANK", "0") == "0"  # torchrun starts several

    def tell(line: str) -> None:
        if first:
            print(line, flush=True)

    found = train(config, out, minutes=minutes, device=arguments.device, progress=tell)
    if found is None:
        tell(f"Time is up; {out} holds a checkpoint. Run the same command again to go on.")
        return STOPPED
    tell(f"Wrote {found}.")
    return 0
