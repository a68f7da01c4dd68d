"""Shared by all tests: hypothesis profile, where real images lie, GPU tests only with a GPU."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def real_images() -> Path:
    """Give the folder of real images with masks, or skip the test.

    It is ``shared/data`` beside the checkout unless the variable PRIORSEG_DATA names another.
    """
    folder = Path(os.environ.get("PRIORSEG_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real images: {folder} does not exist (set PRIORSEG_DATA)")
    return folder


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
