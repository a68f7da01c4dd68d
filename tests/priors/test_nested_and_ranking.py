"""Relabelling and lone parts against their plain forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import KINDS, lone_parts, random_logits, random_mask, relabelled
from priorseg.links import SOFTMAX, Ordered
from priorseg.priors.nested import stray_components
from priorseg.priors.ranking import Ranking, holds, relabel

SEEDS = st.integers(0, 2**32 - 1)


def draw(rng, channels):
    batch, shape = int(rng.integers(1, 3)), tuple(int(n) for n in rng.integers(1, 9, 2))
    return random_logits(rng, batch, channels, shape, str(rng.choice(KINDS)))


@settings(max_examples=300)
@given(seed=SEEDS, kind=st.sampled_from([torch.uint8, torch.int64]), nested=st.booleans())
def test_changed_pixels_take_the_best_label_on_their_side(seed, kind, nested):
    rng = np.random.default_rng(seed)
    channels = int(rng.integers(2, 6))
    logits = draw(rng, channels)
    link = Ordered(tuple(int(k) for k in rng.permutation(channels) + 1)) if nested else SOFTMAX
    scores = link.class_logits(logits)
    count = scores.shape[1]
    labels = torch.from_numpy(rng.integers(0, count, scores[:, 0].shape)).to(kind)
    mask = torch.from_numpy(random_mask(rng, labels.shape))
    extent = [int(k) for k in rng.permutation(count)[: rng.integers(1, count)]]
    found = relabel(labels, Ranking(logits, link), mask, extent)
    assert found.dtype == kind
    for b in range(len(logits)):
        flat = (labels[b].flatten().numpy(), scores[b].flatten(1).numpy(), mask[b].flatten())
        expected = relabelled(*flat[:2], flat[2].numpy(), extent)
        assert found[b].flatten().tolist() == expected.tolist()
    assert torch.equal(holds(found, extent), mask)


@settings(max_examples=200)
@given(seed=SEEDS)
def test_probabilities_and_logits_rank_alike_with_bans(seed):
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(size=(2, 4, 5, 6)))
    banned = torch.from_numpy(rng.random(logits.shape) < 0.3)
    labels = torch.from_numpy(rng.integers(0, 4, (2, 5, 6)))
    mask = torch.from_numpy(random_mask(rng, labels.shape))
    probs = torch.softmax(logits, 1).masked_fill(banned, 0)
    ranking = Ranking(logits).ban(banned)
    assert torch.equal(relabel(labels, ranking, mask, [1, 3]), relabel(labels, probs, mask, [1, 3]))


@settings(max_examples=200)
@given(seed=SEEDS)
def test_kept_objects_keep_their_pixels_where_a_label_is_left(seed):
    rng = np.random.default_rng(seed)
    ranking = Ranking(torch.from_numpy(rng.normal(size=(1, 4, 6, 7))))
    labels = torch.from_numpy(rng.integers(0, 4, (1, 6, 7)))
    kept = torch.from_numpy(random_mask(rng, labels.shape))
    labels = relabel(labels, ranking, kept, [1, 2])
    mask = torch.from_numpy(random_mask(rng, labels.shape)) & kept
    found = relabel(labels, ranking, mask, [2], [(kept, [1, 2])])
    assert torch.equal(holds(found, [1, 2]), kept)
    assert torch.equal(holds(found, [2]), mask)


@settings(max_examples=300)
@given(seed=SEEDS, share=st.sampled_from([0.02, 0.2, 0.5]))
def test_stray_parts_are_those_that_nothing_touches(seed, share):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 15, 2))
    mask, around = random_mask(rng, shape, 0.3), random_mask(rng, shape, share)
    expected = lone_parts(mask, around) if around.any() else np.zeros(shape, bool)
    np.testing.assert_array_equal(stray_components(mask, around), expected)


@pytest.mark.parametrize("extent", [[], [0], [255], [1, 255]])
def test_objects_of_narrow_labels_are_marked(extent):
    labels = torch.tensor([[[0, 1, 255, 7]]], dtype=torch.uint8)
    assert holds(labels, extent)[0, 0].tolist() == [v in extent for v in [0, 1, 255, 7]]
