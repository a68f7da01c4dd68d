"""A tiny data set on disk and a configuration for it."""

import json

import numpy as np
import torch
from skimage.io import imsave

from priorseg.training.config import TrainConfig
from priorseg.training.data import Sample


def samples(count, size=16):
    random = torch.Generator().manual_seed(9)
    found = []
    for number in range(count):
        labels = torch.zeros(size, size, dtype=torch.int64)
        y, x = torch.randint(2, size // 2, (2,), generator=random).tolist()
        labels[y : y + 6, x : x + 6] = 1
        image = (60 + 120 * labels).expand(3, -1, -1).to(torch.uint8).contiguous()
        found.append(Sample(str(number), image, labels, zoom=(0.9, 1.1)))
    return found


def write_set(root, name="toys", count=10, value=1):
    folder = root / name
    (folder / "images").mkdir(parents=True)
    items = []
    for sample in samples(count):
        files = {"image": f"images/{sample.name}.png", "mask": f"{sample.name}-mask.png"}
        pixels = sample.image.permute(1, 2, 0).numpy()
        mask = (sample.labels * value).numpy().astype(np.uint8)
        imsave(folder / files["image"], pixels, check_contrast=False)
        imsave(folder / files["mask"], mask, check_contrast=False)
        items.append({"id": sample.name, "split": "train", **files})
    (folder / "manifest.json").write_text(json.dumps({"items": items}))
    return root


def plain(root, **changes):
    """Give a configuration as plain values; sections are merged with the changes."""
    told = {
        "network": {"settings": {"width": 4, "depth": 1}},
        "head": {"priors": [{"name": "threshold-dynamics"}], "sweeps": 2},
        "preprocessing": {"size": 16},
        "data": {
            "labels": ["background", "square"],
            "sets": [{"folder": "toys", "zoom": [0.9, 1.1]}],
            "held_out": 0.2,
            "root": str(root),
        },
        "augment": {"zoom": True, "rotate": 20, "shift": 0.1, "light": 0.2, "noise": 0.05},
        "schedule": {"epochs": 4, "head_epochs": 2, "batch": 3, "rate": 1e-2},
    }
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(told.get(name), dict)
        told[name] = {**told[name], **value} if both else value
    return told


def config(root, **changes):
    return TrainConfig.from_dict(plain(root, **changes))
