"""The optimizers in which configurations advance at any time; first what FreezeThaw and GPBO share with the others."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from types import SimpleNamespace

import ConfigSpace
import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.config_generator import ConfigGenerator
from hpbandster_ng.engine.schedule import BudgetPlan
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers import ASHA, BOHB, GPBO, AsyncHyperBand, FreezeThaw, HyperBand, RandomSearch

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


def compute(config, budget, **kwargs):
    if config["x"] > 0.9:
        raise RuntimeError("as told")
    return {"loss": config["x"] + 1 / budget, "info": {}}


def asynchronous_bohb(*args, **kwargs):
    return BOHB(*args, asynchronous=True, **kwargs)


ALL = pytest.mark.parametrize("optimizer", [ASHA, AsyncHyperBand, asynchronous_bohb])
AT_ANY_TIME = pytest.mark.parametrize("optimizer", [ASHA, AsyncHyperBand, asynchronous_bohb, FreezeThaw, GPBO])


def make(optimizer, **options):
    settings = {"run_id": "run", "backend": InProcessBackend(compute), "seed": 1, "min_budget": 1, "max_budget": 9}
    return optimizer(SPACE, **settings | options)


def spent(result):
    return math.fsum(run.budget for run in result.get_all_runs())


def runs_of(result):
    return {key: datum.results for key, datum in result.data.items()}


def plan_in_brackets(optimizer, n_iterations, **options):
    """Of the optimizer with brackets that spends as much."""
    return make(RandomSearch if optimizer is GPBO else HyperBand, **options).plan(n_iterations)


@AT_ANY_TIME
@pytest.mark.parametrize("bracket_sizes", ["floor", "paper"])
def test_iterations_spend_what_those_in_brackets_do(optimizer, bracket_sizes):
    with make(optimizer, bracket_sizes=bracket_sizes) as master:
        plan = master.plan(5)
        planned = plan_in_brackets(optimizer, 5, bracket_sizes=bracket_sizes)
        assert plan.total_budget == planned.total_budget
        assert plan.totals == tuple(bracket.total_budget for bracket in planned.brackets)
        result = master.run(5)
    assert planned.total_budget <= spent(result) < planned.total_budget + 9
    assert result.num_iterations() == 5
    if plan.num_runs is not None:  # no model decides
        assert len(result.get_all_runs()) == pytest.approx(plan.num_runs, rel=0.25)


@AT_ANY_TIME
def test_run_may_be_called_again_and_goes_on_as_if_it_had_never_ended(optimizer):
    with make(optimizer) as master:
        first = runs_of(master.run(2))
        assert master.active_iterations() == []
        assert master.plan(1).rows == ((2, plan_in_brackets(optimizer, 3).brackets[2].total_budget),)
        result = master.run(3)
    assert runs_of(result).keys() > first.keys()
    with make(optimizer) as master:
        assert runs_of(master.run(5)) == runs_of(result)


@AT_ANY_TIME
@pytest.mark.parametrize("total_budget", [1, 9, 30, 60, 100.5])
def test_a_total_budget_is_used_up_and_never_exceeded(optimizer, total_budget):
    with make(optimizer) as master:
        total_budget = max(total_budget, master.budgets[0])
        assert total_budget - 9 < spent(master.run(total_budget=total_budget)) <= total_budget


@AT_ANY_TIME
def test_plan_prints_what_it_returns(optimizer, capsys):
    plan = make(optimizer).plan(2)
    assert isinstance(plan, BudgetPlan)
    assert capsys.readouterr().out == f"{plan}\n"


@AT_ANY_TIME
def test_configurations_of_the_user_run_first(optimizer):
    mine = [{"x": 0.25}, {"x": 0.75}, {"x": 0.5}]
    started = []
    with make(optimizer, initial_configs=mine, observers=[started.append]) as master:
        master.run(1)
    configs = [event.job.config for event in started if type(event).__name__ == "QueueJob"]
    assert [config for i, config in enumerate(configs) if config not in configs[:i]][:3] == mine


@AT_ANY_TIME
def test_the_settings_stand_in_the_result(optimizer):
    with make(optimizer) as master:
        config = master.run(1).HB_config
    budgets = [9] if optimizer is GPBO else [1, 3, 9]
    expected = {"eta": 3, "min_budget": 1, "max_budget": 9, "budgets": budgets, "max_SH_iter": len(budgets)}
    assert {key: config[key] for key in expected} == expected
    assert config.get("asynchronous", True) is True


@ALL
def test_nobody_runs_twice_on_a_budget_and_no_failure_goes_on(optimizer):
    with make(optimizer) as master:
        result = master.run(6)
    runs = Counter((run.config_id, run.budget) for run in result.get_all_runs())
    assert set(runs.values()) == {1}
    failed = {run.config_id for run in result.get_all_runs() if run.loss is None}
    assert failed
    assert all(len(result.get_runs_by_id(config_id)) == 1 for config_id in failed)
    assert {datum.status for datum in result.data.values()} == {"REVIEW", "TERMINATED", "COMPLETED", "CRASHED"}


def test_asha_starts_everybody_on_the_smallest_budget():
    with make(ASHA) as master:
        result = master.run(4)
    assert {config_id[1] for config_id in result.data} == {0}
    sizes = Counter(run.budget for run in result.get_all_runs())
    assert sizes[1] // 3 - 1 <= sizes[3] <= sizes[1] // 3
    assert sizes[3] // 3 - 1 <= sizes[9] <= sizes[3] // 3


def test_the_best_go_on():
    with make(ASHA) as master:
        result = master.run(6)
    losses = defaultdict(dict)
    for run in result.get_all_runs():
        losses[run.budget][run.config_id] = math.inf if run.loss is None else run.loss
    went_on, stayed = set(losses[3]), set(losses[1]) - set(losses[3])
    assert sum(losses[1][i] for i in went_on) / len(went_on) < sum(min(losses[1][i], 2) for i in stayed) / len(stayed)


@pytest.mark.parametrize("optimizer", [AsyncHyperBand, asynchronous_bohb])
def test_the_brackets_share_the_budget_as_hyperbands_do(optimizer):
    with make(optimizer) as master:
        result = master.run(60)
    planned = make(HyperBand).plan(60)
    by_bracket = Counter()
    for run in result.get_all_runs():
        by_bracket[run.config_id[1]] += run.budget
    for bracket in planned.brackets[:3]:
        share = bracket.total_budget / sum(each.total_budget for each in planned.brackets[:3])
        assert by_bracket[3 - len(bracket.budgets)] == pytest.approx(share * spent(result), rel=0.05)


class Asked(ConfigGenerator):
    """Proposes what was asked for."""

    def get_config(self, budget):
        return {"x": budget / 10}, {"by": "me"}


@pytest.mark.parametrize("optimizer", [ASHA, AsyncHyperBand])
def test_any_generator_will_do_and_is_asked_with_the_budget_of_the_rung(optimizer):
    with make(optimizer, config_generator=Asked()) as master:
        result = master.run(3)
    budgets = master.budgets
    assert all(datum.config == {"x": budgets[config_id[1]] / 10} for config_id, datum in result.data.items())
    assert {datum.config_info["by"] for datum in result.data.values()} == {"me"}


def test_bohbs_model_learns_from_results_of_all_iterations():
    with make(asynchronous_bohb, random_fraction=0) as master:
        result = master.run(8)
    picks = [datum.config_info["model_based_pick"] for datum in result.data.values()]
    assert picks[-10:] == [True] * 10
    assert not picks[0]


@pytest.mark.parametrize("value", [None, 1, "yes", float("nan")])
def test_asynchronous_is_true_or_false(value):
    with pytest.raises(InvalidArgumentError, match=r"^asynchronous=.* must be True or False"):
        BOHB(SPACE, run_id="run", asynchronous=value)


@ALL
def test_a_single_budget_leaves_nothing_to_promote(optimizer):
    with make(optimizer, min_budget=9) as master:
        result = master.run(2)
    assert all(len(datum.results) == 1 for datum in result.data.values())
    assert {run.budget for run in result.get_all_runs()} == {9}


def test_other_standings_need_a_subclass_that_makes_the_iterations():
    class Other(AsyncHyperBand):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.standings = SimpleNamespace(budget_a_run=None)

    with make(Other) as master, pytest.raises(NotImplementedError, match="Other must implement get_next_iteration"):
        master.run(1)
