"""The advice is right where the truth is known, and it is refused where nothing can be told."""

from __future__ import annotations

import math
from types import SimpleNamespace

import ConfigSpace
import numpy as np
import pytest

from hpbandster_ng.analysis.advice import advise
from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers import BudgetProbe

NUM_CONFIGS = 50


def probe(correlations, overhead=0.0, num_configs=NUM_CONFIGS, seed=0):
    """Runs of configurations whose losses on each budget correlate so with those on the largest."""
    rng = np.random.default_rng(seed)
    return [
        SimpleNamespace(
            config_id=(number, 0, 0),
            budget=budget,
            loss=share * true + math.sqrt(1 - share**2) * rng.standard_normal(),
            is_success=True,
            time_stamps={"started": 5.0, "finished": 5.0 + budget + overhead},
        )
        for number, true in enumerate(rng.standard_normal(num_configs))
        for budget, share in correlations.items()
    ]


def advised(*arguments, **options):
    return advise(probe(*arguments, **options), np.random.default_rng(1))


def test_budgets_that_tell_much_are_used_from_the_smallest_on():
    advice = advised({1: 0.95, 3: 0.97, 9: 0.99, 27: 1.0})
    assert advice.best.min_budget == 1
    assert advice.best.speed > 2.5
    assert [budget.correlation > 0.85 for budget in advice.budgets] == [True] * 4


@pytest.mark.parametrize("seed", range(3))
def test_budgets_that_tell_nothing_are_not_used(seed):
    advice = advised({1: 0.0, 3: 0.0, 9: 0.0, 27: 1.0}, seed=seed)
    assert (advice.best.min_budget, advice.best.speed) == (27, 1.0)


def test_a_budget_that_tells_nothing_is_left_out_though_the_next_is_good():
    assert advised({1: 0.0, 3: 0.9, 9: 0.95, 27: 1.0}).best.min_budget == 3


def test_small_budgets_are_worth_less_if_every_run_takes_long():
    correlations = {1: 0.95, 3: 0.97, 9: 0.99, 27: 1.0}
    slow = advised(correlations, overhead=10.0)
    assert slow.budgets[0].cost == pytest.approx(11 / 37)
    assert slow.best.speed < 0.7 * advised(correlations).best.speed


def test_without_times_a_run_costs_its_budget():
    runs = probe({1: 0.9, 9: 1.0})
    for run in runs:
        run.time_stamps = {"started": 0.0, "finished": 0.0}
    assert [budget.cost for budget in advise(runs, np.random.default_rng(1)).budgets] == [1 / 9, 1.0]


def test_the_interval_holds_the_truth():
    hits = 0
    for seed in range(100):
        budget = advised({1: 0.6, 9: 1.0}, seed=seed, num_configs=30).budgets[0]
        truth = 6 / math.pi * math.asin(0.6 / 2)  # Spearman's, of normal variables
        hits += budget.low <= truth <= budget.high
    assert 88 <= hits <= 100


@pytest.mark.parametrize(("num_left_off", "is_of_survivors"), [(0, False), (2, False), (6, True), (9, True)])
def test_a_probe_that_broke_off_is_not_taken_for_one_of_survivors(num_left_off, is_of_survivors):
    runs = probe({1: 0.9, 9: 1.0}, num_configs=16)
    kept = [run for run in runs if run.budget == 1 or run.config_id[0] >= num_left_off]
    assert advise(kept, np.random.default_rng(1)).is_of_survivors is is_of_survivors


def test_the_same_runs_give_the_same_advice():
    assert advised({1: 0.5, 9: 1.0}) == advised({1: 0.5, 9: 1.0})


@pytest.mark.parametrize("runs", [probe({9: 1.0}), probe({1: 0.5, 9: 1.0}, num_configs=5)])
def test_too_little_is_refused(runs):
    with pytest.raises(InvalidArgumentError, match="must have 6 configurations that succeeded on one budget and on"):
        advise(runs, np.random.default_rng(1))


def test_a_largest_budget_on_which_nothing_succeeds_is_no_smaller_one():
    runs = probe({1: 0.9, 3: 0.95, 9: 1.0})
    for run in runs:
        run.is_success = run.budget < 9
    with pytest.raises(InvalidArgumentError, match="must contain one that succeeded on the largest budget, 9;"):
        advise(runs, np.random.default_rng(1))


def test_brackets_that_nobody_could_run_are_not_played_through():
    advice = advised({1e-6: 0.9, 1e3: 0.95, 1e6: 1.0})  # 3 ** 25 configurations
    assert {choice.min_budget for choice in advice.choices} == {1e3, 1e6}


def test_a_budget_with_too_few_runs_does_not_count():
    runs = probe({1: 0.9, 9: 1.0}) + [run for run in probe({3: 0.9, 9: 1.0}, num_configs=5) if run.budget == 3]
    advice = advise(runs, np.random.default_rng(1))
    assert [math.isnan(budget.correlation) for budget in advice.budgets] == [False, True, False]
    assert {choice.min_budget for choice in advice.choices} == {1, 9}


def test_what_may_be_chance_is_not_chosen():
    advice = advised({1: 0.5, 9: 1.0}, num_configs=8)
    assert advice.budgets[0].low < 0 < advice.budgets[0].correlation
    assert advice.best.min_budget == 9


def test_a_probe_runs_every_configuration_on_every_budget():
    def compute(config, budget, **_):
        return {"loss": config["x"] / budget, "info": {}}

    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    with BudgetProbe(space, min_budget=1, max_budget=27, backend=InProcessBackend(compute), seed=1) as optimizer:
        runs = optimizer.run(8).get_all_runs()
    assert [run.budget for run in runs] == [1, 3, 9, 27] * 8
    assert advise(runs, np.random.default_rng(1)).budgets[0].correlation == pytest.approx(1.0)
