"""``priorseg demo``: the window on a sample image, or the same window under Xvfb."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

SCREEN = "-screen 0 1400x950x24"
_UNDER_XVFB = "PRIORSEG_UNDER_XVFB"


def has_display() -> bool:
    """Say whether a window can be shown; only Linux lacks a display at times."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run(arguments: argparse.Namespace) -> int:
    """Open the window, or leave files and print where: a screenshot, labels, certificates.

    Returns
    -------
    int   0; 1 if there was no result

    Raises
    ------
    ValueError   if there is neither a display nor Xvfb.
    ImportError  if the packages of the window are missing; says how to install them.
    """
    headless = arguments.headless or not has_display()
    linux = sys.platform.startswith("linux")
    if headless and linux and _UNDER_XVFB not in os.environ:
        if shutil.which("xvfb-run"):
            return _under_xvfb(arguments)
        if not has_display():
            raise ValueError(
                "there is no display and xvfb-run is missing. Install it "
                "(apt-get install xvfb xauth) or start this on a desktop."
            )
    try:
        from ..plugin.ahead import fetch_ahead

        fetch_ahead()  # before napari, which takes as long to load
        from ..plugin.demo import run as open_window
    except ImportError as error:
        raise ImportError(
            f"{error}. The window needs more packages: pip install 'priorseg[gui]'."
        ) from error
    out = Path(arguments.out).absolute()
    try:
        written = open_window(sample=arguments.sample, out=out, show=not headless)
    except RuntimeError as error:
        print(f"priorseg: {error}", file=sys.stderr)
        return 1
    for path in written:
        print(path)
    return 0


def _under_xvfb(arguments: argparse.Namespace) -> int:
    command = ["xvfb-run", "-a", "-s", SCREEN, sys.executable, "-m", "priorseg.cli", "demo"]
    command += ["--sample", arguments.sample, "--out", arguments.out, "--headless"]
    environment = {**os.environ, _UNDER_XVFB: "1"}
    environment.pop("WAYLAND_DISPLAY", None)
    environment.pop("QT_QPA_PLATFORM", None)
    return subprocess.run(command, env=environment, check=False).returncode
