from __future__ import annotations

import math
import pickle
import zlib
from collections import Counter

import ConfigSpace as CS
import numpy as np
import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.events import EndJob, QueueJob, StartJob
from hpbandster_ng.engine.planner import Planner
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers import GPBO, FreezeThaw, RandomSearch
from hpbandster_ng.optimizers.config_generators import freeze_thaw
from hpbandster_ng.simulator import Workload, simulate
from hpbandster_ng.storage.memory import MemoryStorage
from tests.engine.driver import continued, of_type

SPACE = CS.ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0)})
BOTH = pytest.mark.parametrize("optimizer", [FreezeThaw, GPBO])


def full_loss(config):
    return (config["x"] - 0.3) ** 2 + 4 * (config["y"] - config["x"] ** 2) ** 2


class Valley:
    min_budget, max_budget = 1, 9

    def configspace(self, seed):
        return CS.ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0)}, seed=seed)

    def __call__(self, config, budget):
        return full_loss(config) + 0.1 / budget * (1 + config["x"]), float(budget)


class LowBudgetsTellNothing(Valley):
    def __call__(self, config, budget):
        loss, seconds = super().__call__(config, budget)
        luck = np.random.default_rng(zlib.crc32(repr((config, budget)).encode()))
        return (loss if budget == 9 else luck.normal()), seconds


class LowBudgetsTellTheOpposite(Valley):
    def __call__(self, config, budget):
        loss, seconds = super().__call__(config, budget)
        return (loss if budget == 9 else -loss), seconds


def compute(config, budget, **kwargs):
    if config["x"] > 0.9:
        raise RuntimeError("as told")
    return {"loss": full_loss(config) + 0.1 / budget, "info": {}}


def make(optimizer, **options):
    settings = {"run_id": "run", "backend": InProcessBackend(compute), "seed": 1, "min_budget": 1, "max_budget": 9}
    return optimizer(SPACE, **settings | options)


def best_of(result, budget=9):
    return min(full_loss(datum.config) for datum in result.data.values() if budget in datum.results)


def runs_of(result):
    return {key: datum.results for key, datum in result.data.items()}


class TestSimulated:
    @BOTH
    @pytest.mark.parametrize("n_workers", [1, 8])
    def test_is_far_better_than_random_search(self, optimizer, n_workers):
        found, random = (simulate(kind, Valley(), n_workers, 360, seed=1) for kind in (optimizer, RandomSearch))
        assert best_of(found) < 0.1 * best_of(random)
        assert best_of(found) < 1e-3

    @pytest.mark.parametrize("problem", [LowBudgetsTellNothing(), LowBudgetsTellTheOpposite()])
    def test_is_better_where_lower_budgets_mislead_too(self, problem):
        found, random = (simulate(kind, problem, 1, 360, seed=1) for kind in (FreezeThaw, RandomSearch))
        assert best_of(found) < 0.3 * best_of(random)
        spending = Counter()
        for run in found.get_all_runs():
            spending[run.budget] += run.budget
        assert spending[9] > 0.85 * spending.total()

    @pytest.mark.parametrize(("n_workers", "total_budget"), [(1, 90), (8, 270), (300, 1800)])
    def test_no_worker_waits(self, n_workers, total_budget):
        """A worker that ends is given its next job at the same time, and nothing runs twice."""
        log = []
        result = simulate(
            FreezeThaw,
            Valley(),
            n_workers,
            total_budget,
            seed=1,
            observers=[log.append],
            workload=Workload(straggling=0.3),
        )
        end = total_budget / n_workers
        ends = Counter(event.at for event in log if isinstance(event, EndJob) and 0 < event.at < end * (1 - 1e-6))
        starts = Counter(event.at for event in log if isinstance(event, StartJob))
        assert starts[0.0] == n_workers
        assert all(starts[at] == count for at, count in ends.items())
        keys = Counter((run.config_id, run.budget) for run in result.get_all_runs())
        assert set(keys.values()) == {1}


def planner_of(master):
    return Planner(
        lambda number: master.get_next_iteration(number, {}), master.config_generator, master._pool, master.seed
    )


@BOTH
def test_of_a_run_killed_anywhere_the_fold_of_its_log_makes_the_same_decisions(optimizer):
    storage = MemoryStorage()
    with make(optimizer, storage=storage) as master:
        master.run(4)
        live = [runs_of(iteration) for iteration in master.iterations]
        log = list(storage.read())
    assert sum(event.job.config_info["model_based_pick"] for event in of_type(log, QueueJob)) > 5
    for cut in range(0, len(log) + 1, 1 + len(log) // 12):
        resumed = planner_of(make(optimizer))
        resumed.replay(log[:cut])
        assert continued(resumed, log, cut) == log
        assert [runs_of(iteration) for iteration in resumed.iterations] == live


@pytest.mark.parametrize(("n_workers", "patience"), [(3, 64), (30, 64), (30, 3)])
def test_of_a_run_with_many_workers_too(n_workers, patience, monkeypatch):
    """Jobs are queued while others run, so the log is cut in the middle of batches, and between looks at the results.

    With 30 workers and patience for 3, a look lasts for ten results, as it does with 640 workers.
    """
    monkeypatch.setattr(freeze_thaw, "_PATIENCE", patience)
    storage = MemoryStorage()
    simulate(FreezeThaw, Valley(), n_workers, 9.0 * n_workers, seed=1, storage=storage)
    log = list(storage.read())
    for cut in range(0, len(log) + 1, 1 + len(log) // 6):
        resumed = planner_of(make(FreezeThaw))
        resumed.replay(log[:cut])
        assert continued(resumed, log, cut) == log


@BOTH
def test_the_default_configuration_runs_first_unless_the_user_has_others(optimizer):
    with make(optimizer) as master:
        assert next(iter(master.run(1).data.values())).config == {"x": 0.5, "y": 0.5}
    mine = [{"x": 0.25, "y": 0.1}, {"x": 0.75, "y": 0.1}]
    with make(optimizer, initial_configs=mine) as master:
        assert [datum.config for datum in master.run(1).data.values()][:2] == mine


@BOTH
def test_the_settings_stand_in_the_result_which_can_be_pickled(optimizer):
    with make(optimizer) as master:
        result = master.run(1)
    budgets = [9] if optimizer is GPBO else [1, 3, 9]
    expected = {"eta": 3, "min_budget": 1, "max_budget": 9, "budgets": budgets, "max_SH_iter": len(budgets)}
    assert {key: result.HB_config[key] for key in expected} == expected
    again = pickle.loads(pickle.dumps(result))
    assert runs_of(again) == runs_of(result)
    assert again.HB_config == result.HB_config


def after_an_earlier_run(optimizer, max_budget):
    """The earlier result, that of a run which learned from it, and whether the first pick of that was the model's."""
    with make(RandomSearch, min_budget=1, max_budget=max_budget) as master:
        earlier = master.run(8)
    with make(optimizer, previous_result=earlier) as master:
        result = master.run(total_budget=45)
    first = next(datum for key, datum in result.data.items() if key[0] >= 0)
    return earlier, result, first.config_info["model_based_pick"]


@pytest.mark.parametrize(("optimizer", "max_budget"), [(FreezeThaw, 3), (FreezeThaw, 9), (GPBO, 9)])
def test_learns_from_an_earlier_run(optimizer, max_budget):
    earlier, result, is_model_based = after_an_earlier_run(optimizer, max_budget)
    assert is_model_based
    assert best_of(result) < min(full_loss(datum.config) for datum in earlier.data.values())


def test_a_model_of_one_budget_leaves_out_an_earlier_run_on_another():
    assert not after_an_earlier_run(GPBO, 3)[2]


@BOTH
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *(("min_budget", value) for value in (0, -1, 10, math.nan, None, True, "1")),
        *(("max_budget", value) for value in (0, 0.5, math.inf, None)),
        *(("eta", value) for value in (1, 0.5, math.nan, None, True)),
        ("bracket_sizes", "round"),
    ],
)
def test_bad_arguments_are_one_clear_error(optimizer, parameter, value):
    with pytest.raises(InvalidArgumentError, match=f"(min_budget|{parameter})=.*; "):
        make(optimizer, **{parameter: value})


def test_gpbo_runs_on_the_full_budget_alone():
    with make(GPBO) as master:
        result = master.run(2)
    assert {run.budget for run in result.get_all_runs()} == {9}


def test_who_will_hardly_go_on_is_out_while_the_run_goes_on():
    told = []
    with make(FreezeThaw, max_budget=81, on_eliminated=lambda config_id, directory: told.append(config_id)) as master:
        result = master.run(6)
    status = {config_id: datum.status for config_id, datum in result.data.items()}
    assert len(told) == len(set(told))
    assert {status[config_id] for config_id in told} == {"TERMINATED", "CRASHED"}
    assert len(told) == sum(each in ("TERMINATED", "CRASHED") for each in status.values())
