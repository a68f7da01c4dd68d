import hashlib
import io
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save

from priorseg import Segmenter, VariationalHead, load_bundle, save_bundle
from priorseg.backbones import UNet
from priorseg.bundle import models, read_card
from priorseg.bundle_format import BundleError, digest, parse_table
from priorseg.card import Card
from priorseg.links import Ordered
from priorseg.preprocessing import Preprocessing
from priorseg.priors import Convex, Nested, Star, ThresholdDynamics, TotalVariation, Volume

LABELS = {0: "background", 1: "rim", 2: "cup"}


def make(norm="batch", head=None, depth=1, **preprocessing):
    torch.manual_seed(0)
    head = head or VariationalHead(
        [ThresholdDynamics(1.5, 2.5), Convex((1, 2), radii=(2, 4), single=True), Nested((2, 1))],
        sweeps=3,
        temperature=0.7,
        link=Ordered((2, 1)),
    )
    outputs = 2 if head.link.name == "ordered" else 3
    return Segmenter(
        UNet(3, outputs, width=4, depth=depth, norm=norm),
        head,
        Card("m", labels=LABELS, object_px=33.0),
        preprocessing=Preprocessing(**preprocessing),
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return save_bundle(tmp_path_factory.mktemp("bundle") / "m.priorseg", make(size=48))


def rewrite(path, target, change, tensors=None):
    """Write a bundle with a changed description and a correct digest: a careful attacker."""
    data = path.read_bytes()
    size = 8 + struct.unpack("<Q", data[:8])[0]
    description = json.loads(json.loads(data[8:size])["__metadata__"]["priorseg"])
    change(description)
    text = json.dumps(description)
    stored = {**load_file(path), **(tensors or {})}
    bare = save(stored)
    edge = 8 + struct.unpack("<Q", bare[:8])[0]
    mark = digest(text, parse_table(json.loads(bare[8:edge]), len(bare) - edge), bare[edge:])
    target.write_bytes(save(stored, {"priorseg": text, "sha256": mark}))
    return target


def test_everything_comes_back(good):
    model, loaded = make(size=48), load_bundle(good)
    assert loaded.card == model.card
    assert loaded.preprocessing == model.preprocessing
    assert loaded.head.link == Ordered((2, 1))
    assert loaded.head.sweeps == 3
    assert float(loaded.head.temperature) == pytest.approx(0.7)
    names = [(type(p), p.settings()) for p in loaded.head.priors]
    assert names == [(type(p), p.settings()) for p in model.head.priors]
    assert not loaded.training
    assert loaded.sha256 == hashlib.sha256(good.read_bytes()).hexdigest()


@pytest.mark.parametrize("norm", ["group", "batch"])
@pytest.mark.parametrize("depth", [1, 4])
def test_the_loaded_network_differs_by_rounding_only(tmp_path, norm, depth):
    model = make(norm, depth=depth)
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    loaded = load_bundle(save_bundle(tmp_path / "m", model))
    found, wanted = (m.logits(image, precision="float32") for m in (loaded, model))
    torch.testing.assert_close(found, wanted, atol=5e-3, rtol=0)


def test_lengths_of_the_first_version_are_pixels_of_any_image(good, tmp_path):
    def older(description):
        description.update(version=1)
        del description["lengths"]

    loaded = load_bundle(rewrite(good, tmp_path / "old.priorseg", older))
    assert (loaded.lengths, load_bundle(good).lengths) == ("image", "working")
    assert loaded.priors(480, 480)[0].settings() == load_bundle(good).priors(48, 48)[0].settings()
    again = load_bundle(save_bundle(tmp_path / "again.priorseg", loaded))
    assert again.lengths == "image"


def test_saving_what_was_loaded_gives_the_same_bytes(good, tmp_path):
    again = save_bundle(tmp_path / "again.priorseg", load_bundle(good))
    assert again.read_bytes() == good.read_bytes()


@pytest.mark.parametrize(
    "priors",
    [
        [],
        [TotalVariation(0.5)],
        [Volume()],
        [Star(1), Volume()],
        [ThresholdDynamics(edge=1.0)],
        [ThresholdDynamics(0.0)],
    ],
)
def test_any_registered_priors_can_be_stored(tmp_path, priors):
    model = make(head=VariationalHead(priors, sweeps=2))
    loaded = load_bundle(save_bundle(tmp_path / "m", model))
    assert [p.settings() for p in loaded.head.priors] == [p.settings() for p in priors]


def test_learned_prior_parameters_come_back_exactly(tmp_path):
    model = make(head=VariationalHead([TotalVariation()], sweeps=2, learnable=True))
    with torch.no_grad():
        model.head.priors[0].log_weight.fill_(0.123456789)
    loaded = load_bundle(save_bundle(tmp_path / "m", model))
    assert torch.equal(loaded.head.priors[0].log_weight, model.head.priors[0].log_weight)


def test_a_card_given_to_save_replaces_the_one_of_the_segmenter(tmp_path):
    card = Card("other", labels=LABELS, scores={"val": {"mIoU": 0.9}})
    assert load_bundle(save_bundle(tmp_path / "m", make(), card)).card == card
    assert read_card(tmp_path / "m") == card


def test_a_full_disk_leaves_the_old_file(good, tmp_path, monkeypatch):
    target = tmp_path / "m.priorseg"
    target.write_bytes(good.read_bytes())

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_bundle(target, make())
    assert target.read_bytes() == good.read_bytes()
    assert os.listdir(tmp_path) == ["m.priorseg"]


def test_unknown_names_list_the_models(tmp_path):
    with pytest.raises(BundleError, match=r"no file and no model called 'cell'"):
        load_bundle("cell")
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(tmp_path / "missing.priorseg")
    with pytest.raises(BundleError, match=r"cannot be read|no ordinary file"):
        load_bundle(tmp_path)


@given(st.data())
@settings(max_examples=150)
def test_a_flipped_byte_is_refused(good, tmp_path_factory, data):
    raw = bytearray(good.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    target = tmp_path_factory.getbasetemp() / "flipped"
    target.write_bytes(raw)
    with pytest.raises(BundleError):
        load_bundle(target)


@given(st.data())
@settings(max_examples=60)
def test_a_truncated_or_lengthened_file_is_refused(good, tmp_path_factory, data):
    raw = good.read_bytes()
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    target = tmp_path_factory.getbasetemp() / "cut"
    for content in (cut, raw + b"x", raw[1:]):
        target.write_bytes(content)
        with pytest.raises(BundleError):
            load_bundle(target)


@given(st.binary(max_size=300))
@settings(max_examples=60)
def test_random_bytes_are_refused(tmp_path_factory, content):
    target = tmp_path_factory.getbasetemp() / "random"
    for prefix in (b"", struct.pack("<Q", len(content))):
        target.write_bytes(prefix + content)
        with pytest.raises(BundleError):
            load_bundle(target)


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def foreign_files():
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("../../evil.txt", "x")
    saved = io.BytesIO()
    torch.save({"a": torch.ones(3)}, saved)
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    digits = b'{"a":' + b"9" * 100_000 + b"}"
    return {
        "pickle": pickle.dumps(Bomb()),
        "torch": saved.getvalue(),
        "zip": zipped.getvalue(),
        "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "safetensors": save({"a": torch.ones(3)}),
        "huge header": struct.pack("<Q", 2**62) + bytes(100),
        "deep": struct.pack("<Q", len(deep)) + deep,
        "digits": struct.pack("<Q", len(digits)) + digits,
        "empty": b"",
    }


@pytest.mark.parametrize("kind", foreign_files())
def test_foreign_files_are_refused_and_never_executed(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "foreign").write_bytes(foreign_files()[kind])
    with pytest.raises(BundleError):
        load_bundle(tmp_path / "foreign")
    assert os.listdir(tmp_path) == ["foreign"]


def test_a_file_with_a_header_beyond_the_limit_is_refused_unread(tmp_path):
    target = tmp_path / "sparse"
    with open(target, "wb") as stream:
        stream.write(struct.pack("<Q", 2**27))
        stream.truncate(2**28)
    with pytest.raises(BundleError, match="header has 134217728 bytes"):
        load_bundle(target)
    os.truncate(target, 2**40)
    with pytest.raises(BundleError, match="more than the"):
        load_bundle(target)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BundleError, match="no ordinary file"):
        load_bundle(tmp_path / "pipe")


HOSTILE = {
    "a huge network": lambda d: d["backbone"]["settings"].update(width=256, depth=6),
    "a huge integer": lambda d: d["backbone"]["settings"].update(width=10**400),
    "an unknown network": lambda d: d["backbone"].update(name="os.system"),
    "a name that is no text": lambda d: d["backbone"].update(name=["unet"]),
    "an unknown argument": lambda d: d["backbone"]["settings"].update(code="import os"),
    "other channels": lambda d: d["backbone"]["settings"].update(in_channels=1),
    "an unknown prior": lambda d: d["head"]["priors"][0].update(name="evil"),
    "a huge sigma": lambda d: d["head"]["priors"][0]["settings"].update(sigma=1e300),
    "a list of lists": lambda d: d["head"]["priors"][1]["settings"].update(radii=[[1]]),
    "a huge radius": lambda d: d["head"]["priors"][1]["settings"].update(radii=[10**9]),
    "many radii": lambda d: d["head"]["priors"][1]["settings"].update(radii=[2] * 10_000),
    "a missing label": lambda d: d["head"]["priors"][1]["settings"].update(labels=[9]),
    "many priors": lambda d: d["head"].update(priors=d["head"]["priors"] * 40),
    "endless sweeps": lambda d: d["head"].update(sweeps=10**12),
    "true sweeps": lambda d: d["head"].update(sweeps=True),
    "no temperature": lambda d: d["head"].update(temperature=0),
    "a wrong link": lambda d: d["head"]["link"].update(name="eval"),
    "a wrong order": lambda d: d["head"]["link"].update(order=[1, 2]),
    "other preprocessing": lambda d: d["preprocessing"].update(size=10**7),
    "a wrong card": lambda d: d["card"].update(labels={"0": "a"}),
    "too few labels": lambda d: d["card"].update(labels={"0": "a", "1": "b"}),
    "another version": lambda d: d.update(version=3),
    "odd lengths": lambda d: d.update(lengths="mm"),
    "no lengths": lambda d: d.pop("lengths"),
    "another format": lambda d: d.update(format="x"),
    "no head": lambda d: d.pop("head"),
    "no card": lambda d: d.pop("card"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_descriptions_with_a_correct_digest_are_refused(good, tmp_path, kind):
    with pytest.raises(BundleError):
        load_bundle(rewrite(good, tmp_path / "hostile", HOSTILE[kind]))


def numbers():
    first = "backbone.down.0.0.weight"
    return {
        "nan": {first: torch.full((4, 3, 3, 3), torch.nan).half()},
        "infinite": {"backbone.out.bias": torch.full((2,), torch.inf)},
        "shape": {first: torch.ones(4, 3, 3, 2)},
        "type": {first: torch.ones(4, 3, 3, 3).double()},
        "extra": {"backbone.more": torch.ones(2)},
        "other weights": {first: torch.ones(4, 3, 3, 3).half()},
        "hostile sigma": {"head.priors.0.log_sigma": torch.tensor(60.0, dtype=torch.float64)},
        "nan temperature": {"head.log_temperature": torch.tensor(torch.nan, dtype=torch.float64)},
        "check shape": {"check.input": torch.ones(1, 3, 4, 4)},
        "check output": {"check.logits": torch.zeros(1, 2, 40, 48)},
        "check probabilities": {"check.probs": torch.zeros(1, 2, 40, 48)},
        "check type": {"check.logits": torch.zeros(1, 2, 40, 48, dtype=torch.int64)},
    }


@pytest.mark.parametrize("kind", numbers())
def test_hostile_numbers_with_a_correct_digest_are_refused(good, tmp_path, kind):
    with pytest.raises(BundleError):
        load_bundle(rewrite(good, tmp_path / "hostile", lambda d: None, numbers()[kind]))


@given(st.data())
@settings(max_examples=80)
def test_any_json_as_a_setting_gives_a_clear_error_or_a_model(good, tmp_path_factory, data):
    plain = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    )

    def change(description):
        part = description
        while isinstance(part, dict) and part:
            key = data.draw(st.sampled_from(sorted(part)))
            if not isinstance(part[key], dict) or data.draw(st.booleans()):
                part[key] = data.draw(plain)
                return
            part = part[key]

    target = rewrite(good, tmp_path_factory.getbasetemp() / "changed", change)
    try:
        assert isinstance(load_bundle(target), Segmenter)
    except BundleError as error:
        assert str(error)  # noqa: PT017


def test_segmenters_that_could_not_be_loaded_are_not_saved(tmp_path):
    class Own(UNet):
        pass

    model = make()
    model.backbone = Own(3, 2, width=4, depth=1)
    with pytest.raises(BundleError, match="not one of"):
        save_bundle(tmp_path / "m", model)
    broken = make()
    torch.nn.init.constant_(broken.backbone.out.bias, torch.nan)
    with pytest.raises(BundleError, match="nan or infinite"):
        save_bundle(tmp_path / "m", broken)
    with pytest.raises(BundleError, match="JSON"):
        save_bundle(tmp_path / "m", make(), Card("m", labels=LABELS, scores={"a": {1, 2}}))
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", [name for name, _ in models()])
def test_shipped_models_load_run_and_are_small(name):
    model = load_bundle(name)
    image = np.random.default_rng(0).integers(0, 256, (90, 110, 3)).astype(np.uint8)
    decoded = model.segment(image)
    assert decoded.labels.shape == (1, 90, 110)
    assert all(certificate.satisfied for certificate in decoded.certificates.values())
    assert model.card.name == name
    assert model.card.scores
    assert len(model.sha256) == 64
