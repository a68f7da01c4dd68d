"""The recipes of the networks that are shipped."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ..backbones import UNet
from ..card import Card
from ..head import VariationalHead
from ..links import Ordered
from ..preprocessing import Preprocessing
from ..priors import Convex, Nested, ThresholdDynamics
from .augment import Augment
from .data import Sample, hold_out, load_samples
from .loop import Schedule, Trainer


def _as_it_is(head: VariationalHead) -> VariationalHead:
    return head


@dataclass(frozen=True)
class Recipe:
    """Hold everything that makes a network.

    Parameters
    ----------
    folders : mapping     data set -> how often each of its samples is seen in an epoch, and
                          the range of its field of view (see `Sample.zoom`)
    longest : int         images are shrunk to this before they are kept in memory
    make_head : call      gives the head to train through
    ship : call           turns the trained head into the one for images at their own resolution
    """

    card: Card
    folders: Mapping[str, tuple[int, tuple[float, float]]]
    longest: int
    width: int
    preprocessing: Preprocessing
    augment: Augment
    schedule: Schedule
    make_head: Callable[[], VariationalHead]
    ship: Callable[[VariationalHead], VariationalHead] = _as_it_is

    def samples(self, root: Path, seed: int) -> tuple[list[Sample], list[Sample]]:
        """Read the training split and hold out a tenth of each data set."""
        train, held = [], []
        for folder, (times, zoom) in self.folders.items():
            found = load_samples(root, folder, "train", longest=self.longest, zoom=zoom)
            kept, out = hold_out(found, 0.1, seed)
            train += kept * times
            held += out
        return train, held

    def trainer(self, root: Path, checkpoint: Path, seed: int) -> Trainer:
        """Build a trainer; the seed also draws the first weights."""
        train, held = self.samples(root, seed)
        torch.manual_seed(seed)
        head = self.make_head()
        schedule = Schedule(**{**self.schedule.__dict__, "seed": seed})
        backbone = UNet(3, self.outputs, width=self.width)
        return Trainer(
            backbone,
            head,
            self.preprocessing,
            train=train,
            held_out=held,
            augment=self.augment,
            schedule=schedule,
            checkpoint=checkpoint,
        )

    @property
    def outputs(self) -> int:
        """Give the number of channels of the logits."""
        labels = len(self.card.labels)
        return labels if self.make_head().link.name == "softmax" else labels - 1


def _cells_head() -> VariationalHead:
    return VariationalHead([ThresholdDynamics(2.0, 2.0)], sweeps=5, learnable=True)


def _disc_head() -> VariationalHead:
    priors = [
        ThresholdDynamics(2.0, 2.0),
        Convex((1, 2), radii=(2, 4, 8, 12, 16), single=True),
        Nested((2, 1)),
    ]
    return VariationalHead(priors, sweeps=5, link=Ordered((2, 1)), learnable=True)


def _disc_head_at_own_resolution(head: VariationalHead) -> VariationalHead:
    """Scale lengths, learned at 160 px, to crops of 256 to 512 px; chosen on training crops."""
    weight = float(next(iter(head.priors)).settings()["weight"])  # type: ignore[operator]
    return VariationalHead(
        [
            ThresholdDynamics(weight, 6.0),
            Convex((1, 2), radii=(3, 6, 12, 20, 28), single=True),
            Nested((2, 1)),
        ],
        sweeps=head.sweeps,
        temperature=float(head.temperature.detach()),
        link=head.link,
    )


CELLS = Recipe(
    card=Card(
        name="cells",
        title="White blood cells: nucleus and cytoplasm",
        description="U-Net with a threshold-dynamics head for stained white blood cells in "
        "brightfield smears, one cell near the middle of a crop.",
        licence="Weights: BSD-3-Clause, like the package. Training images: see data.",
        data="cells_wbc2 (CellaVision, 300x300) and cells_wbc1 (Jiangxi Tecom, about 120x120), "
        "Zheng et al., Micron 107 (2018) 55-71; the repository that hosts them is GPL-3.",
        labels={0: "background", 1: "cytoplasm", 2: "nucleus"},
        channels="rgb",
        split="Trained on the train parts (60 and 200 images), a tenth of each held out to choose "
        "the epoch; scores are from val (20 and 40 images). The val images of cells_wbc1 have "
        "another white balance than its train images; a first network failed on them (mIoU 64.2), "
        "and colours were varied more after that was seen, so this val part is not untouched.",
        object_px=90.0,
        known_failures=(
            "Neighbouring white cells that touch are joined.",
            "Other stains, and red cells as dark as cytoplasm, may be taken for cytoplasm.",
            "Frames with many cells: set object_px, or cut a crop around each cell.",
        ),
    ),
    folders={"cells_wbc2": (2, (0.7, 1.4)), "cells_wbc1": (1, (0.7, 1.4))},
    longest=216,
    width=16,
    preprocessing=Preprocessing(size=144, largest_fit=512, statistics="image", overlap=96),
    augment=Augment(
        144,
        zoom=True,
        rotate=180,
        shift=0.12,
        stretch=0.15,
        light=0.35,
        colour=0.12,
        illumination=0.15,
        blur_px=1.2,
        noise=0.12,
    ),
    schedule=Schedule(epochs=24, head_epochs=4, half=True),
    make_head=_cells_head,
)

CUP_DISC = Recipe(
    card=Card(
        name="cup-disc",
        title="Optic disc and cup",
        description="U-Net with ordered outputs (cup inside disc) and smooth, convex, nested "
        "shapes, for crops about the optic disc of colour fundus photographs.",
        licence="Weights: BSD-3-Clause, like the package. Training images: see data.",
        data="fundus_refuge (Orlando et al., Medical Image Analysis 59, 2020; crops by another "
        "author) and fundus_drishti (Sivaswamy et al., 2015); neither states a licence for the "
        "images, both are for research.",
        labels={0: "background", 1: "rim", 2: "cup"},
        objects={1: "disc"},
        channels="rgb",
        split="Trained on the train parts of fundus_refuge (223) and fundus_drishti (40), a tenth "
        "of each held out to choose the epoch; scores are from val (60 and 10) and from "
        "fundus_origa30 (30), another camera that was never trained on.",
        object_px=100.0,
        roi="disc",
        known_failures=(
            "The crop must hold the disc, between 1.1 and 2.4 disc heights wide.",
            "Peripapillary atrophy may be taken for the rim.",
            "Cups without a colour step (small cups) are uncertain, as they are for people.",
            "Not a medical device; do not use it for a diagnosis.",
        ),
    ),
    folders={"fundus_refuge": (1, (0.9, 1.5)), "fundus_drishti": (3, (0.5, 1.1))},
    longest=384,
    width=16,
    preprocessing=Preprocessing(size=160, statistics="image"),
    augment=Augment(
        160,
        zoom=True,
        rotate=35,
        shift=0.1,
        stretch=0.15,
        mirror_border=False,
        light=0.25,
        illumination=0.2,
        blur_px=1.5,
        noise=0.08,
    ),
    schedule=Schedule(epochs=32, head_epochs=6, half=True),
    make_head=_disc_head,
    ship=_disc_head_at_own_resolution,
)

RECIPES = {"cells": CELLS, "cup-disc": CUP_DISC}
