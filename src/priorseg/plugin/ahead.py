"""Load beside the window what its first result will need; knows neither Qt nor napari."""

from contextlib import suppress
from importlib import import_module
from threading import Thread

MODULES = ("torch", "skimage.data", "priorseg.bundle", "priorseg.session.solving")


def fetch_ahead() -> None:
    """Begin to load torch and what stands on it in a thread; what is missing is told later."""
    Thread(target=_fetch, name="priorseg-torch", daemon=True).start()


def _fetch() -> None:
    for module in MODULES:
        with suppress(ImportError):
            import_module(module)
