"""True instances on their way from a file to the centres that a star prior is told."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.io import imsave
from toys import config, write_set

from priorseg.backbones import BACKBONES
from priorseg.geometry import label_components
from priorseg.preprocessing import Preprocessing
from priorseg.priors.star import Star
from priorseg.training.augment import Augment
from priorseg.training.build import read_samples
from priorseg.training.checkpoint import load_checkpoint
from priorseg.training.config import TrainConfig
from priorseg.training.data import Batch, Sample, load_samples
from priorseg.training.feed import Feed, held_out_batches
from priorseg.training.heads import HeadSettings, make_head
from priorseg.training.losses import IGNORE
from priorseg.training.model import Model
from priorseg.training.run import train

STAR = {"priors": [{"name": "star", "label": 1}], "sweeps": 2}
NUCLEI = Path(__file__).parents[2] / "configs" / "tables" / "nuclei.toml"
CENTRES = [[12.0, 7.0], [12.0, 16.0]]


def numbered():
    """Give two touching discs of radius 4.5 about CENTRES, numbered 1 and 2, (24, 24)."""
    y, x = np.mgrid[:24, :24]
    planes = [(y - cy) ** 2 + (x - cx) ** 2 <= 4.5**2 for cy, cx in CENTRES]
    return (planes[0] + 2 * planes[1]).astype(np.uint8)


def discs(root, maps=("instances",)):
    """Write ten images of the discs; the manifest lists the maps that are named."""
    folder, numbers = root / "toys", numbered()
    folder.mkdir(parents=True)
    listed = {"image": "image.png", "mask": "mask.png", **dict.fromkeys(maps, "numbers.png")}
    imsave(folder / "image.png", 60 + 120 * (numbers > 0).astype(np.uint8), check_contrast=False)
    imsave(folder / "mask.png", (numbers > 0).astype(np.uint8), check_contrast=False)
    imsave(folder / "numbers.png", numbers.astype(np.uint16) * 300, check_contrast=False)
    items = [{"id": str(n), "split": "train", **listed} for n in range(10)]
    (folder / "manifest.json").write_text(json.dumps({"items": items}))
    return root


def sample(labels=None, **changes):
    numbers = torch.from_numpy(numbered().astype(np.int32))
    labels = numbers.long() if labels is None else labels
    image = torch.full((3, 24, 24), 100, dtype=torch.uint8)
    return Sample("discs", image, labels, **{"instances": numbers, **changes})


def star_model(**changes):
    backbone = BACKBONES["unet"](in_channels=3, out_channels=2, width=4, depth=1)
    told = HeadSettings(priors=({"name": "star", "label": 1},))
    return Model(backbone, make_head(told), Preprocessing(), **changes)


def centres_of(batch, label=1, **changes):
    """Give the centres that the star prior is told for each sample, sorted by x."""
    logits = torch.zeros(len(batch.labels), 2, *batch.labels.shape[1:])
    rows = star_model(**changes).scene(logits, batch).centres[label]
    return [sorted(one[~one.isnan().any(1)].tolist(), key=lambda p: p[1]) for one in rows]


@pytest.mark.parametrize(("maps", "count"), [(("instances",), 2), ((), 1)])
def test_touching_discs_reach_the_star_prior_with_a_centre_for_each_instance(
    maps, count, tmp_path, monkeypatch
):
    told, prepare = [], Star.prepare

    def spy(self, scene, like, **rest):
        if scene.centres[1].ndim == 3:  # not the trial of the head before the training
            told.append((torch.is_grad_enabled(), (~scene.centres[1].isnan()).all(-1).sum(1)))
        return prepare(self, scene, like, **rest)

    monkeypatch.setattr(Star, "prepare", spy)
    still = {"zoom": False, "rotate": 0, "shift": 0}
    schedule = {"epochs": 1, "head_epochs": 1}
    settings = config(discs(tmp_path, maps), head=STAR, augment=still, schedule=schedule)
    train(settings, tmp_path / "out", device="cpu")
    assert {learning for learning, _ in told} == {True, False}  # the held-out images too
    assert all((found == count).all() for _, found in told)


def test_the_centres_are_those_of_the_discs():
    batch = Augment(24).batch(
        [sample(labels=(sample().labels > 0).long())], np.random.default_rng(0)
    )
    assert centres_of(batch) == [CENTRES]


def test_ignored_pixels_stay_ignored_and_give_no_centre():
    labels = (sample().labels > 0).long()
    labels[:, 12:] = IGNORE
    strong = Augment(24, rotate=180, shift=0.3, mirror_border=False)
    varied = strong.batch([sample(labels=labels)] * 9, np.random.default_rng(0))
    assert set(varied.labels.unique().tolist()) == {IGNORE, 0, 1}
    still = Augment(24).batch([sample(labels=labels)], np.random.default_rng(0))
    assert centres_of(still) == [CENTRES[:1]]


def test_instances_move_with_the_labels_and_each_stays_in_one_piece():
    strong = Augment(48, zoom=True, rotate=180, shift=0.4, stretch=0.2)
    varied = strong.batch([sample(zoom=(0.6, 2.0))] * 12, np.random.default_rng(1))
    for labels, numbers in zip(varied.labels, varied.instances, strict=True):
        assert torch.equal(labels > 0, numbers > 0)
        for number in set(numbers.unique().tolist()) - {0}:
            own = numbers == number
            assert len(labels[own].unique()) == 1
            cut = own[0].sum() + own[-1].sum() + own[:, 0].sum() + own[:, -1].sum()
            assert cut or label_components(own.numpy())[1] == 1


def test_mirror_images_beyond_the_border_are_objects_of_their_own():
    labels = torch.zeros(24, 24, dtype=torch.int64)
    labels[8:16, 0:4] = 1  # touches its mirror image on the left; more copies above and below
    one = sample(labels=labels, instances=labels.int(), zoom=(2.0, 2.0))
    varied = Augment(48, zoom=True).one(one, np.random.default_rng(0))
    assert label_components(varied.labels.numpy() == 1)[1] == 3
    assert len(varied.instances.unique()) - 1 == 6
    assert varied.instances[24, 11] != varied.instances[24, 12]


def test_a_round_stop_hides_instances_too():
    full = torch.ones(24, 24)
    one = sample(labels=full.long(), instances=full.int())
    varied = Augment(24, aperture=1).batch([one] * 8, np.random.default_rng(0))
    assert (varied.labels == 0).any()
    assert torch.equal(varied.labels > 0, varied.instances > 0)


def test_images_and_labels_vary_alike_with_and_without_instances():
    strong = Augment(20, zoom=True, rotate=180, shift=0.2, light=0.3, aperture=0.5, noise=0.1)
    with_map, without = (
        Feed([one], strong, (), seed=4) for one in (sample(), sample(instances=None))
    )
    for place in range(6):
        one, two = with_map.one(0, 0, place), without.one(0, 0, place)
        assert torch.equal(one.images, two.images)
        assert torch.equal(one.labels, two.labels)
        assert two.instances is None


def test_instances_shrink_with_the_labels(tmp_path):
    root = discs(tmp_path)
    (found, *_) = load_samples(root, "toys", "train", longest=17, instances=True)
    assert torch.equal(found.instances > 0, found.labels > 0)
    assert found.instances.unique().tolist() == [0, 300, 600]
    (batch,) = held_out_batches([sample()], Preprocessing(size=10), (), batch=2, seed=0)
    assert torch.equal(batch.instances, batch.labels)


@pytest.mark.parametrize(
    ("head", "read"),
    [
        (STAR, True),
        ({**STAR, "centres": "clicks"}, True),
        ({**STAR, "centres": "network"}, False),
        ({"priors": []}, False),
    ],
)
def test_maps_of_instances_are_read_only_for_true_and_clicked_centres(head, read, tmp_path):
    root = discs(tmp_path)
    told = config(root, head=head)
    if not read:
        (root / "toys" / "numbers.png").unlink()
    for part in read_samples(told, root):
        assert all((one.instances is not None) == read for one in part)


def test_maps_for_some_of_the_samples_are_refused(tmp_path):
    write_set(discs(tmp_path), name="others")
    both = [{"folder": "toys"}, {"folder": "others"}]
    with pytest.raises(ValueError, match=r"toys/\d has a map of instances and others/\d has none"):
        read_samples(config(tmp_path, head=STAR, data={"sets": both}), tmp_path)
    plain_head = config(tmp_path, head={"priors": []}, data={"sets": both})
    assert len(read_samples(plain_head, tmp_path)[0]) == 16


@pytest.mark.parametrize("wrong", [np.zeros((9, 24), np.uint16), np.zeros((24, 24, 3), np.uint8)])
def test_a_map_of_another_shape_or_a_missing_one_is_named(wrong, tmp_path):
    file = discs(tmp_path) / "toys" / "numbers.png"
    imsave(file, wrong, check_contrast=False)
    with pytest.raises(ValueError, match=r"toys/0: a map of instances of 8 or 16 bits and shape"):
        load_samples(tmp_path, "toys", "train", instances=True)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"numbers\.png"):
        load_samples(tmp_path, "toys", "train", instances=True)


def test_a_star_prior_trains_with_a_click_into_each_instance(tmp_path, monkeypatch):
    told, read = [], Model.scene

    def spy(self, logits, batch):
        scene = read(self, logits, batch)
        told.append((batch.instances, scene.centres[1]))
        return scene

    monkeypatch.setattr(Model, "scene", spy)
    root, head = discs(tmp_path), {**STAR, "centres": "clicks"}
    found = train(config(root, head=head), tmp_path / "out", device="cpu")
    assert found is not None
    assert told
    for instances, rows in told:
        for numbers, row in zip(instances, rows, strict=True):
            hit = {int(numbers[y, x]) for y, x in row[~row.isnan().any(1)].long().tolist()}
            assert hit == set(numbers.unique().tolist()) - {0}


def test_a_view_has_the_same_clicks_whenever_it_comes():
    batch = Augment(24).batch(
        [sample(labels=(sample().labels > 0).long())] * 2, np.random.default_rng(0)
    )
    first, second = centres_of(batch, centres="clicks")
    assert first == second != CENTRES
    assert centres_of(batch, centres="clicks") == [first, second]


def weights_of(root, out, **changes):
    train(config(root, head=STAR, **changes), out, device="cpu")
    return load_checkpoint(out / "checkpoint.pt")["weights"]


def test_instances_that_are_the_connected_parts_train_to_the_same_bits(tmp_path):
    still = {"zoom": False, "rotate": 0, "shift": 0}
    root = write_set(tmp_path)
    without = weights_of(root, tmp_path / "without", augment=still)
    manifest = root / "toys" / "manifest.json"
    items = json.loads(manifest.read_text())["items"]
    listed = [{**item, "instances": item["mask"]} for item in items]
    manifest.write_text(json.dumps({"items": listed}))
    found = weights_of(root, tmp_path / "with", augment=still)
    assert all(torch.equal(found[name], value) for name, value in without.items())
    with pytest.raises(ValueError, match=r"belongs to a run with other \['instances'\]"):
        weights_of(root, tmp_path / "without", augment=still)


def test_centres_of_the_network_come_from_inner_parts_where_the_card_names_them():
    far = torch.full((24, 24), -5.0)
    whole, inner = far.clone(), far.clone()
    whole[8:16, 2:22] = 5.0  # one bar; its inner parts do not touch
    inner[10:14, 4:9] = inner[10:14, 15:20] = 5.0
    logits = torch.stack((inner, whole))[None]
    head = make_head(HeadSettings(priors=({"name": "star", "label": 2},), link={"ordered": [1, 2]}))
    batch = Batch(torch.zeros(1, 3, 24, 24), torch.zeros(1, 24, 24).long())
    for hint, count in ((None, 1), ({2: 1}, 2)):
        model = Model(torch.nn.Identity(), head, Preprocessing(), centres="network", inner=hint)
        assert model.scene(logits, batch).centres[2].shape == (1, count, 2)


def test_a_card_with_inner_parts_trains_with_centres_of_the_network(root, tmp_path):
    head = {"priors": [{"name": "star", "label": 2}], "centres": "network", "sweeps": 1}
    data = {"labels": ["background", "interior", "border"]}
    told = config(
        root,
        head={**head, "link": {"ordered": [1, 2]}},
        data=data,
        card={"inner": {"2": 1}},
        schedule={"epochs": 1, "head_epochs": 1},
    )
    train(told, tmp_path / "out", device="cpu")
    state = load_checkpoint(tmp_path / "out" / "checkpoint.pt")
    assert state["settings"]["inner"] == {"2": 1}


@pytest.mark.data
def test_real_touching_nuclei_train_with_a_centre_each(real_images, tmp_path, monkeypatch):
    table = tomllib.loads(NUCLEI.read_text())
    told = table["train"]
    told["head"] |= table["variants"]["star-5"]["head"]
    told["data"] = {**told["data"], "root": str(real_images), "limit": 2}
    told["network"] = {"name": "unet", "settings": {"width": 4, "depth": 2, "norm": "batch"}}
    told["schedule"] = {"epochs": 1, "head_epochs": 1, "samples_per_epoch": 2, "batch": 2}
    counts, read = [], Model.scene

    def spy(self, logits, batch):
        scene = read(self, logits, batch)
        parts = sum(label_components(one)[1] for one in (batch.labels > 0).numpy())
        counts.append((int((~scene.centres[2].isnan()).all(-1).sum()), parts))
        return scene

    monkeypatch.setattr(Model, "scene", spy)
    monkeypatch.setattr("priorseg.training.run.read_samples", few)
    assert train(TrainConfig.from_dict(told), tmp_path, device="cpu") is not None
    assert sum(found for found, _ in counts) > sum(parts for _, parts in counts)


def few(settings, root):
    """Keep two of the held-out images, to be quick."""
    kept, held = read_samples(settings, root)
    return kept, held[:2]
