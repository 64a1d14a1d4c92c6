from __future__ import annotations

import numpy as np

from hpbandster_ng.optimizers.config_generators.trials import Trials
from hpbandster_ng.optimizers.gaussian_process.kernel import Kernel
from hpbandster_ng.optimizers.gaussian_process.posterior import Posterior

KERNEL = Kernel(np.array([3.0, 1.0]), variance=1.0, offset_variance=0.3, noise=0.02, noise_slope=1.5)
FIDELITIES = np.array([0.0, 0.5, 1.0])


def on_all_budgets(xs):
    return np.column_stack([np.repeat(xs, len(FIDELITIES)), np.tile(FIDELITIES, len(xs))])


def posterior_of(num=8, seed=0):
    rng = np.random.default_rng(seed)
    features = np.column_stack([rng.random(num), rng.choice(FIDELITIES, num)])
    return Posterior.of(KERNEL, features, rng.normal(size=num))


def expected_improvements(posterior, xs, best, num=20_000):
    """By simulation: draw the result, learn from it, and look at the prediction on the full budget."""
    rng = np.random.default_rng(1)
    draws = rng.normal(size=num)
    improvements = np.empty((len(xs), len(FIDELITIES)))
    for i, x in enumerate(xs):
        full = np.array([[x, 1.0]])
        before = float(posterior.means(full)[0])
        for j, fidelity in enumerate(FIDELITIES):
            at = np.array([[x, fidelity]])
            seen = posterior.at(at)
            spread = np.sqrt(seen.variances[0] + KERNEL.noise_at(at)[0])
            rows = np.concatenate([posterior.features, at])
            noise = np.diag(KERNEL.noise_at(rows))
            weights = np.linalg.solve(KERNEL(rows, rows) + noise, KERNEL(rows, full))[-1, 0]
            after = before + weights * spread * draws
            improvements[i, j] = np.maximum(best - after, 0.0).mean()
    return improvements


def test_promise_the_expected_improvement_of_the_best_prediction():
    posterior, xs, best = posterior_of(), np.array([0.1, 0.45, 0.9]), -0.3
    trials = Trials(posterior, len(FIDELITIES), best)
    trials.add(on_all_budgets(xs[:1]))
    trials.add(on_all_budgets(xs[1:]))
    promises = np.exp(trials.promises([0, 1, 2]))
    np.testing.assert_allclose(promises, expected_improvements(posterior, xs, best), rtol=0.05, atol=1e-3)
    np.testing.assert_array_equal(trials.promises([2, 0]), trials.promises([0, 1, 2])[[2, 0]])
    assert len(trials) == 3


def test_a_higher_budget_promises_no_less_where_it_is_less_noisy():
    hard_to_beat = -1.0  # where an improvement is certain, all budgets promise the same but for rounding
    trials = Trials(posterior_of(), len(FIDELITIES), hard_to_beat)
    trials.add(on_all_budgets(np.linspace(0, 1, 7)))
    assert (np.diff(trials.promises(range(7)), axis=1) >= 0).all()


def test_what_is_pending_is_known_as_if_it_had_been_from_the_start():
    posterior, xs = posterior_of(), np.array([0.2, 0.7])
    pending = np.array([[0.25, 0.5], [0.6, 1.0]])
    known = Trials(posterior.with_pending(pending), len(FIDELITIES), best=0.0)
    known.add(on_all_budgets(xs))
    told = Trials(posterior, len(FIDELITIES), best=0.0)
    told.add(on_all_budgets(xs[:1]))
    for evaluation in pending:
        told.expect(evaluation, predicted=np.inf)
    before = told.promises([0])
    told.add(on_all_budgets(xs[1:]))
    np.testing.assert_allclose(told.promises([0, 1]), known.promises([0, 1]), atol=1e-8)
    np.testing.assert_allclose(told.promises([0]), before, atol=1e-12)


def test_what_is_sent_out_and_predicted_to_be_better_is_to_be_beaten():
    posterior, xs = posterior_of(), np.array([0.2, 0.7])
    lower, same = (Trials(posterior, len(FIDELITIES), best=0.0) for _ in range(2))
    for trials, predicted in ((lower, -0.5), (same, 0.5)):
        trials.add(on_all_budgets(xs))
        trials.expect(np.array([0.95, 0.0]), predicted)
    assert (lower.promises([0, 1]) < same.promises([0, 1])).all()


def test_a_result_that_can_show_nothing_new_promises_next_to_nothing():
    """On the budget on which it was seen without noise; elsewhere there is something to learn."""
    kernel = Kernel(np.array([3.0, 1.0]), variance=1.0, offset_variance=0.0, noise=1e-10)
    posterior = Posterior.of(kernel, np.array([[0.5, 0.0], [0.1, 1.0]]), np.array([0.0, 0.5]))
    trials = Trials(posterior, len(FIDELITIES), best=-0.2)
    trials.add(on_all_budgets(np.array([0.5])))
    low, middle, full = trials.promises([0])[0]
    assert low < -20 < middle < full
