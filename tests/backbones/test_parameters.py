"""What the page about networks promises of all of them."""

import json
import re
from pathlib import Path

import pytest
import torch

from priorseg.backbones import BACKBONES

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"


def made(name):
    if name == "monai":
        pytest.importorskip("monai")
    return BACKBONES[name](3, 3)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_page_states_the_number_of_weights(name):
    row = re.search(rf"^\| `{name}` .*", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    count = sum(p.numel() for p in made(name).parameters()) / 1e6
    assert row is not None
    assert f"| {count:.1f} |" in row.group()


@pytest.mark.parametrize("name", BACKBONES)
def test_settings_survive_json_and_rebuild_the_network(name):
    network = made(name).eval()
    assert (network.in_channels, network.out_channels, network.name) == (3, 3, name)
    twin = BACKBONES[name](**json.loads(json.dumps(network.settings()))).eval()
    twin.load_state_dict(network.state_dict())
    image = torch.rand(1, 3, 33, 20)
    with torch.no_grad():
        assert torch.equal(network(image), twin(image))


@pytest.mark.parametrize("name", BACKBONES)
def test_a_network_is_drawn_without_memory_as_bundles_do(name):
    real = made(name).state_dict()
    with torch.device("meta"):
        sketch = made(name).state_dict()
    assert {k: (v.shape, v.dtype) for k, v in sketch.items()} == {
        k: (v.shape, v.dtype) for k, v in real.items()
    }
    assert all(value.device.type == "meta" for value in sketch.values())
