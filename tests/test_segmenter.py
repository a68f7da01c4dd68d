import numpy as np
import pytest
import torch
from torch import nn

from priorseg import Scene, Segmenter, VariationalHead, inference, memory
from priorseg.backbones import UNet
from priorseg.card import Card
from priorseg.links import Ordered
from priorseg.memory import TooLarge
from priorseg.preprocessing import Preprocessing
from priorseg.priors import Convex, Nested, Star, ThresholdDynamics
from priorseg.segmenter import Cancelled, ramp, tile_windows

LABELS = {0: "background", 1: "rim", 2: "cup"}
NOISE = np.random.default_rng(0)


class Local(nn.Module):
    """A network that sees 3x3 pixels, so that tiles with overlap must give the same."""

    in_channels, out_channels = 3, 3

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, image):
        return self.convolution(image)


def local(**preprocessing):
    return Segmenter(
        Local(),
        VariationalHead(),
        Card("m", labels=LABELS),
        preprocessing=Preprocessing(**preprocessing),
    )


def nested(**preprocessing):
    torch.manual_seed(1)
    head = VariationalHead(
        [ThresholdDynamics(), Convex((1, 2), radii=(2, 4), single=True), Nested((2, 1))],
        sweeps=3,
        link=Ordered((2, 1)),
    )
    return Segmenter(
        UNet(3, 2, width=4, depth=2),
        head,
        Card("m", labels=LABELS),
        preprocessing=Preprocessing(**preprocessing),
    )


def picture(height, width, kind=np.uint8):
    return NOISE.integers(0, 256, (height, width, 3)).astype(kind)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 131), (97, 55)])
@pytest.mark.parametrize("size", [None, 64])
def test_logits_have_the_image_size_whatever_it_is(height, width, size):
    logits = nested(size=size).logits(picture(height, width))
    assert logits.shape == (1, 2, height, width)
    assert logits.dtype == torch.float32
    assert not logits.requires_grad


@pytest.mark.parametrize("size", [(130, 47), (40, 200), (101, 103)])
def test_tiles_are_stitched_to_what_one_pass_gives(size):
    image = picture(*size)
    whole = local(tile=512).logits(image)
    tiled = local(tile=48, overlap=16).logits(image)
    inner = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(tiled[inner], whole[inner], atol=2e-1, rtol=0)
    assert (tiled - whole).abs().median() < 1e-5


def test_windows_cover_every_pixel_and_the_weights_never_vanish():
    for size in range(1, 140):
        weight = np.zeros(size)
        for rows, _ in tile_windows(size, 1, 32, 8):
            assert rows.stop - rows.start <= 32
            weight[rows] += ramp(rows, size, 8).numpy()
        assert weight.min() > 0.1


def test_progress_counts_the_tiles_and_cancelling_stops_between_them():
    told = []
    model = local(tile=48, overlap=16)
    model.logits(picture(100, 100), progress=lambda done, total: told.append((done, total)))
    assert told == [(i, 9) for i in range(1, 10)]
    with pytest.raises(Cancelled):
        model.logits(picture(100, 100), cancelled=lambda: len(told) >= 9)


def test_labels_are_nested_and_convex_with_priors_and_free_without():
    image = picture(60, 70)
    decoded = nested().segment(image)
    assert decoded.labels.shape == (1, 60, 70)
    assert all(certificate.satisfied for certificate in decoded.certificates.values())
    assert not nested().segment(image, plain=True).certificates


def test_plain_is_the_argmax_of_the_link_of_the_logits():
    model, image = nested(), picture(30, 31)
    wanted = Ordered((2, 1)).class_logits(model.logits(image)).argmax(1)
    assert torch.equal(model.segment(image, plain=True).labels, wanted)


def test_the_same_picture_in_other_number_types_gives_the_same_logits():
    model, image = nested(), picture(20, 24)
    as_float = image.astype(np.float32) / np.float32(255)
    torch.testing.assert_close(model.logits(image), model.logits(as_float))


def test_logits_leave_the_mode_of_the_network_alone():
    model = nested().train()
    model.logits(picture(8, 8))
    assert model.backbone.training
    assert not model.eval().backbone.training


def test_object_px_sets_the_scale():
    seen = []
    model = local(size=64)
    model.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[2:]))
    model.logits(picture(50, 80), object_px=200.0)  # the card's object is 100 px
    assert seen == [(25, 40)]
    with pytest.raises(ValueError, match="object_px"):
        model.logits(picture(50, 80), object_px=0.0)
    with pytest.raises(ValueError, match="enlarge"):
        model.logits(picture(50, 80), object_px=0.01)


def test_edge_weights_get_the_image_and_a_scene_is_passed_on():
    torch.manual_seed(2)
    head = VariationalHead([ThresholdDynamics(edge=2.0)], sweeps=2)
    model = Segmenter(UNet(3, 3, width=4, depth=1), head, Card("m", labels=LABELS))
    image = picture(16, 18)
    same = Scene(spacing=(1.0, 1.0), image=model.preprocessing.tensor(image))
    assert torch.equal(model.segment(image).probs, model.segment(image, scene=same).probs)


def test_forward_gives_gradients_to_the_network_and_the_priors():
    head = VariationalHead([ThresholdDynamics()], sweeps=2, learnable=True)
    model = Segmenter(UNet(3, 3, width=4, depth=1), head, Card("m", labels=LABELS))
    model(torch.rand(2, 3, 12, 12))[:, 0].square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="give 2 labels, the card names 3"):
        Segmenter(UNet(3, 2, width=2), VariationalHead(), Card("m", labels=LABELS))
    with pytest.raises(ValueError, match="takes 1 channels, the preprocessing gives 3"):
        Segmenter(
            UNet(1, 3, width=2),
            VariationalHead(),
            Card("m", labels=LABELS),
            preprocessing=Preprocessing(channels=3),
        )


def test_images_that_cannot_be_used_are_refused():
    model = nested()
    for image in (np.zeros((0, 3, 3)), np.full((4, 4, 3), np.nan), np.zeros((4, 4))):
        with pytest.raises(ValueError, match="image"):
            model.segment(image)


def test_a_large_image_is_segmented_in_parts_to_the_same_labels(monkeypatch):
    model, image, told = nested(tile=64, overlap=16), picture(130, 150), []
    whole = model.segment(image, progress=lambda *numbers: told.append(numbers))
    assert told == [(n, len(told)) for n in range(1, len(told) + 1)]
    assert len(told) == 9 + 3  # tiles and sweeps
    monkeypatch.setattr(inference, "PARTS_ABOVE", 1000)
    monkeypatch.setattr(inference, "SIDE", 70)
    parts = model.segment(image, progress=lambda *numbers: told.append(numbers))
    assert told[-1] == (9 + 6 + 4, 9 + 6 + 4)  # tiles; parts; labels, two hulls, probabilities
    assert torch.equal(parts.labels.long(), whole.labels)
    assert parts.certificates == whole.certificates


@pytest.mark.parametrize("above", [10, 10**9])
def test_a_segmentation_is_cancelled_in_the_network_and_in_the_solver(monkeypatch, above):
    monkeypatch.setattr(inference, "PARTS_ABOVE", above)
    monkeypatch.setattr(inference, "SIDE", 40)
    model, image = nested(tile=64, overlap=16), picture(130, 100)
    for last in (2, 7, 8):
        told = []
        with pytest.raises(Cancelled):
            model.segment(
                image,
                progress=lambda done, total, told=told: told.append(done),
                cancelled=lambda told=told, last=last: len(told) >= last,
            )
        assert len(told) == last


def test_an_image_that_does_not_fit_into_memory_is_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 10**6)
    model, told = nested(), []
    with pytest.raises(TooLarge, match=r"100 × 100 px needs about .* GB .* smaller region"):
        model.segment(picture(100, 100), progress=lambda *numbers: told.append(numbers))
    with pytest.raises(TooLarge, match="smaller region"):
        model.logits(picture(100, 100), progress=lambda *numbers: told.append(numbers))
    assert not told


def test_priors_that_see_the_whole_image_are_named_when_it_does_not_fit(monkeypatch):
    monkeypatch.setattr(inference, "PARTS_ABOVE", 1000)
    monkeypatch.setattr(memory, "available_memory", lambda: 10**6)
    model = nested()
    model.head.priors.append(Star(1))
    with pytest.raises(TooLarge, match="The priors star see the whole image at once"):
        model.segment(picture(100, 100))
