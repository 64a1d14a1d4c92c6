"""What all optimizers have in common in which configurations advance at any time."""

from __future__ import annotations

import math

import ConfigSpace
import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.schedule import BudgetPlan
from hpbandster_ng.optimizers import ASHA, BOHB, GPBO, AsyncHyperBand, FreezeThaw, HyperBand, RandomSearch

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


def compute(config, budget, **kwargs):
    if config["x"] > 0.9:
        raise RuntimeError("as told")
    return {"loss": config["x"] + 1 / budget, "info": {}}


def asynchronous_bohb(*args, **kwargs):
    return BOHB(*args, asynchronous=True, **kwargs)


ALL = pytest.mark.parametrize("optimizer", [ASHA, AsyncHyperBand, asynchronous_bohb, FreezeThaw, GPBO])


def make(optimizer, **options):
    settings = {"run_id": "run", "backend": InProcessBackend(compute), "seed": 1, "min_budget": 1, "max_budget": 9}
    return optimizer(SPACE, **settings | options)


def spent(result):
    return math.fsum(run.budget for run in result.get_all_runs())


def runs_of(result):
    return {key: datum.results for key, datum in result.data.items()}


@ALL
@pytest.mark.parametrize("bracket_sizes", ["floor", "paper"])
def test_iterations_spend_what_those_in_brackets_do(optimizer, bracket_sizes):
    in_brackets = RandomSearch if optimizer is GPBO else HyperBand
    with make(optimizer, bracket_sizes=bracket_sizes) as master:
        plan = master.plan(5)
        planned = make(in_brackets, bracket_sizes=bracket_sizes).plan(5)
        assert plan.totals == tuple(bracket.total_budget for bracket in planned.brackets)
        result = master.run(5)
    assert planned.total_budget <= spent(result) < planned.total_budget + 9
    assert result.num_iterations() == 5


@ALL
def test_run_may_be_called_again_and_goes_on_as_if_it_had_never_ended(optimizer):
    with make(optimizer) as master:
        first = runs_of(master.run(2))
        assert master.active_iterations() == []
        assert [iteration for iteration, _ in master.plan(1).rows] == [2]
        result = master.run(3)
    assert runs_of(result).keys() > first.keys()
    with make(optimizer) as master:
        assert runs_of(master.run(5)) == runs_of(result)


@ALL
@pytest.mark.parametrize("total_budget", [9, 30, 100.5])
def test_a_total_budget_is_used_up_and_never_exceeded(optimizer, total_budget):
    with make(optimizer) as master:
        assert total_budget - 9 < spent(master.run(total_budget=total_budget)) <= total_budget


@ALL
def test_plan_prints_what_it_returns(optimizer, capsys):
    plan = make(optimizer).plan(2)
    assert isinstance(plan, BudgetPlan)
    assert capsys.readouterr().out == f"{plan}\n"


@ALL
def test_configurations_of_the_user_run_first(optimizer):
    mine = [{"x": 0.25}, {"x": 0.75}, {"x": 0.4}]
    with make(optimizer, initial_configs=mine) as master:
        assert [datum.config for datum in master.run(1).data.values()][:3] == mine


@ALL
def test_the_settings_stand_in_the_result(optimizer):
    with make(optimizer) as master:
        config = master.run(1).HB_config
    budgets = [9] if optimizer is GPBO else [1, 3, 9]
    expected = {"eta": 3, "min_budget": 1, "max_budget": 9, "budgets": budgets, "max_SH_iter": len(budgets)}
    assert {key: config[key] for key in expected} == expected
    assert config.get("asynchronous", True) is True
