import json

import numpy as np
import pytest
import torch
from skimage.io import imsave
from toys import write_set

from priorseg.training.data import Sample, hold_out, load_samples


def make_set(root, count=4, size=(20, 30)):
    folder = root / "toy"
    (folder / "images").mkdir(parents=True)
    items = []
    for number in range(count):
        rng = np.random.default_rng(number)
        files = {"image": f"images/{number}.png", "mask": f"images/{number}m.png"}
        imsave(folder / files["image"], rng.integers(0, 256, (*size, 3)).astype(np.uint8))
        imsave(
            folder / files["mask"], rng.integers(0, 3, size).astype(np.uint8), check_contrast=False
        )
        items.append({"id": str(number), "split": "train" if number < 3 else "val", **files})
    (folder / "manifest.json").write_text(json.dumps({"items": items}))


def test_a_split_is_read_with_names_and_types(tmp_path):
    make_set(tmp_path)
    found = load_samples(tmp_path, "toy", "train")
    assert [sample.name for sample in found] == ["toy/0", "toy/1", "toy/2"]
    assert found[0].image.shape == (3, 20, 30)
    assert found[0].image.dtype == torch.uint8
    assert found[0].labels.dtype == torch.int64
    assert len(load_samples(tmp_path, "toy", "val")) == 1


def test_large_images_are_shrunk_and_labels_stay_whole(tmp_path):
    make_set(tmp_path)
    small = load_samples(tmp_path, "toy", "train", longest=15)[0]
    assert small.image.shape == (3, 10, 15)
    assert set(small.labels.unique().tolist()) <= {0, 1, 2}


def test_a_missing_set_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'toy' is missing: .*manifest.json"):
        load_samples(tmp_path, "toy", "train")


def test_held_out_samples_are_disjoint_and_depend_on_the_seed_only():
    samples = [Sample(str(i), torch.zeros(3, 2, 2), torch.zeros(2, 2)) for i in range(20)]
    train, held = hold_out(samples, 0.1, seed=3)
    assert len(held) == 2
    assert {s.name for s in train} | {s.name for s in held} == {s.name for s in samples}
    assert [s.name for s in hold_out(samples, 0.1, seed=3)[1]] == [s.name for s in held]


def test_a_damaged_image_or_manifest_is_named(tmp_path):
    root = write_set(tmp_path, count=2)
    picture = root / "toys" / "images" / "0.png"
    picture.write_bytes(picture.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"0\.png cannot be read"):
        load_samples(root, "toys", "train")
    (root / "toys" / "manifest.json").write_text('{"items": [{}]}')
    with pytest.raises(ValueError, match=r"manifest\.json is damaged"):
        load_samples(root, "toys", "train")


def test_a_mask_of_another_size_is_refused_and_grey_becomes_rgb(tmp_path):
    root = write_set(tmp_path, count=1)
    folder = root / "toys"
    imsave(folder / "images" / "0.png", np.full((16, 16), 7, np.uint8), check_contrast=False)
    (sample,) = load_samples(root, "toys", "train")
    assert sample.image.shape == (3, 16, 16)
    imsave(folder / "images" / "0.png", np.full((16, 9), 7, np.uint8), check_contrast=False)
    with pytest.raises(ValueError, match="toys/0: an image of 8 bits and a mask of its size"):
        load_samples(root, "toys", "train")
