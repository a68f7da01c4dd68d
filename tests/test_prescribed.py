"""Prescribed pixels hold in every solve, and the rest is the constrained minimiser."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy import ndimage

from laws import Problem, random_prior, random_problem, seeds
from oracles import (
    constrained_reference,
    difference_matrix,
    entropic_energy,
    hull_mask,
    minimise_on_simplex,
    random_logits,
    tree_constraints,
)
from priorseg import Scene, priors, replay, solve
from priorseg.captured import FixedSweeps
from priorseg.links import SOFTMAX, Ordered
from priorseg.parts import reach

NAMES = sorted(cls.name for cls in vars(priors).values() if hasattr(cls, "stage"))
MANY, FEW = 40, 8


def painted_problem(seed: int, *, dims: int = 2, **chosen: object) -> Problem:
    """Draw a problem with prescribed pixels, and volumes that they alone do not contradict."""
    problem = random_problem(seed, dims=dims, **chosen)
    rng = np.random.default_rng([seed, 7])
    batch, channels, *shape = problem.logits.shape
    count = problem.link.label_count(channels)
    whole = rng.integers(0, count, (batch, *shape))
    fixed = np.where(rng.random(whole.shape) < rng.choice([0.02, 0.1, 0.4]), whole, -1)
    fixed.flat[rng.integers(fixed.size)] = whole.flat[0]
    whole = np.where(fixed >= 0, fixed, whole)
    volumes = problem.scene.volumes.numpy().copy()
    for row, labels in zip(volumes, whole, strict=True):
        if isinstance(problem.link, Ordered):
            for label, extent in problem.link.extents(channels).items():
                row[label - 1] = row[label - 1] * 0 + np.isin(labels, extent).sum()
        else:
            row[:] = row * 0 + np.bincount(labels.ravel(), minlength=channels)
    scene = replace(problem.scene, fixed=torch.from_numpy(fixed), volumes=torch.from_numpy(volumes))
    return replace(problem, scene=scene)


def vertices(problem: Problem) -> torch.Tensor:
    """Give the probabilities of every channel where pixels are prescribed, nan elsewhere."""
    fixed, channels = problem.scene.fixed, problem.logits.shape[1]
    planes = []
    for channel in range(channels):
        if isinstance(problem.link, Ordered):
            inside = torch.isin(fixed, torch.tensor(problem.link.extents(channels)[channel + 1]))
        else:
            inside = fixed == channel
        planes.append(torch.where(fixed >= 0, inside.double(), torch.nan))
    return torch.stack(planes, 1)


def chosen_priors(problem: Problem, seed: int) -> list:
    """Draw any subset of the priors."""
    rng = np.random.default_rng(seed)
    names = [name for name in NAMES if rng.random() < 0.6]
    return [random_prior(name, problem, seed + place) for place, name in enumerate(names)]


def assert_held(problem, solution, decoded):
    wanted, fixed = vertices(problem), problem.scene.fixed
    there = ~wanted.isnan()
    torch.testing.assert_close(solution.probs[there], wanted[there], rtol=0, atol=1e-15)
    assert torch.equal(decoded.labels[fixed >= 0], fixed[fixed >= 0])


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=3 * MANY)
@given(seed=seeds())
def test_prescribed_pixels_hold_under_every_prior(name, seed):
    problem = painted_problem(seed, ordered=seed % 2 == 1)
    solution = problem.solve([random_prior(name, problem, seed)], sweeps=4)
    assert_held(problem, solution, solution.decode())


@settings(max_examples=10 * MANY)
@given(seed=seeds())
def test_prescribed_pixels_hold_under_any_set_of_priors(seed):
    problem = painted_problem(seed, ordered=seed % 2 == 1)
    solution = problem.solve(chosen_priors(problem, seed), sweeps=4)
    decoded = solution.decode()
    assert torch.isfinite(solution.probs).all()
    assert_held(problem, solution, decoded)
    for name, prior in solution.priors.items():
        measured = prior.violation(decoded.labels, solution.preps[name])
        assert decoded.certificates[name] == measured


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("star", "convex")])
@settings(max_examples=FEW)
@given(seed=seeds())
def test_prescribed_pixels_hold_in_three_dimensions(name, seed):
    problem = painted_problem(seed, dims=3)
    solution = problem.solve([random_prior(name, problem, seed)], sweeps=3)
    assert_held(problem, solution, solution.decode())


@settings(max_examples=2 * MANY)
@given(seed=seeds())
def test_volumes_that_painting_alone_leaves_are_met_to_the_pixel(seed):
    problem = painted_problem(seed, ordered=seed % 2 == 1)
    solution = problem.solve([priors.Volume()], sweeps=3)
    decoded = solution.decode()
    assert decoded.certificates["volume"].satisfied, decoded.certificates["volume"].message
    assert float(solution.gap.max()) < 1e-4
    channels = problem.logits.shape[1]
    for sample, row in enumerate(problem.scene.volumes):
        for channel, target in enumerate(row.tolist()):
            if target == target:
                ordered = isinstance(problem.link, Ordered)
                extents = problem.link.extents(channels) if ordered else {}
                extent = extents.get(channel + 1, (channel,))
                found = torch.isin(decoded.labels[sample], torch.tensor(extent)).sum()
                assert int(found) == target


def closed_rays(fixed: np.ndarray, parents: np.ndarray, extent: tuple[int, ...]):
    """Walk every ray of one sample: what must be in, what cannot be, and whether they meet."""
    must, never, meet = set(), set(), False
    flat = fixed.ravel()
    for pixel in range(flat.size):
        path = [pixel]
        while parents[path[-1]] != path[-1]:
            path.append(int(parents[path[-1]]))
        if flat[pixel] in extent:
            must.update(path)
            meet |= any(flat[p] >= 0 and flat[p] not in extent for p in path)
        if any(flat[p] >= 0 and flat[p] not in extent for p in path):
            never.add(pixel)
    return must, never, meet


@settings(max_examples=3 * MANY)
@given(seed=seeds())
def test_a_star_takes_in_the_rays_of_painted_pixels_and_leaves_shadows_out(seed):
    problem = painted_problem(seed, ordered=seed % 2 == 1)
    prior = random_prior("star", problem, seed)
    solution = problem.solve([prior], sweeps=3)
    decoded, prep = solution.decode(), solution.preps["star"]
    broken = 0
    for sample, labels in enumerate(decoded.labels.numpy()):
        parents = prep.parents[sample]
        given_labels = problem.scene.fixed[sample].numpy()
        must, never, meet = closed_rays(given_labels, parents, prep.extent)
        inside = np.isin(labels.ravel(), prep.extent)
        count = int((inside & ~inside[parents]).sum())
        broken += count
        if not meet:
            assert count == 0
            assert inside[list(must)].all()
            assert not inside[list(never)].any()
    assert decoded.certificates["star"].violations == broken


@settings(max_examples=3 * MANY)
@given(seed=seeds())
def test_a_convex_object_holds_and_avoids_painted_pixels_that_a_hull_can_part(seed):
    problem = painted_problem(seed, ordered=seed % 2 == 1)
    prior = priors.Convex([1], [1, 2], single=seed % 3 == 0)
    solution = problem.solve([prior], sweeps=3)
    decoded, (extent,) = solution.decode(), solution.preps["convex"].extents
    for sample, labels in enumerate(decoded.labels.numpy()):
        fixed = problem.scene.fixed[sample].numpy()
        inside, out = np.isin(fixed, extent), (fixed >= 0) & ~np.isin(fixed, extent)
        if not (hull_mask(inside) & out).any():
            alone = prior.violation(decoded.labels[sample : sample + 1], solution.preps["convex"])
            assert alone.satisfied, alone.message
            if prior.single and inside.any():
                parts, count = ndimage.label(np.isin(labels, extent), np.ones((3, 3)))
                assert set(range(1, count + 1)) == set(parts[inside])


@settings(max_examples=2 * MANY)
@given(seed=seeds())
def test_nothing_changes_where_nothing_is_prescribed(seed):
    problem = random_problem(seed, ordered=seed % 2 == 1)
    chosen = chosen_priors(problem, seed)
    free = torch.full(tuple(problem.logits.shape[i] for i in (0, 2, 3)), -1)
    plain = problem.solve(chosen, sweeps=4)
    same = replace(problem, scene=replace(problem.scene, fixed=free)).solve(chosen, sweeps=4)
    assert torch.equal(plain.logits, same.logits)
    assert torch.equal(plain.probs, same.probs)
    assert torch.equal(plain.decode().labels, same.decode().labels)
    assert plain.decode().certificates == same.decode().certificates


@settings(max_examples=3 * MANY)
@given(seed=seeds())
def test_a_sample_never_depends_on_what_is_painted_on_its_batch_mates(seed):
    problem = painted_problem(seed, ordered=seed % 2 == 1)
    if seed % 3 == 0:
        problem.scene.fixed[0] = -1
    chosen = chosen_priors(problem, seed)
    together = problem.solve(chosen, sweeps=4)
    labels = together.decode().labels
    for sample in range(len(problem.logits)):
        one = problem.take(sample)
        fixed = problem.scene.fixed[sample : sample + 1]
        alone = replace(one, scene=replace(one.scene, fixed=fixed)).solve(chosen, sweeps=4)
        torch.testing.assert_close(together.probs[sample], alone.probs[0], rtol=0, atol=1e-7)
        assert torch.equal(labels[sample], alone.decode().labels[0])


def small_problem(seed: int, classes: int = 3, shape=(4, 5), kind: str = "noise"):
    rng = np.random.default_rng(seed)
    logits = random_logits(rng, 1, classes, shape, kind)
    fixed = np.where(rng.random((1, *shape)) < 0.25, rng.integers(0, classes, (1, *shape)), -1)
    fixed[0, 0, 0] = 1
    return rng, logits, torch.from_numpy(fixed)


def pinned(u: torch.Tensor, fixed: torch.Tensor) -> torch.Tensor:
    """Put the vertices in where pixels are prescribed."""
    one = torch.nn.functional.one_hot(fixed.clamp_min(0), u.shape[1]).movedim(-1, 1)
    return torch.where(fixed.unsqueeze(1) >= 0, one.to(u), u)


@settings(max_examples=FEW)
@given(seed=seeds())
def test_threshold_dynamics_reaches_the_minimiser_over_the_other_pixels(seed):
    _, logits, fixed = small_problem(seed)
    prior = priors.ThresholdDynamics(weight=0.4, sigma=1.0)
    prep = prior.prepare(Scene(), logits)
    whole = entropic_energy(logits, 1.0, lambda u: prior.energy(u, prep).sum())
    best = minimise_on_simplex(lambda u: whole(pinned(u, fixed)), torch.softmax(logits, 1))
    found = solve(logits, [prior], Scene(fixed=fixed), sweeps=300).probs
    torch.testing.assert_close(found, pinned(best, fixed), rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(max_examples=5)
@given(seed=seeds())
def test_total_variation_closes_the_gap_of_the_problem_over_the_other_pixels(dtype, seed):
    _, logits, fixed = small_problem(seed, shape=(6, 20), kind="blobs")
    logits = logits.to(dtype)
    scale, weight = 0.7, 0.8
    found = solve(
        logits, [priors.TotalVariation(weight)], Scene(fixed=fixed), sweeps=800, temperature=scale
    )
    u, (xi, _, _) = found.probs[0].double(), found.duals["total_variation"]
    grad = torch.from_numpy(difference_matrix((6, 20)).toarray())
    score, pixels = logits[0].double().flatten(1), fixed.flatten()
    slopes = (grad @ u.flatten(1).T).T.reshape(3, 2, -1)
    primal = -(score * u.flatten(1)).sum() + scale * torch.xlogy(u, u).sum()
    primal = primal + weight * slopes.square().sum(1).sqrt().sum()
    assert float(xi.square().sum(2).max()) <= 1 + 1e-6
    held = -weight * (grad.T @ xi[0].double().reshape(3, -1).T).T  # λ div ξ
    raised = score - held
    free = -scale * torch.logsumexp(raised / scale, 0)
    lower = torch.where(pixels < 0, free, -raised.gather(0, pixels.clamp_min(0)[None])[0]).sum()
    assert -1e-3 <= float(primal - lower) <= 2e-2  # of 120 pixels: ε‖u − u*‖² is at most this


@settings(max_examples=FEW)
@given(seed=seeds())
def test_a_star_reaches_the_minimiser_over_the_other_pixels(seed):
    rng, logits, fixed = small_problem(seed, shape=(4, 4))
    centre = torch.from_numpy(rng.random((1, 2)) * 3)
    scene = Scene(fixed=fixed, centres={1: centre})
    found = solve(logits, [priors.Star(1)], scene, sweeps=2)
    parents = found.preps["star"].parents[0]
    must, never, meet = closed_rays(fixed[0].numpy(), parents, (1,))
    if meet:
        return
    free = np.array([p for p in range(16) if p not in must and p not in never], dtype=int)
    u = found.probs[0].flatten(1)
    assert torch.equal(u[1, list(must)], torch.ones(len(must), dtype=u.dtype))
    assert (u[1, list(never)] < 1e-99).all()
    open_ = [p for p in never if fixed.flatten()[p] < 0]
    others = torch.softmax(logits[0, [0, 2]].flatten(1)[:, open_], 0)
    torch.testing.assert_close(u[[0, 2]][:, open_], others)
    place = {int(p): at for at, p in enumerate(free)}
    # a parent that must be inside asks nothing of its child; one that cannot be settles it
    above = np.array([place.get(int(parents[p]), place[int(p)]) for p in free], dtype=int)
    loose = [p for p in free if fixed.flatten()[p] >= 0]
    if len(free) == 0 or loose:
        return
    scores = logits[0].flatten(1)[:, free]
    best, gap = constrained_reference(scores, tree_constraints(above), 1, 1.0)
    assert gap < 1e-6
    torch.testing.assert_close(u[:, free], best, rtol=0, atol=1e-4)


@pytest.mark.parametrize("ordered", [False, True])
def test_the_volume_shift_solves_for_the_other_pixels_alone(ordered):
    _, logits, fixed = small_problem(5, classes=2, shape=(12, 11))
    odds = logits[:, 1:] - logits[:, :1]
    inside, free = int((fixed == 1).sum()), fixed[0] < 0
    target = inside + int(free.sum()) // 4 + 0.5  # float32 holds it
    volumes = torch.tensor([[target]] if ordered else [[torch.nan, target]]).double()
    scene = Scene(fixed=fixed, volumes=volumes)
    given_logits, link = (odds, Ordered()) if ordered else (logits, SOFTMAX)
    found = solve(given_logits, [priors.Volume()], scene, sweeps=1, link=link)
    rest = odds[0, 0][free]
    low, high = -50.0, 50.0
    for _ in range(200):  # bisection on the one unknown
        middle = (low + high) / 2
        over = float(torch.sigmoid(rest + middle).sum()) + inside > target
        low, high = (low, middle) if over else (middle, high)
    expected = torch.sigmoid(rest + low)
    torch.testing.assert_close(found.probs[0, -1][free], expected, rtol=0, atol=1e-8)


def test_painting_more_than_the_volume_says_what_to_do():
    fixed = torch.full((6, 6), -1)
    fixed[:2] = 1
    scene = Scene(fixed=fixed, volumes=torch.tensor([torch.nan, 10.0]))
    with pytest.raises(ValueError, match="12 px are painted as label 1, whose volume is 10 px"):
        solve(torch.zeros(1, 2, 6, 6), [priors.Volume()], scene)
    scene = Scene(fixed=fixed, volumes=torch.tensor([30.0, torch.nan]))
    with pytest.raises(ValueError, match="30 px and 12 px are painted as other labels"):
        solve(torch.zeros(1, 2, 6, 6), [priors.Volume()], scene)
    fixed[0] = 2
    scene = Scene(fixed=fixed, volumes=torch.tensor([20.0, 18.0]))  # a rim of 2 px is left
    with pytest.raises(ValueError, match="6 px are painted as label 1, whose volume is 2 px"):
        solve(torch.zeros(1, 2, 6, 6), [priors.Volume()], scene, link=Ordered((2, 1)))


def test_a_ray_longer_than_the_volume_wins_and_the_certificate_says_so():
    fixed = torch.full((9, 40), -1)
    fixed[4, 35] = 1
    scene = Scene(
        fixed=fixed, centres={1: torch.tensor([[4.0, 4.0]])}, volumes=torch.tensor([torch.nan, 20])
    )
    logits = torch.zeros(1, 2, 9, 40)
    decoded = solve(logits, [priors.Star(1), priors.Volume()], scene, sweeps=3).decode()
    assert decoded.certificates["star"].satisfied
    assert decoded.certificates["volume"].violations == 32 - 20
    assert "prescribed pixels do not leave it" in decoded.certificates["volume"].message
    assert torch.equal(decoded.labels[0].nonzero()[:, 1], torch.arange(4, 36))


def test_a_certificate_names_prescribed_pixels_as_the_cause():
    fixed = torch.full((9, 9), -1)
    fixed[4, 2:7:4] = 1
    fixed[4, 4] = 0
    logits = torch.zeros(1, 2, 9, 9)
    scene = Scene(fixed=fixed, centres={1: torch.tensor([[4.0, 0.0]])})
    convex = solve(logits + 0, [priors.Convex([1], single=True)], scene, sweeps=2).decode()
    assert convex.certificates["convex"].message.endswith("prescribed pixels keep 1 px out")
    star = solve(logits, [priors.Star(1)], scene, sweeps=2).decode().certificates["star"]
    assert star.violations == 1
    assert star.message.endswith("prescribed pixels cut 1 of its rays")


def test_nested_labels_get_a_rim_where_the_inner_one_is_painted_outside():
    logits = torch.zeros(1, 3, 12, 12)
    logits[:, 0] += 1
    logits[:, 1, 1:5, 1:5] += 3
    fixed = torch.full((12, 12), -1)
    fixed[9, 9] = 2
    decoded = solve(logits, [priors.Nested((2, 1))], Scene(fixed=fixed), sweeps=1).decode()
    assert decoded.certificates["nested"].satisfied
    assert decoded.labels[0, 9, 9] == 2
    assert int((decoded.labels == 1).sum()) == 16 + 8


@pytest.mark.parametrize("ordered", [False, True])
def test_sweeps_in_single_precision_hold_prescribed_pixels_exactly(ordered):
    problem = painted_problem(11 + ordered, ordered=ordered, temperature=1.0, kind="blobs")
    size = problem.logits.shape[:2]
    logits = torch.randn(*size, 40, 70, generator=torch.Generator().manual_seed(1))
    fixed = torch.full((40, 70), -1)
    fixed[5:9, 5:60], fixed[20:30, 30] = 0, 1
    scene = Scene(fixed=fixed, centres={1: torch.tensor([[25.0, 30.0]])})
    chosen = [
        priors.TotalVariation(10.0),
        priors.ThresholdDynamics(15.0, 3.0),
        priors.Star(1),
        priors.Convex([1]),
    ]
    found = solve(logits, chosen, scene, sweeps=20, link=problem.link, inertia=0.8)
    small = replace(
        problem, logits=logits, scene=replace(scene, fixed=fixed.expand(size[0], -1, -1))
    )
    wanted = vertices(small).float()
    there = ~wanted.isnan()
    torch.testing.assert_close(found.probs[there], wanted[there], rtol=0, atol=1e-30)


def test_a_warm_start_forgets_what_was_painted_before():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 2, 32, 40, generator=generator)
    prior = priors.ThresholdDynamics(8.0, 3.0)
    fixed = torch.full((2, 32, 40), -1)
    fixed[0, 8:24, 8:24] = 1
    painted = solve(logits, [prior], Scene(fixed=fixed), sweeps=30)
    cold = solve(logits, [prior], Scene(), sweeps=30)
    warm = solve(logits, [prior], Scene(), sweeps=30, warm=painted)
    torch.testing.assert_close(warm.probs[0], cold.probs[0], rtol=0, atol=1e-6)
    on = solve(logits, [prior], Scene(), sweeps=5, warm=solve(logits, [prior], sweeps=25))
    other = solve(
        logits,
        [prior],
        Scene(),
        sweeps=5,
        warm=solve(logits, [prior], Scene(fixed=fixed), sweeps=25),
    )
    assert torch.equal(other.probs[1], on.probs[1])  # its batch-mate's paint is none of its own


def test_recorded_sweeps_prescribe_pixels_of_other_logits_too():
    generator = torch.Generator().manual_seed(2)
    first, second = torch.randn(2, 1, 3, 20, 30, generator=generator)
    fixed = torch.full((20, 30), -1)
    fixed[3:6, 4:20], fixed[10:12] = 2, 0
    chosen = [priors.TotalVariation(1.0), priors.ThresholdDynamics(2.0)]
    recorded = FixedSweeps(first, chosen, Scene(fixed=fixed), sweeps=6)
    recorded.logits.copy_(second)
    wanted = replay(second, chosen, Scene(fixed=fixed), sweeps=6)
    torch.testing.assert_close(recorded.run().probs, wanted.probs, rtol=0, atol=1e-6)


def test_painted_images_are_never_cut_into_parts():
    convex, scene = [priors.Convex([1])], Scene(fixed=torch.zeros(4, 4, dtype=torch.int64))
    assert reach(convex, Scene(), SOFTMAX) is not None
    assert reach(convex, scene, SOFTMAX) is None


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        (torch.zeros(4, 4), "whole numbers"),
        (torch.zeros(3, 4, dtype=torch.int64), "has shape"),
        (torch.full((4, 4), 2), "label 2; the labels go from 0 to 1"),
    ],
)
def test_wrong_prescriptions_are_refused(fixed, message):
    with pytest.raises(ValueError, match=message):
        solve(torch.zeros(1, 2, 4, 4), [], Scene(fixed=fixed))
