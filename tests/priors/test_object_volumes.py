"""A volume of its own for each star-shaped object of a class."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from priorseg import Scene, converge, priors, solve
from priorseg.geometry import ray_forest, ray_tree, star_violations
from priorseg.links import Ordered

SEEDS = st.integers(0, 2**32 - 1)
nan = float("nan")


def problem(seed, shape=(9, 10), count=3, channels=2, spread=3.0):
    """Draw logits, centres in different pixels, and the tree of every pixel."""
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(0, spread, (1, channels, *shape)))
    at = rng.choice(shape[0] * shape[1], count, replace=False)
    centres = np.stack(np.unravel_index(at, shape), 1).astype(float)
    owner = ray_forest(shape, centres)[1]
    sizes = np.bincount(owner.ravel(), minlength=count)
    volumes = [float(rng.integers(1, size + 1)) for size in sizes]
    return logits, torch.from_numpy(centres), owner, volumes


def scene_of(centres, wanted, **more):
    return Scene(
        centres={1: centres}, object_volumes={1: torch.tensor(wanted, dtype=torch.float64)}, **more
    )


def counts(mask, owner, count):
    return np.bincount(owner[np.asarray(mask)], minlength=count).tolist()


def smooth(seed, shape=(24, 28), channels=3):
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, channels, 5, 6, generator=rng, dtype=torch.float64)
    return torch.nn.functional.interpolate(4 * coarse, shape, mode="bicubic")


@settings(max_examples=40)
@given(seed=SEEDS)
def test_probabilities_of_each_object_sum_to_its_volume_and_do_not_rise_outwards(seed):
    logits, centres, owner, volumes = problem(seed)
    volumes[1] = nan
    found = solve(logits, [priors.Star(1)], scene_of(centres, volumes), sweeps=1, temperature=0.7)
    u = found.probs[0, 1].numpy()
    sums = [u[owner == tree].sum() for tree in range(3)]
    assert [sums[0], sums[2]] == pytest.approx([volumes[0], volumes[2]], rel=1e-6)
    parent = ray_tree(u.shape, centres.numpy())
    assert (u.ravel()[parent] >= u.ravel() - 1e-9).all()


@settings(max_examples=25)
@given(seed=SEEDS)
def test_an_object_without_a_volume_is_what_it_is_without_the_others(seed):
    logits, centres, owner, volumes = problem(seed)
    free = solve(logits, [priors.Star(1)], Scene(centres={1: centres}), sweeps=1)
    bound = solve(logits, [priors.Star(1)], scene_of(centres, [volumes[0], nan, nan]), sweeps=1)
    others = torch.from_numpy(owner != 0)
    assert torch.equal(free.probs[0][:, others], bound.probs[0][:, others])
    assert torch.equal(free.decode().labels[0][others], bound.decode().labels[0][others])


def feasible(rng, parent, owner, volumes):
    """Draw values that do not rise outwards and sum to the volume in each tree."""
    value = rng.random(len(parent))
    for _ in range(len(parent)):
        np.maximum.at(value, parent, value.copy())
    for n, volume in enumerate(volumes):
        part = value[owner == n]
        mean, away = volume / len(part), part - part.mean()
        room = min(mean / max(-away.min(), 1e-9), (1 - mean) / max(away.max(), 1e-9), 1.0)
        value[owner == n] = mean + room * away
    return value


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_the_block_is_the_minimiser_under_both_constraints(seed):
    logits, centres, owner, volumes = problem(seed, (4, 4), 2, spread=1.0)
    volumes = [min(v, (owner == n).sum() - 0.5) for n, v in enumerate(volumes)]
    found = solve(logits, [priors.Star(1)], scene_of(centres, volumes), sweeps=1)
    u, odds = (part.numpy().ravel() for part in (found.probs[0, 1], logits[0, 1] - logits[0, 0]))
    slope = np.log(u / (1 - u)) - odds  # of the energy, which is convex: no way leads down
    parent, rng = ray_tree((4, 4), centres.numpy()), np.random.default_rng(seed)
    others = [feasible(rng, parent, owner.ravel(), volumes) for _ in range(200)]
    assert min(slope @ (other - u) for other in others) >= -1e-6


@settings(max_examples=60)
@given(seed=SEEDS)
def test_each_object_of_the_label_map_has_its_pixels_and_its_star_shape(seed):
    logits, centres, owner, volumes = problem(seed, channels=3)
    decoded = solve(logits, [priors.Star(1)], scene_of(centres, volumes), sweeps=2).decode()
    mask = decoded.labels[0].numpy() == 1
    assert counts(mask, owner, 3) == volumes
    assert star_violations(mask, ray_tree(mask.shape, centres.numpy())) == 0
    assert decoded.certificates["star"].satisfied
    assert f"centre 2: {volumes[1]:g} of {volumes[1]:g} px" in decoded.certificates["star"].message


@settings(max_examples=60)
@given(seed=SEEDS)
def test_no_star_shaped_objects_of_these_volumes_are_likelier_on_tiny_grids(seed):
    logits, centres, owner, volumes = problem(seed, (3, 4), 2)
    found = solve(logits, [priors.Star(1)], scene_of(centres, volumes), sweeps=1)
    weights = (found.logits[0, 1] - found.logits[0, 0]).numpy().ravel()
    parent = ray_tree((3, 4), centres.numpy())
    every = np.array(list(product((False, True), repeat=12)))
    every = every[~(every & ~every[:, parent]).any(1)]
    for n, volume in enumerate(volumes):
        every = every[(every & (owner.ravel() == n)).sum(1) == volume]
    mask = found.decode().labels[0].numpy().ravel() == 1
    best = (every * weights).sum(1).max()
    assert any((mask == one).all() for one in every)
    if len({*found.probs[0, 1].flatten().tolist()}) == 12:  # no blocks: every count is reached
        assert weights[mask].sum() == pytest.approx(best)
    assert weights[mask].sum() <= best + 1e-9


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_volumes_of_a_class_of_its_objects_and_of_another_class_hold_together(seed):
    logits, centres, owner, volumes = problem(seed, count=2, channels=3)
    volumes = [max(1.0, v // 2) for v in volumes]
    classes = torch.tensor([[nan, sum(volumes), 7.0]])
    scene = scene_of(centres, volumes, volumes=classes)
    found = converge(logits, [priors.Star(1), priors.Volume()], scene, tol=1e-7, sweeps=3000)
    sums = [float(found.probs[0, 1][torch.from_numpy(owner == n)].sum()) for n in (0, 1)]
    assert [*sums, float(found.probs[0, 2].sum())] == pytest.approx([*volumes, 7], abs=1e-2)
    decoded = found.decode()
    assert {name: c.violations for name, c in decoded.certificates.items()} == {
        "volume": 0,
        "star": 0,
    }
    assert counts(decoded.labels[0].numpy() == 1, owner, 2) == volumes


@pytest.mark.parametrize("seed", range(6))
def test_free_objects_take_what_the_volume_of_the_class_leaves(seed):
    logits = smooth(seed)
    centres = torch.tensor([[6.0, 6.0], [16.0, 20.0], [5.0, 22.0]])
    scene = scene_of(centres, [60.0, nan, 40.0], volumes=torch.tensor([[nan, 190.0, nan]]))
    decoded = solve(logits, [priors.Star(1), priors.Volume()], scene, sweeps=5).decode()
    owner = ray_forest((24, 28), centres.numpy())[1]
    assert counts(decoded.labels[0] == 1, owner, 3) == [60, 90, 40]
    assert all(c.satisfied for c in decoded.certificates.values())


@pytest.mark.parametrize("seed", range(6))
def test_two_classes_with_objects_of_their_own_meet_all_volumes(seed):
    centres = {
        1: torch.tensor([[6.0, 6.0], [17.0, 8.0]]),
        2: torch.tensor([[5.0, 21.0], [18.0, 21.0]]),
    }
    volumes = {1: torch.tensor([50.0, 30.0]), 2: torch.tensor([nan, 45.0])}
    scene = Scene(centres=centres, object_volumes=volumes)
    decoded = solve(smooth(seed), [priors.Star(1), priors.Star(2)], scene, sweeps=8).decode()
    assert all(c.satisfied for c in decoded.certificates.values())
    owner = ray_forest((24, 28), centres[2].numpy())[1]
    assert (decoded.labels[0] == 2)[torch.from_numpy(owner == 1)].sum() == 45


@pytest.mark.parametrize("seed", range(6))
def test_under_nested_labels_an_object_counts_what_lies_in_it(seed):
    centres = torch.tensor([[8.0, 8.0], [15.0, 20.0]])
    scene = Scene(
        centres={1: torch.tensor([[8.0, 8.0]]), 2: centres},
        object_volumes={2: torch.tensor([150.0, 90.0])},
    )
    link = Ordered((1, 2))
    chosen = [priors.Star(2), priors.Star(1)]
    decoded = solve(smooth(seed, channels=2), chosen, scene, sweeps=8, link=link).decode()
    owner = ray_forest((24, 28), centres.numpy())[1]
    assert counts(decoded.labels[0] > 0, owner, 2) == [150, 90]
    assert decoded.certificates["star_2"].satisfied


@settings(max_examples=40)
@given(seed=SEEDS)
def test_painted_pixels_count_and_what_they_leave_is_reached(seed):
    logits, centres, owner, volumes = problem(seed)
    rng = np.random.default_rng(seed)
    fixed = torch.full((1, 9, 10), -1)
    for label in (0, 1):
        fixed[0, rng.integers(9), rng.integers(10)] = label
    inside = np.bincount(owner[fixed[0].numpy() == 1], minlength=3)
    outside = np.bincount(owner[fixed[0].numpy() == 0], minlength=3)
    sizes = np.bincount(owner.ravel(), minlength=3)
    volumes = [float(v) for v in np.clip(volumes, np.maximum(inside, 1), sizes - outside)]
    if (sizes - outside < 1).any():
        return
    found = solve(logits, [priors.Star(1)], scene_of(centres, volumes, fixed=fixed), sweeps=2)
    decoded, objects = found.decode(), found.preps["star"].objects
    free = torch.from_numpy(~(objects.must | objects.never)).view(9, 10)
    for n, volume in enumerate(objects.volumes[0].tolist()):
        here = torch.from_numpy(owner == n)
        assert (decoded.labels[0] == 1)[here].sum() == volume
        if (free & here).any():
            assert float(found.probs[0, 1][here].sum()) == pytest.approx(volume, abs=1e-4)
    assert ((decoded.labels == fixed) | (fixed < 0)).all()


def test_paint_beyond_a_volume_moves_it_and_the_certificate_says_so():
    logits = torch.zeros(1, 2, 9, 9, dtype=torch.float64)
    fixed = torch.full((9, 9), -1)
    fixed[4, 8] = 1  # its ray to the centre has 5 px
    scene = scene_of(torch.tensor([[4.0, 4.0]]), [3.0], fixed=fixed)
    decoded = solve(logits, [priors.Star(1)], scene, sweeps=2).decode()
    assert (decoded.labels == 1).sum() == 5
    star = decoded.certificates["star"]
    assert star.violations == 2
    assert star.message.endswith("centre 1: 5 of 3 px); prescribed pixels do not leave them")


def test_a_hull_goes_before_the_volume_of_an_object_and_the_certificate_counts_it():
    logits = smooth(3)
    scene = scene_of(torch.tensor([[8.0, 8.0], [15.0, 20.0]]), [90.0, 70.0])
    chosen = [priors.Star(1), priors.Convex([1], [2])]
    decoded = solve(logits, chosen, scene, sweeps=3).decode()
    off = int((decoded.labels == 1).sum()) - 160
    assert decoded.certificates["convex"].satisfied
    assert off > 0
    assert decoded.certificates["star"].violations == off


@pytest.mark.parametrize("link", ["softmax", "ordered"])
def test_gradients_pass_through_the_scalars(link):
    logits, centres, _, _ = problem(5, (4, 5), 2, 1 if link == "ordered" else 2)

    def probs(logits, volume, temperature):
        volumes = torch.stack([volume, torch.full((), nan, dtype=torch.float64)])
        scene = Scene(centres={1: centres}, object_volumes={1: volumes})
        args = {"sweeps": 1, "temperature": temperature, "link": link}
        return solve(logits, [priors.Star(1)], scene, **args).probs

    numbers = (torch.tensor(value, dtype=torch.float64) for value in (3.3, 0.9))
    given = [part.requires_grad_() for part in (logits, *numbers)]
    assert torch.autograd.gradcheck(probs, given)


def test_each_sample_has_the_volumes_of_its_own_centres():
    logits = torch.randn(2, 2, 9, 9, dtype=torch.float64)
    centres = torch.tensor([[[2.0, 2.0], [6.0, 6.0]], [[nan, nan], [4.0, 4.0]]])
    scene = Scene(centres={1: centres}, object_volumes={1: torch.tensor([[5.0, nan], [nan, 11.0]])})
    decoded = solve(logits, [priors.Star(1)], scene, sweeps=1).decode()
    owner = ray_forest((9, 9), centres[0].numpy())[1]
    assert (decoded.labels[0] == 1)[torch.from_numpy(owner == 0)].sum() == 5
    assert (decoded.labels[1] == 1).sum() == 11


REFUSED = {
    r"object 2 of label 1 is 60 px, but only \d+ px": ([5.0, 60.0], {}),
    r"must be \(2,\)": ([5.0], {}),
    "finite number > 0": ([0.0, 5.0], {}),
    "6 px are painted as object 1 of label 1, more than its volume of 5 px": (
        [5.0, nan],
        {"fixed": 1},
    ),
    r"paint leaves \d+ px for object 1 of label 1": ([38.0, nan], {"fixed": 0}),
    "add up to 15 px, but the volumes of the classes leave 20 px": (
        [5.0, 10.0],
        {"volumes": torch.tensor([nan, 20.0])},
    ),
    "add up to at least 30 px, .* leave 20 px": (
        [30.0, nan],
        {"volumes": torch.tensor([nan, 20.0])},
    ),
}


@pytest.mark.parametrize("pattern", REFUSED)
def test_wishes_that_no_label_map_meets_are_refused_with_a_way_out(pattern):
    volumes, more = REFUSED[pattern]
    if "fixed" in more:
        fixed = torch.full((9, 9), -1)
        fixed[0, :6] = more["fixed"]
        more = {"fixed": fixed}
    scene = scene_of(torch.tensor([[1.0, 3.0], [7.0, 5.0]]), volumes, **more)
    with pytest.raises(ValueError, match=pattern):
        solve(torch.zeros(1, 2, 9, 9), [priors.Star(1), *_volume(more)], scene)


def _volume(more):
    return [priors.Volume()] if "volumes" in more else []


def test_a_changed_volume_restarts_the_star_alone():
    logits, centres, _, volumes = problem(2)
    chosen = [priors.TotalVariation(0.3), priors.Star(1)]
    warm = solve(logits, chosen, scene_of(centres, volumes), sweeps=30)
    changed = scene_of(centres, [1.0, nan, nan])
    again = solve(logits, chosen, changed, sweeps=800, tol=1e-7, warm=warm)
    cold = solve(logits, chosen, changed, sweeps=800, tol=1e-7)
    torch.testing.assert_close(again.probs, cold.probs, rtol=0, atol=1e-3)
