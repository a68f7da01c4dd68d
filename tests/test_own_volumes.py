"""A network trained with the volume prior is used without anybody saying volumes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from priorseg import Scene, Segmenter, VariationalHead, load_bundle, save_bundle
from priorseg.backbones import UNet
from priorseg.card import Card
from priorseg.cli import main
from priorseg.evaluation.predictor import Predictor
from priorseg.guidance import network_volumes
from priorseg.links import Ordered
from priorseg.priors import Star, ThresholdDynamics, Volume
from priorseg.priors.volume import whole_volumes
from priorseg.session import Painted, Session

IMAGE = np.random.default_rng(0).integers(0, 255, (40, 56, 3), np.uint8)
LABELS = {0: "background", 1: "disc", 2: "cup"}


def bundle(folder, link="softmax"):
    torch.manual_seed(3)
    head = VariationalHead([ThresholdDynamics(1.0, 1.5), Volume()], sweeps=8, link=link)
    network = UNet(3, 3 if link == "softmax" else 2, width=4, depth=1, norm="batch")
    network.out.weight.data *= 4
    card = Card("toy", labels=LABELS, object_px=20.0)
    return save_bundle(folder / "toy.priorseg", Segmenter(network, head, card, lengths="image"))


@pytest.fixture
def model(tmp_path):
    return load_bundle(bundle(tmp_path))


def own(model):
    row = network_volumes(model.logits(IMAGE), model.head.link, float(model.head.temperature))[0]
    return whole_volumes(row.numpy(), IMAGE[..., 0].size)


def counts(labels):
    return np.bincount(np.asarray(labels).ravel(), minlength=3)


def solved(session, settings):
    *_, frame = session.frames(settings)
    return frame


@pytest.fixture
def session(model):
    found = Session(model)
    found.set_image(IMAGE)
    found.compute_logits()
    return found


def test_the_label_map_has_the_volumes_that_the_network_counts(model):
    decoded = model.segment(IMAGE)
    plain = counts(model.segment(IMAGE, plain=True).labels)
    assert np.array_equal(counts(decoded.labels), own(model))
    assert not np.array_equal(plain, own(model))
    assert decoded.certificates["volume"].satisfied
    assert f"label 1: {own(model)[1]} of {own(model)[1]} px" in str(decoded.certificates["volume"])


def test_it_is_what_the_evaluation_measures_with_volumes_of_the_network(model):
    unit = (IMAGE / np.float32(255)).astype(np.float32)
    found = Predictor(model, volumes="network")(unit).labels
    assert np.array_equal(model.segment(unit, precision="float32").labels[0].numpy(), found)


def test_nested_objects_have_the_networks_volumes_too(tmp_path):
    model = load_bundle(bundle(tmp_path, Ordered((2, 1))))
    row = network_volumes(model.logits(IMAGE), Ordered((2, 1)), float(model.head.temperature))[0]
    found = counts(model.segment(IMAGE).labels)
    assert [found[1] + found[2], found[2]] == [round(float(one)) for one in row]


def test_given_volumes_win(model):
    row = torch.tensor([[torch.nan, 300.0, torch.nan]])
    scene = Scene(volumes=row)
    assert model.guide(model.logits(IMAGE), scene).volumes is row
    assert counts(model.segment(IMAGE, scene=scene).labels)[1] == 300


def test_painted_pixels_count_where_they_exceed_what_the_network_counts(model):
    fixed = torch.full(IMAGE.shape[:2], -1)
    fixed[:, : 2 + own(model)[2] // 40] = 2
    decoded = model.segment(IMAGE, scene=Scene(fixed=fixed))
    assert bool((decoded.labels[0][fixed == 2] == 2).all())
    assert counts(decoded.labels)[2] >= int((fixed == 2).sum()) > own(model)[2]
    assert decoded.certificates["volume"].satisfied


def test_volumes_of_single_objects_leave_those_of_the_classes_free(model):
    sizes = {1: torch.tensor([200.0])}
    scene = Scene(centres={1: torch.tensor([[20.0, 28.0]])}, object_volumes=sizes)
    decoded = model.segment(IMAGE, scene=scene, priors=[Volume(), Star(1)])
    assert counts(decoded.labels)[1] == 200


def test_the_command_keeps_the_networks_volumes(model, tmp_path, capsys):
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    command = ["segment", "--model", str(tmp_path / "toy.priorseg"), str(tmp_path / "a.png")]
    assert main([*command, "--out", str(tmp_path), "--precision", "float32"]) == 0
    report = json.loads((tmp_path / "a_certificate.json").read_text())["planes"][0]
    assert list(report["pixels"].values()) == own(model).tolist()
    assert report["certificates"]["volume"]["satisfied"]
    assert main([*command, "--out", str(tmp_path), "--volume", "1=300"]) == 0
    report = json.loads((tmp_path / "a_certificate.json").read_text())["planes"][0]
    assert report["pixels"]["disc"] == 300


def test_a_session_shows_what_the_segmenter_gives_and_says_why(model, session):
    frame = solved(session, session.default_settings())
    assert np.array_equal(frame.labels, model.segment(IMAGE).labels[0].numpy())
    assert frame.certificates["volume"].satisfied
    assert any("Volume keeps what the network alone counts" in text for text in frame.messages)


def test_a_preview_of_a_session_keeps_the_networks_volumes_on_its_blocks(session):
    session.preview_side = 20
    *_, frame = session.frames(session.default_settings(), preview=True)
    assert "Volume keeps" in frame.messages[0]
    assert "Preview on blocks" in frame.messages[1]


def test_in_a_session_a_wanted_volume_frees_the_others_and_paint_counts(session):
    trained = session.default_settings()
    frame = solved(session, replace(trained, volumes={1: 300}))
    assert frame.counts[1] == 300
    assert not any("Volume keeps" in text for text in frame.messages)
    pixels = np.zeros(IMAGE.shape[:2], np.uint8)
    pixels[:30] = 2
    painted = solved(session, replace(trained, painted=Painted(pixels)))
    assert (painted.labels[:30] == 1).all()
    assert painted.certificates["volume"].satisfied


def test_one_painted_pixel_of_the_ring_is_held_where_the_network_sees_none(tmp_path):
    model = load_bundle(bundle(tmp_path, Ordered((2, 1))))
    model.backbone.out.bias.data = torch.tensor([0.0, 0.2])
    fixed = torch.full(IMAGE.shape[:2], -1)
    fixed[3, 4] = 1
    found = model.segment(IMAGE, scene=Scene(fixed=fixed))
    assert found.labels[0, 3, 4] == 1
    assert found.certificates["volume"].satisfied


def test_half_precision_logits_have_volumes_too(model):
    fixed = torch.full(IMAGE.shape[:2], -1)
    fixed[3, 4] = 1
    half = model.guide(model.logits(IMAGE).half(), Scene(fixed=fixed)).volumes
    whole = model.guide(model.logits(IMAGE), Scene(fixed=fixed)).volumes
    torch.testing.assert_close(half, whole, rtol=1e-2, atol=1.0)


def test_the_size_of_an_object_whose_star_is_off_changes_nothing(session):
    before = solved(session, session.default_settings())
    told = replace(
        session.default_settings(), centres={1: ((20.0, 20.0),)}, object_volumes={1: (200.0,)}
    )
    after = solved(session, told)
    assert counts(after.labels).tolist() == counts(before.labels).tolist()
