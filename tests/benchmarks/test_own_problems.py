"""Our own problems are what their docstrings say."""

import math

import numpy as np
import pytest

from benchmarks.quality.problems import num_varying, own_suite, suite_budget

SUITE = own_suite()

# The minimisers as the literature gives them (Surjanovic & Bingham, Virtual library of simulation experiments).
OPTIMA = {
    "own-hartmann3": [0.114614, 0.555649, 0.852547],
    "own-hartmann6": [0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573],
}


def samples(problem, count=300):
    return [dict(config) for config in problem.configspace(1).sample_configuration(count)]


@pytest.mark.parametrize(("name", "optimum"), OPTIMA.items())
def test_hartmanns_functions_have_their_optima(name, optimum):
    loss, _ = SUITE[name]({f"x{i}": value for i, value in enumerate(optimum)}, SUITE[name].max_budget)
    assert loss == pytest.approx(SUITE[name].bounds[0], abs=2e-5)


@pytest.mark.parametrize("problem", SUITE.values(), ids=SUITE)
def test_losses_lie_within_the_bounds_and_repeat(problem):
    configs = samples(problem)
    losses = [problem(config, problem.max_budget)[0] for config in configs]
    assert losses == [problem(config, problem.max_budget)[0] for config in configs]
    finite = [loss for loss in losses if math.isfinite(loss)]
    assert problem.bounds[0] <= min(finite)
    assert max(finite) <= problem.bounds[1]


@pytest.mark.parametrize("problem", SUITE.values(), ids=SUITE)
def test_larger_budgets_tell_more(problem):
    losses = {
        budget: np.array([problem(config, budget)[0] for config in samples(problem)])
        for budget in (problem.min_budget, problem.max_budget / 3, problem.max_budget)
    }
    ran = np.isfinite(losses[problem.max_budget])
    low, high, full = (loss[ran] for loss in losses.values())
    assert np.corrcoef(low, full)[0, 1] < np.corrcoef(high, full)[0, 1] < 1


def test_some_networks_fail_and_some_hyperparameters_are_inactive():
    network = SUITE["own-network"]
    configs = samples(network)
    failed = np.mean([math.isinf(network(config, 1)[0]) for config in configs])
    assert 0.1 < failed < 0.3
    assert {len(config) for config in configs} == {7, 8, 9}


def test_the_budget_of_a_problem_grows_with_the_root_of_its_hyperparameters():
    assert {name: num_varying(problem) for name, problem in SUITE.items()} == {
        "own-hartmann3": 3,
        "own-hartmann6": 6,
        "own-network": 9,
    }
    assert suite_budget(SUITE["own-network"]) == 20 + 40 * 3
