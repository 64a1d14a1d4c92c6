from __future__ import annotations

import ConfigSpace
import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.optimizers.hyperband import HyperBand

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


def compute(config, budget, **kwargs):
    return {"loss": config["x"], "info": {}}


def make(**options):
    return HyperBand(SPACE, run_id="run", backend=InProcessBackend(compute), seed=1, **options)


def test_the_example_of_the_reference_page():
    sizes = [bracket.num_configs for bracket in make(min_budget=9, max_budget=243).brackets]
    assert sizes == [(27, 9, 3, 1), (9, 3, 1), (6, 2), (4,)]


@pytest.mark.parametrize(("sizes", "first"), [("floor", [81, 27, 9, 6, 5]), ("paper", [81, 34, 15, 8, 5])])
def test_first_rungs_by_default_and_by_the_paper(sizes, first):
    optimizer = make(min_budget=1, max_budget=81, bracket_sizes=sizes)
    assert [bracket.num_configs[0] for bracket in optimizer.brackets] == first


@pytest.mark.parametrize(("budgets", "rungs"), [((1, 243, 3), 6), ((1, 10, 10), 2), ((1, 1000, 10), 4)])
def test_exact_powers_count_in_full(budgets, rungs):
    low, high, eta = budgets
    optimizer = make(min_budget=low, max_budget=high, eta=eta)
    assert optimizer.max_SH_iter == len(optimizer.budgets) == rungs


def test_the_best_of_each_rung_advance():
    with make(min_budget=1, max_budget=9) as master:
        result = master.run(1)
    by_budget = {budget: [run for run in result.get_all_runs() if run.budget == budget] for budget in (1, 3, 9)}
    for low, high, n in ((1, 3, 3), (3, 9, 1)):
        best = sorted(by_budget[low], key=lambda run: run.loss)[:n]
        assert {run.config_id for run in best} == {run.config_id for run in by_budget[high]}


def test_the_settings_stand_in_the_result():
    with make(min_budget=1, max_budget=9, eta=3) as master:
        config = master.run(1).HB_config
    assert {key: config[key] for key in ("eta", "min_budget", "max_budget", "budgets", "max_SH_iter")} == {
        "eta": 3, "min_budget": 1, "max_budget": 9, "budgets": [1, 3, 9], "max_SH_iter": 3,
    }  # fmt: skip


def test_a_failed_configuration_does_not_advance():
    def fail_above_half(config, **kwargs):
        if config["x"] > 0.5:
            raise RuntimeError("as told")
        return {"loss": -config["x"], "info": {}}

    master = HyperBand(
        SPACE, min_budget=1, max_budget=9, run_id="run", backend=InProcessBackend(fail_above_half), seed=1
    )
    with master:
        result = master.run(3)
    failed = {run.config_id for run in result.get_all_runs() if run.loss is None}
    assert failed
    assert all(len(result.get_runs_by_id(config_id)) == 1 for config_id in failed)
