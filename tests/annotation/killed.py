"""A program that works until it is killed: python killed.py ROOT SEED PAUSE FULL_EVERY

It goes on where the session in ROOT was cut off, or begins one. Each line it prints is G (given) or
D (durable), the time of the system's monotonic clock, and the fingerprint of a state.
"""

import os
import sys
import time

import numpy as np
from works import fingerprint, fresh, stream

from priorseg.annotation import Saver, State, Store, sessions_to_recover


def report(kind: str, state: State) -> None:
    line = f"{kind} {time.monotonic():.6f} {fingerprint(state)}\n"
    os.write(1, line.encode())  # one call: a line is never cut in two


def main(root: str, seed: int, pause: float, full_every: int) -> None:
    cut_off = sessions_to_recover(root)
    if cut_off:
        store = Store.reopen(cut_off[0].folder, full_every)
        state = cut_off[0].loaded.state
        assert state is not None
    else:
        state = fresh()
        store = Store(root, state.picture, full_every)
    saver = Saver(store, lambda state: report("D", state), pause=pause)
    chance = np.random.default_rng(seed)
    report("G", state)
    saver.give(state)
    for new in stream(state, seed):
        time.sleep(chance.exponential(0.05))
        report("G", new)
        saver.give(new)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
