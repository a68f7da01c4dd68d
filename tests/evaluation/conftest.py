"""A small set of images, a small network and a protocol for it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.io import imsave

from priorseg import Segmenter, VariationalHead, save_bundle
from priorseg.backbones import UNet
from priorseg.card import Card
from priorseg.priors import ThresholdDynamics

TEXT = """
title = "Toy"
labels = ["background", "rim", "cup"]
nested = ["cup", "disc"]
measures = ["mIoU", "accuracy", "Dice", "boundary", "RE", "vCDR", "convex", "star", "nested"]
baseline = "plain"
draws = 200
objects = { disc = [1, 2], cup = [2] }
data = [{ name = "toy", folder = "toy" }]
conditions = [{ kind = "none" }, { kind = "salt", levels = [0.05] }]
rows = [
  { name = "plain", bundle = "net.priorseg", mode = "plain" },
  { name = "trained", bundle = "net.priorseg" },
]
"""


def make_images(root: Path, count: int = 3, side: int = 32) -> Path:
    folder = root / "toy"
    (folder / "images").mkdir(parents=True)
    y, x = np.ogrid[:side, :side]
    items = []
    for number in range(count):
        away = np.hypot(y - 15 - number, x - 16)
        labels = (away <= 10).astype(np.uint8) + (away <= 5)
        image = np.stack([60 * labels + 40] * 3, -1).astype(np.uint8)
        files = {"image": f"images/{number}.png", "mask": f"images/{number}m.png"}
        numbers = {"instances": f"images/{number}i.png"}
        imsave(folder / files["image"], image)
        imsave(folder / files["mask"], labels, check_contrast=False)
        imsave(folder / numbers["instances"], (labels > 0).astype(np.uint16), check_contrast=False)
        items.append({"id": str(number), "split": "val", **files, **numbers})
    (folder / "manifest.json").write_text(json.dumps({"items": items}))
    return root


def make_network(path: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    head = VariationalHead([ThresholdDynamics(2.0, 1.0)], sweeps=3)
    card = Card("toy", labels={0: "background", 1: "rim", 2: "cup"})
    return save_bundle(path, Segmenter(UNet(3, 3, width=4), head, card))


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with images and two networks; tests do not change it."""
    root = make_images(tmp_path_factory.mktemp("bench"))
    make_network(root / "net.priorseg")
    make_network(root / "net-0.priorseg", 0)
    make_network(root / "net-1.priorseg", 1)
    return root
