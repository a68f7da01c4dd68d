"""Cores and rims made from instances."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import ndimage
from toys import samples

from priorseg.training.cores import core_labels, cored


def two_touching_discs():
    y, x = np.mgrid[:40, :64]
    first, second = (y - 20) ** 2 + (x - 20) ** 2 < 144, (y - 20) ** 2 + (x - 42) ** 2 < 144
    return np.where(first, 1, np.where(second, 7, 0)).astype(np.int32)


def test_the_core_of_a_disc_is_the_disc_of_the_share_of_its_radius():
    y, x = np.mgrid[:61, :61]
    away = np.hypot(y - 30, x - 30)
    labels = core_labels((away < 20).astype(np.int32), 0.5)
    assert ((labels > 0) == (away < 20)).all()
    assert (labels[away < 9] == 1).all()
    assert (labels[(away > 11) & (away < 20)] == 2).all()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_touching_instances_have_cores_that_do_not_touch(share):
    instances = two_touching_discs()
    labels = core_labels(instances, share)
    assert ndimage.label(labels > 0)[1] == 1
    assert ndimage.label(labels == 1, np.ones((3, 3)))[1] == 2
    assert ((labels > 0) == (instances > 0)).all()


def test_every_instance_has_a_core_however_small():
    instances = np.zeros((6, 6), np.int32)
    instances[1, 1], instances[3:5, 3:6] = 1, 2
    labels = core_labels(instances, 0.9)
    assert {int(n) for n in instances[labels == 1]} == {1, 2}
    assert (core_labels(np.ones((4, 4), np.int32), 0.5) == 1).all()


def test_a_sample_without_instances_is_refused():
    sample = samples(1)[0]
    with pytest.raises(ValueError, match="0 lists no instances"):
        cored(sample, 0.5, keep=True)
    numbered = dataclasses.replace(sample, instances=sample.labels.to(torch.int32))
    found = cored(numbered, 0.5, keep=False)
    assert found.instances is None
    assert torch.equal(found.labels > 0, sample.labels > 0)
