"""Parts of the working image are those of the whole one; the network's numbers."""

import numpy as np
import pytest
import torch

from priorseg import tiles
from priorseg.backbones import UNet
from priorseg.preprocessing import Preprocessing, resize
from priorseg.tiles import Axis, Working, cells, number_type, run_network, shares

NOISE = np.random.default_rng(0)


@pytest.mark.parametrize("sizes", [(40, 40), (40, 13), (40, 93), (1, 5), (7, 1), (50, 49)])
def test_an_axis_is_resampled_as_the_whole_image_is(sizes):
    image = torch.rand(1, 2, sizes[0], 3, generator=torch.Generator().manual_seed(1))
    wanted = resize(image, sizes[1], 3)
    axis = Axis(*sizes)
    for window in (slice(0, sizes[1]), slice(sizes[1] // 3, sizes[1] // 3 + 1 + sizes[1] // 4)):
        part, matrix = image[:, :, axis.support(window)], axis.weights(window)
        found = part if matrix is None else matrix @ part
        torch.testing.assert_close(found, wanted[:, :, window], atol=2e-6, rtol=0)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("statistics", ["fixed", "image"])
@pytest.mark.parametrize("shape", [(70, 90), (35, 45), (101, 130), (9, 12)])
def test_a_large_image_is_read_in_parts_as_a_small_one_is_at_once(
    monkeypatch, kind, statistics, shape
):
    rule = Preprocessing(statistics=statistics)
    picture = rule.picture((NOISE.random((70, 90, 3)) * 200 + 20).astype(kind))
    whole = Working(picture, shape, rule).window(slice(0, shape[0]), slice(0, shape[1]))
    monkeypatch.setattr(tiles, "WHOLE", 200)
    monkeypatch.setattr(tiles, "BLOCK", 32)
    parts = Working(picture, shape, rule)
    for rows, columns in cells(shape, 25):
        wanted = whole[..., rows, columns]
        torch.testing.assert_close(
            parts.window(rows, columns), wanted, atol=1e-4, rtol=0
        )  # torch rounds places


@pytest.mark.parametrize(("size", "tile", "overlap"), [(1, 16, 4), (100, 32, 8), (33, 32, 31)])
def test_shares_add_up_to_one(size, tile, overlap):
    total = torch.zeros(size)
    for window, weight in shares(size, tile, overlap):
        total[window] += weight
    torch.testing.assert_close(total, torch.ones(size))


def run(precision):
    torch.manual_seed(0)
    network, rule = UNet(3, 2, width=4, depth=2).eval(), Preprocessing(tile=48, overlap=16)
    picture = rule.picture(np.random.default_rng(1).integers(0, 256, (60, 70, 3)).astype(np.uint8))
    return run_network(
        network,
        Working(picture, (60, 70), rule),
        2,
        rule,
        precision=precision,
        progress=lambda done, total: None,
        cancelled=lambda: False,
    )


def test_half_precision_rounds_and_no_more():
    exact, half = run("float32"), run("bfloat16")
    assert exact.dtype == half.dtype == torch.float32
    assert 0 < (exact - half).abs().max() < 0.1
    assert torch.equal(run("bfloat16"), half)


def test_logits_can_be_used_where_gradients_are_taken():
    logits = run("auto")
    weight = torch.ones((), requires_grad=True)
    (logits * weight).sum().backward()
    assert weight.grad is not None


def test_the_precision_is_chosen_by_the_processor_and_bad_names_are_refused(monkeypatch):
    here = torch.device("cpu")
    for able, wanted in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda able=able: able)
        assert number_type("auto", here) == wanted
    assert number_type("bfloat16", here) == torch.bfloat16
    assert number_type("auto", torch.device("meta")) == torch.float32
    with pytest.raises(ValueError, match="precision must be one of"):
        number_type("half", here)
