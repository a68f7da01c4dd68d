"""Compile array loops to machine code, on any installation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a loop on its first call and keep the machine code between processes.

    The interpreter lock is released while the loop runs, so that a window stays responsive.
    Where no folder can be written (read-only installation and home) the loop is compiled
    anew in every process instead of failing.

    A compiled function calls compiled functions of its own file only: the stored code is
    renewed when its own source file changes, not when another one does.
    """
    try:
        return cast(Function, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # "cannot cache function: no locator available"
        return cast(Function, numba.njit(nogil=True)(function))
