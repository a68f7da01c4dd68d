"""The laws of `laws.py`, for every registered prior, on thousands of random problems."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from laws import (
    CONSTRAINTS,
    PLANAR,
    SMOOTHERS,
    Problem,
    energy,
    inside,
    random_prior,
    random_problem,
    seeds,
)
from priorseg import Scene, priors, solve
from priorseg.spec import parameters, registered

NAMES = sorted(cls.name for cls in vars(priors).values() if hasattr(cls, "stage"))
MANY = 120  # random problems for each law and prior
FEW = 15


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=4 * MANY)
@given(seed=seeds())
def test_hardened_labels_pass_their_own_certificate(name, seed):
    problem = random_problem(seed, ordered=seed % 2 == 1)
    prior = random_prior(name, problem, seed)
    decoded = problem.solve([prior], sweeps=3).decode()
    certificate = decoded.certificates[name]
    assert certificate.satisfied
    assert certificate.violations == 0, certificate.message


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=MANY)
@given(seed=seeds())
def test_a_sample_never_depends_on_its_batch_mates(name, seed):
    problem = random_problem(seed, ordered=seed % 2 == 1)
    prior = random_prior(name, problem, seed)
    together = problem.solve([prior], sweeps=12, tol=1e-4)
    for sample in range(len(problem.logits)):
        alone = problem.take(sample).solve([prior], sweeps=12, tol=1e-4)
        torch.testing.assert_close(together.probs[sample], alone.probs[0], rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=MANY)
@given(seed=seeds())
def test_probabilities_are_finite_and_belong_to_the_logits(name, seed):
    problem = random_problem(seed, ordered=seed % 2 == 1)
    solution = problem.solve([random_prior(name, problem, seed)], sweeps=4)
    assert torch.isfinite(solution.logits).all()
    again = problem.link.probs(solution.logits)
    torch.testing.assert_close(again, solution.probs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", SMOOTHERS)
@settings(max_examples=MANY)
@given(seed=seeds())
def test_a_tiny_weight_is_nearly_the_plain_link(name, seed):
    problem = random_problem(seed, temperature=1.0)
    tiny = registered()[name](weight=1e-9)
    plain = problem.link.probs(problem.logits / problem.temperature)
    close = problem.solve([tiny], sweeps=10).probs
    torch.testing.assert_close(close, plain, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=FEW)
@given(seed=seeds())
def test_settings_rebuild_the_same_prior(name, seed):
    problem = random_problem(seed)
    prior = random_prior(name, problem, seed)
    twin = type(prior)(**prior.settings())
    assert set(prior.settings()) == set(parameters(type(prior)))
    one = problem.solve([prior], sweeps=3).probs
    torch.testing.assert_close(one, problem.solve([twin], sweeps=3).probs, rtol=0, atol=1e-12)


@settings(max_examples=4 * MANY)
@given(seed=seeds())
def test_threshold_dynamics_never_raises_the_energy(seed):
    problem = random_problem(seed, ordered=seed % 2 == 1, dims=2 + (seed // 2) % 2)
    prior = random_prior("threshold_dynamics", problem, seed)
    solution, last = None, torch.inf
    for _ in range(8):
        solution = problem.solve([prior], sweeps=1, warm=solution)
        now = energy(problem, [prior], solution.probs)
        assert (now <= last + 1e-9 * (1 + now.abs())).all()
        last = now


@settings(max_examples=MANY)
@given(seed=seeds())
def test_the_field_of_threshold_dynamics_is_the_gradient_of_its_energy(seed):
    problem = random_problem(seed, dims=2 + seed % 2, kind="noise")
    prior = random_prior("threshold_dynamics", problem, seed)
    prep = prior.prepare(problem.scene, problem.logits)
    u = inside(torch.softmax(problem.logits, 1)).requires_grad_()
    (gradient,) = torch.autograd.grad(prior.energy(u, prep).sum(), u)
    torch.testing.assert_close(prior.field(u, (), prep), gradient, rtol=1e-9, atol=1e-9)


@settings(max_examples=MANY)
@given(seed=seeds())
def test_the_field_of_total_variation_is_a_subgradient(seed):
    problem = random_problem(seed, dims=2 + seed % 2, kind="noise")
    prior = random_prior("total_variation", problem, seed)
    solution = problem.solve([prior], sweeps=5)
    prep, (xi, _, t) = solution.preps["total_variation"], solution.duals["total_variation"]
    field = prior.field(solution.probs, (xi, xi, t), prep)
    other = torch.softmax(torch.randn_like(problem.logits), 1)
    below = (field * other).flatten(1).sum(1)
    assert (below <= prior.energy(other, prep) * (1 + 1e-12) + 1e-12).all()


@settings(max_examples=MANY)
@given(seed=seeds())
def test_the_gap_of_total_variation_is_never_negative_and_vanishes(seed):
    problem = random_problem(
        seed, ordered=seed % 2 == 1, dims=2 + (seed // 2) % 2, kind="blobs", temperature=1.0
    )
    prior = priors.TotalVariation(0.5)
    gaps = [problem.solve([prior], sweeps=n).gap for n in (1, 5, 300)]
    assert all((gap >= -1e-12).all() for gap in gaps)
    assert (gaps[2] < 1e-4).all()


@settings(max_examples=MANY)
@given(seed=seeds())
def test_the_first_step_of_total_variation_never_lowers_the_dual(seed):
    problem = random_problem(seed, ordered=seed % 2 == 1, dims=2 + (seed // 2) % 2)
    prior = random_prior("total_variation", problem, seed)
    link, scale = problem.link, problem.temperature
    solution = problem.solve([prior], sweeps=1)
    prep, dual = solution.preps["total_variation"], solution.duals["total_variation"]
    held = prior.field(solution.probs, (dual[0], dual[0], dual[2]), prep)
    before = -scale * link.free_energy(problem.logits / scale)
    after = -scale * link.free_energy((problem.logits - held) / scale)
    assert (after >= before - 1e-9 * (1 + before.abs())).all()


@settings(max_examples=FEW)
@given(seed=seeds())
def test_convex_priors_reach_one_point_warm_or_cold_in_any_order(seed):
    problem = random_problem(seed, kind="blobs", temperature=1.0, ordered=seed % 2 == 1)
    chosen = [priors.TotalVariation(0.2), random_prior("star", problem, seed)]
    cold = problem.solve(chosen, sweeps=600, tol=1e-6)
    turned = problem.solve(chosen[::-1], sweeps=600, tol=1e-6)
    start = problem.solve([priors.TotalVariation(1.5), chosen[1]], sweeps=5)
    warm = problem.solve(chosen, sweeps=600, tol=1e-6, warm=start)
    torch.testing.assert_close(cold.probs, turned.probs, rtol=0, atol=1e-12)
    torch.testing.assert_close(cold.probs, warm.probs, rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "convex"])
@pytest.mark.parametrize("dims", [2, 3])
def test_gradients_agree_with_finite_differences(name, dims):
    if dims == 3 and name in PLANAR:
        pytest.skip("2-D for now")
    for seed in range(4):
        problem = random_problem(
            seed, dims=dims, kind="noise", ordered=seed % 2 == 1, temperature=0.8
        )
        prior = random_prior(name, problem, seed).requires_grad_()
        logits = problem.logits[:1].clone().requires_grad_()
        small = problem.take(0)

        def run(o, small=small, prior=prior):
            return (
                Problem(o, small.scene, small.temperature, small.link)
                .solve([prior], sweeps=2)
                .logits.tanh()
            )

        assert torch.autograd.gradcheck(run, (logits,), eps=1e-6, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("name", SMOOTHERS)
@pytest.mark.parametrize("parameter", ["log_weight", "log_sigma"])
def test_parameters_get_the_gradient_of_finite_differences(name, parameter):
    problem = random_problem(3, kind="noise", temperature=0.8)
    prior = random_prior(name, problem, 1)
    if not hasattr(prior, parameter):
        pytest.skip("no such parameter")
    weights = torch.randn_like(problem.logits)
    stored = getattr(prior, parameter).requires_grad_()

    def value():
        return (problem.solve([prior], sweeps=5).probs * weights).sum()

    value().backward()
    with torch.no_grad():
        stored += 1e-6
        up = value()
        stored -= 2e-6
        down = value()
    assert float(stored.grad) == pytest.approx(float((up - down) / 2e-6), rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in PLANAR])
@settings(max_examples=40)
@given(seed=seeds())
def test_volumes_solve_in_three_dimensions(name, seed):
    problem = random_problem(seed, dims=3)
    solution = problem.solve([random_prior(name, problem, seed)], sweeps=3)
    assert torch.isfinite(solution.probs).all()
    assert solution.decode().certificates[name].satisfied


@pytest.mark.parametrize("name", PLANAR)
def test_planar_priors_say_that_they_are_2d_for_now(name):
    problem = random_problem(0, dims=3)
    prior = priors.Star(1) if name == "star" else priors.Convex([1])
    scene = Scene((1.0, 1.0, 1.0), centres={1: torch.zeros(1, 3)})
    with pytest.raises(ValueError, match="2-D for now"):
        solve(problem.logits, [prior], scene)


@settings(max_examples=4 * MANY)
@given(seed=seeds())
def test_all_priors_together_stay_finite_and_certify_what_they_measure(seed):
    problem = random_problem(seed, ordered=seed % 2 == 1)
    rng = np.random.default_rng(seed)
    names = [n for n in NAMES if rng.random() < 0.6]
    chosen = [random_prior(n, problem, seed + i) for i, n in enumerate(names)]
    solution = problem.solve(chosen, sweeps=4)
    decoded = solution.decode()
    assert torch.isfinite(solution.probs).all()
    for name, prior in solution.priors.items():
        measured = prior.violation(decoded.labels, solution.preps[name])
        assert decoded.certificates[name] == measured
        assert measured.satisfied == (measured.violations == 0)


@settings(max_examples=MANY)
@given(seed=seeds())
def test_star_and_volume_hold_together_exactly(seed):
    problem = random_problem(seed, kind="blobs")
    chosen = [random_prior("star", problem, seed), priors.Volume()]
    certificates = problem.solve(chosen, sweeps=4).decode().certificates
    assert {name: c.violations for name, c in certificates.items()} == {"star": 0, "volume": 0}


@settings(max_examples=MANY)
@given(seed=seeds())
def test_star_convex_and_nested_hold_together_exactly_when_ordered(seed):
    problem = random_problem(seed, ordered=True)
    order = problem.link.nesting(problem.logits.shape[1])
    outer = order[-1]
    chosen = [priors.Star(outer), priors.Convex([outer], [2]), priors.Nested(order)]
    certificates = problem.solve(chosen, sweeps=3).decode().certificates
    assert all(c.satisfied for c in certificates.values()), certificates


def test_every_registered_prior_is_covered():
    assert set(NAMES) == {*CONSTRAINTS, *SMOOTHERS, "convex"}
