"""Bring samples to the trainer: order, variation and noise, drawn anew for every epoch."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ..preprocessing import Preprocessing, resize
from .augment import Augment
from .data import Batch, Sample, resize_whole, stacked
from .noise import NoiseSettings, disturb

_ORDER, _SAMPLE, _HELD_OUT = 0, 1, 2  # what random numbers are for


def chunks_of(
    count: int, batch: int, seed: int, epoch: int, samples: int | None = None
) -> list[list[int]]:
    """Cut a random order of samples into batches.

    Parameters
    ----------
    count : int             how many samples there are
    batch : int
    samples : int or None   how many to take, again from the start if that is more; None = all

    Returns
    -------
    list of lists of indices   the last may be shorter, but where there are two samples or more
                               no batch has only one: norms over a batch need two
    """
    random = np.random.default_rng([seed, _ORDER, epoch])
    wanted = samples or count
    order: list[int] = []
    while len(order) < wanted:
        order += random.permutation(count).tolist()
    order = order[:wanted]
    chunks = [order[start : start + batch] for start in range(0, wanted, batch)]
    if len(chunks) > 1 and len(chunks[-1]) == 1:
        odd = chunks.pop()
        chunks[-1] += odd
    return chunks


class Feed:
    """Vary samples in threads of their own, a few batches ahead.

    Parameters
    ----------
    samples : list of Sample
    augment : Augment
    noise : list of NoiseSettings
    seed : int       every random number comes from it, the epoch and the place in the epoch
    workers : int    threads, >= 1
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        augment: Augment,
        noise: Sequence[NoiseSettings],
        *,
        seed: int,
        workers: int = 1,
    ) -> None:
        self.samples, self.augment, self.noise = samples, augment, noise
        self.seed, self.workers = seed, workers

    def one(self, sample: int, epoch: int, place: int) -> Batch:
        """Vary one sample, with an image (3, size, size)."""
        random = np.random.default_rng([self.seed, _SAMPLE, epoch, place])
        varied = self.augment.one(self.samples[sample], random)
        return varied._replace(images=disturb(varied.images, self.noise, random))

    def batches(
        self, chunks: Sequence[Sequence[int]], epoch: int, rank: int = 0, count: int = 1
    ) -> Iterator[tuple[Batch, float]]:
        """Give a process's part of every batch.

        Yields
        ------
        part : Batch    images (b, 3, size, size)
        share : float   weight of the part's mean loss, so that the mean over the processes is
                        the loss of the whole batch
        """
        starts = np.cumsum([0, *map(len, chunks)])
        parts = []
        for chunk, start in zip(chunks, starts, strict=False):
            mine = list(enumerate(chunk))[rank::count]
            share = len(mine) * count / len(chunk)
            parts.append(([(int(start) + k, i) for k, i in mine or [(0, chunk[0])]], share))
        ahead = max(2, -(-2 * self.workers // max(1, len(parts[0][0]))))
        with ThreadPoolExecutor(self.workers) as pool:
            waiting: list[list[Future[Batch]]] = []
            for step in range(len(parts) + ahead):
                if step < len(parts):
                    listed = parts[step][0]
                    waiting.append([pool.submit(self.one, i, epoch, k) for k, i in listed])
                if step >= ahead:
                    made = stacked([one.result() for one in waiting.pop(0)])
                    yield made, parts[step - ahead][1]


def held_out_batches(
    samples: Sequence[Sample],
    preprocessing: Preprocessing,
    noise: Sequence[NoiseSettings],
    *,
    batch: int,
    seed: int,
) -> list[Batch]:
    """Bring held-out samples to the size at which the network will see them.

    Noise, if the training has any, is drawn once and stays the same in all epochs.

    Returns
    -------
    list of batches   images (b, 3, Y, X) uint8 of equal size, at most `batch` each
    """
    groups: dict[tuple[int, int], list[Batch]] = {}
    for place, sample in enumerate(samples):
        height, width = preprocessing.working_shape(*sample.labels.shape)
        image = resize(sample.image[None].float() / 255, height, width)[0].clamp(0, 1)
        labels, numbers = resize_whole(sample.labels, height, width), sample.instances
        if numbers is not None:
            numbers = resize_whole(numbers, height, width).long()
        random = np.random.default_rng([seed, _HELD_OUT, place])
        noisy = (disturb(image, noise, random) * 255).round().byte()
        groups.setdefault((height, width), []).append(Batch(noisy, labels, numbers))
    found = []
    for group in groups.values():
        for start in range(0, len(group), batch):
            found.append(stacked(group[start : start + batch]))
    return found
