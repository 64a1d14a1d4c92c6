from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpbandster_ng.optimizers.config_generators.columns import Kind
from hpbandster_ng.optimizers.gaussian_process import surrogate as module
from hpbandster_ng.optimizers.gaussian_process.features import Features
from hpbandster_ng.optimizers.gaussian_process.surrogate import Surrogate

RUNGS = [0.0, 0.5, 1.0]


def make(first_fit=6, dimensions=2):
    return Surrogate(Features([Kind.NUMBER] * dimensions, [0] * dimensions), first_fit)


def learned(surrogate):
    return surrogate.learned(len(surrogate))


def results(n, seed=0, rungs=RUNGS, weights=None):
    """Codes, fidelities and losses, some of which are failures."""
    rng = np.random.default_rng(seed)
    codes, fidelities = rng.random((n, 2)), rng.choice(rungs, n, p=weights)
    losses = (codes**2).sum(axis=1) + 0.1 * (1 - fidelities) * rng.normal(size=n)
    losses[rng.random(n) < 0.1] = math.inf
    return list(zip(codes, fidelities, losses.tolist(), strict=True))


def told(rows, ask=lambda number: False):
    surrogate = make()
    for number, row in enumerate(rows):
        surrogate.add(*row)
        if ask(number):
            learned(surrogate)
    return surrogate


def assert_same(one, other):
    np.testing.assert_array_equal(learned(one).rows, learned(other).rows)
    left, right = learned(one).posterior, learned(other).posterior
    np.testing.assert_array_equal(left.features, right.features)
    np.testing.assert_array_equal(left.weights, right.weights)
    np.testing.assert_array_equal(left.factor, right.factor)
    assert left.kernel.variance == right.kernel.variance


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 70), st.integers(0, 99), st.sets(st.integers(0, 69)))
def test_is_a_function_of_the_results_however_often_it_was_asked(n, seed, asked):
    rows = results(n, seed)
    late = told(rows)
    assert_same(late, told(rows, lambda number: True))
    assert_same(late, told(rows, asked.__contains__))


def test_before_the_first_fit_the_prior_is_the_model():
    surrogate = make(first_fit=5)
    for row in results(4):
        surrogate.add(*row)
    prior = learned(surrogate).posterior.kernel
    assert len(set(prior.inverse_scales[:2])) == 1
    surrogate.add(*results(5)[4])
    assert learned(surrogate).posterior.kernel.noise != prior.noise


def test_is_fitted_when_there_are_15_percent_more_results(monkeypatch):
    sizes = []

    def fit(model, features, targets, starts):
        sizes.append((len(targets), len(starts)))
        return model.prior[0] + len(sizes)

    monkeypatch.setattr(module, "fit", fit)
    surrogate = make(first_fit=10)
    for row in results(60):
        surrogate.add(*row)
    learned(surrogate)
    assert sizes == [
        (10, 1),
        (12, 2),
        (14, 2),
        (17, 2),
        (20, 2),
        (24, 2),
        (28, 2),
        (33, 2),
        (38, 2),
        (44, 2),
        (51, 2),
        (59, 2),
    ]


@pytest.mark.parametrize(
    ("rungs", "weights"),
    [([1.0], None), (RUNGS, None), (RUNGS, [0.9, 0.08, 0.02]), (np.linspace(0, 1, 7), None), ([0.0, 0.5], None)],
)
def test_a_fit_and_a_posterior_rest_on_so_many_rows_however_many_results_there_are(monkeypatch, rungs, weights):
    sizes = []

    def fit(model, features, targets, starts):
        sizes.append(len(targets))
        return model.prior[0]

    monkeypatch.setattr(module, "fit", fit)
    surrogate = make()
    for number, row in enumerate(results(4000, rungs=rungs, weights=weights)):
        surrogate.add(*row)
        if number % 500 == 499:
            learned(surrogate)
    assert max(sizes) <= 250
    in_use = learned(surrogate).rows
    assert len(in_use) == len(learned(surrogate).posterior.features) <= 500
    fidelities = learned(surrogate).posterior.features[:, -1]
    assert (fidelities == 1.0).sum() <= 250
    for rung in set(rungs) - {1.0}:
        assert (fidelities == rung).sum() <= 125
    assert (fidelities < 1).sum() <= 250


def test_of_a_full_rung_the_best_and_the_latest_are_used():
    losses = np.random.default_rng(0).permutation(1000).astype(float)
    surrogate = make(first_fit=10**6)
    for number, loss in enumerate(losses):
        surrogate.add(np.array([number / 1000, 0.5]), 1.0, loss)
    in_use = learned(surrogate).rows
    best = np.flatnonzero(losses < 125)
    latest = np.setdiff1d(np.arange(1000), best)[-125:]
    np.testing.assert_array_equal(in_use, np.sort(np.concatenate([best, latest])))


def test_failures_do_not_take_the_places_of_the_best():
    surrogate = make(first_fit=10**6)
    for number in range(600):
        surrogate.add(np.array([number / 600, 0.5]), 1.0, float(number) if number < 200 else math.nan)
    in_use = learned(surrogate).rows
    assert set(range(125)) <= set(in_use.tolist())


@pytest.mark.parametrize("num_budgets", [40, 260, 700])
def test_results_of_any_number_of_budgets_are_survived(num_budgets):
    """A warm start may bring each on a budget of its own."""
    surrogate = make()
    for number, fidelity in enumerate(np.linspace(-1, 2, num_budgets)):
        surrogate.add(np.array([number / num_budgets, 0.5]), float(fidelity), float(number))
    assert 0 < len(learned(surrogate).rows) <= 700
    assert np.isfinite(learned(surrogate).posterior.means(learned(surrogate).posterior.features)).all()


@pytest.mark.parametrize("loss", [math.nan, 1.0, 1e300])
@pytest.mark.parametrize("n", [1, 30])
def test_results_that_do_not_differ(loss, n):
    surrogate = make(first_fit=2)
    for code, fidelity, _ in results(n):
        surrogate.add(code, fidelity, loss)
    seen = learned(surrogate).posterior.at(learned(surrogate).posterior.features)
    np.testing.assert_allclose(seen.means, 0.0, atol=1e-9)
    assert len(surrogate) == n


def test_learns_which_configurations_are_good_and_on_which_budget():
    surrogate = told(results(80))
    grid = np.array([[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]])
    for fidelity in RUNGS:
        means = learned(surrogate).posterior.means(surrogate.features(grid, fidelity))
        assert means[0] < means[1] < means[2]
