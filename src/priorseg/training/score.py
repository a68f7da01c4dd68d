"""Score a model on held-out samples while it trains."""

from collections.abc import Sequence

import torch

from .data import Batch
from .devices import Devices
from .losses import IGNORE
from .model import Model


@torch.no_grad()
def pooled_mean_iou(
    model: Model, batches: Sequence[Batch], devices: Devices, *, through_head: bool
) -> float:
    """Give the mean IoU over labels, pixels pooled over all samples, in [0, 1].

    The labels are those with the largest (regularised) logit; the network is in evaluation mode.
    Labels that occur neither as wanted nor as found are left out, and so are ignored pixels.
    Several processes share the work.

    Parameters
    ----------
    batches : list of Batch   images (b, 3, Y, X) uint8
    """
    model.eval()
    count = model.labels
    counts = torch.zeros(count * count, dtype=torch.float64, device=devices.device)
    for told in batches[devices.rank :: devices.count]:
        batch = told.to(devices.device)
        batch = batch._replace(images=batch.images.float() / 255)
        logits = model.plain(batch.images, devices)
        if through_head:
            logits = model.regularised(logits, batch)
        found = model.head.link.class_logits(logits).argmax(1)
        valid = batch.labels != IGNORE
        code = batch.labels[valid] * count + found[valid]
        counts += torch.bincount(code, minlength=count * count)
    table = devices.total(counts).view(count, count)
    both = table.diagonal()
    union = table.sum(0) + table.sum(1) - both
    present = union > 0
    if not bool(present.any()):
        raise ValueError("No pixel of the held-out samples has a label. Check data.ignore.")
    return float((both[present] / union[present]).mean())
