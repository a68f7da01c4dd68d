"""The shipped models, one ``.priorseg`` file each; `priorseg.bundle.models` lists them."""

from ..bundle import models

__all__ = ["models"]
