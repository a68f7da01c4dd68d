"""Parts give what the whole image gives: logits, labels, certificates."""

import numpy as np
import pytest
import torch

from priorseg import Scene, parts, solve
from priorseg.links import Ordered, as_link
from priorseg.memory import TooLarge
from priorseg.parts import Parts, Steps, reach
from priorseg.priors import Convex, Nested, Star, ThresholdDynamics, TotalVariation, Volume
from priorseg.tiles import Cancelled

NESTED = Ordered((2, 1))
CASES = {
    "nothing": ([], "softmax"),
    "smooth": ([ThresholdDynamics(2.0, 2.0)], "softmax"),
    "convex": ([ThresholdDynamics(1.5, 1.0), Convex((1, 2), radii=(1, 3))], "softmax"),
    "single": ([Convex((2, 1), radii=(2,), single=True)], "softmax"),
    "disc and cup": (
        [
            ThresholdDynamics(2.0, 1.5),
            Convex((1, 2), radii=(2, 4), single=True),
            Nested((2, 1)),
        ],
        NESTED,
    ),
}


def blobs(channels, shape, seed):
    """Smooth random logits with some noise: objects of many sizes."""
    noise = torch.from_numpy(np.random.default_rng(seed).normal(size=(1, channels, *shape)))
    smooth = torch.nn.functional.avg_pool2d(noise, 9, stride=1, padding=4) * 9
    return (3 * smooth + 0.5 * noise).float()


def planned(priors, link, scene, sweeps, side, margin=None):
    carried = reach(priors, scene, as_link(link))
    margin = sweeps * carried if margin is None else margin
    return Parts(priors, scene, as_link(link), sweeps, torch.tensor(0.5), margin, side)


def quiet():
    return Steps(1000, lambda done, total: None, lambda: False)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0)])
@pytest.mark.parametrize("name", CASES)
def test_parts_give_what_the_whole_image_gives(name, spacing):
    priors, link = CASES[name]
    logits = blobs(2 if link is NESTED else 3, (131, 118), seed=len(name))
    scene = Scene(spacing=spacing)
    whole = solve(logits, priors, scene, sweeps=3, temperature=0.5, link=link)
    wanted = whole.decode()
    plan = planned(priors, link, scene, 3, side=40)
    solved = plan.solve(logits, quiet())
    torch.testing.assert_close(solved, whole.logits, atol=1e-5, rtol=1e-5)
    found = plan.decode(solved, quiet())
    assert found.labels.dtype == torch.uint8
    assert torch.equal(found.labels.long(), wanted.labels)
    hardened = not torch.equal(wanted.labels, wanted.probs.argmax(1))
    assert hardened == any(isinstance(prior, Convex) for prior in priors)
    torch.testing.assert_close(found.probs, wanted.probs, atol=1e-5, rtol=0)
    assert found.certificates == wanted.certificates


def test_without_a_margin_parts_differ():
    priors, link = CASES["smooth"]
    logits = blobs(3, (100, 90), seed=1)
    whole = solve(logits, priors, Scene(), sweeps=3, temperature=0.5)
    solved = planned(priors, link, Scene(spacing=(1.0, 1.0)), 3, 40, margin=0).solve(
        logits, quiet()
    )
    assert (solved - whole.logits).abs().max() > 1e-2


@pytest.mark.parametrize("name", ["smooth", "convex", "disc and cup"])
def test_nothing_beyond_the_margin_is_felt(name):
    priors, link = CASES[name]
    scene = Scene(spacing=(1.0, 1.0))
    logits = blobs(2 if link is NESTED else 3, (60, 120), seed=2)
    far = 30 + 3 * reach(priors, scene, as_link(link))
    assert far < 120
    other = logits.clone()
    other[..., far:] = 0
    near = [solve(one, priors, scene, sweeps=3, link=link).logits for one in (logits, other)]
    torch.testing.assert_close(near[0][..., :30], near[1][..., :30])
    assert (near[0] - near[1]).abs().max() > 0.1


@pytest.mark.parametrize("prior", [Volume(), Star(1), TotalVariation(), ThresholdDynamics(edge=1)])
def test_priors_that_see_the_whole_image_are_never_cut(prior):
    assert reach([prior], Scene(spacing=(1.0, 1.0)), as_link("softmax")) is None


def test_nested_labels_of_exclusive_classes_are_never_cut():
    assert reach([Nested((2, 1))], Scene(spacing=(1.0, 1.0)), as_link("softmax")) is None


def test_progress_counts_the_parts_and_stops_between_them():
    logits, told = blobs(3, (70, 90), seed=3), []
    plan = planned([], "softmax", Scene(spacing=(1.0, 1.0)), 0, side=40)
    assert plan.count((70, 90)) == 6 + 2
    plan.solve(logits, Steps(6, lambda *numbers: told.append(numbers), lambda: False))
    assert told == [(n, 6) for n in range(1, 7)]
    with pytest.raises(Cancelled):
        plan.solve(logits, Steps(6, lambda *numbers: told.append(numbers), lambda: len(told) == 8))
    assert len(told) == 8


def test_a_part_is_left_between_its_sweeps():
    asked = []
    plan = planned([ThresholdDynamics()], "softmax", Scene(spacing=(1.0, 1.0)), 4, side=40)
    steps = Steps(
        1, lambda *numbers: asked.append(None), lambda: asked.append(True) or len(asked) > 2
    )
    with pytest.raises(Cancelled):
        plan.solve(blobs(3, (30, 30), seed=5), steps)
    assert asked == [True] * 3  # before the part and after two of its sweeps


def test_rivals_whose_hulls_touch_are_refused_above_a_size(monkeypatch):
    monkeypatch.setattr(parts, "CUT", 100)
    logits = blobs(3, (100, 90), seed=4)
    plan = planned([Convex((1, 2), radii=(1,))], "softmax", Scene(spacing=(1.0, 1.0)), 0, side=50)
    with pytest.raises(TooLarge, match="Choose a smaller region"):
        plan.decode(plan.solve(logits, quiet()), quiet())
