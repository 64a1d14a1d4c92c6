"""What is planned is what runs, for every optimizer and schedule."""

from __future__ import annotations

from collections import Counter

import ConfigSpace
import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.events import RunRequested
from hpbandster_ng.engine.schedule import repeat
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers import BOHB, GPBO, H2BO, FreezeThaw, HyperBand, LCNet, RandomSearch
from hpbandster_ng.storage.journal import JournalStorage
from hpbandster_ng.storage.memory import MemoryStorage
from hpbandster_ng.terminal.progress import ProgressBar

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


def compute(config, budget, **kwargs):
    return {"loss": config["x"], "info": {"learning_curve": [config["x"]] * 3}}


def make(optimizer, **options):
    return optimizer(SPACE, run_id="plan", backend=InProcessBackend(compute), seed=1, **options)


def executed(result):
    """How many configurations ran on which budget of which iteration."""
    return Counter((run.config_id[0], run.budget) for run in result.get_all_runs())


def planned(plan):
    return Counter({(iteration, budget): n for iteration, _, n, budget, _ in plan.rows})


@pytest.mark.parametrize("bracket_sizes", ["floor", "paper"])
@pytest.mark.parametrize(
    ("min_budget", "max_budget", "eta", "n_iterations"),
    [(1, 27, 3, 5), (1, 10, 10, 3), (0.01, 1, 3, 4), (1, 1, 3, 2), (1, 16, 2, 3), (2, 17, 2.5, 4), (1, 100, 10, 3)],
)
@pytest.mark.parametrize("optimizer", [HyperBand, RandomSearch])
def test_executed_equals_planned(optimizer, min_budget, max_budget, eta, n_iterations, bracket_sizes):
    options = {"min_budget": min_budget, "max_budget": max_budget, "eta": eta, "bracket_sizes": bracket_sizes}
    with make(optimizer, **options) as master:
        plan = master.plan(n_iterations)
        result = master.run(n_iterations)
    assert executed(result) == planned(plan)
    assert len(result.data) == plan.num_configs
    assert len(result.get_all_runs()) == plan.num_runs
    assert sum(run.budget for run in result.get_all_runs()) == pytest.approx(plan.total_budget)


@pytest.mark.parametrize("bracket_sizes", ["floor", "paper"])
@pytest.mark.parametrize("optimizer", [BOHB, H2BO, LCNet])
def test_executed_equals_planned_with_a_model(optimizer, bracket_sizes):
    with make(optimizer, min_budget=1, max_budget=9, bracket_sizes=bracket_sizes) as master:
        plan = master.plan(3)
        assert executed(master.run(3)) == planned(plan)


@pytest.mark.parametrize("optimizer", [BOHB, H2BO, LCNet, HyperBand, RandomSearch])
def test_plan_prints_what_it_returns(optimizer, capsys):
    plan = make(optimizer, min_budget=1, max_budget=9).plan(2)
    assert capsys.readouterr().out == f"{plan}\n"


def test_the_plan_of_a_further_run_goes_on_where_the_first_has_ended():
    with make(HyperBand, min_budget=1, max_budget=9) as master:
        whole = master.plan(5)
        master.run(2)
        assert master.plan(3).brackets == whole.brackets[2:]


def requests_of(storage):
    return [event for event in storage.read() if isinstance(event, RunRequested)]


def test_the_log_tells_what_each_call_is_going_to_run_also_one_that_is_made_again(tmp_path):
    options = {"min_budget": 1, "max_budget": 9, "working_directory": tmp_path}
    storage = MemoryStorage()
    with make(HyperBand, storage=storage, **options) as master:
        whole = repeat(master.brackets, 0, 5)
        master.run(2)
        master.run(3)
        master.run(max_time=0.001)
    told = [(request.planned_runs, request.planned_budget) for request in requests_of(storage)]
    parts = [repeat(master.brackets, 0, 2), repeat(master.brackets, 2, 3)]
    assert told == [*((part.num_runs, part.total_budget) for part in parts), (None, None)]
    assert sum(runs for runs, _ in told[:2]) == whole.num_runs


def test_a_call_that_goes_on_after_a_crash_tells_the_plan_from_its_first_iteration(tmp_path):
    options = {"min_budget": 1, "max_budget": 9, "working_directory": tmp_path, "storage": f"journal:{tmp_path}/log"}
    with make(HyperBand, **options) as master:
        master.run(1)
    with make(HyperBand, **options) as master:
        master.run(4)
    requests = requests_of(JournalStorage(tmp_path / "log"))
    plans = [repeat(master.brackets, 0, 1), repeat(master.brackets, 0, 4)]
    assert [request.planned_runs for request in requests] == [plan.num_runs for plan in plans]


@pytest.mark.parametrize("n_iterations", [0, -1, 1.5, True])
def test_a_plan_of_nothing_is_refused(n_iterations):
    with pytest.raises(InvalidArgumentError, match=r"n_iterations=.* must be a whole number of at least 1"):
        make(HyperBand).plan(n_iterations)


def test_a_plan_made_after_a_run_goes_on_with_its_numbers_and_rounds_nothing(capsys):
    with make(HyperBand, min_budget=411522, max_budget=1234567) as optimizer:
        optimizer.run(1)
        plan = optimizer.plan(2)
    assert [row[0] for row in plan.rows] == [1, 2, 2]
    assert "1234567" in capsys.readouterr().out


def test_the_plan_of_a_model_says_what_is_spent_and_counts_no_runs():
    with make(FreezeThaw, min_budget=1, max_budget=9) as master:
        master.run(1)
        plan = master.plan(2)
        after_two = sum(run.budget for run in master.run(1).get_all_runs())
        after_three = sum(run.budget for run in master.run(1).get_all_runs())
    assert str(plan).splitlines() == [
        "iteration  total",
        "        1     18",
        "        2     27",
        "2 iterations, as many runs as the model decides, total budget 45 (5 full evaluations)",
    ]
    assert 27 + 18 <= after_two < 27 + 18 + 9
    assert 27 + plan.total_budget <= after_three < 27 + plan.total_budget + 9


def test_a_progress_bar_expects_no_number_of_runs_of_a_model():
    progress = ProgressBar()
    with make(FreezeThaw, min_budget=1, max_budget=9, observers=[progress]) as master:
        num_runs = len(master.run(2).get_all_runs())
    assert progress.status.startswith(f"{num_runs} runs, ")


@pytest.mark.parametrize(("optimizer", "min_budget"), [(GPBO, 1), (FreezeThaw, 9)])
def test_on_one_budget_a_model_has_nothing_to_decide_about_the_number_of_runs(optimizer, min_budget):
    with make(optimizer, min_budget=min_budget, max_budget=9) as master:
        plan = master.plan(3)
        assert len(master.run(3).get_all_runs()) == plan.num_runs
    assert f"about {plan.num_runs} runs" in str(plan)
