import pytest
import torch
from toys import write_set


@pytest.fixture
def root(tmp_path):
    return write_set(tmp_path / "data")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
