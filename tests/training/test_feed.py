"""Order, noise and the samples that a configuration names."""

import numpy as np
import pytest
import torch
from toys import config, plain, samples, write_set

from priorseg.preprocessing import Preprocessing
from priorseg.training.augment import Augment
from priorseg.training.build import make_backbone, read_samples
from priorseg.training.config import TrainConfig
from priorseg.training.feed import Feed, chunks_of, held_out_batches
from priorseg.training.losses import IGNORE
from priorseg.training.noise import NoiseSettings, disturb


@pytest.mark.parametrize(("count", "batch"), [(9, 4), (8, 4), (5, 4), (1, 4), (7, 3)])
def test_every_sample_is_seen_once_and_none_is_alone(count, batch):
    chunks = chunks_of(count, batch, 0, 0)
    assert sorted(i for chunk in chunks for i in chunk) == list(range(count))
    assert count == 1 or min(map(len, chunks)) > 1
    assert chunks == chunks_of(count, batch, 0, 0)
    assert count < 5 or chunks != chunks_of(count, batch, 0, 1)


def test_more_samples_than_there_are_come_again():
    chunks = chunks_of(3, 2, 0, 0, samples=6)
    assert sorted(i for chunk in chunks for i in chunk) == [0, 0, 1, 1, 2, 2]


def test_processes_share_a_batch_and_see_what_one_would_see():
    feed = Feed(samples(5), Augment(16, rotate=90, noise=0.1), (), seed=3, workers=2)
    ((whole, _),) = feed.batches([[4, 0, 2]], 1)
    first, second = (next(iter(feed.batches([[4, 0, 2]], 1, rank, 2))) for rank in (0, 1))
    assert torch.equal(whole.images[::2], first[0].images)
    assert torch.equal(whole.images[1::2], second[0].images)
    assert (first[1], second[1]) == (4 / 3, 2 / 3)


def test_a_process_without_a_sample_counts_for_nothing():
    feed = Feed(samples(2), Augment(16), (), seed=0)
    part, share = next(iter(feed.batches([[1]], 0, 1, 2)))
    assert part.images.shape[0] == 1
    assert share == 0


def test_an_epoch_varies_a_sample_anew_and_the_seed_repeats_it():
    feed = Feed(samples(1), Augment(16, rotate=90, noise=0.2), (), seed=0)
    assert torch.equal(feed.one(0, 0, 0)[0], feed.one(0, 0, 0)[0])
    assert not torch.equal(feed.one(0, 0, 0)[0], feed.one(0, 1, 0)[0])
    assert not torch.equal(feed.one(0, 0, 0)[0], feed.one(0, 0, 1)[0])


@pytest.mark.parametrize(("kind", "low", "high"), [("pepper", 0.0, 0.4), ("salt", 0.6, 1.0)])
def test_salt_and_pepper_hit_the_share_of_pixels_in_all_channels(kind, low, high):
    even = torch.full((3, 200, 200), 0.5)
    noisy = disturb(even, [NoiseSettings(kind, 0.1, 0.1)], np.random.default_rng(0))
    hit = noisy != 0.5
    assert float(hit.float().mean()) == pytest.approx(0.1, abs=0.01)
    assert torch.equal(hit[0], hit[2])
    assert low <= float(noisy[hit].mean()) <= high


def test_gaussian_noise_has_the_standard_deviation_it_says():
    even = torch.full((3, 200, 200), 0.5)
    noisy = disturb(even, [NoiseSettings("gaussian", 0.05, 0.05)], np.random.default_rng(0))
    assert float(noisy.std()) == pytest.approx(0.05, rel=0.02)


def test_held_out_samples_keep_their_shape_at_the_working_size():
    wide = samples(1)[0]
    wide = type(wide)("w", wide.image[:, :8], wide.labels[:8])
    found = held_out_batches([wide, *samples(3)], Preprocessing(size=8), (), batch=2, seed=0)
    assert [tuple(labels.shape) for _, labels, _ in found] == [(1, 4, 8), (2, 8, 8), (1, 8, 8)]


def test_a_smaller_limit_is_a_part_of_a_larger_one(root):
    names = {}
    for limit in (2, 4, None):
        told = plain(root)
        told["data"]["limit"] = limit
        train, held = read_samples(TrainConfig.from_dict(told), root)
        names[limit] = {sample.name for sample in train}
        assert not names[limit] & {sample.name for sample in held}
    assert names[2] < names[4] < names[None]
    assert [len(found) for found in names.values()] == [2, 4, 8]


def test_masks_are_relabelled_ignored_or_refused(tmp_path):
    root = write_set(tmp_path, value=5)
    with pytest.raises(ValueError, match=r"holds \[5\]; data.labels names 0 to 1"):
        read_samples(config(root), root)
    train, _ = read_samples(config(root, data={"relabel": {"5": 1}}), root)
    assert train[0].labels.unique().tolist() == [0, 1]
    train, _ = read_samples(config(root, data={"ignore": 5}), root)
    assert train[0].labels.unique().tolist() == [IGNORE, 0]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"name": "vnet"}, "'vnet' is unknown; .*'unet'"),
        ({"settings": {"widht": 4}}, r"settings has no \['widht'\]"),
        ({"settings": {"width": 0}}, "width must be a whole number"),
        ({"weights": "imagenet"}, "has no ImageNet weights"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(network, message):
    told = plain("data")
    told["network"] = {"name": "unet", **network}
    with pytest.raises(ValueError, match=message):
        make_backbone(TrainConfig.from_dict(told))


def test_missing_weights_are_said():
    with pytest.raises(FileNotFoundError, match=r"no file .*nowhere\.priorseg"):
        make_backbone(config("data", network={"weights": "nowhere.priorseg"}))
